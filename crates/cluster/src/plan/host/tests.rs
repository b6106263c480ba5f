use std::path::Path;

use super::*;
use crate::binary::Release;
use crate::plan::{Faults, Joining, MemberPlan, Plan, Security, Spec, Timing};

/// The three machines of the clustering guide.
fn three() -> [MemberHost; 3] {
    [
        MemberHost::new("infra1", [10, 0, 1, 10]).dns_name("etcd-1.example.com"),
        MemberHost::new("infra2", [10, 0, 1, 11]).dns_name("etcd-2.example.com"),
        MemberHost::new("infra3", [10, 0, 1, 12]).dns_name("etcd-3.example.com"),
    ]
}

fn plan(spec: &Spec) -> Result<Plan, PlanError> {
    let release = Release::of("3.5.1".parse().unwrap()).unwrap();
    spec.plan(release, Path::new("/var/lib/etcd"), &[])
}

fn on(hosts: impl IntoIterator<Item = MemberHost>) -> Spec {
    Spec::default().timing(Timing::Stock).hosts(hosts)
}

fn words(member: &MemberPlan) -> String {
    member.arguments().iter().map(|word| format!("{}\n", word.display())).collect()
}

/// The hosts that the first certificate of a chain names.
fn names(chain_pem: &str) -> Vec<String> {
    let chain = tercet_pki::read::certificates(chain_pem.as_bytes()).unwrap();
    let names = chain[0].names.clone().unwrap();
    names.dns.into_iter().chain(names.ip.iter().map(ToString::to_string)).collect()
}

#[test]
fn a_member_of_three_hosts_by_address_and_by_name() {
    insta::assert_snapshot!("by_address", words(&plan(&on(three())).unwrap().members()[1]));
    let named = three().map(|host| {
        let name = host.dns_names()[0].clone();
        host.advertised_as(name)
    });
    insta::assert_snapshot!("by_name", words(&plan(&on(named)).unwrap().members()[1]));
    let other = MemberHost::new("a", [0xfd00, 0, 0, 0, 0, 0, 0, 1]).ports(4001, 7001);
    let http = on([other.http_port(8001)]).http_port(true).security(Security::ServerTls);
    let release = Release::of("3.7.1".parse().unwrap()).unwrap();
    let http = http.plan(release, Path::new("/var/lib/etcd"), &[]).unwrap();
    insta::assert_snapshot!("ports_and_ipv6", words(&http.members()[0]));
}

#[test]
fn each_certificate_names_its_own_host_and_no_other() {
    let plan = plan(&on(three())).unwrap();
    let fleet = plan.fleet(plan.members()).build().unwrap();
    let local = ["localhost", "127.0.0.1", "::1"];
    for (number, member) in fleet.members().enumerate() {
        let own = [format!("10.0.1.{}", 10 + number), format!("etcd-{}.example.com", number + 1)];
        let expected: Vec<_> = local.into_iter().map(str::to_owned).chain(own).collect();
        for identity in [member.server(), member.peer()] {
            let mut names = names(identity.chain_pem());
            names.sort_by_key(|name| expected.iter().position(|known| known == name));
            assert_eq!(names, expected);
        }
    }
}

