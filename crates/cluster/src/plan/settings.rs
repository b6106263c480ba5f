//! What a member is told, before it is decided in which form.

use std::ffi::OsString;

use tercet_pki::etcd::Flag;

use super::environment::PROXY;
use super::error::PlanError;
use super::fleet::Plan;
use super::joining::DiscoveryService;
use super::member::{Entry, MemberPlan};
use super::security::Protection;

use super::timing::Timing;
use crate::binary::{Feature, Release};
use tercet_pki::doctor::Port;

/// The settings of a member: names of flags without dashes, and their values, in a fixed order.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) all: Vec<(String, OsString)>,
}

impl Settings {
    /// What `member` is told as one of `plan`.
    pub(super) fn of(member: &MemberPlan, plan: &Plan) -> Result<Self, PlanError> {
        let mut settings = Self::default();
        settings.place(member);
        settings.entry(member, plan);
        settings.client_security(member, plan);
        settings.peer_security(member, plan);
        settings.tls(member, plan)?;
        settings.running(member, plan);
        settings.apis(member, plan)?;
        for (name, value) in plan.spec().store.flags(member.release()) {
            settings.set(name, value);
        }
        for (name, value) in plan.spec().flags.iter().chain(&member.spec.extra) {
            settings.set_raw(name, value);
        }
        settings.check(member.release())?;
        Ok(settings)
    }

    /// Who and where it is.
    fn place(&mut self, member: &MemberPlan) {
        self.set("name", member.name());
        self.set("data-dir", member.data_directory());
        self.set("listen-client-urls", &member.client_listens);
        self.set("advertise-client-urls", member.client_url());
        self.set("listen-peer-urls", &member.peer_listens);
        self.set("initial-advertise-peer-urls", member.peer_url());
        if member.spec.host.is_none() && member.release().has(Feature::SocketReusePort) {
            // The ports are held for the member: see `process::port`.
            self.set("socket-reuse-port", "true");
        }
    }

    /// How it finds the others, the first time.
    fn entry(&mut self, member: &MemberPlan, plan: &Plan) {
        let (initial_cluster, state) = match &member.spec.entry {
            Entry::Founder { initial_cluster } => (initial_cluster, "new"),
            Entry::Joiner { initial_cluster } => (initial_cluster, "existing"),
            Entry::Discovery { service } => return self.discovery(service, member.release()),
            Entry::Settled => return,
        };
        // Whom a newcomer joins is not known before the fleet has been told of it; it is planned
        // again then.
        if !initial_cluster.is_empty() {
            self.set("initial-cluster", initial_cluster);
        }
        self.set("initial-cluster-token", plan.token());
        self.set("initial-cluster-state", state);
    }

    /// Where it enters itself. The fleet's token is then the discovery's, or its URL
    /// (`embed/config.go`, `PeerURLsMapAndToken`).
    fn discovery(&mut self, service: &DiscoveryService, release: Release) {
        match service {
            DiscoveryService::V2 { url, .. } => {
                self.set("discovery", url);
                // Where there are proxies the default is to become one, silently, where the fleet is
                // complete.
                if Flag::named("proxy").is_some_and(|flag| flag.is_in(release.version())) {
                    self.set("discovery-fallback", "exit");
                }
            }
            DiscoveryService::V3 { endpoints, token, ca, client } => {
                self.set("discovery-endpoints", endpoints.join(","));
                self.set("discovery-token", token);
                // True by default, and overruled by a URL or a certificate that says otherwise
                // (measured): so that who reads the words is not misled.
                let insecure = !service.is_secure();
                self.set("discovery-insecure-transport", insecure.to_string());
                if let Some(ca) = ca {
                    self.set("discovery-cacert", ca);
                }
                if let Some(client) = client {
                    self.set("discovery-cert", &client.certificate);
                    self.set("discovery-key", &client.key);
                }
            }
        }
    }

