//! The command line of a proxy.

use std::ffi::OsString;
use std::time::Duration;

use tercet_pki::IdentityFiles;
use tercet_pki::etcd::Flag;

use super::{ProxyKind, ProxyPlan};
use crate::plan::error::PlanError;
use crate::plan::fleet::Plan;
use crate::plan::security::Protection;
use crate::plan::settings;
use crate::plan::timing::Timing;

/// How soon a proxy looks again at members that were down, or have come. A look is one connection or
/// one request. By themselves, gateways take a minute and the others never look, or in half a minute.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What etcd is called with to be this proxy of `plan`'s fleet.
pub(super) fn of(proxy: &ProxyPlan, plan: &Plan) -> Result<Vec<OsString>, PlanError> {
    let mut words = Words { proxy, command: Vec::new(), flags: Vec::new() };
    match proxy.kind() {
        ProxyKind::Gateway => words.gateway(plan),
        ProxyKind::GrpcProxy => words.grpc_proxy(plan),
        ProxyKind::V2 => words.v2(plan),
    }
    words.finish()
}

/// The whole environment of a proxy.
pub(super) fn environment(proxy: &ProxyPlan, plan: &Plan) -> Vec<(OsString, OsString)> {
    let mut environment = settings::go_environment(proxy.spec.release, plan.timing());
    // `--trusted-ca-file` has its clients show certificates, as `--client-cert-auth` does, so that it
    // cannot be used where they have none. Without it the proxy still has to trust somebody: itself,
    // which a grpc-proxy dials to know whether it is well, and with v2 the members. It goes by the
    // machine's authorities then, and Go on Linux takes them from here (`crypto/x509/root_unix.go`).
    if proxy.kind().terminates_tls() && plan.security().clients() == Protection::Server {
        environment.push(("SSL_CERT_FILE".into(), plan.files().ca.clone().into()));
    }
    environment
}

struct Words<'a> {
    proxy: &'a ProxyPlan,
    command: Vec<OsString>,
    flags: Vec<(&'static str, OsString)>,
}

