//! What listens where: metrics, several protocols on one port, sockets of the file system.

use tercet_cluster::{RefusalCause, explain};
use tercet_pki::etcd::Flag;
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{Curl, Port, RawFleet, available, wait_until_serving};

use crate::visitor::{client, plain, works};

/// Asks for a URL with these words of TLS.
fn ask(curl: Curl, words: &[&str], url: &str) -> Option<String> {
    let curled = curl.run([&["--noproxy", "*", "--fail"][..], words, &[url]].concat());
    (curled.code == 0).then_some(curled.body)
}

/// The words of the fleet's client.
fn identified(fleet: &RawFleet) -> Vec<String> {
    let pairs = [("--cacert", "ca.crt"), ("--cert", "client.crt"), ("--key", "client.key")];
    pairs.iter().flat_map(|(flag, name)| [(*flag).to_owned(), fleet.word(name)]).collect()
}

#[test]
fn v3_metrics_secure() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let port = Port::hold();
        let metrics = format!("https://127.0.0.1:{}", port.number());
        fleet.set("--listen-metrics-urls", &metrics);
        // A listener for metrics looks for the address of who comes, as one for peers does.
        fleet.put("", "client", &Leaf::client("client").hosts(LOOPBACK_HOSTS));
        let _running = fleet.start_all();
        let words = identified(&fleet);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let text = ask(curl, &words, &format!("{metrics}/metrics")).unwrap();
        assert!(text.contains("\netcd_server_has_leader 1\n"), "{}", etcd.version());
        assert!(ask(curl, &words, &format!("{metrics}/health")).unwrap().contains("true"));
        // Who shows nothing is refused, and so is plain text.
        assert_eq!(ask(curl, &words[..2], &format!("{metrics}/metrics")), None);
        let in_the_clear = metrics.replace("https", "http");
        assert_eq!(ask(curl, &[], &format!("{in_the_clear}/metrics")), None);
    }
}

#[test]
fn v3_metrics_insecure() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let port = Port::hold();
        let metrics = format!("http://127.0.0.1:{}", port.number());
        fleet.set("--listen-metrics-urls", &metrics);
        let _running = fleet.start_all();
        // No certificate, though clients need one elsewhere.
        let text = ask(curl, &[], &format!("{metrics}/metrics")).unwrap();
        assert!(text.contains("\netcd_server_has_leader 1\n"), "{}", etcd.version());
    }
}

/// Metrics by HTTPS, and clients without TLS: there is nothing to show who asks for metrics.
#[test]
fn etcd_listen_metrics_urls_with_missing_client_tls_info() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let (port, metrics) = (fleet.ports(0).0, Port::hold());
        let words = &mut fleet.members[0];
        for flag in ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"] {
            words.unset(flag);
        }
        for flag in ["--listen-client-urls", "--advertise-client-urls"] {
            words.set(flag, format!("http://127.0.0.1:{port}"));
        }
        words.set("--listen-metrics-urls", format!("https://127.0.0.1:{}", metrics.number()));
        let output = fleet.start(0).wait_for_failure();
        // Which listener it is, older versions say by its address.
        let address = format!("127.0.0.1:{}", metrics.number());
        let refusals = explain(output.lines());
        let is_told = matches!(&refusals[0].cause, RefusalCause::CertificateNotGiven { url }
            if *url == address || url == "--listen-metrics-urls");
        assert!(is_told, "{:?}\n{output}", refusals[0]);
        // The control: in the clear, it does. On 3.7 a member that ended so early may never elect
        // anybody from the log that it left, so it is a new one.
        let metrics = format!("http://127.0.0.1:{}", metrics.number());
        fleet.throw_data_away(0);
        fleet.members[0].set("--listen-metrics-urls", metrics);
        let _running = fleet.start_all();
    }
}

/// HTTP of both ages and gRPC on one port; in the clear, over TLS, and both of these at once.
#[tokio::test]
async fn connection_multiplexing() {
    let Some(curl) = Curl::find() else { return };
    // Both came with one change.
    let apart = Flag::named("listen-client-http-urls").unwrap();
    for etcd in available() {
        let version = etcd.version();
        for schemes in [&["http"][..], &["https"], &["http", "https"]] {
            let mut fleet = RawFleet::new(etcd, 1);
            let (port, _) = fleet.ports(0);
            let url = |scheme: &str| format!("{scheme}://127.0.0.1:{port}");
            let urls: Vec<_> = schemes.iter().map(|scheme| url(scheme)).collect();
            let words = &mut fleet.members[0];
            if schemes == ["http"] {
                for flag in ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"]
                {
                    words.unset(flag);
                }
            }
            words.set("--listen-client-urls", urls.join(","));
            words.set("--advertise-client-urls", urls.join(","));
            // It dials its own port, and mutual TLS there is not what is looked at.
            words.set("--enable-grpc-gateway", "false");
            let mut running = fleet.start(0);
            wait_until_serving(&mut running);
            let identified = identified(&fleet);
            let identified: Vec<_> = identified.iter().map(String::as_str).collect();
            for scheme in ["http", "https"] {
                let what = format!("{version}: {scheme} of {schemes:?}");
                let is_served = schemes.contains(&scheme);
                let words = if scheme == "https" { &identified[..] } else { &[] };
                let prior = if scheme == "https" { "--http2" } else { "--http2-prior-knowledge" };
                for age in ["--http1.1", prior] {
                    for (path, part) in [("/version", "etcdserver"), ("/metrics", "etcd_server")] {
                        let words = [words, &[age]].concat();
                        let body = ask(curl, &words, &format!("{}{path}", url(scheme)));
                        let is_good = body.is_some_and(|body| body.contains(part));
                        // In the clear, HTTP/2 is gRPC's alone.
                        let expected = is_served && age != "--http2-prior-knowledge";
                        assert_eq!(is_good, expected, "{what} {age} {path}");
                    }
                }
                fleet.members[0].set("--advertise-client-urls", url(scheme));
                let config = match scheme {
                    "https" => client(&fleet, 0),
                    _ => plain(url(scheme)),
                };
                let outcome = works(config).await;
                // Until 3.4.24 and 3.5.7 the two servers share a variable, and the one without TLS
                // may get the other's (`embed/serve.go`): what becomes of it is chance.
                if scheme == "http" && schemes.len() == 2 && !apart.is_in(version) {
                    continue;
                }
                assert_eq!(outcome.is_ok(), is_served, "{what} gRPC: {outcome:?}");
            }
        }
    }
}

/// Peers that talk over sockets of the file system, which begin where the members run.
#[tokio::test]
async fn etcd_unix_peers() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 3);
        let url = |number: usize| format!("unix://m{number}.sock:1");
        let cluster: Vec<_> = (1..=3).map(|number| format!("m{number}={}", url(number))).collect();
        fleet.set("--initial-cluster", cluster.join(","));
        for number in 1..=3 {
            let words = &mut fleet.members[number - 1];
            for flag in ["cert-file", "key-file", "trusted-ca-file", "client-cert-auth"] {
                words.unset(&format!("--peer-{flag}"));
            }
            words.set("--listen-peer-urls", url(number));
            words.set("--initial-advertise-peer-urls", url(number));
        }
        let running = fleet.start_all();
        for index in 0..3 {
            works(client(&fleet, index)).await.unwrap();
        }
        assert!(fleet.path("m1.sock:1").exists(), "{}", etcd.version());
        drop(running);
    }
}
