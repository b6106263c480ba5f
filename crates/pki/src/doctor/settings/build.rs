//! What etcd ends up with, and what it refuses once all values are there.

use std::path::PathBuf;

use super::told::Told;
use super::{Origin, Problem, Settings, TlsSettings, Url, value};
use crate::etcd::{Feature, Version, has_cipher_suite};

impl Settings {
    /// etcd's defaults, of a member that was told nothing.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        let url = |port: u16| Url {
            scheme: "http".to_owned(),
            host: "localhost".to_owned(),
            port: Some(port),
            path: String::new(),
        };
        Self {
            origin,
            config_file: None,
            name: DEFAULT_NAME.to_owned(),
            listen_peer_urls: vec![url(2380)],
            listen_client_urls: vec![url(2379)],
            listen_client_http_urls: Vec::new(),
            listen_metrics_urls: Vec::new(),
            advertise_peer_urls: vec![url(2380)],
            advertise_client_urls: vec![url(2379)],
            initial_cluster: Vec::new(),
            client: TlsSettings::default(),
            peer: TlsSettings::default(),
            cipher_suites: Vec::new(),
            tls_min_version: String::new(),
            tls_max_version: String::new(),
            grpc_gateway: true,
            peer_skip_client_san_verification: false,
            problems: Vec::new(),
        }
    }

    /// Fills in defaults and checks all of it together, as etcd's `embed.Config.Validate` does.
    pub(super) fn build(told: Told) -> Self {
        let mut settings = Self::new(told.origin);
        let text = |flag: &str| told.text(flag).unwrap_or_default().to_owned();
        if let Some(name) = told.text("name") {
            name.clone_into(&mut settings.name);
        }
        let urls = |flag: &str, into: &mut Vec<Url>| {
            if let Some(text) = told.text(flag) {
                *into = value::urls(text).0;
            }
        };
        urls("listen-peer-urls", &mut settings.listen_peer_urls);
        urls("listen-client-urls", &mut settings.listen_client_urls);
        urls("listen-client-http-urls", &mut settings.listen_client_http_urls);
        urls("listen-metrics-urls", &mut settings.listen_metrics_urls);
        urls("initial-advertise-peer-urls", &mut settings.advertise_peer_urls);
        urls("advertise-client-urls", &mut settings.advertise_client_urls);
        settings.client = tls(&told, "");
        settings.peer = tls(&told, "peer-");
        settings.cipher_suites = told
            .get("cipher-suites")
            .map(|value| value.list.clone().unwrap_or_else(|| list(&value.text)))
            .unwrap_or_default();
        settings.tls_min_version = text("tls-min-version");
        settings.tls_max_version = text("tls-max-version");
        settings.grpc_gateway =
            told.is_true("enable-grpc-gateway").unwrap_or_else(|| gateway_by_default(&told));
        settings.peer_skip_client_san_verification =
            ["peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification"]
                .iter()
                .any(|flag| told.is_true(flag) == Some(true));
        let mut problems = Vec::new();
        initial_cluster(&mut settings, &told, &mut problems);
        check_urls(&mut settings, &told, &mut problems);
        check_protocol(&settings, &told, &mut problems);
        settings.problems = told.problems;
        settings.problems.append(&mut problems);
        settings
    }
}

/// `embed.DefaultName`.
const DEFAULT_NAME: &str = "default";

/// A file without the key turns the gateway off in 3.4, whose defaults for files lack it
/// (`embed.NewConfig`), and only there.
fn gateway_by_default(told: &Told) -> bool {
    told.origin != Origin::ConfigFile || told.version >= Version::new(3, 5, 0)
}

fn tls(told: &Told, prefix: &str) -> TlsSettings {
    let named = |flag: &str| format!("{prefix}{flag}");
    let path = |flag: &str| told.text(flag).filter(|path| !path.is_empty()).map(PathBuf::from);
    let is_true = |flag: String| told.is_true(&flag) == Some(true);
    let names = |flag: String| {
        let Some(value) = told.get(&flag) else { return Vec::new() };
        let text = value.text.as_str();
        if let Some(list) = &value.list {
            return list.clone();
        }
        // One name until a comma began to separate several.
        if told.version >= Feature::AllowedNameLists.since() || text.is_empty() {
            list(text)
        } else {
            vec![text.to_owned()]
        }
    };
    let (revoked, hostname) = if prefix.is_empty() {
        ("client-crl-file", "client-cert-allowed-hostname")
    } else {
        ("peer-crl-file", "peer-cert-allowed-hostname")
    };
    TlsSettings {
        cert_file: path(&named("cert-file")),
        key_file: path(&named("key-file")),
        client_cert_file: path(&named("client-cert-file")),
        client_key_file: path(&named("client-key-file")),
        trusted_ca_file: path(&named("trusted-ca-file")),
        crl_file: path(revoked),
        client_cert_auth: is_true(named("client-cert-auth")),
        auto_tls: is_true(named("auto-tls")),
        // There is none for clients, but a file may say it.
        allowed_common_names: names(named("cert-allowed-cn")),
        allowed_hostnames: names(hostname.to_owned()),
    }
}

/// The parts between commas, none of an empty text.
fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|_| !text.is_empty()).map(str::to_owned).collect()
}

