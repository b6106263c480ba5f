//! What ports answered, judged with files and without.

use std::net::SocketAddr;
use std::path::Path;

use time::Duration;

use super::lab::Lab;
use crate::doctor::live::{Alert, Answer, Dialler, Ending, Handshake};
use crate::doctor::{FileState, Finding, Port, Rule, Severity};
use crate::read::{CertificateDetails, DistinguishedName, pem};
use crate::{Authority, Identity, Leaf};

const CLIENT: &str = "https://10.0.0.1:2379";
const PEER: &str = "https://10.0.0.1:2380";

/// An answer of infra1.
fn answer(port: Port, dialler: Dialler, ending: Ending) -> Answer {
    let url = if port == Port::Client { CLIENT } else { PEER };
    let mut answer = Answer::new(url.parse().unwrap(), port, ending);
    answer.member = Some("infra1".to_owned());
    answer.dialler = dialler;
    answer
}

/// The same after a handshake that showed `shown` and asked for certificates of `asks`.
fn shaken(mut answer: Answer, shown: &Identity, asks: &[&Authority]) -> Answer {
    let name = |authority: &&Authority| {
        let details = CertificateDetails::parse(authority.certificate().der()).unwrap();
        DistinguishedName::from_der(&details.subject.der)
    };
    answer.handshake = Some(Handshake {
        version: Some("TLS 1.3"),
        chain: vec![shown.certificate().der().to_vec()],
        asks_for: Some(asks.iter().map(name).collect()),
        ..Handshake::default()
    });
    answer
}

/// The same where the dialler had something to show.
fn presenting(mut answer: Answer, identity: &Identity) -> Answer {
    answer.presented = vec![identity.certificate().der().to_vec()];
    answer.handshake.as_mut().unwrap().has_presented = true;
    answer
}

fn member(name: &str) -> Dialler {
    Dialler::Member(name.to_owned())
}

fn one(report: &[Finding]) -> &Finding {
    let [found] = report else { panic!("{report:#?}") };
    found
}

#[test]
fn a_port_that_does_not_answer() {
    let endings = [
        (Ending::NotListening, "Nothing listens at the client port of infra1"),
        (Ending::Unreachable("no route to host".to_owned()), "There is no way to the client port"),
        (Ending::Unresolved("no such host".to_owned()), "The host 10.0.0.1 of the client port"),
        (Ending::TimedOut, "No answer came in time from the client port"),
        (Ending::Foreign("it says \"SSH\"".to_owned()), "no etcd: it says \"SSH\"."),
        (Ending::Broken("bad record".to_owned()), "cannot be followed: bad record."),
        (Ending::Closed, "connections are accepted and closed"),
        (Ending::Reset, "connections are accepted and closed"),
    ];
    for (ending, said) in endings {
        let mut lab = Lab::new("3.5.1");
        lab.answers.push(answer(Port::Client, Dialler::Client, ending.clone()));
        // Whoever else asks is told the same, and it is said once.
        lab.answers.push(answer(Port::Client, Dialler::Nobody, ending));
        let report = lab.examine();
        let found = one(&report);
        assert_eq!((found.rule, found.severity), (Rule::PortNotAnswering, Severity::Error));
        assert_eq!(found.member.as_deref(), Some("infra1"));
        assert!(found.meaning.contains(said), "{said:?} in {found:#?}");
    }
    let mut lab = Lab::new("3.5.1");
    for port in [Port::Client, Port::Peer] {
        lab.answers.push(answer(port, Dialler::Nobody, Ending::NotListening));
    }
    let report = lab.examine();
    insta::assert_snapshot!(one(&report).meaning, @"Nothing listens at the client port of infra1 (https://10.0.0.1:2379) and the peer port of infra1 (https://10.0.0.1:2380): the member is down, or it listens elsewhere.");
    insta::assert_snapshot!(one(&report).today, @"dial tcp 10.0.0.1:2379: connect: connection refused");
}

#[test]
fn what_was_not_dialled_is_no_fault() {
    let mut lab = Lab::new("3.5.1");
    let why = Ending::NotDialled("a socket of the file system".to_owned());
    lab.answers.push(answer(Port::Client, Dialler::Nobody, why));
    assert_eq!(lab.examine(), []);
}

