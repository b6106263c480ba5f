//! What is refused: by a plan, and by those who walk through it.

use super::*;

/// The control of the walks: what only a signature vouches for is refused.
#[test]
fn a_walk_sees_more_than_signatures() {
    let world = world(1, Layout::PerMember);
    assert_eq!(world.refusal(&world.start), None);
    let old = world.old();
    let flat = Authority::builder("flat").path_length(0).generate().unwrap();
    for (wrong, leaf) in [
        ("Expired", Leaf::peer("m1").host("localhost").expired()),
        ("Usage", Leaf::client("m1").host("localhost")),
        ("Host", Leaf::peer("m1").host("elsewhere")),
    ] {
        let mut holdings = world.start.clone();
        let held = &mut holdings.members[0].identities[1];
        let identity = old.issue(&leaf).unwrap();
        held.chain = crate::read::certificates(identity.chain_pem().as_bytes()).unwrap();
        assert!(chain::leads_to(&held.chain, &read(old.certificate()).unwrap()));
        let refusal = world.refusal(&holdings).unwrap();
        assert!(refusal.contains(wrong), "{refusal}");
    }
    assert!(flat.cross_sign(&world.new).is_err(), "nobody would accept a leaf below it");
}

#[test]
fn what_is_of_another_circle_or_not_valid_is_refused() {
    let world = world(1, Layout::PerMember);
    let (old, by_bundle) = (world.old().certificate(), Rotation::authority_by_bundle);
    let peers = Authority::generate("peers").unwrap();
    let mut separate = world.start.clone();
    let pem = peers.certificate_pem().as_bytes();
    let holder = separate.members.remove(0).trusts("m1/peer-ca.crt", pem).unwrap();
    let separate = separate.member(holder);
    let error = by_bundle(&separate, old, &world.new).unwrap_err();
    insta::assert_snapshot!(error, @"m1/peer-ca.crt has neither the old nor the new authority: leave it, and the identities that only it is for, out of this rotation (where clients and peers have authorities of their own, each is changed by itself), or put the old one in");

    // A file of several, one of which has the new one's name.
    let mut twins = world.start.clone();
    let twin = || Authority::builder("x").without_generation().generate().unwrap();
    let all = format!("{}{}", world.old().certificate_pem(), twin().certificate_pem());
    twins.members[0].trusted[0].authorities = crate::read::certificates(all.as_bytes()).unwrap();
    let error = by_bundle(&twins, old, &twin()).unwrap_err();
    assert!(matches!(error, RotationError::SameName { .. }), "{error}");
    let _: Rotation = by_bundle(&twins, old, &world.new).unwrap();

    for late in [
        Authority::builder("late").expired().generate().unwrap(),
        Authority::builder("late").not_yet_valid().generate().unwrap(),
    ] {
        let error = by_bundle(&world.start, old, &late).unwrap_err();
        assert!(matches!(error, RotationError::NotValidNow { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.ends_with("(an old authority that has expired is changed by bundle)"),
            "{text}"
        );
        let cross = world.old().cross_sign(&late).unwrap();
        let error =
            Rotation::authority_by_cross_signing(&world.start, old, &late, &cross).unwrap_err();
        assert!(matches!(error, RotationError::NotValidNow { .. }), "{error}");
    }
}

/// Members that ask nobody for a certificate hold no authorities, and so need no restart: with
/// server certificates only, the clients alone trust anybody.
#[test]
fn who_trusts_nobody_is_not_restarted() {
    let mut world = world(2, Layout::PerMember);
    for member in &mut world.start.members {
        member.trusted.clear();
        member.in_memory = None;
    }
    for (method, phases) in [(Method::Bundle, 4), (Method::Cross, 4)] {
        let mut holdings = world.start.clone();
        let rotation = world.plan(method, &holdings);
        assert_eq!((rotation.restarts(), rotation.phases().len()), (0, phases), "{method:?}");
        for phase in rotation.phases() {
            for condition in &phase.before {
                assert_ne!(condition.holds(&holdings), Some(false), "{method:?}: {condition}");
            }
            phase.changes.iter().for_each(|change| holdings.make(change).unwrap());
            for condition in &phase.after {
                assert_eq!(condition.holds(&holdings), Some(true), "{method:?}: {condition}");
            }
        }
        assert!(world.plan(method, &holdings).is_done());
    }
}

#[test]
fn all_leaves_are_renewed_as_often_as_one_likes() {
    let world = world(2, Layout::PerMember);
    let old = world.old();
    let mut holdings = world.start.clone();
    for _ in 0..2 {
        let rotation = Rotation::all_leaves(&holdings, old).unwrap();
        assert_eq!(rotation.restarts(), 0);
        let changes: Vec<_> = rotation.phases().iter().flat_map(|phase| &phase.changes).collect();
        assert_eq!(changes.len(), 5, "two of each member, and the client's");
        let before = holdings.clone();
        changes.iter().for_each(|change| holdings.make(change).unwrap());
        let serials = |holdings: &Holdings| -> Vec<_> {
            let held = holdings.holders().flat_map(|holder| &holder.identities);
            held.map(|held| held.chain[0].certificate.clone()).collect()
        };
        assert!(serials(&before).iter().all(|one| !serials(&holdings).contains(one)));
        assert_eq!(world.refusal(&holdings), None);
    }
    let error = Rotation::all_leaves(&holdings, &world.new).unwrap_err();
    assert!(matches!(error, RotationError::NotTrusted { .. }), "{error}");
}
