//! The words that a member is started with.

use std::ffi::OsString;

use super::fleet::{FleetWide, MemberPlan};
use super::timing::Timing;
use crate::binary::Feature;

/// The flags of `member`, each as `--name=value`.
pub(super) fn arguments(member: &MemberPlan, fleet: &FleetWide<'_>) -> Vec<OsString> {
    let mut flags = Flags::default();
    flags.set("name", member.name());
    flags.set("data-dir", member.data_directory());

    flags.set("listen-client-urls", member.client_url());
    flags.set("advertise-client-urls", member.client_url());
    flags.set("listen-peer-urls", member.peer_url());
    flags.set("initial-advertise-peer-urls", member.peer_url());
    if fleet.release.has(Feature::SocketReusePort) {
        // The ports are held for the member: see `process::port`.
        flags.set("socket-reuse-port", "true");
    }

    flags.set("initial-cluster", &fleet.initial_cluster);
    flags.set("initial-cluster-token", &fleet.token);
    flags.set("initial-cluster-state", "new");

    let files = member.files();
    flags.set("cert-file", &files.server.certificate);
    flags.set("key-file", &files.server.key);
    flags.set("trusted-ca-file", fleet.authority);
    flags.set("client-cert-auth", "true");
    flags.set("peer-cert-file", &files.peer.certificate);
    flags.set("peer-key-file", &files.peer.key);
    flags.set("peer-trusted-ca-file", fleet.authority);
    flags.set("peer-client-cert-auth", "true");

    if fleet.timing != Timing::Stock {
        flags.set("heartbeat-interval", fleet.timing.heartbeat().as_millis().to_string());
        flags.set("election-timeout", fleet.timing.election().as_millis().to_string());
    }
    if !fleet.timing.fsync() && fleet.release.has(Feature::UnsafeNoFsync) {
        flags.set("unsafe-no-fsync", "true");
    }
    // Off by default on 3.4 only: a member that comes back must not unseat a healthy leader.
    flags.set("pre-vote", "true");
    // The default from 3.5 on. What a member has reached is read from these lines.
    flags.set("logger", "zap");
    flags.set("log-level", "info");
    flags.words
}

/// The whole environment of a member.
pub(super) fn environment(fleet: &FleetWide<'_>) -> Vec<(OsString, OsString)> {
    let mut environment = Vec::new();
    if let Some(percent) = fleet.timing.gogc() {
        environment.push(("GOGC".into(), percent.to_string().into()));
    }
    if cfg!(target_arch = "aarch64") && !fleet.release.has(Feature::Arm64) {
        environment.push(("ETCD_UNSUPPORTED_ARCH".into(), "arm64".into()));
    }
    environment
}

#[derive(Default)]
struct Flags {
    words: Vec<OsString>,
}

impl Flags {
    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value.into());
        self.words.push(word);
    }
}
