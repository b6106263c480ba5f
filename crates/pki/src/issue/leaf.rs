//! What a certificate is for.

use std::time::Duration;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose};

use super::name;
use super::uri::{self, UriError};
use super::validity::{LEAF_LIFETIME, Validity};
use super::wrong::Flaw;
use crate::{Host, HostError, IssueError, KeyKind};

/// The description of a certificate, for [`Authority::issue`](crate::Authority::issue).
///
/// It begins with what the certificate is for, and what can be wrong with it is part of it:
///
/// ```
/// use tercet_pki::{Authority, Leaf};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::generate("example")?;
/// let good = authority.issue(&Leaf::server("infra1").hosts(["localhost", "10.0.0.1"]))?;
/// let late = authority.issue(&Leaf::server("infra1").host("localhost").expired())?;
/// # Ok(())
/// # }
/// ```
///
/// Nothing is checked before it is issued, where the error has one place to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a description does nothing until an authority issues it"]
pub struct Leaf {
    profile: Profile,
    common_name: String,
    /// Whether it is to have no common name; it then has an organization.
    unnamed: bool,
    organizations: Vec<String>,
    hosts: Vec<String>,
    uris: Vec<String>,
    validity: Validity,
    key: KeyKind,
    /// In what ways it is deliberately wrong, its validity aside.
    flaws: Vec<Flaw>,
}

impl Leaf {
    /// A certificate for `--cert-file`: what a member shows to its clients.
    ///
    /// Extended key usages: serverAuth, and clientAuth as well. etcd's HTTP gateway (`/v3/…`)
    /// dials its own client port *with the server's certificate* (`grpcGatewayDial` in
    /// server/embed/etcd.go; etcd issues 9785 and 16590). Without clientAuth, etcdctl works and
    /// every gateway request fails with code 14 (measured). `--client-cert-file` splits the two,
    /// from 3.5 on only.
    ///
    /// Hosts: whatever clients dial. The gateway itself checks none (`InsecureSkipVerify`).
    pub fn server(common_name: impl Into<String>) -> Self {
        Self::new(Profile::Server, common_name.into())
    }

    /// A certificate for `--peer-cert-file`: what a member shows to other members, whoever dialled.
    ///
    /// Extended key usages: serverAuth and clientAuth, since one file serves both roles
    /// (client/pkg/transport/listener.go, `ServerConfig` and `ClientConfig`). With one of them
    /// missing, links work in one direction; the member logs rejections without end, and still
    /// says that it is healthy (measured).
    ///
    /// Hosts: whatever peers dial, and **the address this member dials from**. The accepting side
    /// looks for the remote address among the IP names first (`checkCertSAN` in
    /// client/pkg/transport/listener_tls.go). Who dials any 127.0.0.0/8 address does so from
    /// 127.0.0.1, so that a fleet on one machine needs that name in every peer certificate.
    pub fn peer(common_name: impl Into<String>) -> Self {
        Self::new(Profile::Peer, common_name.into())
    }

    /// A certificate for someone who dials a member: `etcdctl --cert`, `curl --cert`, a client.
    ///
    /// Extended key usage: clientAuth alone, which is what Go's server asks of a client's chain
    /// (`processCertsFromClient` in crypto/tls), so that a stolen client certificate cannot pose
    /// as a member. It needs no hosts; etcd looks at those of peers only.
    ///
    /// With authentication turned on in etcd and `--client-cert-auth`, the common name **is the
    /// user** (server/auth/store.go, `AuthInfoFromTLS`), unless a token or password says another.
    pub fn client(common_name: impl Into<String>) -> Self {
        Self::new(Profile::Client, common_name.into())
    }

    /// As [`client`](Self::client), of `organization` and without a common name: what
    /// `etcd grpc-proxy` shows to members (`--cert`).
    ///
    /// The proxy asks on behalf of all its clients. Were its common name a user, it would lend that
    /// user's rights to everybody, so it does not start with a certificate that has one (`EmptyCN` in
    /// client/pkg/transport/listener.go).
    pub fn unnamed_client(organization: impl Into<String>) -> Self {
        let leaf = Self::new(Profile::Client, String::new()).organization(organization);
        Self { unnamed: true, ..leaf }
    }

