//! Whatever is issued is read back as it was asked for, and shown so.

#![cfg(feature = "read")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tercet_pki::read::{
    self, CertificateDetails, ExtendedKeyUsage, PublicKey, SignatureCheck, inspect,
};
use tercet_pki::{
    Authority, BACKDATE, Identity, Key, KeyKind, LEAF_LIFETIME, Leaf, MISSED_BY, Request,
    RevocationReason, Revocations,
};
use time::OffsetDateTime;

/// No files about failures: a failure is printed, and becomes a test.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() }
}

/// A DNS name, and sometimes one for everything below it.
fn dns() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z]([a-zA-Z0-9-]{0,9}[a-zA-Z0-9])?";
    (any::<bool>(), vec(label, 1..4)).prop_map(|(star, labels)| {
        let name = labels.join(".");
        if star { format!("*.{name}") } else { name }
    })
}

/// What a person or a machine is called: any text, of at most 64 characters.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.-]{1,20}",
        "[ -~]{1,64}",
        vec(any::<char>().prop_filter("is shown", |it| !it.is_control()), 1..65)
            .prop_map(|characters| characters.into_iter().collect::<String>()),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    "(spiffe|https)://[a-z]{1,9}\\.example/[a-z0-9/]{0,9}"
}

fn kind() -> impl Strategy<Value = KeyKind> {
    // RSA keys take seconds in a debug build; their reading is tested with those of OpenSSL.
    prop_oneof![Just(KeyKind::P256), Just(KeyKind::P384), Just(KeyKind::Ed25519)]
}

fn public_key(kind: KeyKind) -> PublicKey {
    // The kinds are of the public key's enum, which has no constructor outside of its crate.
    let key = Key::generate(kind).unwrap();
    let read = read::private_keys(key.pem().as_bytes()).unwrap().remove(0);
    read.key.unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Profile {
    Server,
    Peer,
    Client,
}

#[derive(Clone, Copy, Debug)]
enum When {
    For(u32),
    ExpiresIn(u32),
    Expired,
    NotYet,
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        // To about the year 2090; UTCTime ends in 2049.
        (1..2_000_000_000_u32).prop_map(When::For),
        (1..2_000_000_000_u32).prop_map(When::ExpiresIn),
        Just(When::Expired),
        Just(When::NotYet),
    ]
}

impl When {
    fn of(self, leaf: Leaf) -> Leaf {
        match self {
            Self::For(seconds) => leaf.valid_for(Duration::from_secs(seconds.into())),
            Self::ExpiresIn(seconds) => leaf.expires_in(Duration::from_secs(seconds.into())),
            Self::Expired => leaf.expired(),
            Self::NotYet => leaf.not_yet_valid(),
        }
    }

    /// From when until when, of a certificate that was issued at `now`.
    fn window(self, now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
        match self {
            Self::For(seconds) => (now - BACKDATE, now + Duration::from_secs(seconds.into())),
            Self::ExpiresIn(seconds) => {
                let end = now + Duration::from_secs(seconds.into());
                ((end - LEAF_LIFETIME).min(now - BACKDATE), end)
            }
            Self::Expired => (now - MISSED_BY - LEAF_LIFETIME, now - MISSED_BY),
            Self::NotYet => (now + MISSED_BY, now + MISSED_BY + LEAF_LIFETIME),
        }
    }
}

/// Whether a moment is between two others of which the same was computed, in whole seconds.
fn is_between(early: OffsetDateTime, moment: OffsetDateTime, late: OffsetDateTime) -> bool {
    let (early, late) = (early.unix_timestamp(), late.unix_timestamp());
    (early..=late).contains(&moment.unix_timestamp())
}

/// The only certificate of a PEM text, by way of `inspect`.
fn inspected(pem: &str) -> CertificateDetails {
    let inventory = inspect::bytes("it.crt", pem.as_bytes());
    let mut certificates = inventory.certificates();
    let certificate = certificates.next().unwrap().clone();
    assert_eq!(certificates.next(), None);
    certificate
}

fn key_belongs(identity: &Identity, certificate: &CertificateDetails) -> Option<bool> {
    let keys = read::private_keys(identity.key_pem().as_bytes()).unwrap();
    keys[0].belongs_to(certificate)
}

/// Any address, and more IPv4 addresses written as IPv6 than chance would bring: certificates name
/// those as IPv4, since Go looks for them so.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => any::<IpAddr>(),
        1 => any::<Ipv4Addr>().prop_map(|v4| v4.to_ipv6_mapped().into()),
    ]
}

