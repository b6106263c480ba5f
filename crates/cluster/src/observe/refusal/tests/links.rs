//! Links and clients, and what a member waits for.

use super::{Cause, cause};
use crate::observe::refusal::{PortKind, Refusal, RefusedLink, explain};

fn from(port: Option<PortKind>, from: &str) -> RefusedLink {
    RefusedLink::Incoming { port, from: from.into() }
}

fn to(peer: &str) -> RefusedLink {
    RefusedLink::Outgoing { to: peer.into() }
}

fn only(lines: &[&str]) -> Refusal {
    let mut refusals = explain(lines);
    assert_eq!(refusals.len(), 1, "{lines:#?}: {refusals:#?}");
    refusals.remove(0)
}

/// What is refused to who connects with `error`, in the words of 3.4 and of 3.5.15.
fn rejected(error: &str) -> Cause {
    let error = serde_json::Value::from(error).to_string();
    let line = |port: &str| {
        format!(
            r#"{{"level":"warn","msg":"rejected connection{port}","remote-addr":"127.0.0.1:56584","server-name":"","error":{error}}}"#
        )
    };
    let kinds = [
        ("", None),
        (" on peer endpoint", Some(PortKind::Peer)),
        (" on client endpoint", Some(PortKind::Client)),
    ];
    let refusals = kinds.map(|(words, port)| {
        let refusal = only(&[&line(words)]);
        assert_eq!(refusal.link, Some(from(port, "127.0.0.1:56584")));
        refusal.cause
    });
    assert!(refusals.iter().all(|cause| *cause == refusals[0]));
    let [cause, ..] = refusals;
    cause
}

/// What a peer is refused with, which is dialled and answers with `error`.
fn dialled(error: &str) -> Cause {
    let error = serde_json::Value::from(format!("Get \"https://127.0.0.1:1/version\": {error}"));
    let refusal = only(&[&format!(
        r#"{{"level":"warn","msg":"failed to reach the peer URL","address":"https://127.0.0.1:1/version","remote-member-id":"1260c2babd18e567","error":{error}}}"#
    )]);
    assert_eq!(refusal.link, Some(to("1260c2babd18e567")));
    refusal.cause
}

/// The words of Go up to 1.19 for who is dialled, up to 1.19 for who dials, and from 1.20 on.
const VERIFIERS: [&str; 3] =
    ["", "tls: failed to verify client certificate: ", "tls: failed to verify certificate: "];

#[test]
fn certificates() {
    for go in VERIFIERS {
        let says = |x509: &str| {
            let error = format!("{go}x509: {x509}");
            let (incoming, outgoing) = (rejected(&error), dialled(&error));
            assert_eq!(incoming, outgoing);
            incoming
        };
        assert_eq!(says("certificate signed by unknown authority"), Cause::UnknownAuthority);
        assert_eq!(says("certificate specifies an incompatible key usage"), Cause::WrongUsage);
        let dates =
            "certificate has expired or is not yet valid: current time 2026-11-22T10:21:22Z is";
        let (now, limit) = ("2026-11-22T10:21:22Z".to_owned(), "2026-11-21T10:05:07Z");
        assert_eq!(
            says(&format!("{dates} after {limit}")),
            Cause::Expired { now: now.clone(), since: limit.into() }
        );
        assert_eq!(
            says(&format!("{dates} before {limit}")),
            Cause::NotYetValid { now, from: limit.into() }
        );
    }
    assert_eq!(rejected("tls: client didn't provide a certificate"), Cause::CertificateDemanded);
    assert_eq!(rejected("client certificate authentication failed"), Cause::NameNotAllowed);
    assert_eq!(dialled("client certificate authentication failed"), Cause::NameNotAllowed);
    assert_eq!(
        rejected("transport: certificate serial 195512d5951079cb98943a7bea2beaedf396a1ab revoked"),
        Cause::Revoked { serial: "195512d5951079cb98943a7bea2beaedf396a1ab".into() }
    );
}

#[test]
fn names_are_looked_for_on_both_sides_in_different_places() {
    let names = || vec!["10.9.9.9".to_owned(), "10.9.9.8".to_owned()];
    let error = "x509: certificate is valid for 10.9.9.9, 10.9.9.8, not 127.0.0.1";
    let (address, host) = ("127.0.0.1".to_owned(), "127.0.0.1".to_owned());
    assert_eq!(rejected(error), Cause::PeerAddressNotNamed { address, names: names() });
    assert_eq!(dialled(error), Cause::HostNotNamed { host: host.clone(), names: names() });
    assert_eq!(
        dialled(
            "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"
        ),
        Cause::HostNotNamed { host, names: vec![] }
    );
    assert_eq!(
        rejected(
            r#"tls: "127.0.0.1" does not match any of DNSNames ["a.example" "b.example"] (lookup a.example: no such host)"#
        ),
        Cause::PeerAddressNotNamed {
            address: "127.0.0.1".into(),
            names: vec!["a.example".into(), "b.example".into()]
        }
    );
    assert_eq!(
        dialled("x509: certificate relies on legacy Common Name field, use SANs instead"),
        Cause::NoNames
    );
}