#[test]
fn whoever_only_looks_is_refused_without_fault() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let server = authority.issue(&Leaf::server("infra1").hosts(["10.0.0.1"])).unwrap();
    for port in [Port::Client, Port::Peer] {
        let refused = Ending::Refused(Alert::BAD_CERTIFICATE);
        let answer = answer(port, Dialler::Nobody, refused);
        lab.answers.push(shaken(answer, &server, &[&authority]));
    }
    // Nor is a client's certificate meant for the port for peers.
    let client = authority.issue(&Leaf::client("alice")).unwrap();
    let closed = answer(Port::Peer, Dialler::Client, Ending::Closed);
    lab.answers.push(presenting(shaken(closed, &server, &[&authority]), &client));
    assert_eq!(lab.examine(), []);
    // The control: on the port for clients it is.
    let closed = answer(Port::Client, Dialler::Client, Ending::Closed);
    lab.answers.push(presenting(shaken(closed, &server, &[&authority]), &client));
    assert_eq!(lab.fired(), [(Rule::RefusedUnexplained, Severity::Error)]);
}

#[test]
fn a_refusal_is_explained_by_what_is_known() {
    let authority = Authority::generate("lab CA").unwrap();
    let other = authority.impostor().unwrap();
    let server = authority.issue(&Leaf::server("infra1").hosts(["10.0.0.1"])).unwrap();
    let client = other.issue(&Leaf::client("alice")).unwrap();
    let refused = |ending: Ending| {
        let answer = answer(Port::Client, Dialler::Client, ending);
        presenting(shaken(answer, &server, &[&authority]), &client)
    };
    let mut lab = Lab::new("3.7.1");
    // A newer Go tells it; an older leaves it open.
    lab.answers = vec![refused(Ending::Refused(Alert::UNKNOWN_AUTHORITY))];
    let report = lab.examine();
    assert_eq!(one(&report).rule, Rule::AuthorityRegenerated);
    assert_eq!(one(&report).member, None, "it is the client's");
    insta::assert_snapshot!(one(&report).today, @"remote error: tls: unknown certificate authority");
    let mut lab = Lab::new("3.5.1");
    lab.go = Some(crate::etcd::Go::new(16));
    lab.answers = vec![refused(Ending::Refused(Alert::BAD_CERTIFICATE))];
    let report = lab.examine();
    assert_eq!(one(&report).rule, Rule::RefusedUnexplained);
    let text = &one(&report).meaning;
    let begin = "(CN=alice), with the alert \"bad certificate\". Of an etcd built with Go 1.16 that means, the likeliest first: a certificate is signed by an authority that is not trusted (TLS008-wrong-ca), ";
    assert!(text.contains(begin), "{text}");
    // What is evident needs no words, of whichever Go they are: it may have been guessed.
    let stranger = authority.stranger().unwrap().issue(&Leaf::client("alice")).unwrap();
    for go in [16, 26] {
        let mut lab = Lab::new("3.7.1");
        lab.go = Some(crate::etcd::Go::new(go));
        let mut answer = refused(Ending::Refused(Alert::BAD_CERTIFICATE));
        answer.presented = vec![stranger.certificate().der().to_vec()];
        lab.answers = vec![answer];
        assert_eq!(one(&lab.examine()).rule, Rule::WrongAuthority, "{go}");
    }
    // What the member logged says more than any alert.
    lab.answers[0].logged = Some("transport: certificate serial 63 revoked".to_owned());
    let report = lab.examine();
    assert_eq!(one(&report).rule, Rule::Revoked);
    insta::assert_snapshot!(one(&report).today, @"rejected connection: transport: certificate serial 63 revoked; the other side: remote error: tls: bad certificate");
    // A reset may have cost the alert.
    lab.answers = vec![refused(Ending::Reset)];
    let report = lab.examine();
    assert!(one(&report).meaning.contains("a reset, which may have cost an alert"), "{report:#?}");
}

#[test]
fn one_certificate_that_several_refuse_is_told_once() {
    let authority = Authority::generate("lab CA").unwrap();
    let stranger = authority.stranger().unwrap();
    let guest = stranger.issue(&Leaf::peer("infra2").hosts(["10.0.0.2"])).unwrap();
    let mut lab = Lab::new("3.7.1");
    for name in ["infra1", "infra3"] {
        let alert = Ending::Refused(Alert::UNKNOWN_AUTHORITY);
        let mut refused = answer(Port::Peer, member("infra2"), alert);
        refused.url.host = if name == "infra1" { "10.0.0.1" } else { "localhost" }.to_owned();
        refused.member = Some(name.to_owned());
        let leaf = authority.issue(&Leaf::peer(name).hosts(["10.0.0.1", "localhost"])).unwrap();
        lab.answers.push(presenting(shaken(refused, &leaf, &[&authority]), &guest));
    }
    let report = lab.examine();
    let found = one(&report);
    assert_eq!((found.rule, found.member.as_deref()), (Rule::WrongAuthority, Some("infra2")));
    let begin = "The peer ports of infra1, infra3 refuse the peer certificate of infra2 (CN=infra2): it is signed by CN=stranger";
    assert!(found.meaning.starts_with(begin), "{}", found.meaning);
    let end = " It fails: infra2 → infra1, infra2 → infra3.";
    assert!(found.meaning.ends_with(end), "{}", found.meaning);
}

