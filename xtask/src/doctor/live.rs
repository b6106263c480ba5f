//! `cargo xtask doctor --endpoint`: the ports of members that run, and of those that they know of.

use std::path::Path;
use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_cluster::diagnose::{Target, Unseen, ask_all};
use tercet_pki::doctor::live::Ending;
use tercet_pki::doctor::{Description, FileState, Port, Url, look};
use tercet_pki::etcd::Version;

use super::{ClientOptions, LiveOptions};
use crate::Failure;

/// How long one member may take to say who the others are.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// How many endpoints are asked who the others are, before that is given up.
const ASKED_MAX: usize = 3;

/// Takes a URL that can be asked.
pub(super) fn endpoints(text: &str, option: &str) -> Result<Vec<Url>, Failure> {
    text.split(',').map(|text| endpoint(text.trim(), option)).collect()
}

fn endpoint(text: &str, option: &str) -> Result<Url, Failure> {
    if text.is_empty() {
        return Err(format!("{option} has no URL: write https://HOST:PORT").into());
    }
    let url: Url = text.parse()?;
    match url.scheme.as_str() {
        "https" => Ok(url),
        "http" => Err(format!(
            "{text} is without TLS, and this looks at TLS: write {}; if the port speaks none, that \
             will be told",
            text.replacen("http", "https", 1)
        )
        .into()),
        _ => Err(format!("{text} is a socket and cannot be asked: write https://HOST:PORT").into()),
    }
}

/// What a client was given must be readable, when it is to be used.
pub(super) fn check_files(client: &ClientOptions) -> Result<(), Failure> {
    let files = [("--cacert", &client.cacert), ("--cert", &client.cert), ("--key", &client.key)];
    for (option, path) in files {
        let Some(path) = path else { continue };
        let why = match look::file(path).state {
            FileState::Present { .. } => continue,
            FileState::Unreadable(why) => why,
            _ => "there is no such file".to_owned(),
        };
        return Err(format!("{option} {} cannot be read: {why}", path.display()).into());
    }
    match (&client.cert, &client.key) {
        (Some(_), None) => Err("--cert is half of a pair: give --key as well".into()),
        (None, Some(_)) => Err("--key is half of a pair: give --cert as well".into()),
        _ => Ok(()),
    }
}

/// What members say of each other, where they let us in.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The version of the first that answered.
    pub(super) version: Option<Version>,
    members: Vec<tercet_client::Member>,
    unseen: Vec<Unseen>,
}

/// Asks an endpoint who its members are. Only one that proves who it is, is believed: others might
/// send us anywhere.
pub(super) async fn know(live: &LiveOptions, client: &ClientOptions) -> Known {
    let mut known = Known::default();
    let mut fail = |why: String| {
        known.unseen.push(Unseen::new("further members", why));
    };
    if live.endpoints.is_empty() {
        return known;
    }
    let Some(cacert) = &client.cacert else {
        fail("without --cacert nobody is believed who names them".to_owned());
        return known;
    };
    let mut why = String::new();
    for url in live.endpoints.iter().take(ASKED_MAX) {
        match ask(url, cacert, client).await {
            Ok((version, members)) => return Known { version, members, unseen: Vec::new() },
            Err(error) => why = format!("{url} does not tell them: {}", one_line(&*error)),
        }
    }
    fail(why);
    known
}

async fn ask(
    url: &Url,
    cacert: &Path,
    client: &ClientOptions,
) -> Result<(Option<Version>, Vec<tercet_client::Member>), Failure> {
    let tls = match (&client.cert, &client.key) {
        (Some(cert), Some(key)) => Tls::mutual_files(cacert, cert, key)?,
        _ => Tls::from_files(cacert)?,
    };
    let text = url.to_string();
    let config = Config::new([text.clone()]).tls(tls);
    let config = config.dial_timeout(KNOWN_WITHIN).request_timeout(KNOWN_WITHIN);
    let client = Client::connect(config).await?;
    // Of its own knowledge: it is asked most of all where too few are left to agree.
    let members = client.member_list_serializable().await?.into_members();
    let version = client.status(&text).await.ok();
    Ok((version.and_then(|status| status.version().parse().ok()), members))
}

fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    crate::chain(error).replace("\n  because ", ": ")
}

/// Asks all ports, and lays the answers into the description. Returns what could not be seen.
pub(super) async fn look_at(
    description: &mut Description,
    live: &LiveOptions,
    mut known: Known,
) -> Vec<Unseen> {
    let mut targets: Vec<Target> = Vec::new();
    let mut add = |url: &Url, port: Port, member: Option<&str>| {
        let is_there = targets.iter().any(|there| there.url == *url && there.port == port);
        if !is_there && url.is_tls() && !url.is_socket() {
            targets.push(Target { url: url.clone(), port, member: member.map(str::to_owned) });
        }
    };
    for (urls, port) in [(&live.endpoints, Port::Client), (&live.peer_endpoints, Port::Peer)] {
        for url in urls {
            add(url, port, owner(description, &known.members, url, port).as_deref());
        }
    }
    for member in &description.members {
        let settings = &member.settings;
        let name = Some(settings.name.as_str());
        settings.advertise_client_urls.iter().for_each(|url| add(url, Port::Client, name));
        settings.advertise_peer_urls.iter().for_each(|url| add(url, Port::Peer, name));
    }
    let mut heard_of = Vec::new();
    // Members list each other in the order of their ids, which are nothing to a person.
    known.members.sort_by(|one, other| one.name().cmp(other.name()));
    for member in &known.members {
        let name = Some(member.name()).filter(|name| !name.is_empty());
        for (urls, port) in [(member.client_urls(), Port::Client), (member.peer_urls(), Port::Peer)]
        {
            for url in urls.iter().filter_map(|url| url.parse::<Url>().ok()) {
                add(&url, port, name);
                heard_of.push(url);
            }
        }
    }
    let asked = ask_all(description, &targets).await;
    known.unseen.extend(asked.unseen);
    for answer in asked.answers {
        let is_given = live.endpoints.contains(&answer.url)
            || live.peer_endpoints.contains(&answer.url)
            || !heard_of.contains(&answer.url);
        // Members may know each other by addresses that lead nowhere from here.
        let out_of_reach = matches!(
            answer.ending,
            Ending::Unreachable(_) | Ending::Unresolved(_) | Ending::TimedOut
        );
        if out_of_reach && !is_given {
            let what = format!("{} ({} port)", answer.url, answer.port);
            known.unseen.push(Unseen::new(what, "it cannot be reached from here".to_owned()));
        } else {
            description.answers.push(answer);
        }
    }
    known.unseen
}

/// Whose URL it is: of a member that was described, or of one that others know.
fn owner(
    description: &Description,
    known: &[tercet_client::Member],
    url: &Url,
    port: Port,
) -> Option<String> {
    let described = description.members.iter().find(|member| {
        let settings = &member.settings;
        let (advertised, listening) = match port {
            Port::Client => (&settings.advertise_client_urls, &settings.listen_client_urls),
            Port::Peer => (&settings.advertise_peer_urls, &settings.listen_peer_urls),
        };
        let same = |other: &Url| other.host == url.host && other.port == url.port;
        advertised.iter().chain(listening).any(same)
    });
    let text = url.to_string();
    let member = known.iter().find(|member| {
        let urls = match port {
            Port::Client => member.client_urls(),
            Port::Peer => member.peer_urls(),
        };
        urls.contains(&text)
    });
    let described = described.map(|member| member.settings.name.clone());
    let known = member.map(|member| member.name().to_owned());
    described.or(known).filter(|name| !name.is_empty())
}
