//! Handshakes that fail; those of the sound fleets in `healthy` are the control of all.

use time::Duration;

use super::lab::{Lab, SOUND, fleet};
use crate::doctor::{Finding, Rule, Severity, Url};
use crate::{Authority, Layout, Leaf};

use Severity::{Error, Warning};

const HOSTS: [&str; 4] = ["localhost", "127.0.0.1", "::1", "10.0.0.1"];

/// All that is said, which is one thing.
#[track_caller]
fn only(lab: &Lab, rule: Rule, severity: Severity) -> Finding {
    let report = lab.examine();
    let [found] = report.as_slice() else { panic!("not one finding, but {report:#?}") };
    assert_eq!((found.rule, found.severity), (rule, severity), "{found:#?}");
    found.clone()
}

fn with_server(version: &str, leaf: Leaf) -> Lab {
    let (mut lab, authority) = Lab::sound(version);
    lab.identity("server", &authority.issue(&leaf).unwrap());
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    lab
}

/// Two members on two hosts.
fn two(peer: impl Fn(&Authority, Leaf) -> crate::Identity) -> Lab {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let hosts = ["10.0.0.2", "127.0.0.1", "localhost"];
    lab.identity("peer2", &peer(&authority, Leaf::peer("infra2").hosts(hosts)));
    let cluster = "--initial-cluster=infra1=https://10.0.0.1:2380,infra2=https://10.0.0.2:2380";
    lab.infra1(cluster);
    let second = SOUND
        .replace("10.0.0.1", "10.0.0.2")
        .replace("name=infra1", "name=infra2")
        .replace("peer.", "peer2.");
    lab.member(&format!("{second} --grpc-gateway=x {cluster}").replace(" --grpc-gateway=x", ""));
    // Its clients are not the matter here.
    for (settings, _) in &mut lab.members {
        settings.advertise_client_urls.clear();
    }
    lab
}

#[test]
fn two_members_are_sound() {
    assert_eq!(two(|authority, leaf| authority.issue(&leaf).unwrap()).examine(), []);
}

#[test]
fn a_server_without_names() {
    let lab = with_server("3.5.1", Leaf::server("10.0.0.1").hosts(HOSTS).common_name_only());
    let found = only(&lab, Rule::NoNames, Error);
    insta::assert_snapshot!(found.today, @"transport: authentication handshake failed: x509: certificate relies on legacy Common Name field, use SANs or temporarily enable Common Name matching with GODEBUG=x509ignoreCN=0");
    insta::assert_snapshot!(found.meaning, @"The server certificate of infra1 (CN=10.0.0.1, server.crt) has no list of names (subjectAltName), so it is good for no host, and here 10.0.0.1 is dialled. The common name does not count: Go does not look at it since 1.15. It fails: the client → infra1.");
    insta::assert_snapshot!(found.fix, @r"
    issue it again with the key it has, and 10.0.0.1 among its names:
      openssl req -new -key server.key -subj '/CN=10.0.0.1' | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -extfile <(printf 'subjectAltName=IP:10.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n') -out server.crt
    ");
}

#[test]
fn a_host_that_is_not_named() {
    let lab = with_server("3.6.14", Leaf::server("infra1").hosts(["localhost", "10.9.9.9"]));
    let found = only(&lab, Rule::HostNotNamed, Error);
    insta::assert_snapshot!(found.today, @"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate is valid for 10.9.9.9, not 10.0.0.1");
    insta::assert_snapshot!(found.meaning, @"The server certificate of infra1 (CN=infra1, server.crt) is for localhost, 10.9.9.9, and the URL that is dialled says 10.0.0.1. It fails: the client → infra1.");
    assert!(found.fix.contains("DNS:localhost,IP:10.9.9.9,IP:10.0.0.1"), "{}", found.fix);
}

#[test]
fn an_address_that_is_typed_as_a_name() {
    let lab = with_server("3.5.1", Leaf::server("infra1").hosts(["10.0.0.1"]).address_as_name());
    let found = only(&lab, Rule::AddressAsName, Error);
    assert!(found.today.ends_with("10.0.0.1 because it doesn't contain any IP SANs"));
}

#[test]
fn without_a_client_the_advertised_urls_are_judged() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let leaf = Leaf::server("infra1").hosts(["localhost"]);
    lab.identity("server", &authority.issue(&leaf).unwrap());
    lab.infra1("");
    let found = only(&lab, Rule::HostNotNamed, Error);
    assert!(found.meaning.ends_with("Clients find it in --advertise-client-urls."));
}