/// A member looks where a peer comes from; from elsewhere its refusal says nothing of the member.
#[test]
fn an_address_matters_only_where_it_is_the_members() {
    let authority = Authority::generate("lab CA").unwrap();
    let shown = authority.issue(&Leaf::peer("infra1").hosts(["10.0.0.1"])).unwrap();
    let guest = authority.issue(&Leaf::peer("infra2").hosts(["10.0.0.2"])).unwrap();
    let closed = |from: &str| {
        let mut answer = answer(Port::Peer, member("infra2"), Ending::Closed);
        let from: SocketAddr = from.parse().unwrap();
        answer.addresses = Some((from, "10.0.0.1:2380".parse().unwrap()));
        presenting(shaken(answer, &shown, &[&authority]), &guest)
    };
    let mut lab = Lab::new("3.5.1");
    lab.answers = vec![closed("10.9.9.9:40000")];
    assert_eq!(lab.examine(), [], "from the doctor's own host");
    lab.answers = vec![closed("127.0.0.1:40000")];
    assert_eq!(lab.fired(), [(Rule::PeerAddressNotNamed, Severity::Error)]);
    // From its own address, it is something else.
    lab.answers = vec![closed("10.0.0.2:40000")];
    assert_eq!(lab.fired(), [(Rule::RefusedUnexplained, Severity::Error)]);
}

#[test]
fn what_a_port_shows_is_judged_where_no_file_is() {
    let authority = Authority::generate("lab CA").unwrap();
    let named = |leaf: Leaf| leaf.hosts(["10.0.0.1"]);
    let shown = |leaf: Leaf| {
        let mut lab = Lab::new("3.5.1");
        let accepted = answer(Port::Client, Dialler::Client, Ending::Accepted);
        lab.answers = vec![shaken(accepted, &authority.issue(&leaf).unwrap(), &[])];
        lab
    };
    assert_eq!(shown(named(Leaf::server("infra1"))).examine(), []);
    for (leaf, rule, severity) in [
        (named(Leaf::server("infra1")).expired(), Rule::Expired, Severity::Error),
        (named(Leaf::server("infra1")).not_yet_valid(), Rule::NotYetValid, Severity::Error),
        (Leaf::server("infra1").host("10.0.0.9"), Rule::HostNotNamed, Severity::Error),
        (named(Leaf::server("infra1")).client_only(), Rule::ServerNotServer, Severity::Error),
        (
            named(Leaf::server("infra1")).expires_in(std::time::Duration::from_secs(86_400)),
            Rule::ExpiresSoon,
            Severity::Warning,
        ),
    ] {
        let lab = shown(leaf);
        assert_eq!(lab.fired(), [(rule, severity)], "{:#?}", lab.examine());
        assert_eq!(lab.examine()[0].member.as_deref(), Some("infra1"));
    }
}

#[test]
fn a_member_that_shows_what_its_file_has_not() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.infra1("");
    let other = authority.issue(&Leaf::server("other").hosts(["10.0.0.1"])).unwrap();
    let accepted = answer(Port::Client, Dialler::Client, Ending::Accepted);
    lab.answers = vec![shaken(accepted, &other, &[&authority])];
    let report = lab.examine();
    let found = one(&report);
    assert_eq!((found.rule, found.severity), (Rule::RunsOtherwise, Severity::Error));
    assert!(found.meaning.contains("shows CN=other (serial "), "{}", found.meaning);
    // It lies elsewhere, which is told.
    lab.identity("other", &other);
    lab.loose.push("other.crt".into());
    let report = lab.examine();
    assert!(one(&report).meaning.ends_with(" What it shows is in other.crt."), "{report:#?}");
    // The control: what is in its file.
    lab.answers[0].handshake.as_mut().unwrap().chain = vec![own(&lab, "server.crt")];
    assert_eq!(lab.examine(), []);
}

/// The certificate in a file, in DER.
fn own(lab: &Lab, path: &str) -> Vec<u8> {
    let FileState::Present { contents, .. } = &lab.files[Path::new(path)] else { panic!() };
    pem::blocks(contents).unwrap()[0].contents.to_vec()
}