fn initial_cluster(settings: &mut Settings, told: &Told, problems: &mut Vec<Problem>) {
    let found_otherwise =
        ["discovery", "discovery-srv", "discovery-srv-name", "discovery-endpoints"]
            .iter()
            .any(|flag| told.text(flag).is_some_and(|text| !text.is_empty()));
    let Some(text) = told.text("initial-cluster") else {
        // By default the member alone, at the URLs it advertises.
        if !found_otherwise {
            let name = if settings.name.is_empty() { DEFAULT_NAME } else { &settings.name };
            let own = settings.advertise_peer_urls.iter();
            settings.initial_cluster = own.map(|url| (name.to_owned(), url.clone())).collect();
        }
        return;
    };
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, url) = part.split_once('=').unwrap_or((part, ""));
        match url.parse::<Url>() {
            Ok(url) => settings.initial_cluster.push((name.to_owned(), url)),
            Err(error) => problems.push(Problem::Invalid {
                setting: told.setting("initial-cluster"),
                value: part.to_owned(),
                today: format!("error setting up initial cluster: {}", error.today()),
                fix: if url.is_empty() {
                    format!("write {name}=https://HOST:2380")
                } else {
                    value::fix(&error)
                },
            }),
        }
    }
}

fn check_urls(settings: &mut Settings, told: &Told, problems: &mut Vec<Problem>) {
    for (flag, urls) in [
        ("listen-peer-urls", &settings.listen_peer_urls),
        ("listen-client-urls", &settings.listen_client_urls),
        ("listen-client-http-urls", &settings.listen_client_http_urls),
        ("listen-metrics-urls", &settings.listen_metrics_urls),
    ] {
        if let Some(text) = told.text(flag) {
            ports(flag, text, told, problems);
        }
        for url in urls.iter().filter(|url| !binds(url)) {
            problems.push(Problem::Invalid {
                setting: told.setting(flag),
                value: url.to_string(),
                today: format!("expected IP in URL for binding ({url})"),
                fix: "write the address of an interface there, or 0.0.0.0 for all; a name belongs \
                      in the URLs that are advertised"
                    .to_owned(),
            });
        }
    }
    for (flag, urls) in [
        ("initial-advertise-peer-urls", &settings.advertise_peer_urls),
        ("advertise-client-urls", &settings.advertise_client_urls),
    ] {
        let Some(url) = urls.iter().find(|url| !url.is_socket() && url.host.is_empty()) else {
            continue;
        };
        let all: Vec<_> = urls.iter().map(ToString::to_string).collect();
        problems.push(Problem::Invalid {
            setting: told.setting(flag),
            value: url.to_string(),
            today: format!(
                "--{flag} {:?} must be \"host:port\" (unexpected empty host ({url}))",
                all.join(",")
            ),
            fix: "write the host by which others reach this member".to_owned(),
        });
    }
    // A file leaves the default in place.
    let from_flags = told.origin == Origin::CommandLine;
    let is_set = |flag: &str| told.get(flag).is_some();
    if from_flags && is_set("listen-client-urls") && !is_set("advertise-client-urls") {
        let listens: Vec<_> = settings.listen_client_urls.iter().map(ToString::to_string).collect();
        problems.push(Problem::Invalid {
            setting: "--advertise-client-urls".to_owned(),
            value: String::new(),
            today:
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
                    .to_owned(),
            fix: format!(
                "add --advertise-client-urls with the URLs by which clients reach {}",
                listens.join(",")
            ),
        });
        settings.advertise_client_urls = Vec::new();
    }
}

/// Ports that no socket has: the flag takes them and the listener does not.
fn ports(flag: &str, text: &str, told: &Told, problems: &mut Vec<Problem>) {
    for part in text.split(',') {
        if let Err(super::UrlError::Port { url, port }) = part.parse::<Url>()
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            problems.push(Problem::Invalid {
                setting: told.setting(flag),
                value: url,
                today: format!("listen tcp: address {port}: invalid port"),
                fix: "write a port from 0 to 65535".to_owned(),
            });
        }
    }
}

/// `checkBindURLs` of etcd: an address, or the one name that it makes an exception for.
fn binds(url: &Url) -> bool {
    url.is_socket() || url.host == "localhost" || url.host.parse::<std::net::IpAddr>().is_ok()
}

fn check_protocol(settings: &Settings, told: &Told, problems: &mut Vec<Problem>) {
    let unknown = |suite: &&String| !has_cipher_suite(told.version, suite);
    for suite in settings.cipher_suites.iter().filter(unknown) {
        problems.push(Problem::Invalid {
            setting: told.setting("cipher-suites"),
            value: suite.clone(),
            today: format!("unexpected TLS cipher suite {suite:?}"),
            fix: "write the names of Go's crypto/tls, such as \
                  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or leave the choice to etcd"
                .to_owned(),
        });
    }
    let known = |text: &str| matches!(text, "" | "TLS1.2" | "TLS1.3");
    let (min, max) = (settings.tls_min_version.as_str(), settings.tls_max_version.as_str());
    for (flag, text) in [("tls-min-version", min), ("tls-max-version", max)] {
        if !known(text) {
            problems.push(Problem::Invalid {
                setting: told.setting(flag),
                value: text.to_owned(),
                today: format!("unexpected TLS version {text:?} (must be one of: TLS1.2, TLS1.3)"),
                fix: "write TLS1.2 or TLS1.3".to_owned(),
            });
        }
    }
    if min == "TLS1.3" && max == "TLS1.2" {
        problems.push(Problem::Invalid {
            setting: told.setting("tls-min-version"),
            value: min.to_owned(),
            today: format!("min version ({min}) is greater than max version ({max})"),
            fix: "write no maximum, or TLS1.3".to_owned(),
        });
    }
    if min == "TLS1.3" && !settings.cipher_suites.is_empty() {
        problems.push(Problem::Invalid {
            setting: told.setting("cipher-suites"),
            value: settings.cipher_suites.join(","),
            today: "cipher suites cannot be configured when only TLS1.3 is enabled".to_owned(),
            fix: "leave cipher suites out: those of TLS 1.3 cannot be chosen".to_owned(),
        });
    }
}
