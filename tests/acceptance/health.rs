//! What members say of their health over HTTP.

use std::time::Duration;

use tercet_cluster::binary::Feature;
use tercet_tests::{Curl, RawFleet, available, eventually};

/// The status and the body of the answer of a member to its client's `GET`.
fn get(fleet: &RawFleet, curl: Curl, index: usize, path: &str) -> (u16, String) {
    let url = format!("{}{path}", fleet.members[index].get("--advertise-client-urls"));
    let file = |name: &str| fleet.word(name);
    let (ca, certificate, key) = (file("ca.crt"), file("client.crt"), file("client.key"));
    let curled = curl.run([
        "--noproxy",
        "*",
        "--cacert",
        &ca,
        "--cert",
        &certificate,
        "--key",
        &key,
        "--write-out",
        "\n%{http_code}",
        &url,
    ]);
    let (body, status) = curled.answer().rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// Waits until it answers with this status.
fn answers(fleet: &RawFleet, curl: Curl, index: usize, path: &str, status: u16) -> String {
    let mut last = None;
    let right = eventually(Duration::from_secs(60), || {
        let answer = get(fleet, curl, index, path);
        let is_right = answer.0 == status;
        last = Some(answer);
        is_right
    });
    assert!(right, "{} {path}: {last:?}, not {status}", fleet.version());
    last.unwrap().1
}

#[test]
fn http_health_handler() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let release = etcd.release();
        let mut fleet = RawFleet::new(etcd, 3);
        // One alone: of several alarms of a kind 3.5.1 leaves one out (`checkHealth`).
        fleet.members[0].set("--quota-backend-bytes", "1000000");
        let mut running = fleet.start_all();
        for index in 0..3 {
            let body = answers(&fleet, curl, index, "/health", 200);
            assert!(body.contains(r#""health":"true""#), "{body}");
        }
        // An alarm is bad health, but where it is to be left out.
        fill(&fleet);
        let body = answers(&fleet, curl, 0, "/health", 503);
        assert!(body.contains(r#""health":"false""#), "{body}");
        let without = if release.has(Feature::HealthWithoutAlarms) { 200 } else { 503 };
        answers(&fleet, curl, 0, "/health?exclude=NOSPACE", without);
        fleet.etcdctl_succeeds(0, &["alarm", "disarm"]);
        answers(&fleet, curl, 0, "/health", 200);

        // Without a majority, a member is well by itself alone.
        running.truncate(1);
        let body = answers(&fleet, curl, 0, "/health", 503);
        assert!(body.contains(r#""health":"false""#), "{body}");
        let alone = if release.has(Feature::SerializableHealth) { 200 } else { 503 };
        answers(&fleet, curl, 0, "/health?serializable=true", alone);
    }
}

/// Puts until the store is full, so that there is an alarm.
fn fill(fleet: &RawFleet) {
    let value = "x".repeat(100_000);
    let is_full = |number: usize| {
        let put = fleet.etcdctl(0, &["put", &format!("key{number}"), &value]);
        put.is_err_and(|said| said.contains("database space exceeded"))
    };
    assert!((0..100).any(is_full), "the store is never full");
}

#[test]
fn http_livez_readyz_handler() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 3);
        let mut running = fleet.start_all();
        if !etcd.release().has(Feature::Livez) {
            for path in ["/livez", "/readyz"] {
                assert_eq!(get(&fleet, curl, 0, path).0, 404, "{} {path}", etcd.version());
            }
            continue;
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(answers(&fleet, curl, 0, path, 200), "ok\n", "{path}");
            let told = answers(&fleet, curl, 0, &format!("{path}?verbose"), 200);
            assert!(told.contains("[+]serializable_read ok"), "{path}: {told}");
        }
        assert_eq!(answers(&fleet, curl, 0, "/readyz/data_corruption", 200), "ok\n");
        answers(&fleet, curl, 0, "/livez/nothing", 404);
        // Without a majority it lives, and is not ready.
        running.truncate(1);
        let told = answers(&fleet, curl, 0, "/readyz", 503);
        assert!(told.contains("linearizable_read"), "{told}");
        answers(&fleet, curl, 0, "/livez", 200);
        answers(&fleet, curl, 0, "/readyz?exclude=linearizable_read", 200);
    }
}