/// Each item, where it comes first.
fn once<T: Clone + PartialEq>(list: &[T]) -> Vec<T> {
    let mut seen = Vec::new();
    for item in list {
        if !seen.contains(item) {
            seen.push(item.clone());
        }
    }
    seen
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn leaves(
        profile in prop_oneof![Just(Profile::Server), Just(Profile::Peer), Just(Profile::Client)],
        common_name in name(),
        organizations in vec(name(), 0..3),
        dns in vec(dns(), 0..4),
        ip in vec(address(), 0..4),
        uris in vec(uri(), 0..3),
        kind in kind(),
        signer in kind(),
        when in when(),
    ) {
        let mut hosts = dns.clone();
        hosts.extend(ip.iter().map(ToString::to_string));
        if hosts.is_empty() {
            hosts.push("localhost".to_owned());
        }
        let leaf = match profile {
            Profile::Server => Leaf::server(&common_name),
            Profile::Peer => Leaf::peer(&common_name),
            Profile::Client => Leaf::client(&common_name),
        };
        let leaf = organizations.iter().fold(leaf.hosts(&hosts).key(kind), Leaf::organization);
        let leaf = when.of(uris.iter().fold(leaf, Leaf::uri));

        // Older than any of the leaves: none outlives who signed it.
        let authority = Authority::builder("round trip")
            .key(signer)
            .valid_for(Duration::from_secs(4_000_000_000))
            .generate()
            .unwrap();
        let before = when.window(OffsetDateTime::now_utc());
        let identity = authority.issue(&leaf).unwrap();
        let after = when.window(OffsetDateTime::now_utc());
        let read = inspected(identity.chain_pem());

        prop_assert_eq!(&read.go_objects, &None);
        prop_assert_eq!(&read.unhandled_critical, &[""; 0]);
        prop_assert_eq!(read.version, 3);
        prop_assert_eq!(&read.subject.common_name, &common_name);
        prop_assert_eq!(read.subject.text.matches("O=").count() >= organizations.len().min(1), true);
        prop_assert!(is_between(before.0, read.not_before, after.0), "{:?}", read.not_before);
        prop_assert!(is_between(before.1, read.not_after, after.1), "{:?}", read.not_after);
        prop_assert_eq!(&read.public_key, &public_key(kind));
        let names = read.names.clone().unwrap_or_default();
        let expected_dns: Vec<_> =
            once(&hosts).into_iter().filter(|host| host.parse::<IpAddr>().is_err()).collect();
        let expected_ip: Vec<_> = hosts.iter().filter_map(|host| host.parse::<IpAddr>().ok()).collect();
        let expected_ip: Vec<_> = expected_ip.iter().map(IpAddr::to_canonical).collect();
        prop_assert_eq!(&names.dns, &expected_dns);
        prop_assert_eq!(&names.ip, &once(&expected_ip));
        prop_assert_eq!(&names.uri, &once(&uris));
        prop_assert_eq!((names.email.len(), names.others), (0, 0));
        let expected_usages: &[_] = match profile {
            Profile::Server | Profile::Peer => {
                &[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth]
            }
            Profile::Client => &[ExtendedKeyUsage::ClientAuth],
        };
        prop_assert_eq!(read.extended_key_usages.as_deref(), Some(expected_usages));
        prop_assert!(read.key_usages.unwrap().digital_signature);
        prop_assert!(!read.key_usages.unwrap().certificate_sign);
        prop_assert!(!read.basic_constraints.is_some_and(|limits| limits.authority));
        prop_assert!(read.serial.len() <= 20 && read.serial[0] & 0x80 == 0);

        // Whose it is.
        let root = inspected(authority.certificate_pem());
        prop_assert_eq!(&read.issuer.der, &root.subject.der);
        prop_assert_eq!(&read.authority_key_identifier, &root.subject_key_identifier);
        prop_assert_eq!(read.signed_by(&root), SignatureCheck::Valid);
        prop_assert_eq!(key_belongs(&identity, &read), Some(true));
        prop_assert_eq!(key_belongs(&identity, &root), Some(false));

        // And all of it is shown.
        let inventory = inspect::bytes("it.crt", identity.chain_pem().as_bytes());
        let long = inventory.long(OffsetDateTime::now_utc()).to_string();
        let shown_names = hosts.iter().chain(&uris);
        for name in shown_names {
            // Addresses have one way to be shown, whatever was written.
            let name = name.parse::<IpAddr>().map_or_else(|_| name.clone(), |ip| ip.to_canonical().to_string());
            prop_assert!(long.contains(&name), "{name} is not in {long}");
        }
        let (hour, minute, second) = read.not_after.to_hms();
        let end = format!("{} {hour:02}:{minute:02}:{second:02} UTC", read.not_after.date());
        prop_assert!(long.contains(&end), "{end} is not in {long}");
    }

    #[test]
    fn authorities(
        common_name in "[ -~]{1,40}",
        organization in name(),
        kind in kind(),
        path_length in any::<u8>(),
        lifetime in 1..2_000_000_000_u32,
        permitted in vec(dns().prop_map(|name| name.replace("*.", "")), 0..3),
        excluded in vec(dns().prop_map(|name| name.replace("*.", "")), 0..3),
        network in any::<[u8; 2]>(),
    ) {
        let mut builder = Authority::builder(&common_name)
            .without_generation()
            .organization(&organization)
            .key(kind)
            .path_length(path_length)
            .permit_network(format!("{}.{}.0.0/16", network[0], network[1]))
            .valid_for(Duration::from_secs(lifetime.into()));
        for domain in &permitted {
            builder = builder.permit_dns(domain);
        }
        for domain in &excluded {
            builder = builder.exclude_dns(domain);
        }
        let authority = builder.generate().unwrap();
        let read = inspected(authority.certificate_pem());
        prop_assert_eq!(&read.go_objects, &None);
        prop_assert_eq!(&read.unhandled_critical, &[""; 0]);
        prop_assert_eq!(&read.subject, &read.issuer);
        prop_assert_eq!(&read.subject.common_name, &common_name);
        prop_assert_eq!(&read.public_key, &public_key(kind));
        prop_assert_eq!(
            read.not_after - read.not_before,
            time::Duration::seconds(i64::from(lifetime)) + BACKDATE
        );
        let limits = read.basic_constraints.unwrap();
        prop_assert_eq!((limits.authority, limits.path_length), (true, Some(path_length.into())));
        let usages = read.key_usages.unwrap();
        prop_assert!(usages.certificate_sign && usages.revocation_list_sign);
        let constraints = read.name_constraints.clone().unwrap();
        prop_assert_eq!(&constraints.permitted_dns, &permitted);
        prop_assert_eq!(&constraints.excluded_dns, &excluded);
        let expected: IpAddr = [network[0], network[1], 0, 0].into();
        prop_assert_eq!(&constraints.permitted_ip, &[(expected, [255, 255, 0, 0].into())]);
        prop_assert_eq!(read.signed_by(&read), SignatureCheck::Valid);
    }

    #[test]
    fn requests(
        common_name in name(),
        hosts in vec(dns(), 1..4),
        ip in vec(address(), 0..3),
        uris in vec(uri(), 0..3),
        kind in kind(),
    ) {
        let leaf = Leaf::peer(&common_name)
            .hosts(&hosts)
            .hosts(ip.iter().map(ToString::to_string))
            .key(kind);
        let leaf = uris.iter().fold(leaf, Leaf::uri);
        let (request, key) = Request::new(&leaf).unwrap();
        let read = read::request(request.pem().as_bytes()).unwrap();
        prop_assert_eq!(&read, &read::request(request.der()).unwrap());
        prop_assert_eq!(&read.go_objects, &None);
        prop_assert_eq!(&read.subject.common_name, &common_name);
        prop_assert_eq!(&read.public_key, &public_key(kind));
        prop_assert_eq!(read.signed_by_itself(), SignatureCheck::Valid);
        let names = read.names.unwrap();
        prop_assert!(hosts.iter().all(|host| names.dns.contains(host)));
        prop_assert!(ip.iter().all(|ip| names.ip.contains(&ip.to_canonical())));
        prop_assert!(uris.iter().all(|uri| names.uri.contains(uri)));

        // The table knows whose key it is before there is any certificate.
        let both = [request.pem().as_bytes(), key.pem().as_bytes()].concat();
        let table = inspect::bytes("both.pem", &both).long(OffsetDateTime::now_utc()).to_string();
        prop_assert!(table.contains("belongs to    both.pem #1"), "{table}");
    }

    #[test]
    fn revocation_lists(
        serials in vec(vec(any::<u8>(), 1..20), 0..8),
        number in any::<u64>(),
        days in 1..10_000_u32,
        kind in kind(),
    ) {
        let authority = Authority::builder("lists").key(kind).generate().unwrap();
        let mut revocations = Revocations::new()
            .number(number)
            .next_update_in(Duration::from_secs(u64::from(days) * 86_400));
        let reasons = [RevocationReason::KeyCompromise, RevocationReason::Superseded];
        for (index, serial) in serials.iter().enumerate() {
            revocations = revocations.serial(serial, reasons[index % 2], None).unwrap();
        }
        let list = authority.revoke(&revocations).unwrap();
        let read = read::revocation_list(list.der()).unwrap();
        prop_assert_eq!(read.encoding, read::Encoding::Der);
        let pem = read::revocation_list(list.pem().as_bytes()).unwrap();
        prop_assert_eq!((&pem.der, pem.encoding), (&read.der, read::Encoding::Pem));
        prop_assert_eq!(&read.go_objects, &None);
        prop_assert_eq!(read.entries.len(), revocations.len());
        for serial in &serials {
            let zeros = serial.iter().take_while(|byte| **byte == 0).count();
            let is_it = |read: &[u8]| {
                let zero = usize::from(read.len() > 1 && read[0] == 0);
                read[zero..] == serial[zeros.min(serial.len() - 1)..]
            };
            prop_assert!(read.entries.iter().any(|entry| is_it(&entry.serial)));
        }
        let expected = number.to_be_bytes();
        let significant = expected.iter().position(|byte| *byte != 0).unwrap_or(7);
        let own = read.number.clone().unwrap();
        let zero = usize::from(own.len() > 1 && own[0] == 0);
        prop_assert_eq!(&own[zero..], &expected[significant..]);
        prop_assert_eq!(
            read.next_update.unwrap() - read.this_update,
            time::Duration::days(days.into())
        );
        let root = inspected(authority.certificate_pem());
        prop_assert_eq!(&read.issuer.der, &root.subject.der);
        prop_assert_eq!(&read.authority_key_identifier, &root.subject_key_identifier);
        prop_assert_eq!(read.signed_by(&root), SignatureCheck::Valid);
    }
}
