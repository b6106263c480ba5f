//! What etcd says of settings that it refuses: Go's `flag` package, `pkg/flags/flag.go`,
//! `etcdmain/config.go`, `Validate` in `embed/config.go`, and what reads the values.

use super::cause::RefusalCause as Cause;
use super::phrase::{Phrase, Said, between, quoted};

/// The more telling first: a value can quote anything.
pub(super) const PHRASES: &[Phrase] = &[
    Phrase {
        words: "flag provided but not defined: -",
        cause: |said| Cause::UnknownFlag { flag: said.word() },
    },
    Phrase {
        words: "flag needs an argument: -",
        cause: |said| Cause::ValueMissing { flag: said.word() },
    },
    Phrase {
        words: "is not a valid flag",
        cause: |said| Cause::NotAFlag { argument: quoted(said.before).unwrap_or_default() },
    },
    Phrase { words: "invalid value ", cause: invalid_value },
    Phrase { words: "invalid boolean value ", cause: invalid_value },
    Phrase { words: "conflicting environment variable", cause: shadowed },
    Phrase { words: "error converting YAML to JSON: ", cause: configuration_file },
    Phrase { words: "error unmarshaling JSON: ", cause: configuration_key },
    Phrase {
        words: "expected IP in URL for binding (",
        cause: |said| Cause::ListenHostNotAddress { url: until(said.after, ')') },
    },
    // "must be" and "must be in the format", by version.
    Phrase {
        words: "(unexpected empty host (",
        cause: |said| Cause::AdvertisedHostEmpty { flag: flag_in(said.before) },
    },
    Phrase {
        words: "--advertise-client-urls is required when --listen-client-urls is set",
        cause: |_| Cause::AdvertisedClientUrlsMissing,
    },
    Phrase { words: "multiple discovery or bootstrap flags are set", cause: conflict },
    Phrase {
        words: "both --discovery-token and --discovery-endpoints must be set",
        cause: conflict,
    },
    Phrase { words: "requires enabling feature gate", cause: conflict },
    Phrase { words: "--log-outputs requires a single file path", cause: conflict },
    // The flags' names are turned round in 3.5.
    Phrase { words: "cannot bind both --", cause: conflict },
    Phrase { words: "are mutually exclusive", cause: conflict },
    Phrase { words: "--election-timeout[", cause: timing },
    Phrase { words: "--election-timeout must be >0", cause: timing },
    Phrase { words: "--heartbeat-interval must be >0", cause: timing },
    Phrase {
        words: " must be >0 (set to ",
        cause: |said| Cause::InvalidValue {
            setting: flag_in(said.before),
            value: until(said.after, ')'),
            reason: "it must be more than 0".into(),
        },
    },
    Phrase {
        words: "unexpected TLS version ",
        cause: |said| Cause::UnknownTlsVersion { version: said.quoted() },
    },
    Phrase { words: "is greater than max version (", cause: versions_crossed },
    Phrase {
        words: "cipher suites cannot be configured when only TLS1.3 is enabled",
        cause: |_| Cause::CipherSuitesWithoutEffect,
    },
    Phrase {
        words: "unexpected TLS cipher suite ",
        cause: |said| Cause::UnknownCipherSuite { suite: said.quoted() },
    },
    Phrase { words: "missing an HTTP/2-required", cause: |_| Cause::CipherSuitesWithoutHttp2 },
    Phrase {
        words: "unknown auto-compaction-mode ",
        cause: |said| invalid("--auto-compaction-mode", said.quoted(), "there is no such mode"),
    },
    Phrase {
        words: "undefined auto-compaction-mode",
        cause: |_| invalid("--auto-compaction-mode", String::new(), "it is empty"),
    },
    Phrase {
        words: "error parsing CompactionRetention: ",
        cause: |said| {
            let value = quoted(said.after).unwrap_or_default();
            invalid("--auto-compaction-retention", value, said.after)
        },
    },
    Phrase {
        words: "unknown logger option ",
        cause: |said| invalid("--logger", said.quoted(), "there is no such logger"),
    },
    // A crash, since nobody catches it (`logutil/log_level.go`); `unknown level` in 3.4.
    Phrase { words: "panic: unknown level ", cause: log_level },
    Phrase { words: "panic: unrecognized level: ", cause: log_level },
    Phrase {
        words: "open sink ",
        cause: |said| {
            let reason = said.after.split_once("\": ").map_or(said.after, |(_, reason)| reason);
            invalid("--log-outputs", said.quoted(), reason)
        },
    },
    Phrase { words: "auth: invalid auth options", cause: auth_token },
    Phrase { words: "Refusing to run etcd on unsupported architecture", cause: architecture },
    // 3.4, in its own words.
    Phrase { words: "on unsupported platform without ETCD_UNSUPPORTED_ARCH", cause: architecture },
    Phrase {
        words: "v2 proxy is deprecated, and --discovery-fallback can't be configured as ",
        cause: |said| {
            invalid("--discovery-fallback", said.quoted(), "this version has no such proxy")
        },
    },
];