#[test]
fn protocols() {
    let no_tls = "tls: first record does not look like a TLS handshake";
    assert_eq!(rejected(no_tls), Cause::PlainToTls);
    assert_eq!(dialled(no_tls), Cause::TlsToPlain);
    assert_eq!(dialled("http: server gave HTTP response to HTTPS client"), Cause::TlsToPlain);
    let versions = "tls: client offered only unsupported versions: [303 302]";
    assert_eq!(rejected(versions), Cause::TlsVersionMismatch);
    let ciphers = "tls: no cipher suite supported by both client and server";
    assert_eq!(rejected(ciphers), Cause::CipherSuiteMismatch);
    let alert = "bad certificate".to_owned();
    assert_eq!(rejected("remote error: tls: bad certificate"), Cause::RefusedThere { alert });
}

#[test]
fn revocation_lists() {
    let reason = "no such file or directory".to_owned();
    assert_eq!(
        rejected("open /pki/a.crl: no such file or directory"),
        Cause::RevocationList { path: Some("/pki/a.crl".into()), reason }
    );
    // From 3.6 on, and before.
    for reason in
        ["x509: malformed crl", "asn1: structure error: tags don't match CertificateList @2"]
    {
        assert_eq!(
            rejected(reason),
            Cause::RevocationList { path: None, reason: reason.to_owned() }
        );
    }
}

#[test]
fn what_says_nothing_is_nothing() {
    for error in
        ["EOF", "read tcp 127.0.0.1:21003->127.0.0.1:60766: read: connection reset by peer"]
    {
        let line = format!(
            r#"{{"level":"warn","msg":"rejected connection","remote-addr":"127.0.0.1:1","server-name":"","error":"{error}"}}"#
        );
        assert_eq!(explain([line]), []);
    }
    // A sound 3.6.14 and 3.7.1 say these.
    assert_eq!(
        explain([
            r#"{"level":"warn","msg":"simple token is not cryptographically signed"}"#,
            r#"{"level":"warn","msg":"Failed to detect schema version","error":"missing term information"}"#,
            r#"{"level":"error","msg":"failed to update storage version","cluster-version":"3.7.0","error":"cannot detect storage schema version: missing term information"}"#,
            r#"{"level":"warn","msg":"lost TCP streaming connection with remote peer","stream-reader-type":"stream Message","remote-peer-id":"781224f6d5e92fd6","error":"unexpected EOF"}"#,
            r#"{"level":"warn","msg":"peer became inactive (message send to peer failed)","peer-id":"781224f6d5e92fd6","error":"failed to read 781224f6d5e92fd6 on stream Message (unexpected EOF)"}"#,
            "WARNING: 2026/11/22 10:08:00 [core] grpc: addrConn.createTransport failed to connect",
        ]),
        []
    );
}

#[test]
fn a_link_that_came_up_is_refused_no_more() {
    let inactive = r#"{"level":"warn","msg":"peer became inactive (message send to peer failed)","peer-id":"2731f3feae3bce32","error":"failed to dial 2731f3feae3bce32 on stream MsgApp v2 (x509: certificate specifies an incompatible key usage)"}"#;
    let refused = r#"{"level":"warn","msg":"prober detected unhealthy status","round-tripper-name":"ROUND_TRIPPER_SNAPSHOT","remote-peer-id":"1443e042cfbd4576","rtt":"0s","error":"dial tcp 127.0.0.1:21481: connect: connection refused"}"#;
    let established = r#"{"level":"info","msg":"established TCP streaming connection with remote peer","stream-reader-type":"stream MsgApp v2","local-member-id":"f0239176c8da84d","remote-peer-id":"1443e042cfbd4576"}"#;
    // What says why comes first, and the same is said once.
    let refusals = explain([refused, inactive, refused]);
    assert_eq!(refusals.len(), 2);
    assert_eq!(refusals[0].cause, Cause::WrongUsage);
    let reason = "connection refused".to_owned();
    assert_eq!(refusals[1].cause, Cause::PeerUnreachable { reason });
    assert_eq!(only(&[refused, inactive, established]).link, Some(to("2731f3feae3bce32")));
    // A stream that the other dialled says nothing of this direction.
    let other = established.replace("reader-type", "writer-type");
    assert_eq!(explain([refused, inactive, &other]).len(), 2);
}

