//! What the lines of one run come to: the refusal that ended it, what it waits for, and the links
//! that do not come up.

use super::Refusal;
use super::cause::RefusalCause as Cause;
use super::data;
use super::entry::{Entry, Level, VERIFYING_FLAGS};
use super::files;
use super::join;
use super::link::{self, RefusedLink};
use super::pairs::Pairs;
use super::phrase::find;
use super::proxy;
use super::settings;

#[derive(Debug, Default)]
pub(super) struct Story {
    pairs: Pairs,
    /// What ended it.
    end: Option<Refusal>,
    /// What it waits for, until it comes.
    waits: Option<Refusal>,
    links: Vec<Refusal>,
    /// Whom it asked for the members of the cluster, and what came of it.
    asked: Vec<String>,
    /// What is wrong with the tokens, said before they fail.
    token: Option<String>,
    /// Why a request to the discovery service failed (v3), said before it is.
    request: Option<String>,
}

impl Story {
    pub(super) fn take_in(&mut self, entry: &Entry<'_>) {
        self.pairs.take_in(entry);
        self.remember(entry);
        if is_end(entry) {
            self.end_with(entry);
            return;
        }
        if let Some(mut cause) = waiting(entry) {
            if let Cause::DiscoveryUnreachable { reason, .. } = &mut cause
                && let Some(request) = self.request.take()
            {
                *reason = request;
            }
            self.waits = Some(Refusal::new(cause, None, entry.line));
        } else if has_what_it_waited_for(entry) {
            self.waits = None;
        } else if let Some((link, cause)) = link::read(entry, &self.pairs) {
            self.link(link, cause, entry);
        } else if entry.message == "established TCP streaming connection with remote peer"
            && entry.text("stream-reader-type").is_some()
            && let Some(id) = entry.text("remote-peer-id")
        {
            // What kept that link down is over.
            self.links.retain(|refusal| {
                !matches!(
                    &refusal.link, Some(RefusedLink::Outgoing { to }) if to == id
                )
            });
        }
    }

    /// The refusals: what ended it first, and of the links those first that say why.
    pub(super) fn finish(self) -> Vec<Refusal> {
        let mut links = self.links;
        links.sort_by_key(Refusal::rank);
        self.end.into_iter().chain(self.waits).chain(links).collect()
    }

    fn remember(&mut self, entry: &Entry<'_>) {
        match entry.message.as_str() {
            "failed to get cluster response" => {
                let address = entry.text("address").unwrap_or_default();
                let error = entry.error.rsplit_once("\": ").map_or(&*entry.error, |(_, why)| why);
                let line = format!("{address}: {error}");
                if !self.asked.contains(&line) {
                    self.asked.push(line);
                }
            }
            // "rpc error: code = … desc = latest balancer error: connection error: desc = …"
            "retrying of unary invoker failed" => {
                let why = entry.error.rsplit_once("desc = ").map_or(&*entry.error, |(_, why)| why);
                self.request = Some(why.trim_matches('"').to_owned());
            }
            "problem loading JWT options" => self.token = Some(entry.error.clone()),
            "unknown token type" => {
                let kind = entry.text("type").unwrap_or_default();
                self.token = Some(format!("there is no type of tokens called {kind}"));
            }
            _ => {}
        }
    }

    /// The first line that is known tells the cause; what follows are its effects.
    fn end_with(&mut self, entry: &Entry<'_>) {
        let is_known =
            |end: &Refusal| !matches!(end.cause, Cause::Other { .. } | Cause::Crashed { .. });
        if self.end.as_ref().is_some_and(is_known) {
            return;
        }
        // Those of proxies are too short to be looked for in a member's sentences.
        let proxies = if proxy::is_end(entry) { proxy::PHRASES } else { &[] };
        let cause = [
            proxies,
            settings::PHRASES,
            join::PHRASES,
            data::PHRASES,
            files::LISTENERS,
            files::FILES,
        ];
        let cause = cause.iter().find_map(|phrases| find(phrases, entry, &self.pairs));
        let cause = match cause {
            Some(Cause::ClusterUnreachable { .. }) => {
                Cause::ClusterUnreachable { asked: std::mem::take(&mut self.asked) }
            }
            Some(Cause::AuthToken { reason }) => {
                Cause::AuthToken { reason: self.token.take().unwrap_or(reason) }
            }
            Some(cause) => cause,
            // The first is nearest to the cause.
            None if self.end.is_some() => return,
            None if entry.level == Level::Text => Cause::Crashed {
                reason: entry.message.strip_prefix("panic: ").unwrap_or(&entry.message).to_owned(),
            },
            None => Cause::Other { reason: entry.said() },
        };
        self.end = Some(Refusal::new(cause, None, entry.line));
    }