impl Words<'_> {
    fn gateway(&mut self, plan: &Plan) {
        self.command = ["gateway", "start"].map(OsString::from).to_vec();
        self.set("listen-addr", self.proxy.spec.address.to_string());
        self.set("endpoints", self.endpoints());
        if plan.timing() != Timing::Stock {
            self.set("retry-delay", seconds(LOOK_EVERY));
        }
    }

    fn grpc_proxy(&mut self, plan: &Plan) {
        self.command = ["grpc-proxy", "start"].map(OsString::from).to_vec();
        self.set("listen-addr", self.proxy.spec.address.to_string());
        // What it tells clients who ask who the members are; and where it dials itself.
        self.set("advertise-client-url", self.proxy.endpoint());
        self.set("endpoints", self.endpoints());
        if self.has("endpoints-auto-sync-interval") {
            self.set("endpoints-auto-sync-interval", seconds(LOOK_EVERY));
        }
        self.set("data-dir", self.proxy.data_directory());
        match plan.security().clients() {
            Protection::None => {}
            Protection::SelfSigned => {
                self.set("insecure-skip-tls-verify", "true");
                self.set("auto-tls", "true");
                self.tls(plan);
            }
            Protection::Server | Protection::Mutual => {
                self.set("cacert", &plan.files().ca);
                if let Some(client) = &self.proxy.files.client {
                    self.pair("cert", "key", client);
                }
                self.listener(plan);
                self.tls(plan);
            }
        }
    }

    /// What members demand of their clients, a grpc-proxy demands of its own.
    fn tls(&mut self, plan: &Plan) {
        let options = plan.spec().tls_options();
        if let Some(version) = options.min() {
            self.set("tls-min-version", version.to_string());
        }
        if let Some(version) = options.max() {
            self.set("tls-max-version", version.to_string());
        }
        if !options.suites().is_empty() {
            self.set("listen-cipher-suites", options.suites().join(","));
        }
    }

    /// Until 3.3 it went with its peer certificate to members' client ports as well, and the guide
    /// has it so; from 3.4 on it shows them what it shows to its own clients (`etcdmain/etcd.go`,
    /// `startProxy`).
    fn v2(&mut self, plan: &Plan) {
        self.set("name", self.proxy.name());
        self.set("proxy", "on");
        self.set("data-dir", self.proxy.data_directory());
        self.set("listen-client-urls", self.proxy.endpoint());
        let members = self.proxy.spec.members.iter();
        let members = members.map(|member| format!("{}={}", member.name, member.peer_url));
        self.set("initial-cluster", members.collect::<Vec<_>>().join(","));
        match plan.security().clients() {
            Protection::None => {}
            Protection::SelfSigned => self.set("auto-tls", "true"),
            Protection::Server | Protection::Mutual => self.listener(plan),
        }
        match plan.security().peers() {
            Protection::None | Protection::Server => {}
            Protection::SelfSigned => self.set("peer-auto-tls", "true"),
            Protection::Mutual => {
                if let Some(client) = &self.proxy.files.client {
                    self.pair("peer-cert-file", "peer-key-file", client);
                }
                self.set("peer-trusted-ca-file", &plan.files().ca);
            }
        }
        self.set("logger", "zap");
        self.set("log-level", "info");
    }

    /// What clients see, and are asked for.
    fn listener(&mut self, plan: &Plan) {
        if let Some(server) = &self.proxy.files.server {
            self.pair("cert-file", "key-file", server);
        }
        if plan.security().clients() == Protection::Mutual {
            self.set("trusted-ca-file", &plan.files().ca);
            if let Some(list) = plan.revocation_files() {
                self.set("client-crl-file", list.der);
            }
        }
    }

    fn endpoints(&self) -> String {
        let members = self.proxy.spec.members.iter();
        members.map(|member| &*member.client_url).collect::<Vec<_>>().join(",")
    }

    fn pair(&mut self, certificate: &'static str, key: &'static str, files: &IdentityFiles) {
        self.set(certificate, &files.certificate);
        self.set(key, &files.key);
    }

    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.flags.push((name, value.into()));
    }

    /// Whether this version's proxy of this kind has the flag.
    fn has(&self, name: &str) -> bool {
        let version = self.proxy.spec.release.version();
        self.named(name).is_some_and(|flag| flag.is_in(version))
    }

    fn named(&self, name: &str) -> Option<&'static Flag> {
        let table = match self.proxy.kind() {
            ProxyKind::Gateway => Flag::GATEWAY,
            ProxyKind::GrpcProxy => Flag::GRPC_PROXY,
            ProxyKind::V2 => Flag::ALL,
        };
        table.iter().find(|flag| flag.name() == name)
    }

    fn finish(self) -> Result<Vec<OsString>, PlanError> {
        if let Some((name, _)) = self.flags.iter().find(|(name, _)| !self.has(name)) {
            let versions = self.named(name).map(Flag::versions).unwrap_or_default();
            let version = self.proxy.spec.release.version();
            return Err(PlanError::Proxy {
                kind: self.proxy.kind(),
                because: format!(
                    "etcd {version} has no --{name} for it, which is there {versions}"
                ),
            });
        }
        let flags = self.flags.into_iter().map(|(name, value)| {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            word
        });
        let mut words: Vec<_> = self.command.into_iter().chain(flags).collect();
        if self.proxy.kind() == ProxyKind::Gateway {
            // It keeps nothing, and passes over what stands behind the two dashes. The watchdog does
            // not: by this it knows whose the process is (`process/watchdog.rs`).
            let mut mark = OsString::from("--data-dir=");
            mark.push(self.proxy.data_directory());
            words.extend(["--".into(), mark]);
        }
        Ok(words)
    }
}

/// As Go reads durations.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}
