//! Each cause in plain words.

use std::fmt;
use std::path::{Path, PathBuf};

use super::cause::RefusalCause as Cause;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlag { flag } => write!(f, "this version of etcd has no flag --{flag}"),
            Self::NotAFlag { argument } => write!(f, "the word '{argument}' is no flag"),
            Self::ValueMissing { flag } => write!(f, "the flag --{flag} has no value"),
            Self::InvalidValue { setting, value, reason } => {
                write!(f, "{setting} does not take ")?;
                if value.is_empty() { write!(f, "its value") } else { write!(f, "'{value}'") }?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::ShadowedVariable { variable } => {
                write!(f, "the variable {variable} is set, and its flag too")
            }
            Self::ConfigFile { reason } => {
                write!(f, "the configuration file is not YAML that etcd reads: {reason}")
            }
            Self::SettingConflict { reason } => {
                write!(f, "two settings do not go together: {reason}")
            }
            Self::ListenHostNotAddress { url } => {
                write!(f, "the URL {url} to listen on has a name where an address is needed")
            }
            Self::AdvertisedHostEmpty { flag } => write!(f, "the URL of {flag} has no host"),
            Self::AdvertisedClientUrlsMissing => {
                f.write_str("it is told where to listen for clients, and not where they find it")
            }
            Self::Timing { reason } => write!(f, "the timing cannot be: {reason}"),
            Self::UnknownTlsVersion { version } => write!(f, "'{version}' is no TLS version"),
            Self::TlsVersionsCrossed { least, most } => {
                write!(f, "the lowest TLS version {least} is above the highest, {most}")
            }
            Self::UnknownCipherSuite { suite } => write!(f, "'{suite}' is no cipher suite"),
            Self::CipherSuitesWithoutEffect => {
                f.write_str("cipher suites are chosen, and those of TLS 1.3 cannot be")
            }
            Self::CipherSuitesWithoutHttp2 => {
                f.write_str("none of the cipher suites is one that HTTP/2 demands")
            }
            Self::AuthToken { reason } => {
                write!(f, "tokens of authentication cannot be made: {reason}")
            }
            Self::UnsupportedArchitecture { architecture } => {
                write!(f, "this etcd does not support {architecture} machines")
            }
            Self::AddressInUse { address } => write!(f, "{address} is taken by another process"),
            Self::AddressNotLocal { address } => {
                write!(f, "{address} is no address of this machine")
            }
            Self::CannotListen { address, reason } => {
                write!(f, "it cannot listen on {address}: {reason}")
            }
            Self::ListenerLost { address } => {
                write!(f, "it closed its own listener on {address} and did not say why")
            }
            Self::CertificateNotGiven { url } => {
                write!(f, "{url} is to speak TLS, and no certificate is given for it")
            }
            Self::HalfPair { certificate: Some(path), .. } => {
                write!(f, "the certificate {} is given without its key", path.display())
            }
            Self::HalfPair { key: Some(path), .. } => {
                write!(f, "the key {} is given without its certificate", path.display())
            }
            Self::HalfPair { .. } => f.write_str("a certificate or its key is not given"),
            Self::FileMissing { path } => write!(f, "there is no file {}", path.display()),
            Self::FileUnreadable { path, reason } => {
                write!(f, "it cannot read {}: {reason}", path.display())
            }
            Self::KeyMismatch { certificate: Some(certificate), key: Some(key) } => {
                let (certificate, key) = (certificate.display(), key.display());
                write!(f, "the key {key} is not that of the first certificate in {certificate}")
            }
            Self::KeyMismatch { .. } => {
                f.write_str("a key is not that of the first certificate in its file")
            }
            Self::KeyUnusable { path, reason } => {
                let which = file("key", "a key", path.as_deref());
                write!(f, "{which} is encrypted, or none that etcd reads: {reason}")
            }
            Self::CertificateUnusable { paths, reason } => {
                let which = match paths.as_slice() {
                    [] => "a certificate".into(),
                    [path] => file("certificate", "", Some(path)),
                    several => format!("one of {}", each(several)),
                };
                write!(f, "{which} is not what etcd reads: {reason}")
            }
            Self::RevocationList { path: Some(path), reason } => {
                write!(f, "the revocation list {} cannot be read: {reason}", path.display())
            }
            Self::RevocationList { path: None, reason } => {
                write!(f, "the revocation list is not what this version reads: {reason}")
            }
            Self::SelfSigned { reason } => {
                write!(f, "it cannot make a certificate for itself: {reason}")
            }
            Self::LocalNameMissing { name } => {
                write!(f, "its own name '{name}' is not in --initial-cluster")
            }
            Self::AdvertisedUrlsUnequal { reason } => {
                write!(f, "its URLs in --initial-cluster and those it advertises differ: {reason}")
            }
            Self::DuplicateUrl { initial_cluster } => {
                write!(f, "two members of --initial-cluster have one URL: {initial_cluster}")
            }
            Self::InitialCluster { reason } => {
                write!(f, "--initial-cluster cannot be read: {reason}")
            }
            Self::ClusterUnreachable { asked } => {
                f.write_str("no member of the cluster that it is to join answers")?;
                if asked.is_empty() { Ok(()) } else { write!(f, ": {}", asked.join("; ")) }
            }
            Self::MemberCountUnequal { members, .. } => {
                f.write_str("--initial-cluster has another number of members than the cluster")?;
                running(f, members)
            }
            Self::MemberUrlsUnequal { members, .. } => {
                f.write_str("a member of the cluster is not in --initial-cluster")?;
                running(f, members)
            }
            Self::AlreadyBootstrapped { member } => {
                write!(f, "the running cluster has member {member}, which is to start as a new one")
            }
            Self::ClusterIncompatible => {
                f.write_str("the running cluster is of a version that this etcd cannot join")
            }
            Self::Removed => f.write_str("the member was removed from its cluster for good"),
            Self::MemberUnknown { member } => {
                write!(f, "the cluster has a member {member} that is not known here")
            }
            Self::TooManyLearners => f.write_str("there are more learners than are allowed"),
            Self::ClusterMismatch { ours, theirs } => {
                write!(f, "the two belong to different clusters, {ours} here and {theirs} there")
            }
            Self::DiscoveryFull => {
                f.write_str("the discovery token has as many members as it was made for")
            }
            Self::DiscoveryDuplicate => f.write_str(
                "a member with this name, or this very one, is registered with the token already",
            ),
            Self::DiscoverySizeMissing => f.write_str(
                "the discovery service knows no such token, or not for how many members it is",
            ),
            Self::DiscoverySizeBad => {
                f.write_str("the discovery service has no number as the size of the cluster")
            }
            Self::DiscoveryUnreachable { url, reason } => {
                write!(f, "the discovery service {url} does not answer: {reason}")
            }
            Self::DiscoveryIncomplete { found, missing } => write!(
                f,
                "the discovery service has {found} of the members and waits for {missing} more"
            ),
            Self::DiscoveryDns { reason } => write!(f, "DNS does not name the cluster: {reason}"),
            Self::Discovery { reason } => write!(f, "discovery failed: {reason}"),
            Self::DataDirectory { path, reason } => {
                write!(f, "the data directory {} cannot be used: {reason}", path.display())
            }
            Self::DataDirectoryLocked { path } => {
                write!(f, "another process has the database {} open", path.display())
            }
            Self::DataDirectoryOfProxy => {
                f.write_str("the data directory is that of a proxy, which is gone since 3.6")
            }
            Self::VersionTooLow { server, cluster } => {
                write!(f, "the data or the cluster is of etcd {cluster}, above the ")?;
                if server.is_empty() { write!(f, "one that runs") } else { write!(f, "{server} that runs") }
            }
            Self::V2Content { reason } => {
                write!(f, "the data has keys of the v2 API, which this etcd does not keep: {reason}")
            }
            Self::Corrupt { member } => {
                write!(f, "the data of member {member} is not the same as its peers'")
            }
            Self::DatabaseDamaged { path, reason } => {
                let which = file("database", "the database", path.as_deref());
                write!(f, "{which} is damaged: {reason}")
            }
            Self::DatabaseMissing { reason } => {
                write!(f, "the database is missing, and the log needs it: {reason}")
            }
            Self::LogDamaged { reason } => write!(f, "the log (WAL) is damaged: {reason}"),
            Self::CertificateDemanded => {
                f.write_str("a client certificate is demanded, and none was shown")
            }
            Self::UnknownAuthority => {
                f.write_str("the certificate is signed by an authority that is not trusted here")
            }
            Self::WrongUsage => f.write_str(
                "the certificate is not for this use: who dials shows one for clients, who answers \
                 one for servers",
            ),
            Self::Expired { now, since } => {
                write!(f, "the certificate expired at {since}, and it is {now} here")
            }
            Self::NotYetValid { now, from } => {
                write!(f, "the certificate is valid from {from} on, and it is {now} here")
            }
            Self::Revoked { serial } => {
                write!(f, "the certificate with the serial number {serial} is revoked")
            }
            Self::NameNotAllowed => {
                f.write_str("the certificate's name is none of those that are allowed")
            }
            Self::PeerAddressNotNamed { address, names } => {
                write!(f, "the certificate does not name the address {address} that dials")?;
                only(f, names)
            }
            Self::HostNotNamed { host, names } => {
                write!(f, "the certificate there does not name the host {host}")?;
                only(f, names)
            }
            Self::NoNames => f.write_str(
                "the certificate there names no host: the common name has not counted since Go 1.15",
            ),
            Self::PlainToTls => f.write_str("plain text arrived on a port that speaks TLS"),
            Self::TlsToPlain => f.write_str("the port there does not speak TLS"),
            Self::TlsVersionMismatch => f.write_str("the two have no TLS version in common"),
            Self::CipherSuiteMismatch => f.write_str("the two have no cipher suite in common"),
            Self::RefusedThere { alert } if alert == "EOF" => {
                f.write_str("the other side closes the connection, and only its log says why")
            }
            Self::RefusedThere { alert } => {
                write!(f, "the other side refuses the certificate ({alert}), and only its log says why")
            }
            Self::PeerUnreachable { reason } => write!(f, "nobody answers: {reason}"),
            Self::Unresolved { host } => write!(f, "the host {host} has no address"),
            Self::ProxyCommonName { name } => {
                write!(f, "the certificate that it shows to members has a common name, {name}")
            }
            Self::ProxyUnanswered => {
                f.write_str("it reached no member for five seconds, or was not let in by itself")
            }
            Self::Crashed { reason } => write!(f, "etcd crashed: {reason}"),
            Self::Other { reason } => write!(f, "in etcd's own words: {reason}"),
        }
    }
}

/// `the key /pki/a.key`, or what is said where it is not known which.
fn file(what: &str, unknown: &str, path: Option<&Path>) -> String {
    path.map_or_else(|| unknown.to_owned(), |path| format!("the {what} {}", path.display()))
}

fn each(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn running(f: &mut fmt::Formatter<'_>, members: &[String]) -> fmt::Result {
    if members.is_empty() { Ok(()) } else { write!(f, ", which has {}", members.join(", ")) }
}

fn only(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    if names.is_empty() { Ok(()) } else { write!(f, ", only {}", names.join(", ")) }
}
