//! Which rule of the doctor knows a refusal.

use tercet_pki::doctor::Rule;

use super::cause::RefusalCause as Cause;
use super::link::{PortKind, RefusedLink};

pub(super) fn of(cause: &Cause, link: Option<&RefusedLink>) -> Option<Rule> {
    Some(match cause {
        Cause::UnknownFlag { .. }
        | Cause::NotAFlag { .. }
        | Cause::ValueMissing { .. }
        | Cause::InvalidValue { .. }
        | Cause::UnknownTlsVersion { .. } => Rule::UnknownSetting,
        Cause::ShadowedVariable { .. }
        | Cause::SettingConflict { .. }
        | Cause::TlsVersionsCrossed { .. } => Rule::SettingConflict,
        Cause::UnknownCipherSuite { .. }
        | Cause::CipherSuitesWithoutEffect
        | Cause::CipherSuitesWithoutHttp2
        | Cause::ListenerLost { .. }
        | Cause::TlsVersionMismatch
        | Cause::CipherSuiteMismatch => Rule::ProtocolMismatch,
        Cause::CertificateNotGiven { .. }
        | Cause::HalfPair { .. }
        | Cause::FileMissing { .. }
        | Cause::FileUnreadable { .. } => Rule::FileMissing,
        Cause::KeyMismatch { .. } => Rule::KeyMismatch,
        Cause::KeyUnusable { reason, .. } if reason.contains("failed to parse") => {
            Rule::KeyEncrypted
        }
        Cause::KeyUnusable { .. } | Cause::CertificateUnusable { .. } => Rule::FileUnusable,
        Cause::RevocationList { .. } => Rule::RevocationList,
        Cause::SelfSigned { .. } => Rule::AutomaticTls,
        Cause::CertificateDemanded => Rule::ClientCertificateDemanded,
        Cause::UnknownAuthority => Rule::WrongAuthority,
        Cause::WrongUsage => usage(link),
        Cause::Expired { .. } => Rule::Expired,
        Cause::NotYetValid { .. } => Rule::NotYetValid,
        Cause::Revoked { .. } => Rule::Revoked,
        Cause::NameNotAllowed => Rule::PeerNotAllowed,
        Cause::PeerAddressNotNamed { .. } => Rule::PeerAddressNotNamed,
        Cause::HostNotNamed { .. } => Rule::HostNotNamed,
        Cause::NoNames => Rule::NoNames,
        Cause::PlainToTls | Cause::TlsToPlain => Rule::SchemeMismatch,
        Cause::ConfigFile { .. }
        | Cause::ListenHostNotAddress { .. }
        | Cause::AdvertisedHostEmpty { .. }
        | Cause::AdvertisedClientUrlsMissing
        | Cause::Timing { .. }
        | Cause::AuthToken { .. }
        | Cause::UnsupportedArchitecture { .. }
        | Cause::AddressInUse { .. }
        | Cause::AddressNotLocal { .. }
        | Cause::CannotListen { .. }
        | Cause::LocalNameMissing { .. }
        | Cause::AdvertisedUrlsUnequal { .. }
        | Cause::DuplicateUrl { .. }
        | Cause::InitialCluster { .. }
        | Cause::ClusterUnreachable { .. }
        | Cause::MemberCountUnequal { .. }
        | Cause::MemberUrlsUnequal { .. }
        | Cause::AlreadyBootstrapped { .. }
        | Cause::ClusterIncompatible
        | Cause::Removed
        | Cause::MemberUnknown { .. }
        | Cause::TooManyLearners
        | Cause::ClusterMismatch { .. }
        | Cause::DiscoveryFull
        | Cause::DiscoveryDuplicate
        | Cause::DiscoverySizeMissing
        | Cause::DiscoverySizeBad
        | Cause::DiscoveryUnreachable { .. }
        | Cause::DiscoveryIncomplete { .. }
        | Cause::DiscoveryDns { .. }
        | Cause::Discovery { .. }
        | Cause::DataDirectory { .. }
        | Cause::DataDirectoryLocked { .. }
        | Cause::DataDirectoryOfProxy
        | Cause::VersionTooLow { .. }
        | Cause::V2Content { .. }
        | Cause::Corrupt { .. }
        | Cause::DatabaseDamaged { .. }
        | Cause::DatabaseMissing { .. }
        | Cause::LogDamaged { .. }
        | Cause::RefusedThere { .. }
        | Cause::PeerUnreachable { .. }
        | Cause::Unresolved { .. }
        | Cause::ProxyCommonName { .. }
        | Cause::ProxyUnanswered
        | Cause::Crashed { .. }
        | Cause::Other { .. } => return None,
    })
}

/// Peers need a certificate for both directions, clients one for clients.
fn usage(link: Option<&RefusedLink>) -> Rule {
    match link {
        Some(RefusedLink::Incoming { port: Some(PortKind::Client), .. }) => Rule::ClientNotClient,
        _ => Rule::PeerUsageMissing,
    }
}
