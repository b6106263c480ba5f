//! Certificates and the time.

use std::time::Duration;

use tercet_pki::doctor::{Rule, Severity};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};

use crate::openssl::{AUTHORITY, Openssl, PAST, Wish};
use crate::scene::Scene;

const SAID: &str = "certificate has expired or is not yet valid";

#[test]
fn expired() {
    let scene = Scene::new(1);
    scene.put("m1", "server", Leaf::server("m1").hosts(LOOPBACK_HOSTS).expired());
    scene.found(Rule::Expired, Severity::Error, &[SAID], &["m1/server.crt"]);
    scene.start().client_is_refused(SAID);

    scene.put_sound_server();
    scene.is_cured_of(Rule::Expired);
}

#[test]
fn expired_client() {
    let scene = Scene::new(1);
    scene.put("", "client", Leaf::client("client").expired());
    scene.found(Rule::Expired, Severity::Error, &[SAID], &["client.crt"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, SAID);
    drop(running);

    scene.put_sound_client();
    scene.is_cured_of(Rule::Expired);
}

#[test]
fn not_yet_valid() {
    let scene = Scene::new(1);
    scene.put("m1", "server", Leaf::server("m1").hosts(LOOPBACK_HOSTS).not_yet_valid());
    scene.found(Rule::NotYetValid, Severity::Error, &[SAID], &["m1/server.crt", "clock"]);
    scene.start().client_is_refused(SAID);

    scene.put_sound_server();
    scene.is_cured_of(Rule::NotYetValid);
}

#[test]
fn authority_expired() {
    let scene = Scene::new(1);
    let wish = Wish { valid: Some(PAST), ..AUTHORITY };
    let old = Openssl::new(scene.directory.path(), "ca", "the old authority", wish);
    let issue = |authority: &Openssl| {
        authority.issue("m1/server", "m1", Wish::default());
        authority.issue("m1/peer", "m1", Wish::default());
        authority.issue(
            "client",
            "client",
            Wish { names: "", usages: "clientAuth", ..Wish::default() },
        );
    };
    issue(&old);
    scene.found(Rule::AuthorityExpired, Severity::Error, &[SAID], &["ca.crt"]);
    scene.start().client_is_refused(SAID);

    issue(&Openssl::new(scene.directory.path(), "ca", "the new authority", AUTHORITY));
    scene.is_cured_of(Rule::AuthorityExpired);
}

#[test]
fn expires_soon() {
    let scene = Scene::new(1);
    let soon = Duration::from_secs(8);
    scene.put("m1", "server", Leaf::server("m1").hosts(LOOPBACK_HOSTS).expires_in(soon));
    scene.found(Rule::ExpiresSoon, Severity::Warning, &[], &["m1/server.crt"]);
    let mut running = scene.start();
    running.client_works();
    // Nothing changes but the time.
    running.client_is_refused(SAID);
    // The member reads it again at each handshake.
    scene.put_sound_server();
    running.client_works();
    drop(running);
    scene.is_cured_of(Rule::ExpiresSoon);
}