    fn client_security(&mut self, member: &MemberPlan, plan: &Plan) {
        match member.clients {
            Protection::None => {}
            Protection::SelfSigned => self.set("auto-tls", "true"),
            protection @ (Protection::Server | Protection::Mutual) => {
                self.identity("", &member.files.server);
                if protection == Protection::Mutual {
                    let trusted = member.spec.trusted(Port::Client);
                    self.set("trusted-ca-file", trusted.unwrap_or(&plan.files().ca));
                    self.set("client-cert-auth", "true");
                    self.revocation("client-crl-file", plan);
                    if let Some(outgoing) = &member.files.outgoing {
                        self.identity("client-", &outgoing.server);
                    }
                }
            }
        }
    }

    fn peer_security(&mut self, member: &MemberPlan, plan: &Plan) {
        match member.peers {
            Protection::None => {}
            Protection::SelfSigned => self.set("peer-auto-tls", "true"),
            protection @ (Protection::Server | Protection::Mutual) => {
                self.identity("peer-", &member.files.peer);
                if protection == Protection::Mutual {
                    let trusted = member.spec.trusted(Port::Peer);
                    self.set("peer-trusted-ca-file", trusted.unwrap_or(&plan.files().ca));
                    self.set("peer-client-cert-auth", "true");
                    self.revocation("peer-crl-file", plan);
                    if let Some(outgoing) = &member.files.outgoing {
                        self.identity("peer-client-", &outgoing.peer);
                    }
                }
            }
        }
    }

    /// What is otherwise than etcd has it by itself.
    fn tls(&mut self, member: &MemberPlan, plan: &Plan) -> Result<(), PlanError> {
        let (options, release) = (plan.spec().tls_options(), member.release());
        if let Some(version) = options.min() {
            self.set("tls-min-version", version.to_string());
        }
        if let Some(version) = options.max() {
            self.set("tls-max-version", version.to_string());
        }
        if !options.suites().is_empty() {
            options.check_suites_of(release.version())?;
            self.set("cipher-suites", options.suites().join(","));
        }
        self.names("client-cert-allowed-hostname", options.client_hosts(), release)?;
        self.names("peer-cert-allowed-cn", options.peer_names(), release)?;
        self.names("peer-cert-allowed-hostname", options.peer_hosts(), release)?;
        if options.skips_peer_address_check() {
            self.set(spelling("peer-skip-client-san-verification", release), "true");
        }
        Ok(())
    }

    /// Who is let in. Before it takes a list, etcd takes the whole text for one name.
    fn names(&mut self, flag: &str, names: &[String], release: Release) -> Result<(), PlanError> {
        if names.len() > 1 && !release.has(Feature::AllowedNameLists) {
            return Err(PlanError::OneName {
                flag: flag.to_owned(),
                names: names.len(),
                version: release.version(),
                since: Feature::AllowedNameLists.since(),
            });
        }
        if !names.is_empty() {
            self.set(flag, names.join(","));
        }
        Ok(())
    }

    /// How it runs.
    fn running(&mut self, member: &MemberPlan, plan: &Plan) {
        let timing = plan.timing();
        if timing != Timing::Stock {
            self.set("heartbeat-interval", plan.heartbeat().as_millis().to_string());
            self.set("election-timeout", plan.election().as_millis().to_string());
        }
        // A disk that is to be broken must be written to.
        let fsync = timing.fsync() || plan.spec().faults.has_disk();
        if !fsync && member.release().has(Feature::UnsafeNoFsync) {
            self.set("unsafe-no-fsync", "true");
        }
        if !plan.spec().is_reconfigured_strictly() {
            self.set("strict-reconfig-check", "false");
        }
        // Off by default on 3.4 only: a member that comes back must not unseat a healthy leader.
        self.set("pre-vote", "true");
        // The default from 3.5 on. What a member has reached is read from these lines.
        self.set("logger", "zap");
        self.set("log-level", "info");
    }

    /// What it answers beside the API that is always there.
    fn apis(&mut self, member: &MemberPlan, plan: &Plan) -> Result<(), PlanError> {
        if plan.spec().has_v2() {
            self.set("enable-v2", "true");
        }
        if !plan.spec().has_gateway() {
            self.set("enable-grpc-gateway", "false");
        }
        if let Some(url) = &member.http_listens {
            let version = member.release().version();
            if plan.revocation_files().is_some() && version.skips_revocation_list_beside_http() {
                return Err(PlanError::ListSkipped { version });
            }
            self.set("listen-client-http-urls", url);
        }
        Ok(())
    }