#[test]
fn a_loopback_that_is_not_named() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let leaf = Leaf::server("infra1").hosts(["10.0.0.1"]);
    lab.identity("server", &authority.issue(&leaf).unwrap());
    lab.infra1("--listen-client-urls=https://0.0.0.0:2379");
    only(&lab, Rule::LoopbackNotNamed, Warning);
}

#[test]
fn dates_of_leaves() {
    let lab = with_server("3.5.1", Leaf::server("infra1").hosts(HOSTS).expired());
    let found = only(&lab, Rule::Expired, Error);
    assert_eq!(found.field.as_deref(), Some("notAfter"));
    assert!(found.meaning.starts_with("The server certificate of infra1 (CN=infra1, server.crt)"));
    let lab = with_server("3.5.1", Leaf::server("infra1").hosts(HOSTS).not_yet_valid());
    let found = only(&lab, Rule::NotYetValid, Error);
    assert!(found.fix.starts_with("compare the clocks"), "{}", found.fix);
}

#[test]
fn an_expired_authority_is_said_once() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    // The same name and key, ending before the leaves: our own leaves end with their authority.
    let key = rcgen::KeyPair::from_pem(&authority.key_pem()).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, authority.common_name());
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_before = lab.now - Duration::days(1);
    params.not_after = lab.now + Duration::hours(1);
    lab.write("ca.crt", params.self_signed(&key).unwrap().pem());
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    let before = lab.fired();
    assert!(before.contains(&(Rule::AuthorityExpired, Warning)), "{before:?}");
    lab.now += Duration::days(1);
    let found = only(&lab, Rule::AuthorityExpired, Error);
    assert_eq!(found.file.as_deref(), Some(std::path::Path::new("ca.crt")));
}

#[test]
fn authorities_that_are_not_trusted() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let stranger = authority.stranger().unwrap();
    lab.identity("client", &stranger.issue(&Leaf::client("alice")).unwrap());
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    let found = only(&lab, Rule::WrongAuthority, Error);
    assert!(found.today.starts_with("rejected connection: tls: failed to verify client certificate: x509: certificate signed by unknown authority; the other side"), "{}", found.today);

    let impostor = authority.impostor().unwrap();
    lab.identity("client", &impostor.issue(&Leaf::client("alice")).unwrap());
    lab.clients.clear();
    lab.client("ca.crt", "client.crt", "client.key");
    let found = only(&lab, Rule::AuthorityRegenerated, Error);
    assert!(found.today.contains("ECDSA verification failure"), "{}", found.today);
}

#[test]
fn a_client_that_trusts_the_machine() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("").client("", "client.crt", "client.key");
    let found = only(&lab, Rule::WrongAuthority, Error);
    assert_eq!(found.fix, "give the client --cacert ca.crt");
}

#[test]
fn an_intermediate_that_is_missing() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let middle = authority.intermediate("middle").unwrap();
    let leaf = middle.issue(&Leaf::client("alice")).unwrap();
    lab.write("client.crt", leaf.chain_pem());
    lab.write_with("client.key", leaf.key_pem(), 0o600);
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    assert_eq!(lab.examine(), [], "with its chain");

    lab.write("client.crt", leaf.certificate().pem());
    lab.write("middle.crt", middle.certificate_pem());
    lab.loose.push("middle.crt".into());
    lab.clients.clear();
    lab.client("ca.crt", "client.crt", "client.key");
    let found = only(&lab, Rule::IntermediateMissing, Error);
    assert!(found.fix.contains("\n  cat middle.crt >> client.crt\n"), "{}", found.fix);
}

#[test]
fn usages() {
    let lab = with_server("3.5.1", Leaf::server("infra1").hosts(HOSTS).server_only());
    let found = only(&lab, Rule::ServerNotClient, Warning);
    assert!(found.today.starts_with("HTTP 503, code 14"), "{}", found.today);
    assert!(found.fix.contains("--client-cert-file=client.crt"), "{}", found.fix);

    let lab = with_server("3.5.1", Leaf::server("infra1").hosts(HOSTS).client_only());
    only(&lab, Rule::ServerNotServer, Error);

    let (mut lab, authority) = Lab::sound("3.5.1");
    let leaf = Leaf::client("alice").server_only();
    lab.identity("client", &authority.issue(&leaf).unwrap());
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    let found = only(&lab, Rule::ClientNotClient, Error);
    insta::assert_snapshot!(found.today, @"rejected connection: tls: failed to verify client certificate: x509: certificate specifies an incompatible key usage; the other side: remote error: tls: bad certificate");

    let lab = two(|authority, leaf| authority.issue(&leaf.server_only()).unwrap());
    let found = only(&lab, Rule::PeerUsageMissing, Error);
    assert!(found.meaning.contains("one direction only"), "{}", found.meaning);
    let lab = two(|authority, leaf| authority.issue(&leaf.client_only()).unwrap());
    only(&lab, Rule::PeerUsageMissing, Error);
}

