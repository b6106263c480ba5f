//! What every port answered, as lines and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tercet_cluster::diagnose::Unseen;
use tercet_pki::doctor::live::{Answer, Ending};
use tercet_pki::read::CertificateDetails;

/// A line for each port, and one for each that was let in or not.
pub(super) fn human(answers: &[Answer], unseen: &[Unseen]) -> String {
    let mut text = String::new();
    let mut said = Vec::new();
    for answer in answers {
        if said.contains(&(&answer.url, answer.port)) {
            continue;
        }
        said.push((&answer.url, answer.port));
        let same =
            answers.iter().filter(|other| (&other.url, other.port) == (&answer.url, answer.port));
        let of = answer.member.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        let _ = writeln!(text, "{}: {} port{of}", answer.url, answer.port);
        if let Some(handshake) = same.clone().find_map(|answer| answer.handshake.as_ref()) {
            let leaf = handshake.chain.first().and_then(|der| CertificateDetails::parse(der).ok());
            let words = [
                handshake.version.map(str::to_owned),
                handshake.cipher_suite.clone(),
                leaf.map(|leaf| {
                    format!("shows {} until {}", leaf.subject.text, leaf.not_after.date())
                }),
                handshake.asks_for.as_ref().map(|names| match names.as_slice() {
                    [] => "takes certificates of any authority of its machine".to_owned(),
                    names => {
                        let names: Vec<_> = names.iter().map(|name| name.text.as_str()).collect();
                        format!("takes certificates of {}", names.join("; "))
                    }
                }),
            ];
            let words: Vec<_> = words.into_iter().flatten().collect();
            if !words.is_empty() {
                let _ = writeln!(text, "  {}", words.join(", "));
            }
        }
        for answer in same {
            let _ = writeln!(text, "  {}: {}", answer.dialler, ending(&answer.ending));
        }
    }
    for Unseen { what, why, .. } in unseen {
        let _ = writeln!(text, "not seen: {what}: {why}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Accepted => "let in".to_owned(),
        Ending::Silent => "the handshake is done, and nothing came after it".to_owned(),
        Ending::Refused(alert) => format!("refused, with the alert \"{alert}\""),
        Ending::Closed => "closed, without an alert".to_owned(),
        Ending::Reset => "reset".to_owned(),
        Ending::Plaintext => "there is no TLS".to_owned(),
        Ending::Encrypted => "there is TLS".to_owned(),
        Ending::Foreign(what) | Ending::Broken(what) => what.clone(),
        Ending::NotListening => "nothing listens".to_owned(),
        Ending::Unreachable(why) | Ending::Unresolved(why) => why.clone(),
        Ending::TimedOut => "no answer in time".to_owned(),
        Ending::NotDialled(why) => format!("not dialled: {why}"),
        _ => "something else".to_owned(),
    }
}

/// One word for programs.
fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Accepted => "accepted",
        Ending::Silent => "silent",
        Ending::Refused(_) => "alert",
        Ending::Closed => "closed",
        Ending::Reset => "reset",
        Ending::Plaintext => "plaintext",
        Ending::Encrypted => "encrypted",
        Ending::Foreign(_) => "foreign",
        Ending::Broken(_) => "broken",
        Ending::NotListening => "not-listening",
        Ending::Unreachable(_) => "unreachable",
        Ending::Unresolved(_) => "unresolved",
        Ending::TimedOut => "timeout",
        _ => "not-dialled",
    }
}

/// The keys of one answer, in their order.
pub(super) fn json(answer: &Answer) -> Vec<(&'static str, Value)> {
    let handshake = answer.handshake.as_ref();
    let shown = handshake.into_iter().flat_map(|handshake| &handshake.chain);
    let shown: Vec<_> = shown
        .filter_map(|der| CertificateDetails::parse(der).ok())
        .map(
            |one| json!({"subject": one.subject.text, "not_after": one.not_after.unix_timestamp()}),
        )
        .collect();
    let alert = match answer.ending {
        Ending::Refused(alert) => Some(alert.to_string()),
        _ => None,
    };
    let asks_for = answer.asks_for();
    let asks_for = asks_for.map(|all| all.iter().map(|name| &name.text).collect::<Vec<_>>());
    vec![
        ("url", json!(answer.url.to_string())),
        ("port", json!(answer.port.name())),
        ("member", json!(answer.member)),
        ("dialled_by", json!(answer.dialler.to_string())),
        ("ending", json!(word(&answer.ending))),
        ("alert", json!(alert)),
        ("tls_version", json!(handshake.and_then(|handshake| handshake.version))),
        ("cipher_suite", json!(handshake.and_then(|handshake| handshake.cipher_suite.as_ref()))),
        ("protocol", json!(handshake.and_then(|handshake| handshake.protocol.as_ref()))),
        ("asks_for", json!(asks_for)),
        ("shown", json!(shown)),
    ]
}
