//! Discovery through another etcd: v2 up to 3.5 (3.6 has it still, and warns), v3 from 3.6 on.

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::binary::{Binary, Version};
use tercet_cluster::explain;
use tercet_tests::{RawEtcd, RawFleet, available, command, wait_until_serving};

use crate::mistake::{is_told, refusals, wait_for_cause};

const THREE_SIX: Version = Version::new(3, 6, 0);

/// The etcd that members find each other by, without TLS.
struct Service {
    fleet: RawFleet,
    _running: RawEtcd,
}

impl Service {
    fn start(etcd: &Binary) -> Self {
        let mut fleet = RawFleet::new(etcd, 1);
        let words = &mut fleet.members[0];
        for flag in ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"] {
            words.unset(flag);
        }
        let url = words.get("--listen-client-urls").replace("https", "http");
        words.set("--listen-client-urls", &url);
        words.set("--advertise-client-urls", &url);
        if etcd.version() < THREE_SIX {
            words.set("--enable-v2", "true");
        }
        let mut running = fleet.start(0);
        wait_until_serving(&mut running);
        Self { fleet, _running: running }
    }

    fn url(&self) -> &str {
        self.fleet.members[0].get("--advertise-client-urls")
    }

    fn is_v3(&self) -> bool {
        self.fleet.version() >= THREE_SIX
    }

    /// Says how many members a token is for.
    fn set_size(&self, token: &str, size: &str) {
        let mut tool = if self.is_v3() {
            let mut tool = command(self.fleet.etcd.etcdctl().unwrap());
            tool.env_clear().args(["--endpoints", self.url()]);
            tool.args(["put", &format!("/_etcd/registry/{token}/_config/size"), size]);
            tool
        } else {
            let mut tool = command("curl");
            tool.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--request", "PUT"]);
            tool.args(["--retry", "20", "--retry-all-errors", "--retry-delay", "0"]);
            tool.args(["--data", &format!("value={size}")]);
            tool.arg(format!("{}/v2/keys/discovery/{token}/_config/size", self.url()));
            tool
        };
        let output = tool.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// A member that finds the others by the token.
    fn member(&self, token: &str) -> RawFleet {
        self.member_at(token, self.url())
    }

    fn member_at(&self, token: &str, url: &str) -> RawFleet {
        let mut fleet = RawFleet::new(&self.fleet.etcd, 1);
        let words = &mut fleet.members[0];
        words.unset("--initial-cluster");
        if self.is_v3() {
            words.set("--discovery-endpoints", url);
            words.set("--discovery-token", token);
        } else {
            words.set("--discovery", format!("{url}/v2/keys/discovery/{token}"));
            // The other way is a proxy, which waits for ever.
            words.set("--discovery-fallback", "exit");
        }
        fleet
    }
}

fn refused(fleet: &RawFleet) -> Cause {
    let output = fleet.start(0).wait_for_failure();
    let refusals = explain(output.lines());
    // After it there may be links to a member that is not known.
    let [refusal, ..] = refusals.as_slice() else { panic!("nothing in {output}") };
    is_told(refusal);
    assert_eq!((&refusal.link, refusal.rule()), (&None, None));
    refusal.cause.clone()
}

#[test]
fn tokens() {
    for etcd in available() {
        let service = Service::start(etcd);
        // The control first: one member, found by itself.
        service.set_size("one", "1");
        let first = service.member("one");
        let mut running = first.start(0);
        wait_until_serving(&mut running);
        assert_eq!(refusals(&running), []);

        assert_eq!(refused(&service.member("one")), Cause::DiscoveryFull);
        assert_eq!(refused(&service.member("nobody-made-it")), Cause::DiscoverySizeMissing);
        service.set_size("bad", "many");
        assert_eq!(refused(&service.member("bad")), Cause::DiscoverySizeBad);
        if service.is_v3() {
            // There the same member may come again, without its data.
            continue;
        }
        drop(running);
        first.throw_data_away(0);
        assert_eq!(refused(&first), Cause::DiscoveryDuplicate);
    }
}

#[test]
fn two_members_of_one_name() {
    for etcd in available() {
        let service = Service::start(etcd);
        service.set_size("two", "2");
        let (one, other) = (service.member("two"), service.member("two"));
        let mut running = one.start(0);
        wait_for_cause(&mut running, "that one is missing", |refusal| {
            refusal.cause == Cause::DiscoveryIncomplete { found: 1, missing: 1 }
        });
        let cause = refused(&other);
        let is_told = match &cause {
            // Found only once the two have their cluster.
            Cause::MemberUnknown { member } => service.is_v3() && !member.is_empty(),
            cause => !service.is_v3() && *cause == Cause::DiscoveryDuplicate,
        };
        assert!(is_told, "{}: {cause:?}", etcd.version());
    }
}

#[test]
fn a_service_that_is_not_there() {
    for etcd in available() {
        let service = Service::start(etcd);
        let secure = service.url().replace("http", "https");
        for url in ["http://127.0.0.1:1", &secure] {
            let mut fleet = service.member_at("token", url);
            if service.is_v3() {
                fleet.members[0].set("--discovery-request-timeout", "1s");
                let plain = if url == secure { "false" } else { "true" };
                fleet.members[0].set("--discovery-insecure-transport", plain);
            }
            let mut running = fleet.start(0);
            let refusal = wait_for_cause(&mut running, "that nobody answers", |refusal| {
                matches!(&refusal.cause, Cause::DiscoveryUnreachable { url: told, reason }
                    if told.starts_with(url) && !reason.is_empty())
            });
            assert_eq!((refusal.link.as_ref(), refusal.rule()), (None, None));
        }
        if !service.is_v3() {
            let mut fleet = service.member("token");
            fleet.members[0].set("--discovery", format!("{}/version/token", service.url()));
            let cause = refused(&fleet);
            assert!(matches!(cause, Cause::DiscoveryUnreachable { .. }), "{cause:?}");
        }
    }
}
