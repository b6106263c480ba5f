//! The last words of gateways and grpc-proxies: an error of Go as it is, without a level
//! (`etcdmain/gateway.go`, `etcdmain/grpc_proxy.go`). `--proxy on` ends as members do.

use super::cause::RefusalCause as Cause;
use super::entry::{Entry, Level};
use super::phrase::Phrase;

/// How such a line begins.
const BEGINNINGS: [&str; 7] = [
    "cert has non empty Common Name (",
    "context deadline exceeded",
    "KeyFile and CertFile must both be present",
    "listen ",
    "open ",
    "tls: ",
    "unknown flag: ",
];

/// What only they say. All else is in `files`.
pub(super) const PHRASES: &[Phrase] = &[
    // Up to 3.4 there is no path after it.
    Phrase {
        words: "cert has non empty Common Name (",
        cause: |said| Cause::ProxyCommonName {
            name: said.after.split(')').next().unwrap_or_default().to_owned(),
        },
    },
    Phrase { words: "context deadline exceeded", cause: |_| Cause::ProxyUnanswered },
    Phrase { words: "unknown flag: --", cause: |said| Cause::UnknownFlag { flag: said.word() } },
    Phrase {
        words: "open : no such file or directory",
        cause: |_| Cause::HalfPair { certificate: None, key: None },
    },
];

/// Whether one of them ends with this line.
pub(super) fn is_end(entry: &Entry<'_>) -> bool {
    let said = entry.message.strip_prefix("Error: ").unwrap_or(&entry.message);
    entry.level == Level::Text && BEGINNINGS.iter().any(|text| said.starts_with(text))
}
