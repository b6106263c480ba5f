//! Why a member does not start, or a link does not come up.

use std::path::PathBuf;

/// Why a member does not start, or a link does not come up, with what etcd says of it.
///
/// [`Display`](std::fmt::Display) is the cause in plain words. Every one of them was printed by a
/// real etcd; which, is in `tests/start_refusals`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCause {
    // What it was told.
    /// This version has no such flag.
    UnknownFlag {
        /// Its name, without dashes.
        flag: String,
    },
    /// A word of the command line that is no flag.
    NotAFlag {
        /// The word.
        argument: String,
    },
    /// A flag that needs a value, and has none.
    ValueMissing {
        /// Its name, without dashes.
        flag: String,
    },
    /// A value that the setting does not take.
    InvalidValue {
        /// The flag with its dashes, the variable, or the key of the file.
        setting: String,
        /// The value; empty where etcd does not say it.
        value: String,
        /// What etcd says of it.
        reason: String,
    },
    /// The same setting as a flag and as a variable.
    ShadowedVariable {
        /// The variable.
        variable: String,
    },
    /// The configuration file is not what etcd reads.
    ConfigFile {
        /// What etcd says of it.
        reason: String,
    },
    /// Two settings that contradict each other, or one that needs another.
    SettingConflict {
        /// What etcd says of them.
        reason: String,
    },
    /// A URL to listen on has a host name where an address is needed.
    ListenHostNotAddress {
        /// The URL.
        url: String,
    },
    /// A URL to advertise has no host.
    AdvertisedHostEmpty {
        /// The flag with its dashes.
        flag: String,
    },
    /// `--listen-client-urls` without `--advertise-client-urls`.
    AdvertisedClientUrlsMissing,
    /// An election timeout that is too short or too long, or an interval of nothing.
    Timing {
        /// What etcd says of it.
        reason: String,
    },
    /// A TLS version that is none.
    UnknownTlsVersion {
        /// The version, as it was written.
        version: String,
    },
    /// The lowest TLS version is above the highest.
    TlsVersionsCrossed {
        /// `--tls-min-version`.
        least: String,
        /// `--tls-max-version`.
        most: String,
    },
    /// A cipher suite that is none.
    UnknownCipherSuite {
        /// The suite, as it was written.
        suite: String,
    },
    /// Cipher suites were chosen, and only TLS 1.3 is allowed, whose suites cannot be.
    CipherSuitesWithoutEffect,
    /// The cipher suites lack one that HTTP/2 demands.
    CipherSuitesWithoutHttp2,
    /// The tokens of authentication (`--auth-token`) cannot be made.
    AuthToken {
        /// What etcd says of it.
        reason: String,
    },
    /// etcd does not run on this machine unless it is told to.
    UnsupportedArchitecture {
        /// As Go calls it: `arm64`.
        architecture: String,
    },

    // Where it listens.
    /// Another process has the port.
    AddressInUse {
        /// Address and port.
        address: String,
    },
    /// The address to listen on is not one of this machine.
    AddressNotLocal {
        /// Address and port.
        address: String,
    },
    /// It cannot listen there for another reason.
    CannotListen {
        /// Address and port, or the path of a socket.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The listener for clients was closed before etcd said why.
    ListenerLost {
        /// Address and port.
        address: String,
    },

    // Its files.
    /// An `https` URL, and no certificate for it.
    CertificateNotGiven {
        /// The URL, or the address.
        url: String,
    },
    /// A certificate without its key, or a key without its certificate.
    HalfPair {
        /// The certificate that was given.
        certificate: Option<PathBuf>,
        /// The key that was given.
        key: Option<PathBuf>,
    },
    /// A file is not there.
    FileMissing {
        /// Its path.
        path: PathBuf,
    },
    /// A file cannot be read.
    FileUnreadable {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The key is not that of the certificate.
    KeyMismatch {
        /// The certificate, where it can be told which.
        certificate: Option<PathBuf>,
        /// The key.
        key: Option<PathBuf>,
    },
    /// The key is encrypted, or none that etcd reads.
    KeyUnusable {
        /// The key, where it can be told which.
        path: Option<PathBuf>,
        /// What etcd says of it.
        reason: String,
    },
    /// A certificate, or a file of authorities, is not what etcd reads.
    CertificateUnusable {
        /// The files that it may be, if it can be told which.
        paths: Vec<PathBuf>,
        /// What etcd says of it.
        reason: String,
    },
    /// A revocation list cannot be read, or has not the form that this version reads.
    RevocationList {
        /// The list, if it could not be opened.
        path: Option<PathBuf>,
        /// What etcd says of it.
        reason: String,
    },
    /// The certificate that etcd was to make for itself cannot be made.
    SelfSigned {
        /// What etcd says of it.
        reason: String,
    },

    // Whom it joins.
    /// Its own name is not in `--initial-cluster`.
    LocalNameMissing {
        /// Its name.
        name: String,
    },
    /// What `--initial-cluster` says of it is not what `--initial-advertise-peer-urls` says.
    AdvertisedUrlsUnequal {
        /// What etcd says of them.
        reason: String,
    },
    /// Two members of `--initial-cluster` have one URL.
    DuplicateUrl {
        /// The value.
        initial_cluster: String,
    },
    /// `--initial-cluster` cannot be read.
    InitialCluster {
        /// What etcd says of it.
        reason: String,
    },
    /// No member of the cluster that it is to join answers.
    ClusterUnreachable {
        /// Whom it asked, each with what came of it.
        asked: Vec<String>,
    },
    /// The running cluster has another number of members than `--initial-cluster`.
    MemberCountUnequal {
        /// The running cluster's id.
        cluster: String,
        /// The peer URLs of the members that it has.
        members: Vec<String>,
    },
    /// A member of the running cluster is not in `--initial-cluster`.
    MemberUrlsUnequal {
        /// The running cluster's id.
        cluster: String,
        /// The peer URLs of the members that it has.
        members: Vec<String>,
    },
    /// The running cluster has this member already, which was to start as a new one.
    AlreadyBootstrapped {
        /// The member's id.
        member: String,
    },
    /// The running cluster is of a version that this one cannot join.
    ClusterIncompatible,
    /// The member was removed from its cluster.
    Removed,
    /// The cluster has a member that this one knows nothing of.
    MemberUnknown {
        /// That member's id.
        member: String,
    },
    /// There are more learners than are allowed.
    TooManyLearners,
    /// A peer belongs to another cluster, by its data or its token.
    ClusterMismatch {
        /// The cluster of the member that says it.
        ours: String,
        /// The peer's.
        theirs: String,
    },

    // Discovery.
    /// The discovery token has as many members as it was made for.
    DiscoveryFull,
    /// A member with this id or name is registered already.
    DiscoveryDuplicate,
    /// The discovery service knows no such token, or not how many members it is for.
    DiscoverySizeMissing,
    /// What the discovery service has as the number of members is none.
    DiscoverySizeBad,
    /// The discovery service does not answer.
    DiscoveryUnreachable {
        /// Where it should be.
        url: String,
        /// What etcd says of it.
        reason: String,
    },
    /// The discovery service waits for more members.
    DiscoveryIncomplete {
        /// How many are there.
        found: u64,
        /// How many more there must be.
        missing: u64,
    },
    /// DNS has no records of the cluster.
    DiscoveryDns {
        /// What etcd says of it.
        reason: String,
    },
    /// Discovery failed for another reason.
    Discovery {
        /// What etcd says of it.
        reason: String,
    },

    // Its data.
    /// The data directory cannot be used.
    DataDirectory {
        /// Its path, or that of a directory in it.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another process has the data directory open.
    DataDirectoryLocked {
        /// The database.
        path: PathBuf,
    },
    /// The data directory is one of etcd's old proxy.
    DataDirectoryOfProxy,
    /// The data, or the cluster, is of a newer version.
    VersionTooLow {
        /// The version that runs; empty where etcd does not say it.
        server: String,
        /// The version of the data or the cluster.
        cluster: String,
    },
    /// The data has keys of the v2 API, which this version does not keep.
    V2Content {
        /// What etcd says of it.
        reason: String,
    },
    /// The check at the start found other data than the peers have.
    Corrupt {
        /// The member's id.
        member: String,
    },
    /// The database is damaged.
    DatabaseDamaged {
        /// The database, where etcd names it.
        path: Option<PathBuf>,
        /// What etcd says of it.
        reason: String,
    },
    /// The database is not there, and the log is.
    DatabaseMissing {
        /// What etcd says of it.
        reason: String,
    },
    /// The log (WAL) is damaged.
    LogDamaged {
        /// What etcd says of it.
        reason: String,
    },

    // Links and clients.
    /// No certificate was shown where one is demanded.
    CertificateDemanded,
    /// The certificate is signed by an authority that is not trusted here.
    UnknownAuthority,
    /// The certificate is not for this use.
    WrongUsage,
    /// The certificate has expired.
    Expired {
        /// When it was looked at, by the clock there, as etcd writes it.
        now: String,
        /// When it expired.
        since: String,
    },
    /// The certificate is not valid yet.
    NotYetValid {
        /// When it was looked at, by the clock there, as etcd writes it.
        now: String,
        /// From when on it is valid.
        from: String,
    },
    /// The certificate is revoked.
    Revoked {
        /// Its serial number, in hexadecimal.
        serial: String,
    },
    /// The certificate's name is none of those allowed.
    NameNotAllowed,
    /// The certificate does not name the address that the peer dials from.
    PeerAddressNotNamed {
        /// The address.
        address: String,
        /// What it names.
        names: Vec<String>,
    },
    /// The certificate of who was dialled does not name the host of the URL.
    HostNotNamed {
        /// The host.
        host: String,
        /// What it names, where etcd says it.
        names: Vec<String>,
    },
    /// The certificate of who was dialled names no host at all.
    NoNames,
    /// Somebody speaks plainly to a port that speaks TLS.
    PlainToTls,
    /// TLS was spoken to a port that does not.
    TlsToPlain,
    /// The two have no TLS version in common.
    TlsVersionMismatch,
    /// The two have no cipher suite in common.
    CipherSuiteMismatch,
    /// The other side refuses a certificate, and says no more than this.
    RefusedThere {
        /// Its alert, such as `bad certificate`; `EOF` where it closed the connection without one.
        alert: String,
    },
    /// The peer cannot be reached.
    PeerUnreachable {
        /// What the system says.
        reason: String,
    },
    /// The peer's host has no address.
    Unresolved {
        /// The host.
        host: String,
    },

    // Proxies.
    /// A grpc-proxy was told to show members a certificate that has a common name.
    ProxyCommonName {
        /// The name.
        name: String,
    },
    /// A grpc-proxy has dialled for five seconds, and reached no member, or not itself.
    ProxyUnanswered,

    // All else.
    /// etcd crashed.
    Crashed {
        /// The first line of what Go prints then.
        reason: String,
    },
    /// What etcd says, which is not known here.
    Other {
        /// What etcd says.
        reason: String,
    },
}
