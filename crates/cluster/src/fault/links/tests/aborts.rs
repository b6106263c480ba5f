//! What is aborted and refused, when, and what several faults at once mean.

use std::io::{ErrorKind, Write};

use super::world::{A, B, C, World, end, is_silent, until};
use crate::fault::links::{Carriage, End, InForce, LinkPolicy};

#[test]
fn reset_aborts_what_is_open_and_refuses_what_is_new() {
    for (from, to) in [(A, B), (B, A)] {
        let world = World::new();
        let (open, mut other) = (world.dial(A, B), world.dial(A, C));
        let hold = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
        let mut waiting = world.ask(A, B);
        until("waits", || world.traffic(A, B).waiting_connections == 1);
        let fault = world.links.impose([world.link(from, to)], LinkPolicy::RESET).unwrap();
        let traffic = world.traffic(A, B);
        assert_eq!((traffic.open_connections, traffic.waiting_connections), (0, 0));
        assert_eq!((traffic.aborted_connections, traffic.refused_connections), (1, 1));
        open.was_reset();
        assert_eq!(end(&mut waiting), Some(ErrorKind::ConnectionReset));
        assert_eq!(end(&mut world.ask(B, A)), Some(ErrorKind::ConnectionReset));
        other.carries_both_ways();
        drop((hold, fault));
        world.dial(A, B).carries_both_ways();
    }
}

#[test]
fn clients_are_refused_by_reset() {
    let world = World::new();
    let fault = world.links.impose([(End::Clients, world.end(A))], LinkPolicy::RESET).unwrap();
    let mut near = std::net::TcpStream::connect(world.members[A].linked.client).unwrap();
    assert_eq!(end(&mut near), Some(ErrorKind::ConnectionReset));
    drop(fault);
    world.client(A).carries_both_ways();
}

#[test]
fn healing_a_drop_aborts_also_what_has_lost_nothing_but_nobody_else() {
    let world = World::new();
    let (quiet, dialled_back, mut other) = (world.dial(A, B), world.dial(B, A), world.dial(A, C));
    drop(world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap());
    assert_eq!(world.traffic(A, B).aborted_connections, 1, "when the heal returns, and not later");
    assert_eq!(world.traffic(B, A).aborted_connections, 1);
    quiet.was_reset();
    dialled_back.was_reset();
    other.carries_both_ways();
}

#[test]
fn each_fault_takes_back_its_own_and_nothing_else() {
    let world = World::new();
    let (a_b, b_a) = (world.link(A, B), world.link(B, A));
    let mut pair = world.dial(A, B);
    let first = world.links.impose([a_b, b_a], LinkPolicy::DROP).unwrap();
    let second = world.links.impose([a_b], LinkPolicy::DROP).unwrap();
    let third = world.links.impose([a_b], LinkPolicy::HOLD).unwrap();
    let shown = |(from, to), policy| InForce { from, to, policy };
    assert_eq!(
        world.links.in_force(),
        [
            shown(a_b, LinkPolicy::DROP),
            shown(b_a, LinkPolicy::DROP),
            shown(a_b, LinkPolicy::DROP),
            shown(a_b, LinkPolicy::HOLD)
        ]
    );
    drop(second);
    pair.near.write_all(b"lost").unwrap();
    until("still drops", || world.traffic(A, B).dropped_bytes == 4);
    drop(first);
    pair.was_reset();
    assert_eq!(world.links.in_force(), [shown(a_b, LinkPolicy::HOLD)]);
    let mut near = world.ask(A, B);
    until("still holds", || world.traffic(A, B).waiting_connections == 1);
    assert!(is_silent(&mut near));
    drop(third);
    world.made(near, B).carries_both_ways();
    assert_eq!(world.links.in_force(), []);
}

#[test]
fn all_can_be_healed_while_their_guards_live() {
    let world = World::new();
    let guards = [Carriage::Drop, Carriage::Hold, Carriage::Reset].map(|carriage| {
        let policy = LinkPolicy { carriage, ..LinkPolicy::PASS };
        world.links.impose([world.link(A, B)], policy).unwrap()
    });
    world.links.heal_all();
    let mut pair = world.dial(A, B);
    let later = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
    drop(guards);
    assert_eq!(world.links.in_force().len(), 1, "the guards took back what was theirs, long ago");
    drop(later);
    pair.carries_both_ways();
}

#[test]
fn a_fault_outlives_its_network_without_harm() {
    let world = World::new();
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap();
    drop(world);
    drop(fault);
}

#[test]
fn faults_may_be_imposed_and_healed_in_any_thread_and_under_any_runtime() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fault = runtime
        .block_on(async { world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap() });
    std::thread::scope(|scope| {
        scope.spawn(|| drop(fault));
    });
    world.dial(A, B).carries_both_ways();
    runtime.block_on(async { drop(world) });
}