    /// Refuses what this version of etcd has not got.
    fn check(&self, release: Release) -> Result<(), PlanError> {
        let version = release.version();
        for (name, _) in &self.all {
            let flag = Flag::named(name)
                .ok_or_else(|| PlanError::UnknownFlag { flag: name.to_owned() })?;
            if !flag.is_in(version) {
                return Err(PlanError::Version {
                    asked: asked(name),
                    flag: name.clone(),
                    version,
                    versions: flag.versions(),
                    instead: flag.instead(version),
                });
            }
        }
        Ok(())
    }

    fn identity(&mut self, prefix: &str, files: &tercet_pki::IdentityFiles) {
        self.set(&format!("{prefix}cert-file"), &files.certificate);
        self.set(&format!("{prefix}key-file"), &files.key);
    }

    /// In DER, which all versions read: from 3.6 on they read no PEM.
    fn revocation(&mut self, flag: &str, plan: &Plan) {
        if let Some(files) = plan.revocation_files() {
            self.set(flag, files.der);
        }
    }

    /// Says what somebody has said in a flag's own words.
    fn set_raw(&mut self, name: &str, value: &str) {
        let gates = self.all.iter_mut().find(|(known, _)| known == FEATURE_GATES);
        match gates {
            // One flag for many things, of which each was asked for.
            Some((_, gates)) if name == FEATURE_GATES => {
                gates.push(",");
                gates.push(value);
            }
            _ => self.set(name, value),
        }
    }

    /// Says it, in the place of what was said of it before.
    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let value = value.into();
        match self.all.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.all.push((name.to_owned(), value)),
        }
    }
}

/// What `release` calls the flag that newer versions call `name`.
fn spelling(name: &'static str, release: Release) -> &'static str {
    let flag = Flag::named(name).filter(|flag| !flag.is_in(release.version()));
    flag.and_then(|flag| flag.instead(release.version())).unwrap_or(name)
}

const FEATURE_GATES: &str = "feature-gates";

/// What was asked for, in words, where a flag of this name is what it takes.
fn asked(flag: &str) -> String {
    match flag {
        "tls-min-version" => "a minimum TLS version",
        "tls-max-version" => "a maximum TLS version",
        "client-cert-file"
        | "client-key-file"
        | "peer-client-cert-file"
        | "peer-client-key-file" => "separate certificates to dial with",
        "listen-client-http-urls" => "a port of its own for HTTP",
        "enable-v2" => "the second API",
        "experimental-compact-hash-check-enabled" => "comparing stores when they are compacted",
        "discovery" => "discovery by the second API",
        "discovery-endpoints" => "discovery by the third API",
        other => return format!("--{other}"),
    }
    .to_owned()
}

/// The whole environment of a member, but for settings.
pub(super) fn environment(member: &MemberPlan, timing: Timing) -> Vec<(OsString, OsString)> {
    let mut environment = go_environment(member.release(), timing);
    if let Some(linked) = member.spec.address.linked {
        // Go asks it for all that is no loopback address: peers are dialled through it, and nothing
        // else (`client/pkg/transport/transport.go`, in 3.4 `pkg/transport`: `ProxyFromEnvironment`).
        environment.push((PROXY.into(), linked.proxy_url().into()));
        if let Entry::Discovery { service } = &member.spec.entry {
            environment.push(("NO_PROXY".into(), service.hosts().join(",").into()));
        }
    }
    if let Entry::Discovery { service: DiscoveryService::V2 { ca: Some(ca), .. } } =
        &member.spec.entry
    {
        // Nothing else of a member goes by the machine's authorities.
        environment.push(("SSL_CERT_FILE".into(), ca.into()));
    }
    environment
}

/// What whatever is run from etcd's program needs, be it a member or not.
pub(super) fn go_environment(release: Release, timing: Timing) -> Vec<(OsString, OsString)> {
    let mut environment = Vec::new();
    if let Some(percent) = timing.gogc() {
        environment.push(("GOGC".into(), percent.to_string().into()));
    }
    if cfg!(target_arch = "aarch64") && !release.has(Feature::Arm64) {
        environment.push(("ETCD_UNSUPPORTED_ARCH".into(), "arm64".into()));
    }
    environment
}