/// What the time of a file says counts only where nobody asked the port.
#[test]
fn memory_counts_for_more_than_time() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.infra1("");
    lab.members[0].1 = Some(lab.now - Duration::days(2));
    let by_time = [(Rule::AuthorityInMemory, Severity::Warning)];
    assert_eq!(lab.fired(), [by_time, by_time].concat(), "of either port");

    let more = Authority::generate("more CA").unwrap();
    let client = authority.issue(&Leaf::client("alice")).unwrap();
    let peer = authority.issue(&Leaf::peer("infra2").hosts(["10.0.0.2"])).unwrap();
    let stands = |lab: &Lab, asks: &[&Authority]| {
        [(Port::Client, "server", &client), (Port::Peer, "peer", &peer)].map(|(port, stem, who)| {
            let dialler = if port == Port::Client { Dialler::Client } else { member("infra2") };
            let accepted = answer(port, dialler, Ending::Accepted);
            let mut accepted = presenting(shaken(accepted, who, asks), who);
            accepted.handshake.as_mut().unwrap().chain = vec![own(lab, &format!("{stem}.crt"))];
            accepted
        })
    };
    lab.answers = stands(&lab, &[&authority]).into();
    assert_eq!(lab.examine(), [], "it holds what the file has");
    lab.answers = stands(&lab, &[&authority, &more]).into();
    let report = lab.examine();
    let found = one(&report);
    assert_eq!((found.rule, found.severity), (Rule::AuthorityInMemory, Severity::Warning));
    assert!(found.meaning.contains(" It still trusts CN=more CA"), "{}", found.meaning);
    let both = "--trusted-ca-file, --peer-trusted-ca-file";
    assert_eq!(found.field.as_deref(), Some(both));
    assert!(found.fix.starts_with("restart infra1; one member at a time"), "{}", found.fix);

    // Where the file has lost what others still come by, a restart would do the harm.
    let client = more.issue(&Leaf::client("alice")).unwrap();
    for accepted in &mut lab.answers {
        if accepted.port == Port::Client {
            accepted.presented = vec![client.certificate().der().to_vec()];
        }
    }
    let report = lab.examine();
    let found = one(&report);
    assert_eq!((found.rule, found.severity), (Rule::AuthorityInMemory, Severity::Warning));
    let end = " With the file as it is, a restart ends what works still: the client → infra1.";
    assert!(found.meaning.ends_with(end), "{}", found.meaning);
    assert!(found.fix.starts_with("restart nothing yet: first put back into "), "{}", found.fix);
}

/// Whatever ports answer, something is said or nothing.
#[test]
fn nonsense_is_borne() {
    let (sound, authority) = Lab::sound("3.5.1");
    let leaf = authority.issue(&Leaf::peer("infra2").hosts(["10.0.0.2"])).unwrap();
    let endings = [
        Ending::Accepted,
        Ending::Silent,
        Ending::Closed,
        Ending::Reset,
        Ending::Plaintext,
        Ending::Encrypted,
        Ending::TimedOut,
        Ending::Refused(Alert::new(0)),
        Ending::Refused(Alert::BAD_CERTIFICATE),
        Ending::Refused(Alert::HANDSHAKE_FAILURE),
        Ending::Refused(Alert::INTERNAL_ERROR),
    ];
    let chains: [Vec<Vec<u8>>; 4] = [
        Vec::new(),
        vec![vec![0x30]],
        vec![leaf.certificate().der().to_vec(), vec![0xff; 9]],
        vec![leaf.certificate().der().to_vec(); 3],
    ];
    for version in ["3.4.0", "3.5.1", "3.9.0"] {
        let mut lab = Lab::new(version);
        lab.files.clone_from(&sound.files);
        lab.infra1("").client("ca.crt", "client.crt", "client.key");
        for ending in &endings {
            for port in [Port::Client, Port::Peer] {
                for (index, chain) in chains.iter().enumerate() {
                    for dialler in [Dialler::Nobody, Dialler::Client, member("infra2")] {
                        let mut answer = answer(port, dialler, ending.clone());
                        answer.member = (index % 2 == 0).then(|| "infra1".to_owned());
                        answer.presented.clone_from(chain);
                        answer.logged = (index == 3).then(|| "x509: what".to_owned());
                        answer.handshake = (index > 0).then(|| Handshake {
                            chain: chains[3 - index].clone(),
                            asks_for: Some(vec![DistinguishedName::from_der(&[index as u8; 4])]),
                            has_presented: index == 2,
                            ..Handshake::default()
                        });
                        lab.answers.push(answer);
                    }
                }
            }
        }
        for start in (0..lab.answers.len()).step_by(7) {
            let mut part = Lab::new(version);
            part.files.clone_from(&lab.files);
            part.members.clone_from(&lab.members);
            part.answers = lab.answers[start..lab.answers.len().min(start + 3)].to_vec();
            for found in part.examine() {
                assert!(!found.meaning.is_empty() && !found.fix.is_empty(), "{found:#?}");
            }
        }
        assert!(!lab.examine().is_empty());
    }
}
