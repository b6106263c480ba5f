//! Sound fleets, of which there is nothing to say.

use time::Duration;

use super::lab::{Lab, fleet};
use crate::Layout;
use crate::doctor::examine;

const VERSIONS: [&str; 5] = ["3.4.0", "3.4.23", "3.5.1", "3.6.14", "3.7.1"];

#[test]
fn a_fleet_of_ours_is_sound() {
    for version in VERSIONS {
        for layout in [Layout::PerMember, Layout::Shared] {
            for size in [1, 3, 5] {
                let lab = fleet(version, layout, size);
                assert_eq!(lab.examine(), [], "{version} {layout:?} {size}");
            }
        }
    }
}

#[test]
fn a_running_fleet_of_ours_is_sound() {
    let mut lab = fleet("3.5.1", Layout::PerMember, 3);
    for (_, started) in &mut lab.members {
        *started = Some(lab.now - Duration::hours(1));
    }
    assert_eq!(lab.examine(), []);
}

#[test]
fn a_member_on_a_host_is_sound() {
    for version in VERSIONS {
        let (mut lab, _) = Lab::sound(version);
        lab.infra1("").client("ca.crt", "client.crt", "client.key");
        assert_eq!(lab.examine(), [], "{version}");
    }
}

#[test]
fn a_member_without_tls_on_the_loopback_is_sound() {
    for version in VERSIONS {
        assert_eq!(Lab::new(version).member("").examine(), [], "{version}");
    }
}

#[test]
fn nothing_is_sound() {
    assert_eq!(Lab::new("3.5.1").examine(), []);
}

#[test]
fn a_directory_of_ours_is_sound() {
    for layout in [Layout::PerMember, Layout::Shared] {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("pki");
        let fleet = crate::Fleet::builder().layout(layout).members(["infra1", "infra2"]);
        fleet.build().unwrap().write(&directory).unwrap();
        let looked = crate::doctor::look::directory(&directory).unwrap();
        let now = time::OffsetDateTime::now_utc();
        let mut lab = Lab::new("3.5.1").describe();
        (lab.members, lab.clients, lab.loose) = (looked.members, looked.clients, looked.loose);
        lab.now = now;
        assert_eq!(examine(&lab), [], "{layout:?}");
    }
}