    fn link(&mut self, link: RefusedLink, cause: Cause, entry: &Entry<'_>) {
        let new = Refusal::new(cause, Some(link), entry.line);
        let known = self.links.iter_mut().find(|known| known.is_like(&new));
        match known {
            // The last is the freshest: of an expired certificate it has the time of now.
            Some(known) => *known = new,
            None => self.links.push(new),
        }
    }
}

/// Whether etcd ends with this line, or with what it says.
fn is_end(entry: &Entry<'_>) -> bool {
    /// etcd ends after these without a fatal line (`etcdmain/etcd.go`, `etcdserver/server.go`).
    const LAST_WORDS: [&str; 7] = [
        VERIFYING_FLAGS,
        "failed to start",
        "failed to bootstrap; discovery token was already used",
        "member has been registered with discovery service",
        "member with duplicated name has already been registered",
        "server error",
        "Refusing to run etcd on unsupported architecture since ETCD_UNSUPPORTED_ARCH is not set",
    ];
    /// Go's own, of its flags and of a crash, and 3.4's of an architecture.
    const TEXTS: [&str; 7] = [
        "flag provided but not defined: -",
        "flag needs an argument: -",
        "invalid value ",
        "invalid boolean value ",
        "panic: ",
        "unexpected fault address",
        "etcd on unsupported platform",
    ];
    match entry.level {
        Level::Fatal => true,
        Level::Text => {
            TEXTS.iter().any(|text| entry.message.starts_with(text)) || proxy::is_end(entry)
        }
        _ => LAST_WORDS.contains(&entry.message.as_str()),
    }
}

/// What a member waits for without end.
fn waiting(entry: &Entry<'_>) -> Option<Cause> {
    let text = |name: &str| entry.text(name).unwrap_or_default().to_owned();
    Some(match entry.message.as_str() {
        "db file is flocked by another process, or taking too long" => {
            Cause::DataDirectoryLocked { path: text("path").into() }
        }
        "failed to get from discovery server" => Cause::DiscoveryUnreachable {
            url: text("discovery-url"),
            reason: text("err-detail").trim_start_matches("error #0: ").trim().to_owned(),
        },
        "failed to get cluster size from discovery service"
        | "failed to get cluster members from discovery service"
        | "failed to register members itself to the discovery service" => {
            Cause::DiscoveryUnreachable {
                url: text("discovery-endpoints"),
                reason: entry.error.clone(),
            }
        }
        "found peers from discovery server; waiting for more" => Cause::DiscoveryIncomplete {
            found: entry.number("found-peers").unwrap_or_default(),
            missing: entry.number("needed-peers").unwrap_or_default(),
        },
        "waiting for peers from discovery service" => {
            let number = |name| entry.number(name).unwrap_or_default();
            let found = number("found-peers");
            Cause::DiscoveryIncomplete {
                found,
                missing: number("clusterSize").saturating_sub(found),
            }
        }
        "discovery cluster is full, falling back to proxy" => Cause::DiscoveryFull,
        "failed to resolve URL Host" => {
            let host = text("host");
            Cause::Unresolved {
                host: host.rsplit_once(':').map_or(&*host, |(host, _)| host).into(),
            }
        }
        _ => return None,
    })
}

fn has_what_it_waited_for(entry: &Entry<'_>) -> bool {
    matches!(
        entry.message.as_str(),
        // The second is of 3.4, which does not say the first.
        "opened backend db"
            | "restarting local member"
            | "found self from discovery server"
            | "found all needed peers from discovery server"
            | "found peer from discovery service"
            | "register member itself successfully"
            | "found all needed peers from discovery service"
            | "resolved URL Host"
    )
}