#[test]
fn a_host_is_written_in_one_word() {
    let host: MemberHost = "infra1=10.0.1.10,etcd-1.example.com,etcd-1".parse().unwrap();
    let same = MemberHost::new("infra1", [10, 0, 1, 10]).dns_name("etcd-1.example.com");
    assert_eq!(host, same.dns_name("etcd-1"));
    assert_eq!("a=fd00::1".parse::<MemberHost>().unwrap().ip().to_string(), "fd00::1");

    let texts: Vec<_> = [
        "10.0.1.10",
        "=10.0.1.10",
        "a/b=10.0.1.10",
        "infra1=",
        "infra1=etcd-1.example.com",
        "infra1=10.0.1.300",
        "infra1=10.0.1.10:2379",
        "infra1=10.0.1.10,10.0.1.11",
        "infra1=10.0.1.10,https://etcd-1:2379",
        "infra1=10.0.1.10,",
    ]
    .into_iter()
    .map(|text| {
        let error = text.parse::<MemberHost>().unwrap_err();
        let text = error.to_string();
        let what = text.split("; write").next().unwrap();
        match std::error::Error::source(&error) {
            Some(source) => format!("{what}: {source}"),
            None => what.to_owned(),
        }
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
        host "10.0.1.10" has no member
        host "=10.0.1.10" has no good name of a member: a name is empty
        host "a/b=10.0.1.10" has no good name of a member: "a/b" has '/' in it, and the member's files go to a directory of that name
        host "infra1=" has no IP address after the `=`
        host "infra1=etcd-1.example.com" has no IP address after the `=`
        host "infra1=10.0.1.300" has no IP address after the `=`
        host "infra1=10.0.1.10:2379" has no IP address after the `=`
        host "infra1=10.0.1.10,10.0.1.11" has two IP addresses: others see it by one
        host "infra1=10.0.1.10,https://etcd-1:2379" has a DNS name that is none: "https://etcd-1:2379" is a URL, and certificates name hosts: write "etcd-1"
        host "infra1=10.0.1.10," has a DNS name that is none: a host is empty: write a DNS name such as "localhost", or an IP address
    "#);
    let error = "x".parse::<MemberHost>().unwrap_err();
    insta::assert_snapshot!(error, @r#"host "x" has no member; write NAME=ADDRESS,DNSNAME,…, as infra1=10.0.1.10,etcd-1.example.com"#);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_done() {
    let host = || MemberHost::new("infra1", [10, 0, 1, 10]);
    let second = || MemberHost::new("infra2", [10, 0, 1, 11]);
    assert!(plan(&on([host(), second()])).is_ok());
    // On one machine, if the ports are others, and as the tutorial has it by one name.
    let beside = || MemberHost::new("b", host().ip()).ports(1, 2);
    assert!(plan(&on([host(), beside()])).is_ok());
    assert!(plan(&on([host().advertised_as("a"), beside().advertised_as("a")])).is_ok());

    let link_local: IpAddr = "fe80::1".parse().unwrap();
    let refused: Vec<_> = [
        on([host(), second()]).members(3),
        on([host(), MemberHost::new("infra1", [10, 0, 1, 11])]),
        on([MemberHost::new("a=b", [10, 0, 1, 11])]),
        on([MemberHost::new("a", [0, 0, 0, 0])]),
        on([MemberHost::new("a", link_local)]),
        on([host().dns_name("10.0.1.10")]),
        on([host().dns_name("etcd-1:2379")]),
        on([host().advertised_as("*.example.com")]),
        on([host().ports(0, 2380)]),
        on([host().ports(2379, 2379)]),
        on([host().http_port(2379)]),
        on([host(), MemberHost::new("b", host().ip())]),
        on([host().dns_name("etcd"), second().advertised_as("etcd")]),
        on([host().advertised_as("etcd"), second().dns_name("etcd")]),
        on([host().entrance([""])]),
        on([host()]).http_port(true),
        on([host()]).joining(Joining::Discovery { members: 1 }),
        on((1..=10).map(|last| MemberHost::new(format!("m{last}"), [10, 0, 1, last]))),
    ]
    .iter()
    .map(|spec| {
        let error = plan(spec).unwrap_err();
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    })
    .collect();
    insta::assert_snapshot!(refused.join("\n"), @r#"
        a number of members and hosts of another number exclude each other: there is one member on each host: leave the number out
        a member's name does not do: two members are called "infra1"
        a member's name does not do: "a=b" has '=' in it, and etcd splits --initial-cluster there
        "0.0.0.0" cannot be the address of the host of a: nobody can be dialled there, and no certificate can name it
        "fe80::1" cannot be the address of the host of a: such an address means nothing without an interface, and a URL has none
        "10.0.1.10" cannot be a DNS name of the host of infra1: that is an address: give it as the address of the host
        a DNS name of a host does not do: "etcd-1:2379" is more than a host, and certificates name no ports: write "etcd-1"
        "*.example.com" cannot be the advertised name of infra1: a wildcard is many names, and URLs need one
        "0" cannot be a port of infra1: the others must know it before it is there
        "2379" cannot be a port of infra1: it has another use already
        "2379" cannot be a port of infra1: it has another use already
        "10.0.1.10:2379" cannot be the address of the host of b: infra1 has it already
        "etcd" cannot be the advertised name of infra2: infra1 has it already
        "etcd" cannot be the advertised name of infra2: infra1 has it already
        "" cannot be an entrance of infra1: it names no program
        the member at 10.0.1.10:2379 has no port of its own for HTTP: give one with its address
        the members cannot find each other by this discovery: it would be started on this machine's loopback address, where other hosts do not find it: name one that runs with Joining::Through
        a fleet of 10 members is not possible: use 1 to 9, best 1, 3 or 5 (an even number bears no more failures than the odd one below it)
    "#);
    let release = Release::of("3.5.1".parse().unwrap()).unwrap();
    let addresses = [Address::loopback(1, 2)];
    let error = on([host()]).plan(release, Path::new("/x"), &addresses).unwrap_err();
    insta::assert_snapshot!(error, @"there must be one address for each member that is on no host of its own: members 0, addresses 1");
}

#[test]
fn a_member_moves_to_another_host_and_back_to_this_machine() {
    let plan = plan(&on(three())).unwrap();
    let spec = plan.members()[0].spec().clone();
    assert_eq!(spec.planned_host().unwrap().member(), "infra1");
    let there = MemberHost::new("infra1", [10, 0, 2, 10]).entrance(["enter", "there"]);
    let there = plan.member(spec.clone().moved_to(there)).unwrap();
    assert_eq!(there.peer_url(), "https://10.0.2.10:2380");
    assert_eq!(there.entrance(), ["enter", "there"]);
    let here = plan.member(spec.address(Address::loopback(1, 2))).unwrap();
    assert_eq!(here.peer_url(), "https://127.0.0.1:2");
    assert!(here.entrance().is_empty());
    assert!(here.arguments().iter().any(|word| word == "--socket-reuse-port=true"));
}

#[test]
fn a_clock_is_not_given_to_what_leads_to_a_host() {
    let entered = || three().map(|host| host.entrance(["nsenter", "--net=/run/netns/a", "--"]));
    let error = plan(&on(entered()).faults(Faults::NONE.clock())).unwrap_err();
    insta::assert_snapshot!(error, @"faults of clocks and a host that is entered exclude each other: a program is given its clock when it is run, and what leads there is run first: leave one of the two out");
    // The control: either alone, and disks.
    assert!(plan(&on(entered()).faults(Faults::NONE.disk())).is_ok());
    assert!(plan(&on(three()).faults(Faults::NONE.clock())).is_ok());
}
