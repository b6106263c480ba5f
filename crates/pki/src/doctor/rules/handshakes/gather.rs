//! Who shows what to whom.

use super::super::super::case::{Case, ClientCase, MemberCase, Port, Side};
use super::presentation::{Link, Presentation};
use crate::doctor::go::Usage;
use crate::doctor::{Origin, Url};

/// Everything that is shown in the handshakes of `case`.
pub(super) fn all<'c>(case: &'c Case<'c>) -> Vec<Presentation<'c, 'c>> {
    let mut all = Vec::new();
    for (from, to) in pairs(case) {
        peer(from, to, &mut all);
    }
    if case.clients.is_empty() {
        case.members.iter().for_each(|member| anyone(member, &mut all));
    }
    for client in &case.clients {
        for (member, url) in dialled(case, client) {
            dial(client, member, url, &mut all);
        }
    }
    // Last, since of several that fail for one reason the first tells how bad it is.
    case.members.iter().for_each(|member| gateway(member, &mut all));
    all
}

/// Each ordered pair of members. A member that is alone here stands for those that it names but
/// that nobody described.
fn pairs<'c>(case: &'c Case<'c>) -> Vec<(&'c MemberCase<'c>, &'c MemberCase<'c>)> {
    if let [alone] = case.members.as_slice() {
        let has_others = alone.settings.initial_cluster.len() > 1;
        let unknown = alone.settings.origin == Origin::Directory;
        return if has_others || unknown { vec![(alone, alone)] } else { Vec::new() };
    }
    let members = case.members.iter();
    members
        .flat_map(|from| case.members.iter().map(move |to| (from, to)))
        .filter(|(from, to)| from.index != to.index)
        .collect()
}

/// The peer URLs by which `from` knows `to`.
pub(super) fn peer_urls<'c>(from: &'c MemberCase<'_>, to: &'c MemberCase<'_>) -> Vec<&'c Url> {
    let known = from.settings.initial_cluster.iter();
    let known: Vec<_> = known.filter(|(name, _)| name == to.name).map(|(_, url)| url).collect();
    if known.is_empty() { to.settings.advertise_peer_urls.iter().collect() } else { known }
}

fn peer<'c>(from: &'c MemberCase<'c>, to: &'c MemberCase<'c>, all: &mut Vec<Presentation<'c, 'c>>) {
    // With certificates of their own making, members do not ask each other for any.
    if from.peer.is_automatic() || to.peer.is_automatic() || !speaks_tls(to, Port::Peer) {
        return;
    }
    let urls: Vec<_> =
        peer_urls(from, to).into_iter().filter(|url| url.scheme == "https").collect();
    let directory = to.settings.origin == Origin::Directory;
    if urls.is_empty() && !directory {
        return;
    }
    // One that stands for others is not dialled itself.
    let itself = from.index == to.index;
    let (name_from, name_to) = if itself {
        ("another member".to_owned(), to.name.to_owned())
    } else {
        (from.name.to_owned(), to.name.to_owned())
    };
    let hosts: Vec<Option<String>> = if urls.is_empty() {
        vec![None]
    } else {
        urls.iter().map(|url| Some(url.host.clone())).collect()
    };
    for host in hosts {
        if let Some(document) = &to.peer.certificate
            && !to.peer.served().is_empty()
            && let Some(pool) = known_pool(&from.peer)
        {
            all.push(Presentation {
                link: Link::Peer,
                from: name_from.clone(),
                to: name_to.clone(),
                chain: to.peer.served(),
                document,
                owner: Some(to),
                port: Port::Peer,
                setting: to.setting_of(&to.peer, "cert-file"),
                pool: Some(pool),
                pool_document: from.peer.trusted.as_deref(),
                pool_setting: from.setting_of(&from.peer, "trusted-ca-file"),
                usage: Usage::Server,
                host,
            });
        }
    }
    if to.peer.demands_certificate()
        && let Some(shown) = shown(from, &from.peer)
        && let Some(pool) = known_pool(&to.peer)
    {
        all.push(Presentation {
            link: Link::Peer,
            from: name_from,
            to: name_to,
            pool: Some(pool),
            pool_document: to.peer.trusted.as_deref(),
            pool_setting: to.setting_of(&to.peer, "trusted-ca-file"),
            ..shown
        });
    }
}

/// What a member shows where it dials.
fn shown<'c>(member: &'c MemberCase<'c>, side: &'c Side<'c>) -> Option<Presentation<'c, 'c>> {
    let document = side.dialling()?;
    let chain = side.shown();
    let flag =
        if side.settings.client_cert_file.is_some() { "client-cert-file" } else { "cert-file" };
    (!chain.is_empty()).then(|| Presentation {
        link: Link::Peer,
        from: member.name.to_owned(),
        to: member.name.to_owned(),
        chain,
        document,
        owner: Some(member),
        port: side.port,
        setting: member.setting_of(side, flag),
        pool: None,
        pool_document: None,
        pool_setting: String::new(),
        usage: Usage::Client,
        host: None,
    })
}

/// Whom a side trusts, if that can be judged: not where the file says nothing, which other rules
/// tell, nor where it trusts the authorities of the machine, which nobody looked at.
fn known_pool<'c>(side: &'c Side<'_>) -> Option<&'c [crate::read::CertificateDetails]> {
    side.pool().filter(|pool| !pool.is_empty())
}

/// Whether TLS is spoken where this side listens, as far as is known.
fn speaks_tls(member: &MemberCase<'_>, port: Port) -> bool {
    member.listens_with_tls(port)
}

