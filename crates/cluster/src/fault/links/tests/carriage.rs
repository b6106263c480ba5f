//! What arrives, and what does not, in which direction.

use std::io::{Read, Write};

use super::world::{A, B, C, World, carries, is_silent, until};
use crate::fault::links::{End, LinkPolicy};

/// Who has dialled, seen from the sender: both must not matter.
const EITHER: [bool; 2] = [true, false];

#[test]
fn without_a_fault_all_is_carried_and_counted() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    std::thread::scope(|scope| {
        let (mut near, mut far) = (pair.near.try_clone().unwrap(), pair.far.try_clone().unwrap());
        scope.spawn(|| pair.near.write_all(&bytes).unwrap());
        scope.spawn(|| pair.far.write_all(&bytes).unwrap());
        for end in [&mut near, &mut far] {
            let mut received = vec![0; bytes.len()];
            end.read_exact(&mut received).unwrap();
            assert!(received == bytes);
        }
    });
    let (there, back) = (world.traffic(A, B), world.traffic(B, A));
    assert_eq!((there.carried_bytes, back.carried_bytes), (3_000_000, 3_000_000));
    assert_eq!((there.dropped_bytes, back.dropped_bytes), (0, 0));
    assert_eq!((there.open_connections, back.open_connections), (1, 0), "by who has dialled");
    drop(pair);
    until("closed", || world.traffic(A, B).open_connections == 0);
    assert_eq!(world.traffic(A, B).aborted_connections, 0);
}

#[test]
fn dropped_bytes_are_lost_in_one_direction_whoever_has_dialled() {
    for from_dialler in EITHER {
        let world = World::new();
        let (dialler, other) = if from_dialler { (A, B) } else { (B, A) };
        let mut pair = world.dial(dialler, other);
        let mut bystander = world.dial(A, C);
        pair.carries_both_ways();
        let fault = world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap();
        let (from, to) = pair.seen(from_dialler);
        from.write_all(b"lost").unwrap();
        until("lost", || world.traffic(A, B).dropped_bytes == 4);
        carries(to, from);
        bystander.carries_both_ways();
        assert!(is_silent(to));
        assert_eq!(world.traffic(B, A).dropped_bytes, 0);
        drop(fault);
        pair.was_reset();
        bystander.carries_both_ways();
        world.dial(dialler, other).carries_both_ways();
    }
}

#[test]
fn held_bytes_are_kept_in_one_direction_whoever_has_dialled() {
    for from_dialler in EITHER {
        let world = World::new();
        let (dialler, other) = if from_dialler { (A, B) } else { (B, A) };
        let mut pair = world.dial(dialler, other);
        let fault = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
        let (from, to) = pair.seen(from_dialler);
        from.write_all(b"kept, ").unwrap();
        carries(to, from);
        world.come_round();
        assert!(is_silent(to));
        from.write_all(b"all of it").unwrap();
        drop(fault);
        let mut received = [0; 15];
        to.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"kept, all of it");
        pair.carries_both_ways();
        let traffic = world.traffic(A, B);
        assert_eq!((traffic.dropped_bytes, traffic.aborted_connections), (0, 0));
    }
}

#[test]
fn a_held_sender_is_held_up_and_nothing_is_lost() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
    pair.near.set_nonblocking(true).unwrap();
    let mut sent = 0_u64;
    while let Ok(written) = pair.near.write(&[7; 64 * 1024]) {
        sent += written as u64;
    }
    assert_eq!(world.traffic(A, B).carried_bytes, 0, "after {sent} bytes");
    drop(fault);
    let mut room = vec![0; 64 * 1024];
    let mut received = 0;
    while received < sent {
        received += pair.far.read(&mut room).unwrap() as u64;
    }
    assert_eq!(received, sent);
}

#[test]
fn who_does_not_read_hinders_nobody_else() {
    let world = World::new();
    let mut stalled = world.dial(A, B);
    stalled.near.set_nonblocking(true).unwrap();
    // All buffers on the way, and once more when they have moved on.
    until("full", || {
        while stalled.near.write(&[7; 64 * 1024]).is_ok() {}
        world.come_round();
        stalled.near.write(&[7]).is_err()
    });
    world.dial(A, B).carries_both_ways();
    world.dial(B, A).carries_both_ways();
    stalled.near.set_nonblocking(false).unwrap();
    stalled.carries_back();
}

#[test]
fn new_connections_wait_for_both_directions_whoever_dials() {
    for policy in [LinkPolicy::HOLD, LinkPolicy::DROP] {
        for (from, to) in [(A, B), (B, A)] {
            let world = World::new();
            let fault = world.links.impose([world.link(from, to)], policy).unwrap();
            let mut ways = [world.ask(A, B), world.ask(B, A)];
            until("both wait", || {
                let waiting = |from, to| world.traffic(from, to).waiting_connections;
                (waiting(A, B), waiting(B, A)) == (1, 1)
            });
            world.dial(A, C).carries_both_ways();
            assert!(ways.iter_mut().all(is_silent));
            drop(fault);
            let [there, back] = ways;
            world.made(there, B).carries_both_ways();
            world.made(back, A).carries_both_ways();
            let traffic = world.traffic(A, B);
            assert_eq!((traffic.aborted_connections, traffic.refused_connections), (0, 0));
        }
    }
}

#[test]
fn a_dialler_that_gives_up_is_forgotten_at_once() {
    let world = World::new();
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
    let waiting = || world.traffic(A, B).waiting_connections;
    let (closes, resets, stays) = (world.ask(A, B), world.ask(A, B), world.ask(A, B));
    until("all wait", || waiting() == 3);
    drop(closes);
    until("one less", || waiting() == 2);
    super::world::reset(resets);
    until("two less", || waiting() == 1);
    drop(fault);
    world.made(stays, B).carries_both_ways();
    assert_eq!(world.traffic(A, B).refused_connections, 0);
}

#[test]
fn clients_are_an_end_of_their_own() {
    let world = World::new();
    let (mut peers, mut client, mut http) = (world.dial(A, B), world.client(B), world.http(B));
    let mut others = world.client(C);
    let fault = world.links.impose([(End::Clients, world.end(B))], LinkPolicy::DROP).unwrap();
    for pair in [&mut client, &mut http] {
        pair.near.write_all(b"lost").unwrap();
        pair.carries_back();
    }
    let lost = || world.links.traffic(End::Clients, world.end(B)).dropped_bytes;
    until("lost", || lost() == 8);
    peers.carries_both_ways();
    others.carries_both_ways();
    drop(fault);
    client.was_reset();
    http.was_reset();
    others.carries_both_ways();
    world.client(B).carries_both_ways();
}

#[test]
fn a_client_that_had_to_wait_is_connected_with_all_that_it_has_said() {
    let world = World::new();
    let fault = world.links.impose([(world.end(B), End::Clients)], LinkPolicy::DROP).unwrap();
    let address = world.members[B].linked.client;
    let mut near = std::net::TcpStream::connect(address).unwrap();
    near.write_all(b"hello").unwrap();
    let traffic = || world.links.traffic(End::Clients, world.end(B));
    until("waits", || traffic().waiting_connections == 1);
    drop(fault);
    let mut pair = world.accepted_client(near, B);
    let mut received = [0; 5];
    pair.far.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"hello");
    pair.carries_both_ways();
}
