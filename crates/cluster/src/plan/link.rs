//! Where a member is on a network whose links can be broken.

use std::fmt;
use std::net::SocketAddr;

/// A member's place on the network between the members of one fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Where a member is for the others, and for its clients, when all links go through a network of
/// ours: it listens where it always does, and is told to others as being here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Its place.
    pub slot: Slot,
    /// Where clients find it.
    pub client: SocketAddr,
    /// Where the other members find it: an address that exists nowhere (RFC 5737), and so one that
    /// Go dials through the proxy of its environment, as it never does with loopback addresses
    /// (`golang.org/x/net/http/httpproxy`, `useProxy`).
    pub peer: SocketAddr,
    /// Where clients find what of it is HTTP and not gRPC, where that is another port.
    pub http: Option<SocketAddr>,
    /// The proxy through which it dials the others.
    pub proxy: SocketAddr,
    /// By what the proxy knows who dials.
    pub token: Token,
}

impl Linked {
    /// What it has for a proxy in its environment (`HTTPS_PROXY`).
    #[must_use]
    pub fn proxy_url(&self) -> String {
        format!("http://{}:{}@{}", self.slot, self.token.reveal(), self.proxy)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member-{}", self.0)
    }
}

/// A secret that one member and the network share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u128);

impl Token {
    /// As it is sent.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::binary::Release;
    use crate::plan::{
        Address, DiscoveryService, Faults, Joining, MemberPlan, Plan, Security, Spec,
    };

    fn linked(member: u16) -> Linked {
        let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Linked {
            slot: Slot(member.into()),
            client: here(40000 + member),
            peer: SocketAddr::from(([192, 0, 2, 1 + member.to_le_bytes()[0]], 2380)),
            http: Some(here(41000 + member)),
            proxy: here(50000),
            token: Token(0xfeed),
        }
    }

    fn plan(version: &str, spec: &Spec) -> Plan {
        let release = Release::of(version.parse().unwrap()).unwrap();
        let address =
            |n| Address::loopback(2000 + n, 3000 + n).with_http(4000 + n).linked(linked(n));
        let addresses: Vec<_> = (0..3).map(address).collect();
        spec.plan(release, Path::new("/run/fleet"), &addresses).unwrap()
    }

    fn setting(member: &MemberPlan, flag: &str) -> Option<String> {
        let words = member.arguments().iter().map(|word| word.display().to_string());
        words.into_iter().find_map(|word| Some(word.strip_prefix(flag)?.to_owned()))
    }

    fn variable(member: &MemberPlan, name: &str) -> Option<String> {
        let mut all = member.environment().iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value.display().to_string())
    }

    #[test]
    fn a_member_listens_where_it_does_and_is_told_to_be_elsewhere() {
        let spec = Spec::default().faults(Faults::NONE.links()).http_port(true);
        for version in ["3.4.25", "3.5.8", "3.7.1"] {
            let plan = plan(version, &spec);
            let member = &plan.members()[1];
            let said = |flag| setting(member, flag);
            assert_eq!(said("--listen-peer-urls=").unwrap(), "https://127.0.0.1:3001");
            assert_eq!(said("--initial-advertise-peer-urls=").unwrap(), "https://192.0.2.2:2380");
            assert_eq!(said("--listen-client-urls=").unwrap(), "https://127.0.0.1:2001");
            assert_eq!(said("--advertise-client-urls=").unwrap(), "https://127.0.0.1:40001");
            assert_eq!(said("--listen-client-http-urls=").unwrap(), "https://127.0.0.1:4001");
            assert_eq!(
                said("--initial-cluster=").unwrap(),
                "m1=https://192.0.2.1:2380,m2=https://192.0.2.2:2380,m3=https://192.0.2.3:2380"
            );
            assert_eq!(member.http_url(), Some("https://127.0.0.1:41001"));
            let own =
                [member.direct_client_url(), member.direct_peer_url(), member.direct_http_url()];
            assert_eq!(
                own,
                ["https://127.0.0.1:2001", "https://127.0.0.1:3001", "https://127.0.0.1:4001"]
            );
            assert_eq!(
                variable(member, "HTTPS_PROXY").unwrap(),
                "http://member-1:0000000000000000000000000000feed@127.0.0.1:50000"
            );
            assert_eq!(variable(member, "NO_PROXY"), None);
            assert!(!format!("{plan:?}").contains("feed"), "the token is a secret");
        }
    }

    #[test]
    fn its_certificates_name_where_it_is_told_to_be() {
        let plan = plan("3.5.1", &Spec::default().faults(Faults::NONE.links()));
        let hosts = |member: &MemberPlan| member.spec().hosts().collect::<Vec<_>>();
        let hosts: Vec<_> = plan.members().iter().map(hosts).collect();
        assert_eq!(hosts, [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]]);
    }

    #[test]
    fn a_discovery_is_dialled_directly() {
        let service = DiscoveryService::V3 {
            endpoints: vec!["https://10.0.0.9:2379".into(), "https://a.example.com:2379".into()],
            token: "x".into(),
            ca: None,
            client: None,
        };
        let spec = Spec::default().faults(Faults::NONE.links());
        let plan = plan("3.6.14", &spec.joining(Joining::Through(service)));
        let direct = variable(&plan.members()[0], "NO_PROXY");
        assert_eq!(direct.as_deref(), Some("10.0.0.9,a.example.com"));
    }

    #[test]
    fn only_links_with_tls_between_members_can_be_broken() {
        for security in Security::ALL {
            let spec = Spec::default().faults(Faults::NONE.links()).security(security);
            let possible = matches!(security, Security::Mutual | Security::Auto);
            assert_eq!(spec.validate().is_ok(), possible, "{security}");
            // The control.
            assert!(spec.faults(Faults::NONE).validate().is_ok());
        }
    }
}