/// The gateway dials with the server's certificate, or `--client-cert-file`, and checks nothing
/// itself (`grpcGatewayDial` in `server/embed/etcd.go`).
fn gateway<'c>(member: &'c MemberCase<'c>, all: &mut Vec<Presentation<'c, 'c>>) {
    let side = &member.client;
    if !member.settings.grpc_gateway
        || !side.demands_certificate()
        || !speaks_tls(member, Port::Client)
    {
        return;
    }
    let (Some(shown), Some(pool)) = (shown(member, side), known_pool(side)) else { return };
    all.push(Presentation {
        link: Link::Gateway,
        pool: Some(pool),
        pool_document: side.trusted.as_deref(),
        pool_setting: member.setting_of(side, "trusted-ca-file"),
        ..shown
    });
}

/// Who reads the URLs that a member advertises: etcdctl with `--endpoints` of them, a balancer.
fn anyone<'c>(member: &'c MemberCase<'c>, all: &mut Vec<Presentation<'c, 'c>>) {
    if !speaks_tls(member, Port::Client) || member.client.is_automatic() {
        return;
    }
    let (Some(document), false) = (&member.client.certificate, member.client.served().is_empty())
    else {
        return;
    };
    let urls = member.settings.advertise_client_urls.iter().filter(|url| url.scheme == "https");
    let mut hosts: Vec<_> = urls.map(|url| Some(url.host.clone())).collect();
    if hosts.is_empty() {
        hosts.push(None);
    }
    for host in hosts {
        all.push(Presentation {
            link: Link::Anyone,
            from: "clients".to_owned(),
            to: member.name.to_owned(),
            chain: member.client.served(),
            document,
            owner: Some(member),
            port: Port::Client,
            setting: member.setting_of(&member.client, "cert-file"),
            pool: None,
            pool_document: None,
            pool_setting: String::new(),
            usage: Usage::Server,
            host,
        });
    }
}

/// The members that a client dials, each with the URL.
pub(super) fn dialled<'c>(
    case: &'c Case<'c>,
    client: &'c ClientCase<'c>,
) -> Vec<(&'c MemberCase<'c>, Option<&'c Url>)> {
    if client.urls.is_empty() {
        let urls = |member: &'c MemberCase<'c>| -> Vec<Option<&'c Url>> {
            let urls = &member.settings.advertise_client_urls;
            if urls.is_empty() { vec![None] } else { urls.iter().map(Some).collect() }
        };
        let members = case.members.iter();
        return members
            .flat_map(|member| urls(member).into_iter().map(move |url| (member, url)))
            .collect();
    }
    client
        .urls
        .iter()
        .flat_map(|url| who(case, url).into_iter().map(move |member| (member, Some(url))))
        .collect()
}

/// Who is behind a URL: who advertises it or listens there; else who listens on its port on every
/// address; else the only member there is.
fn who<'c>(case: &'c Case<'c>, url: &Url) -> Vec<&'c MemberCase<'c>> {
    let same = |other: &Url| other.port == url.port && other.host == url.host;
    let any = |other: &Url| {
        let host = other.host.parse::<std::net::IpAddr>();
        other.port == url.port && host.is_ok_and(|address| address.is_unspecified())
    };
    let named = |is: &dyn Fn(&Url) -> bool| -> Vec<_> {
        let members = case.members.iter();
        members
            .filter(|member| {
                let advertised = member.settings.advertise_client_urls.iter();
                member.listen_urls(Port::Client).chain(advertised).any(is)
            })
            .collect()
    };
    let exact = named(&same);
    if !exact.is_empty() {
        return exact;
    }
    let open = named(&any);
    if !open.is_empty() {
        return open;
    }
    match case.members.as_slice() {
        [alone] => vec![alone],
        _ => Vec::new(),
    }
}

fn dial<'c>(
    client: &'c ClientCase<'c>,
    member: &'c MemberCase<'c>,
    url: Option<&'c Url>,
    all: &mut Vec<Presentation<'c, 'c>>,
) {
    if !speaks_tls(member, Port::Client) || url.is_some_and(|url| !url.is_tls()) {
        return;
    }
    let pool = client.pool().filter(|pool| !pool.is_empty());
    if let Some(document) = &member.client.certificate
        && !member.client.served().is_empty()
        // Without `--cacert` it trusts the authorities of the machine; its names count in any case.
        && (pool.is_some() || client.trusted.is_none())
    {
        all.push(Presentation {
            link: Link::Client,
            from: "the client".to_owned(),
            to: member.name.to_owned(),
            chain: member.client.served(),
            document,
            owner: Some(member),
            port: Port::Client,
            setting: member.setting_of(&member.client, "cert-file"),
            pool,
            pool_document: client.trusted.as_deref(),
            pool_setting: "--cacert".to_owned(),
            usage: Usage::Server,
            host: url.map(|url| url.host.clone()),
        });
    }
    if let Some(document) = &client.certificate
        && !client.shown().is_empty()
        && member.client.demands_certificate()
        && let Some(pool) = known_pool(&member.client)
    {
        all.push(Presentation {
            link: Link::Client,
            from: "the client".to_owned(),
            to: member.name.to_owned(),
            chain: client.shown(),
            document,
            owner: None,
            port: Port::Client,
            setting: "--cert".to_owned(),
            pool: Some(pool),
            pool_document: member.client.trusted.as_deref(),
            pool_setting: member.setting_of(&member.client, "trusted-ca-file"),
            usage: Usage::Client,
            host: None,
        });
    }
}
