//! The rules, by their stable names.

use std::fmt;

/// Makes the enum and its table from one list, so that no rule can be without an id or a title.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal;)+) => {
        /// A rule of the doctor. Each has a page in the documentation, named by its id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $title] $name,)+
        }

        impl Rule {
            /// All rules, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name, such as `TLS007-ca-expired`. An id is never used again for
            /// something else.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// What is wrong, in a line.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

rules! {
    NoNames = "TLS001-no-names", "A server's certificate names no host at all";
    HostNotNamed = "TLS002-host-not-named", "The host of a URL is not in the certificate";
    AddressAsName = "TLS003-address-as-name", "An IP address is written as a DNS name";
    LoopbackNotNamed = "TLS004-loopback-not-named", "The loopback is not in the certificate";
    Expired = "TLS005-expired", "A certificate has expired";
    NotYetValid = "TLS006-not-yet-valid", "A certificate is not valid yet, or a clock is wrong";
    AuthorityExpired = "TLS007-ca-expired", "The authority has expired, or will before its leaves";
    WrongAuthority = "TLS008-wrong-ca", "A certificate is signed by an authority that is not trusted";
    AuthorityRegenerated = "TLS009-ca-regenerated", "Two authorities have one name and different keys";
    IntermediateMissing = "TLS010-intermediate-missing", "An intermediate authority is missing from the chain";
    ChainReversed = "TLS011-chain-reversed", "The leaf is not the first certificate of its file";
    KeyMismatch = "TLS012-key-mismatch", "A key and a certificate do not belong together";
    KeyEncrypted = "TLS013-key-encrypted", "A key is encrypted, or none that etcd reads";
    AuthorityFileEmpty = "TLS014-ca-file-empty", "A file of authorities has no certificate in it";
    ServerNotClient = "TLS015-server-not-client", "A server's certificate is not for clients, and the gateway needs that";
    ClientNotClient = "TLS016-client-not-client", "A client's certificate is not for clients";
    PeerUsageMissing = "TLS017-peer-usage-missing", "A peer's certificate is for one direction only";
    PeerAddressNotNamed = "TLS018-peer-address-not-named", "The address that a peer dials from is not in its certificate";
    PeerNotAllowed = "TLS019-peer-not-allowed", "A certificate's name is not among those allowed";
    ClientCertificateDemanded = "TLS020-client-certificate-demanded", "A client certificate is demanded and none is given";
    SchemeMismatch = "TLS021-scheme-mismatch", "One side speaks TLS and the other does not";
    ClientAuthWithoutAuthority = "TLS022-client-auth-without-ca", "Client certificates are checked against the public authorities of the machine";
    RevocationList = "TLS023-revocation-list", "A revocation list does not do what it seems to";
    WeakCertificate = "TLS024-weak-certificate", "A certificate is weak, or refused by some builds of etcd";
    ProtocolMismatch = "TLS025-protocol-mismatch", "TLS versions, ciphers or protocols do not meet";
    KeyReadable = "TLS026-key-readable", "A key can be read by others than its owner";
    AuthorityInMemory = "TLS027-ca-in-memory", "The file of authorities changed after the member read it";
    SerialReused = "TLS028-serial-reused", "Two certificates of one authority have the same serial number";
    AutomaticTls = "TLS029-automatic-tls", "Automatic TLS encrypts and authenticates nobody";
    CommonNameOverGateway = "TLS030-common-name-over-gateway", "A common name does not log in over the HTTP gateway";
    UnknownSetting = "TLS031-unknown-setting", "This version of etcd does not take a setting, or its value";
    SettingConflict = "TLS032-setting-conflict", "Two settings contradict each other, or one is ignored";
    FileMissing = "TLS033-file-missing", "A file is missing, cannot be read, or is only half of a pair";
    FileUnusable = "TLS034-file-unusable", "A file is not what etcd reads there";
    PlaintextListener = "TLS035-plaintext-listener", "A listener without TLS can be reached";
    PeersUnauthenticated = "TLS036-peers-unauthenticated", "Anyone can join as a peer";
    RevocationBypassed = "TLS037-revocation-bypassed", "Revocation is not checked on one of the listeners";
    Revoked = "TLS038-revoked", "A certificate in use is revoked";
    ExpiresSoon = "TLS039-expires-soon", "A certificate expires soon";
    ServerNotServer = "TLS040-server-not-server", "A server's certificate is not for servers";
    PortNotAnswering = "TLS041-port-not-answering", "A port does not answer";
    RunsOtherwise = "TLS042-runs-otherwise", "A member does something else than its files and settings say";
    RefusedUnexplained = "TLS043-refused-unexplained", "A port refuses, and only its log says why";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
