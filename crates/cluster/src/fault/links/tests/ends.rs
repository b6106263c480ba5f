//! How connections end, and who is told.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::world::{A, B, C, World, end, head, is_silent, reset, until};
use crate::fault::links::{End, LinkPolicy};

#[test]
fn half_a_close_is_half_a_close() {
    for late in [Duration::ZERO, Duration::from_millis(20)] {
        let world = World::new();
        let both = [world.link(A, B), world.link(B, A)];
        let _fault = world.links.impose(both, LinkPolicy::late(late, late / 2)).unwrap();
        for from_dialler in [true, false] {
            let mut pair = world.dial(A, B);
            let (from, to) = pair.seen(from_dialler);
            from.write_all(b"the last").unwrap();
            from.shutdown(Shutdown::Write).unwrap();
            assert_eq!(end(to), None, "it has ended");
            super::world::carries(to, from);
            to.shutdown(Shutdown::Write).unwrap();
            assert_eq!(end(from), None);
        }
        until("closed", || world.traffic(A, B).open_connections == 0);
        assert_eq!(world.traffic(A, B).aborted_connections, 0);
    }
}

#[test]
fn a_reset_arrives_as_one() {
    for late in [Duration::ZERO, Duration::from_millis(20)] {
        for from_dialler in [true, false] {
            let world = World::new();
            let both = [world.link(A, B), world.link(B, A)];
            let _fault = world.links.impose(both, LinkPolicy::late(late, Duration::ZERO)).unwrap();
            let mut pair = world.dial(A, B);
            pair.carries_both_ways();
            let (dead, mut told) =
                if from_dialler { (pair.near, pair.far) } else { (pair.far, pair.near) };
            reset(dead);
            assert_eq!(end(&mut told), Some(ErrorKind::ConnectionReset));
            until("closed", || world.traffic(A, B).open_connections == 0);
        }
    }
}

#[test]
fn who_writes_to_one_that_has_closed_is_told() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    drop(pair.near);
    assert_eq!(end(&mut pair.far), None, "an orderly end");
    until("told", || pair.far.write_all(&[7; 1024]).is_err());
    until("closed", || world.traffic(A, B).open_connections == 0);
}

#[test]
fn ends_and_resets_are_dropped_with_the_rest() {
    let world = World::new();
    let (ends, resets) = (world.dial(A, B), world.dial(A, B));
    let mut far = [ends.far, resets.far];
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap();
    drop(ends.near);
    reset(resets.near);
    // It speaks to the dead, and does not get to know.
    for far in &mut far {
        far.write_all(b"are you there?").unwrap();
    }
    world.come_round();
    assert!(far.iter_mut().all(is_silent));
    drop(fault);
    for far in &mut far {
        assert_eq!(end(far), Some(ErrorKind::ConnectionReset));
    }
    until("closed", || world.traffic(A, B).open_connections == 0);
}

#[test]
fn an_end_is_held_with_the_rest() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::HOLD).unwrap();
    pair.near.write_all(b"the last").unwrap();
    drop(pair.near);
    world.come_round();
    assert!(is_silent(&mut pair.far));
    drop(fault);
    assert_eq!(end(&mut pair.far), None);
    until("closed", || {
        let _ = pair.far.write_all(b"more");
        world.traffic(A, B).open_connections == 0
    });
    assert_eq!(world.traffic(A, B).carried_bytes, 8);
}

#[test]
fn a_member_that_is_down_refuses() {
    let world = World::new().stop(B);
    let mut peer = world.ask(A, B);
    assert!(head(&mut peer).starts_with("HTTP/1.1 502 "));
    let mut client = TcpStream::connect(world.members[B].linked.client).unwrap();
    assert_eq!(end(&mut client), Some(ErrorKind::ConnectionReset));
    world.dial(A, C).carries_both_ways();
    world.client(A).carries_both_ways();
    let refused = world.links.traffic(End::Clients, world.end(B)).refused_connections;
    assert_eq!(refused, 0, "by no fault");
}

#[test]
fn a_member_that_is_removed_leaves_nothing() {
    let world = World::new();
    let removed = world.members[B].linked;
    let (peers, client, mut others) = (world.dial(A, B), world.client(B), world.dial(A, C));
    world.links.remove(removed.slot);
    assert!(TcpStream::connect(removed.client).is_err());
    assert!(TcpStream::connect(removed.http.unwrap()).is_err());
    peers.was_reset();
    client.was_reset();
    assert!(head(&mut world.ask(A, B)).starts_with("HTTP/1.1 403 "), "nobody knows it");
    assert!(head(&mut world.ask(B, A)).starts_with("HTTP/1.1 407 "), "and it is nobody");
    others.carries_both_ways();
    world.links.remove(removed.slot);
}
