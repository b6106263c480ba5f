//! From a fleet's directory to a plan and back.

use super::*;
use crate::{FleetDirectory, PairState, WriteOptions};

#[test]
fn a_fleet_in_a_directory_is_rotated_from_what_is_there() {
    for layout in [Layout::PerMember, Layout::Shared] {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("pki");
        let fleet = Fleet::builder().layout(layout).members(["a", "b"]).build().unwrap();
        fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
        let new = Authority::generate("next").unwrap();
        let key = scratch.path().join("next.key");
        new.write_key(&key).unwrap();
        let mut phases = 0;
        loop {
            let stored = FleetDirectory::load_without_key(&dir).unwrap();
            assert!(stored.identities().iter().all(|one| one.state == PairState::Sound));
            let holdings = stored.holdings();
            let members = if layout == Layout::Shared { 1 } else { 2 };
            assert_eq!((holdings.members.len(), holdings.clients.len()), (members, 1));
            let old = fleet.authority().certificate();
            let rotation = Rotation::authority_by_bundle(&holdings, old, &new).unwrap();
            let Some(phase) = rotation.phases().first() else { break };
            phase.changes.iter().for_each(|change| change.write().unwrap());
            phases += 1;
        }
        assert_eq!(phases, 4);
        let stored = FleetDirectory::load(&dir, &key).unwrap();
        assert_eq!(stored.authority().unwrap().certificate(), new.certificate());
    }
}
