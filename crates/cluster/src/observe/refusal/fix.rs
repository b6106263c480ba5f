//! What to do about each cause.

use tercet_pki::etcd::{Flag, Version};

use super::cause::RefusalCause as Cause;
use super::link::{PortKind, RefusedLink};

/// What to do, in a sentence without its full stop.
pub(super) fn of(cause: &Cause, link: Option<&RefusedLink>) -> String {
    match cause {
        Cause::UnknownFlag { flag } => unknown_flag(flag),
        Cause::ShadowedVariable { variable } => format!("unset {variable}, or leave the flag out"),
        Cause::UnsupportedArchitecture { architecture } => {
            format!("set ETCD_UNSUPPORTED_ARCH={architecture}, or take etcd 3.5 or later")
        }
        Cause::MemberCountUnequal { members, .. } | Cause::MemberUrlsUnequal { members, .. }
            if !members.is_empty() =>
        {
            format!(
                "add the member first (etcdctl member add), and name in --initial-cluster itself \
                 and every member there is: {}",
                members.join(", ")
            )
        }
        Cause::PeerAddressNotNamed { address, .. } => format!(
            "issue the certificate of the peer that dials again with {address} among its names, \
             for that is where its packets come from"
        ),
        Cause::HostNotNamed { host, .. } => {
            format!("issue that certificate again with {host} among its names")
        }
        Cause::WrongUsage => usage(link).to_owned(),
        cause => fixed(cause).to_owned(),
    }
}

/// What there is in its stead, and which versions have it.
fn unknown_flag(name: &str) -> String {
    // The version is not known here, but it has no such flag.
    const EACH: [Version; 4] = [
        Version::new(3, 7, 1),
        Version::new(3, 6, 0),
        Version::new(3, 5, 0),
        Version::new(3, 4, 0),
    ];
    let Some(flag) = Flag::named(name) else {
        return format!("is --{name} spelled right? no etcd from 3.3 on has it");
    };
    let versions = match flag.versions().as_str() {
        "all" => String::new(),
        versions => format!(" (versions that have --{name}: {versions})"),
    };
    let without = EACH.into_iter().filter(|version| !flag.is_in(*version));
    match without.filter_map(|version| flag.instead(version)).next() {
        Some(other) => format!("use --{other}{versions}"),
        None => format!("leave it out, or take another version{versions}"),
    }
}

/// Peers are told apart from clients, who need one direction only.
fn usage(link: Option<&RefusedLink>) -> &'static str {
    match link {
        Some(RefusedLink::Incoming { port: Some(PortKind::Client), .. }) => {
            "issue the client's certificate again with the extended key usage clientAuth"
        }
        _ => {
            "issue the certificate again with both extended key usages, serverAuth and clientAuth: \
             a peer dials and is dialled, and the gateway dials its own member"
        }
    }
}

