//! A fleet that does not start, or does not come to be ready, says why in its error.

use std::path::PathBuf;
use std::time::Duration;

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::{Cluster, RefusedLink, Spec, StartError, Timing};
use tercet_pki::doctor::Rule;
use tercet_pki::{Authority, LOOPBACK_HOSTS, Leaf};
use tercet_tests::available;

#[tokio::test]
async fn a_member_that_ends_says_why_first() {
    for etcd in available() {
        let scratch = tempfile::tempdir().unwrap();
        let spec = Spec::default().members(1).flag("auth-token", "nonsense");
        let error = Cluster::start(&spec, etcd, scratch.path()).await.unwrap_err();
        assert!(matches!(error, StartError::Exited { .. }), "{error:?}");
        let reason = "there is no type of tokens called nonsense".to_owned();
        assert_eq!(error.refusals()[0].cause, Cause::AuthToken { reason });
        let text = error.to_string();
        let (cause, command) = (text.find("cause: tokens"), text.find("command: "));
        assert!(cause.is_some() && cause < command && command < text.find("the end of its log"));
        // The control.
        Cluster::start(&Spec::default().members(1), etcd, scratch.path()).await.unwrap();
    }
}

#[tokio::test]
async fn a_link_that_is_refused_says_why_by_name() {
    for etcd in available() {
        let scratch = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(15);
        let spec = Spec::default().members(3).timing(Timing::Ci).ready_within(limit);
        let cluster = Cluster::start(&spec, etcd, scratch.path()).await.unwrap();
        let down = cluster.member(1).kill().unwrap();
        let stranger = Authority::generate("stranger").unwrap();
        let identity = stranger.issue(&Leaf::peer("m2").hosts(LOOPBACK_HOSTS)).unwrap();
        let directory = peer_files(&cluster);
        identity.replace(&directory, "peer").unwrap();
        let error = down.restart().await.unwrap_err();
        assert!(matches!(error, StartError::NotReady { .. }), "{error:?}");
        let refusal = &error.refusals()[0];
        assert_eq!(refusal.cause, Cause::UnknownAuthority, "{error}");
        assert_eq!(refusal.rule(), Some(Rule::WrongAuthority));
        // It is the others that know.
        assert_ne!(refusal.member.as_deref(), Some("m2"), "{error}");
        let by_name = error.refusals().iter().any(
            |refusal| matches!(&refusal.link, Some(RefusedLink::Outgoing { to }) if to == "m2"),
        );
        assert!(by_name, "{error}");
        assert!(error.to_string().contains("docs/doctor/TLS008-wrong-ca.md"), "{error}");

        // The control: with its own certificate it comes back.
        let leaf = Leaf::peer("m2").hosts(LOOPBACK_HOSTS);
        let own = cluster.identities().issue(&leaf).unwrap();
        own.replace(&directory, "peer").unwrap();
        cluster.member(1).kill().unwrap().restart().await.unwrap();
    }
}

/// Where the second member's certificate for peers is.
fn peer_files(cluster: &Cluster) -> PathBuf {
    let word = |word: &std::ffi::OsString| {
        let text = word.to_string_lossy();
        text.strip_prefix("--peer-cert-file=").map(PathBuf::from)
    };
    let path = cluster.member(1).plan().arguments().iter().find_map(word).unwrap();
    path.parent().unwrap().to_owned()
}