#[test]
fn another_cluster() {
    let there = r#"{"level":"warn","msg":"request cluster ID mismatch","local-member-id":"7134f6b75a6684d7","local-member-cluster-id":"bcf00a8ea6a80b8b","remote-peer-server-name":"5adcdcddc4847b1e","remote-peer-cluster-id":"b019742dfb035add"}"#;
    let here = r#"{"level":"warn","msg":"request sent was ignored by remote peer due to cluster ID mismatch","remote-peer-id":"7f0635b1479a4d2c","remote-peer-cluster-id":"b019742dfb035add","local-member-cluster-id":"bcf00a8ea6a80b8b","error":"cluster ID mismatch"}"#;
    let old = "2026-11-22 10:14:04.582 E | rafthttp: request sent was ignored (cluster ID mismatch: remote[7f0635b1479a4d2c]=b019742dfb035add, local=bcf00a8ea6a80b8b)";
    let mismatch = || Cause::ClusterMismatch {
        ours: "bcf00a8ea6a80b8b".into(),
        theirs: "b019742dfb035add".into(),
    };
    let refusal = only(&[there, there]);
    assert_eq!(refusal.cause, mismatch());
    assert_eq!(refusal.link, Some(from(Some(PortKind::Peer), "5adcdcddc4847b1e")));
    let refusal = only(&[here, old, here]);
    assert_eq!(refusal.cause, mismatch());
    assert_eq!(refusal.link, Some(to("7f0635b1479a4d2c")));
}

#[test]
fn what_a_member_waits_for() {
    let locked = r#"{"level":"info","msg":"db file is flocked by another process, or taking too long","path":"/data/member/snap/db","took":"10.001031835s"}"#;
    let opened = r#"{"level":"info","msg":"opened backend db","path":"/data/member/snap/db","took":"10.6s"}"#;
    let path = "/data/member/snap/db".into();
    assert_eq!(cause(&[locked]), Cause::DataDirectoryLocked { path });
    assert_eq!(explain([locked, opened]), []);

    let gone = r#"{"level":"warn","msg":"failed to get from discovery server","discovery-url":"http://127.0.0.1:1","error":"client: etcd cluster is unavailable or misconfigured; error #0: dial tcp 127.0.0.1:1: connect: connection refused\n","err-detail":"error #0: dial tcp 127.0.0.1:1: connect: connection refused\n"}"#;
    let unreachable = |reason: &str| Cause::DiscoveryUnreachable {
        url: "http://127.0.0.1:1".into(),
        reason: reason.into(),
    };
    assert_eq!(cause(&[gone]), unreachable("dial tcp 127.0.0.1:1: connect: connection refused"));
    let incomplete = r#"{"level":"info","msg":"found peers from discovery server; waiting for more","found-peers":1,"needed-peers":2}"#;
    assert_eq!(cause(&[gone, incomplete]), Cause::DiscoveryIncomplete { found: 1, missing: 2 });
    // Discovery of v3.
    assert_eq!(
        cause(&[
            r#"{"level":"warn","logger":"etcd-client","msg":"retrying of unary invoker failed","error":"rpc error: code = DeadlineExceeded desc = latest balancer error: connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused\""}"#,
            r#"{"level":"warn","msg":"failed to get cluster size from discovery service","discovery-token":"x","discovery-endpoints":"http://127.0.0.1:1","error":"context deadline exceeded"}"#,
        ]),
        unreachable(
            "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"
        )
    );
    let waiting = r#"{"level":"info","msg":"waiting for peers from discovery service","clusterSize":3,"found-peers":1}"#;
    assert_eq!(cause(&[waiting]), Cause::DiscoveryIncomplete { found: 1, missing: 2 });
    let bootstrap = |error: &str| {
        cause(&[&format!(
            r#"{{"level":"warn","msg":"failed to bootstrap; discovery token was already used","discovery-token":"http://127.0.0.1:1/x","error":"failed to join discovery cluster ({error})"}}"#
        )])
    };
    assert_eq!(bootstrap("discovery: cluster is full"), Cause::DiscoveryFull);
    assert_eq!(bootstrap("discovery: size key not found"), Cause::DiscoverySizeMissing);
    assert_eq!(bootstrap("100: Key not found (/disc/x) [11]"), Cause::DiscoverySizeMissing);
    assert_eq!(bootstrap("discovery: size key is bad"), Cause::DiscoverySizeBad);
    let unresolved = r#"{"level":"warn","msg":"failed to resolve URL Host","url":"https://nowhere.invalid:9","host":"nowhere.invalid:9","error":"lookup nowhere.invalid: no such host"}"#;
    assert_eq!(cause(&[unresolved]), Cause::Unresolved { host: "nowhere.invalid".into() });
}