#[test]
fn the_address_of_a_peer() {
    let mut lab = fleet("3.5.1", Layout::PerMember, 2);
    let authority = Authority::generate("other").unwrap();
    let stem = "pki/infra1/peer";
    let leaf = Leaf::peer("infra1").hosts(["10.9.9.9"]);
    lab.write("pki/ca.crt", authority.certificate_pem());
    lab.identity(stem, &authority.issue(&leaf).unwrap());
    let all = lab.fired();
    assert!(all.contains(&(Rule::PeerAddressNotNamed, Error)), "{all:?}");
    assert!(all.contains(&(Rule::HostNotNamed, Error)), "{all:?}");
}

#[test]
fn names_that_are_not_allowed() {
    let mut lab = two(|authority, leaf| authority.issue(&leaf).unwrap());
    for (settings, _) in &mut lab.members {
        settings.peer.allowed_common_names = vec!["infra1".to_owned(), "infra2".to_owned()];
    }
    assert_eq!(lab.examine(), []);
    lab.members[0].0.peer.allowed_common_names.pop();
    let found = only(&lab, Rule::PeerNotAllowed, Error);
    insta::assert_snapshot!(found.meaning, @r#"The peer certificate of infra2 (peer2.crt) has the common name "infra2", and infra1 lets in only infra1 (--peer-cert-allowed-cn)."#);
}

#[test]
fn allowed_hosts_and_the_gateway() {
    // The server names it too, which does not help.
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.identity("client", &authority.issue(&Leaf::client("alice").host("localhost")).unwrap());
    lab.infra1("--client-cert-allowed-hostname=localhost");
    lab.client("ca.crt", "client.crt", "client.key");
    let found = only(&lab, Rule::SettingConflict, Warning);
    assert_eq!(found.field.as_deref(), Some("--client-cert-allowed-hostname"));
    insta::assert_snapshot!(found.fix, @"if nobody uses the gateway, set --enable-grpc-gateway=false; else leave --client-cert-allowed-hostname out, and limit who may do what with users and roles");
    for settings in [
        "--client-cert-allowed-hostname=localhost --enable-grpc-gateway=false",
        "--enable-grpc-gateway=true",
    ] {
        lab.members.clear();
        assert_eq!(lab.infra1(settings).examine(), [], "{settings}");
    }
}

#[test]
fn a_certificate_that_is_demanded() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("--client-cert-auth=false").client("ca.crt", "", "");
    let found = only(&lab, Rule::ClientCertificateDemanded, Error);
    assert!(
        found
            .meaning
            .ends_with("--trusted-ca-file alone asks for it, also without --client-cert-auth.")
    );
}

#[test]
fn schemes_that_do_not_meet() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    lab.clients[0].urls = vec!["http://10.0.0.1:2379".parse::<Url>().unwrap()];
    let found = only(&lab, Rule::SchemeMismatch, Error);
    assert_eq!(found.fix, "give the client https://10.0.0.1:2379");

    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("--advertise-client-urls=http://10.0.0.1:2379");
    let found = only(&lab, Rule::SchemeMismatch, Error);
    assert_eq!(found.fix, "write https://10.0.0.1:2379 in --advertise-client-urls");
}

#[test]
fn a_build_that_someone_looked_at_is_judged_by_its_own_go() {
    let fixture = crate::fixtures::sha1();
    let judged = |go: Option<u8>| {
        let (mut lab, authority) = Lab::sound("3.5.1");
        lab.go = go.map(crate::etcd::Go::new);
        let both = [authority.certificate_pem(), fixture.authority_pem].concat();
        lab.write("ca.crt", both);
        lab.identity("client", &fixture.client);
        lab.infra1("").client("ca.crt", "client.crt", "client.key");
        lab.fired()
    };
    let weak = |severity| vec![(Rule::WeakCertificate, severity)];
    assert_eq!(judged(None), weak(Warning), "upstream's is Go 1.16, others may be newer");
    assert_eq!(judged(Some(17)), weak(Warning));
    assert_eq!(judged(Some(18)), weak(Error));
}