fn fixed(cause: &Cause) -> &'static str {
    match cause {
        Cause::NotAFlag { .. } => "write a dash before it, or quote the value that it belongs to",
        Cause::ValueMissing { .. } => "write the value after it",
        Cause::InvalidValue { .. } => "correct the value",
        Cause::ConfigFile { .. } => "correct the file; flags beside it do not count",
        Cause::SettingConflict { .. } => "keep one of them, or set what the other needs",
        Cause::ListenHostNotAddress { .. } => {
            "listen on an address, or on 0.0.0.0 for all of them; names are for the URLs to advertise"
        }
        Cause::AdvertisedHostEmpty { .. } => "name the host that others find it by",
        Cause::AdvertisedClientUrlsMissing => "add --advertise-client-urls",
        Cause::Timing { .. } => {
            "choose --election-timeout at five times --heartbeat-interval or more, and at most 50 s"
        }
        Cause::UnknownTlsVersion { .. } => "use TLS1.2 or TLS1.3",
        Cause::TlsVersionsCrossed { .. } => "leave --tls-max-version out",
        Cause::UnknownCipherSuite { .. } => {
            "use the names of RFC 8446 and of Go, such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        }
        Cause::CipherSuitesWithoutEffect => "leave --cipher-suites out",
        Cause::CipherSuitesWithoutHttp2 | Cause::ListenerLost { .. } => {
            "leave --cipher-suites out, or have TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and \
             TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 in it"
        }
        Cause::AuthToken { .. } => {
            "use --auth-token=simple, or jwt with sign-method and files of keys that can be read"
        }
        Cause::AddressInUse { .. } => {
            "end that process, which may be an earlier start of this member, or take another port"
        }
        Cause::AddressNotLocal { .. } => {
            "listen on an address that `ip address` shows, or on 0.0.0.0; others go into the URLs to \
             advertise"
        }
        Cause::CannotListen { .. } => "choose another address",
        Cause::CertificateNotGiven { .. } => {
            "give --cert-file and --key-file (for peers --peer-cert-file and --peer-key-file), or \
             write http://"
        }
        Cause::HalfPair { .. } => "give both of the pair, or none",
        Cause::FileMissing { .. } => {
            "put the file there, or correct the path; a relative one begins where etcd was started"
        }
        Cause::FileUnreadable { .. } => "give the file to the user that etcd runs as",
        Cause::KeyMismatch { .. } => {
            "give the key and the certificate of one pair; in a chain, the leaf comes first"
        }
        Cause::KeyUnusable { .. } => "write the key as PEM, without a password",
        Cause::CertificateUnusable { .. } => {
            "write certificates as PEM, and nothing but certificates in a file of authorities"
        }
        Cause::RevocationList { .. } => {
            "put the list there; etcd reads PEM and DER up to 3.5, and DER alone from 3.6 on"
        }
        Cause::SelfSigned { .. } => "choose --self-signed-cert-validity of a year or more",
        Cause::LocalNameMissing { .. } => {
            "write its --name and its peer URL into --initial-cluster, with the same spelling"
        }
        Cause::AdvertisedUrlsUnequal { .. } => {
            "write the same URLs into --initial-advertise-peer-urls and, after its name, into \
             --initial-cluster"
        }
        Cause::DuplicateUrl { .. } => "give each member a peer URL of its own",
        Cause::InitialCluster { .. } => "write it as name=URL,name=URL",
        Cause::ClusterUnreachable { .. } => {
            "have one of them run and reachable, and its URL in --initial-cluster"
        }
        Cause::MemberCountUnequal { .. } | Cause::MemberUrlsUnequal { .. } => {
            "add the member first (etcdctl member add), and name in --initial-cluster itself and \
             every member there is"
        }
        Cause::AlreadyBootstrapped { .. } => {
            "if its data is lost, remove the member and add it again (etcdctl member remove, member \
             add), then start it with --initial-cluster-state=existing; otherwise give it its data \
             directory back"
        }
        Cause::ClusterIncompatible => "take the version of the running members",
        Cause::Removed => {
            "add it again (etcdctl member add), and start it with an empty data directory and \
             --initial-cluster-state=existing"
        }
        Cause::MemberUnknown { .. } => {
            "start all members with one --initial-cluster, or with names of their own for discovery, \
             and empty the data directory of the one that is wrong"
        }
        Cause::TooManyLearners => {
            "promote or remove learners (etcdctl member promote), or choose a higher --max-learners"
        }
        Cause::ClusterMismatch { .. } => {
            "one has the data directory of another cluster, or another --initial-cluster or \
             --initial-cluster-token: find which, and start it with an empty data directory"
        }
        Cause::DiscoveryFull => "make a new token for as many members as there shall be",
        Cause::DiscoveryDuplicate => {
            "give the member its data directory back, or make a new token; names must differ"
        }
        Cause::DiscoverySizeMissing => {
            "put the number of members at TOKEN/_config/size, for v3 at \
             /_etcd/registry/TOKEN/_config/size"
        }
        Cause::DiscoverySizeBad => "put a whole number at _config/size of the token",
        Cause::DiscoveryUnreachable { .. } => {
            "is it running there, with or without TLS as the URL says? it is tried again for ever"
        }
        Cause::DiscoveryIncomplete { .. } => "start the other members with the same token",
        Cause::DiscoveryDns { .. } => {
            "add SRV records _etcd-server-ssl._tcp or _etcd-server._tcp to the domain"
        }
        Cause::Discovery { .. } => "make a new token",
        Cause::DataDirectory { .. } => {
            "give it a directory that belongs to the user that etcd runs as, with mode 0700"
        }
        Cause::DataDirectoryLocked { .. } => "end the other process: it may be this member already",
        Cause::DataDirectoryOfProxy => "start it with an empty data directory",
        Cause::VersionTooLow { .. } => {
            "run that version or a later one; going back is announced first (etcdctl downgrade \
             enable), one minor version at a time"
        }
        Cause::V2Content { .. } => {
            "start it once more with 3.5, remove those keys, wait for a snapshot, and upgrade then"
        }
        Cause::Corrupt { .. } => {
            "remove the member and add it again with an empty data directory; what its peers have \
             is taken for right"
        }
        Cause::DatabaseDamaged { .. } | Cause::LogDamaged { .. } => {
            "replace the member (etcdctl member remove, member add) with an empty data directory; if \
             all are damaged, restore a snapshot"
        }
        Cause::DatabaseMissing { .. } => {
            "give it its member/snap directory back, or replace the member with an empty data \
             directory"
        }
        Cause::CertificateDemanded => {
            "give who connects a certificate: etcdctl --cert and --key; a trusted CA alone makes \
             etcd demand one"
        }
        Cause::UnknownAuthority => {
            "issue it by the authority in the trusted CA file there, or add its authority to that \
             file and restart"
        }
        Cause::Expired { .. } => {
            "issue it again, or set the clock; files are read at each handshake, no restart is needed"
        }
        Cause::NotYetValid { .. } => "set the clocks; or wait, or issue it with an earlier begin",
        Cause::Revoked { .. } => "issue another certificate: what is revoked stays so",
        Cause::NameNotAllowed => {
            "issue it with an allowed name, or add its name to --peer-cert-allowed-cn, \
             --peer-cert-allowed-hostname or --client-cert-allowed-hostname"
        }
        Cause::NoNames => "issue it again with subject alternative names",
        Cause::PlainToTls | Cause::TlsToPlain => "write https:// or http:// on both sides alike",
        Cause::TlsVersionMismatch => {
            "allow TLS 1.2 on both sides: etcd 3.5.0 to 3.5.7 speaks nothing newer to clients"
        }
        Cause::CipherSuiteMismatch => {
            "leave --cipher-suites out, or name suites for the kind of the key"
        }
        Cause::RefusedThere { .. } => "look at the log of the other member for this one's address",
        Cause::PeerUnreachable { .. } => {
            "start that member, and look at its URL, at routes and at firewalls between the two"
        }
        Cause::Unresolved { .. } => "add the name to DNS or /etc/hosts",
        Cause::ProxyCommonName { .. } => {
            "give it as --cert one without a common name, which would be a user, for all its clients"
        }
        Cause::ProxyUnanswered => {
            "have members run at --endpoints; and have --cert-file trusted, for both extended key \
             usages, with the host of --advertise-client-url in it: the proxy dials itself"
        }
        Cause::Crashed { .. } => {
            "read the lines around it; damaged data is the most common reason, and a replaced member \
             the cure"
        }
        // The others have been answered.
        _ => "read the lines around it",
    }
}