    /// Adds a host: a DNS name (`localhost`, `*.example.com`) or an IP address (`10.0.0.1`,
    /// `::1`), told apart as [`Host`] does. One that is there already is not added again.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Adds several hosts.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Adds a URI as a name, such as `spiffe://example.org/etcd/infra1`. One that is there already
    /// is not added again.
    ///
    /// etcd looks at none of them, and writes those of a connection that it rejects to its log.
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uris.push(uri.into());
        self
    }

    /// Adds an organization (O) to the subject. etcd looks at none; Kubernetes takes them for
    /// groups, and kubeadm and cfssl write them.
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organizations.push(organization.into());
        self
    }

    /// The kind of key that is made for it, instead of [`KeyKind::P256`].
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.key = kind;
        self
    }

    /// Valid from now on (less [`BACKDATE`](crate::BACKDATE)) for `lifetime`, instead of
    /// [`LEAF_LIFETIME`].
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.validity = Validity::For(lifetime);
        self
    }

    /// Valid now, and no more in `left`: a certificate that was issued [`LEAF_LIFETIME`] before its
    /// end, of which only this much is left. For what warns of expiry, and for what renews.
    ///
    /// Unlike [`valid_for`](Self::valid_for), it looks old.
    pub fn expires_in(mut self, left: Duration) -> Self {
        self.validity = Validity::ExpiresIn(left);
        self
    }

    /// Deliberately wrong: ended [`MISSED_BY`](crate::MISSED_BY) ago.
    pub fn expired(mut self) -> Self {
        self.validity = Validity::Expired;
        self
    }

    /// Deliberately wrong: begins [`MISSED_BY`](crate::MISSED_BY) from now.
    pub fn not_yet_valid(mut self) -> Self {
        self.validity = Validity::NotYetValid;
        self
    }

    fn new(profile: Profile, common_name: String) -> Self {
        Self {
            profile,
            common_name,
            unnamed: false,
            organizations: Vec::new(),
            hosts: Vec::new(),
            uris: Vec::new(),
            validity: Validity::For(LEAF_LIFETIME),
            key: KeyKind::default(),
            flaws: Vec::new(),
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    pub(crate) fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Makes it wrong in one more way.
    pub(super) fn flawed(mut self, flaw: Flaw) -> Self {
        self.flaws.push(flaw);
        self
    }

    pub(crate) fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// The subject in DER, where it has an attribute twice and rcgen would lose one.
    pub(crate) fn repetitive_name(&self) -> Option<Vec<u8>> {
        let organizations: Vec<_> = self.organizations.iter().map(String::as_str).collect();
        (organizations.len() > 1).then(|| name::distinguished(&organizations, &self.common_name))
    }

    /// Checks the subject, and writes it as rcgen can.
    pub(crate) fn write_subject(&self, params: &mut CertificateParams) -> Result<(), IssueError> {
        if !self.unnamed {
            name::common(&self.common_name)?;
        }
        for organization in &self.organizations {
            name::common(organization).map_err(IssueError::Organization)?;
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        if !self.unnamed {
            params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        }
        Ok(())
    }

    pub(crate) fn key_kind(&self) -> KeyKind {
        self.key
    }

    /// The URIs, each once, in the order they were added.
    pub(crate) fn checked_uris(&self) -> Result<Vec<&str>, UriError> {
        let mut uris = Vec::with_capacity(self.uris.len());
        for text in &self.uris {
            uri::check(text)?;
            if !uris.contains(&text.as_str()) {
                uris.push(text.as_str());
            }
        }
        Ok(uris)
    }

    /// The hosts, each once, in the order they were added.
    pub(crate) fn parsed_hosts(&self) -> Result<Vec<Host>, HostError> {
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for host in &self.hosts {
            let host = host.parse()?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        Ok(hosts)
    }
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Server,
    Peer,
    Client,
}

impl Profile {
    /// Whether others dial whoever has the certificate, and then look for a host in it.
    pub(crate) fn is_dialled(self) -> bool {
        match self {
            Self::Server | Self::Peer => true,
            Self::Client => false,
        }
    }

    pub(crate) fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        match self {
            Self::Server | Self::Peer => vec![ServerAuth, ClientAuth],
            Self::Client => vec![ClientAuth],
        }
    }
}
