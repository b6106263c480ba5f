//! What etcd says of the cluster that it is to be in: `config/config.go`,
//! `etcdserver/bootstrap.go` (3.4 and 3.5: `server.go`), `membership/cluster.go`, and both kinds of
//! discovery.

use super::cause::RefusalCause as Cause;
use super::phrase::{Phrase, Said, between};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase {
        words: "couldn't find local name ",
        cause: |said| Cause::LocalNameMissing { name: said.quoted() },
    },
    Phrase { words: " but missing from --initial-advertise-peer-urls=", cause: unequal },
    Phrase { words: " but missing from --initial-cluster=", cause: unequal },
    Phrase { words: "to match --initial-cluster=", cause: unequal },
    Phrase {
        words: " has duplicate url",
        cause: |said| Cause::DuplicateUrl {
            initial_cluster: said.before.rsplit(' ').next().unwrap_or_default().to_owned(),
        },
    },
    Phrase { words: "error querying DNS SRV records for ", cause: dns },
    Phrase { words: "in SRV records", cause: dns },
    Phrase {
        words: "error setting up initial cluster: ",
        cause: |said| Cause::InitialCluster { reason: said.after.to_owned() },
    },
    // Whom it asked is in the lines before, which `Story` has kept.
    Phrase {
        words: "cannot fetch cluster info from peer urls",
        cause: |_| Cause::ClusterUnreachable { asked: Vec::new() },
    },
    Phrase {
        words: "member count is unequal",
        cause: |said| Cause::MemberCountUnequal {
            cluster: cluster(said.before),
            members: members(said.before),
        },
    },
    // 3.4, 3.5 and 3.6.
    Phrase { words: "unmatched member while checking PeerURLs", cause: urls_unequal },
    Phrase { words: "PeerURLs: no match found for existing member", cause: urls_unequal },
    Phrase {
        words: " has already been bootstrapped",
        cause: |said| Cause::AlreadyBootstrapped {
            member: said.before.rsplit(' ').next().unwrap_or_default().to_owned(),
        },
    },
    Phrase {
        words: "incompatible with current running cluster",
        cause: |_| Cause::ClusterIncompatible,
    },
    Phrase {
        words: "the member has been permanently removed from the cluster",
        cause: |_| Cause::Removed,
    },
    // Two members of one name, registered with one discovery token of v3.
    Phrase {
        words: "failed to update; member unknown",
        cause: |said| Cause::MemberUnknown {
            member: said.entry.text("unknown-remote-peer-id").unwrap_or_default().to_owned(),
        },
    },
    Phrase { words: "too many learner members in cluster", cause: |_| Cause::TooManyLearners },
    Phrase { words: "discovery: cluster is full", cause: |_| Cause::DiscoveryFull },
    Phrase { words: "discovery: found duplicate ", cause: |_| Cause::DiscoveryDuplicate },
    Phrase { words: "found duplicate peer from discovery", cause: |_| Cause::DiscoveryDuplicate },
    Phrase { words: "discovery: size key not found", cause: |_| Cause::DiscoverySizeMissing },
    Phrase { words: "discovery: token not found", cause: |_| Cause::DiscoverySizeMissing },
    // An etcd as the service (v2): error 100 of its keys API.
    Phrase {
        words: "discovery cluster (100: Key not found",
        cause: |_| Cause::DiscoverySizeMissing,
    },
    Phrase { words: "discovery: size key is bad", cause: |_| Cause::DiscoverySizeBad },
    Phrase {
        words: "discovery: bad discovery endpoint",
        cause: |said| Cause::DiscoveryUnreachable {
            url: service(said),
            reason: "it is no discovery service".into(),
        },
    },
    Phrase {
        words: "discovery: too many retries",
        cause: |said| Cause::DiscoveryUnreachable {
            url: service(said),
            reason: "it did not answer any of many tries".into(),
        },
    },
    Phrase {
        words: "failed to bootstrap; discovery token was already used",
        cause: |said| Cause::Discovery { reason: said.reason() },
    },
];

/// The service that is told with the refusal.
fn service(said: &Said<'_>) -> String {
    let endpoints = said.entry.texts("discovery-endpoints");
    match said.entry.text("discovery-token") {
        _ if !endpoints.is_empty() => endpoints.join(", "),
        Some(token) => token.to_owned(),
        None => String::new(),
    }
}

fn unequal(said: &Said<'_>) -> Cause {
    Cause::AdvertisedUrlsUnequal { reason: said.reason() }
}

fn urls_unequal(said: &Said<'_>) -> Cause {
    Cause::MemberUrlsUnequal { cluster: cluster(said.before), members: members(said.before) }
}

fn dns(said: &Said<'_>) -> Cause {
    let reason = said.reason();
    let reason = reason.strip_prefix("error setting up initial cluster: ").unwrap_or(&reason);
    // From 3.6 on, one line for each.
    Cause::DiscoveryDns { reason: reason.replace('\n', "; ") }
}

/// `{ClusterID:f8af0bc6a08d3f3b Members:[&{ID:… RaftAttributes:{PeerURLs:[https://…] …} …} …]`
fn cluster(text: &str) -> String {
    between(text, "{ClusterID:", " ").unwrap_or_default().to_owned()
}

fn members(text: &str) -> Vec<String> {
    let each = text.split("{PeerURLs:[").skip(1);
    each.filter_map(|rest| rest.split_once(']')).map(|(urls, _)| urls.to_owned()).collect()
}