fn invalid(setting: &str, value: String, reason: &str) -> Cause {
    Cause::InvalidValue { setting: setting.into(), value, reason: reason.into() }
}

/// `invalid value "abc" for flag -heartbeat-interval: parse error`, and the same of a variable:
/// `… for ETCD_HEARTBEAT_INTERVAL: parse error`.
fn invalid_value(said: &Said<'_>) -> Cause {
    let value = said.quoted();
    // The value may hold anything, " for " included.
    let after_value = said.after.rsplit_once("\" for ").map_or(said.after, |(_, rest)| rest);
    let (setting, reason) = after_value.split_once(": ").unwrap_or((after_value, ""));
    let setting = match setting.strip_prefix("flag -").or_else(|| setting.strip_prefix('-')) {
        Some(flag) => format!("--{flag}"),
        None => setting.to_owned(),
    };
    Cause::InvalidValue { setting, value, reason: reason.to_owned() }
}

/// The variable is in a field, in 3.4 in the sentence.
fn shadowed(said: &Said<'_>) -> Cause {
    let field = said.entry.text("environment-variable").map(str::to_owned);
    Cause::ShadowedVariable { variable: field.or_else(|| quoted(said.after)).unwrap_or_default() }
}

fn configuration_file(said: &Said<'_>) -> Cause {
    Cause::ConfigFile { reason: said.after.to_owned() }
}

/// `json: cannot unmarshal string into Go struct field configYAML.heartbeat-interval of type uint`;
/// from 3.5.2 on the key has one more word before it.
fn configuration_key(said: &Said<'_>) -> Cause {
    let typed = said.after.split_once("json: cannot unmarshal ").and_then(|(_, rest)| {
        let (given, rest) = rest.split_once(" into Go struct field ")?;
        let (field, wanted) = rest.split_once(" of type ")?;
        let key = field.rsplit('.').next().unwrap_or(field);
        Some((key.to_owned(), format!("it is a {given}, and a {wanted} is needed")))
    });
    match typed {
        Some((setting, reason)) => Cause::InvalidValue { setting, value: String::new(), reason },
        None => configuration_file(said),
    }
}

fn conflict(said: &Said<'_>) -> Cause {
    Cause::SettingConflict { reason: said.reason() }
}

fn timing(said: &Said<'_>) -> Cause {
    Cause::Timing { reason: said.reason() }
}

/// `min version (TLS1.3) is greater than max version (TLS1.2)`.
fn versions_crossed(said: &Said<'_>) -> Cause {
    let least = between(said.before, "min version (", ")").unwrap_or_default().to_owned();
    Cause::TlsVersionsCrossed { least, most: until(said.after, ')') }
}

fn log_level(said: &Said<'_>) -> Cause {
    invalid("--log-level", said.quoted(), "there is no such level")
}

/// What is wrong stands in the line before, of which `Story` has kept the error.
fn auth_token(said: &Said<'_>) -> Cause {
    Cause::AuthToken { reason: said.reason() }
}

fn architecture(said: &Said<'_>) -> Cause {
    let field = said.entry.text("arch").map(str::to_owned);
    // 3.4: "… without ETCD_UNSUPPORTED_ARCH=arm64 set".
    let word = || said.word().trim_start_matches('=').to_owned();
    Cause::UnsupportedArchitecture { architecture: field.unwrap_or_else(word) }
}

/// The first flag of a text, with its dashes.
fn flag_in(text: &str) -> String {
    text.split_whitespace().find(|word| word.starts_with("--")).unwrap_or_default().to_owned()
}

fn until(text: &str, end: char) -> String {
    text.split(end).next().unwrap_or_default().to_owned()
}
