//! Delays and bandwidth. Only lower bounds are asserted: a machine may be as slow as it likes.

use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::world::{A, B, C, Pair, World, until};
use crate::fault::links::LinkPolicy;

const LATE: Duration = Duration::from_millis(40);

/// The fastest of several: what the network does at least, and not what the machine adds.
fn fastest(mut what: impl FnMut()) -> Duration {
    let times = (0..10).map(|_| {
        let begin = Instant::now();
        what();
        begin.elapsed()
    });
    times.min().unwrap()
}

fn round_trip(pair: &mut Pair) -> Duration {
    fastest(|| pair.carries_both_ways())
}

#[test]
fn a_link_is_late_and_only_that_one() {
    let world = World::new();
    let (mut dialled, mut answered) = (world.dial(A, B), world.dial(B, A));
    let mut other = world.dial(A, C);
    let fault =
        world.links.impose([world.link(A, B)], LinkPolicy::late(LATE, Duration::ZERO)).unwrap();
    assert!(fastest(|| dialled.carries_there()) >= LATE);
    assert!(fastest(|| answered.carries_back()) >= LATE);
    assert!(fastest(|| dialled.carries_back()) < LATE);
    assert!(fastest(|| answered.carries_there()) < LATE);
    assert!(round_trip(&mut other) < LATE);
    drop(fault);
    assert!(round_trip(&mut dialled) < LATE, "healed, and not aborted");
    assert_eq!(world.traffic(A, B).aborted_connections, 0);
}

#[test]
fn a_new_connection_takes_a_round_trip_more() {
    let world = World::new();
    let (there, back) = (Duration::from_millis(20), Duration::from_millis(30));
    let faults = [(A, B, there), (B, A, back)].map(|(from, to, delay)| {
        world.links.impose([world.link(from, to)], LinkPolicy::late(delay, Duration::ZERO)).unwrap()
    });
    let connect = || drop(world.dial(A, B));
    assert!(fastest(connect) >= there + back);
    drop(faults);
    assert!(fastest(connect) < there + back);
}

#[test]
fn delays_add_up_and_are_taken_back_one_by_one() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let late = || world.links.impose([world.link(A, B)], LinkPolicy::late(LATE, Duration::ZERO));
    let (one, other) = (late().unwrap(), late().unwrap());
    assert!(fastest(|| pair.carries_there()) >= 2 * LATE);
    drop(one);
    let once = fastest(|| pair.carries_there());
    assert!((LATE..2 * LATE).contains(&once), "{once:?}");
    drop(other);
    assert!(fastest(|| pair.carries_there()) < LATE);
}

#[test]
fn what_is_late_arrives_in_order() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let _fault = world.links.impose([world.link(A, B)], LinkPolicy::late(LATE, LATE)).unwrap();
    for number in 0..100_u8 {
        pair.near.write_all(&[number]).unwrap();
        // Each is read for itself.
        world.come_round();
    }
    let mut received = [0; 100];
    pair.far.read_exact(&mut received).unwrap();
    assert!(received.iter().copied().eq(0..100));
}

#[test]
fn a_long_delay_holds_a_megabyte_and_no_more() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let an_hour = Duration::from_secs(3600);
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::late(an_hour, an_hour)).unwrap();
    pair.near.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut failures = 0;
    // All buffers on the way, and once more when they have moved on.
    while failures < 3 {
        match pair.near.write(&[7; 64 * 1024]) {
            Ok(written) => sent += written,
            Err(_) => {
                world.come_round();
                failures += 1;
            }
        }
    }
    assert!(sent > 1024 * 1024, "{sent}");
    assert_eq!(world.traffic(A, B).carried_bytes, 0);
    drop(fault);
    let mut received = vec![0; sent];
    pair.far.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
}

#[test]
fn the_delay_of_what_is_dropped_is_dropped() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let _late =
        world.links.impose([world.link(A, B)], LinkPolicy::late(LATE, Duration::ZERO)).unwrap();
    pair.near.write_all(b"lost").unwrap();
    let _drop = world.links.impose([world.link(A, B)], LinkPolicy::DROP).unwrap();
    until("lost", || world.traffic(A, B).dropped_bytes == 4);
    assert_eq!(world.traffic(A, B).carried_bytes, 0);
}

#[test]
fn bandwidth_is_that_of_the_link_and_shared() {
    const BYTES: usize = 50_000;
    let world = World::new();
    let mut pairs = [world.dial(A, B), world.dial(B, A)];
    let rate = NonZeroU64::new(1_000_000).unwrap();
    let fault = world.links.impose([world.link(A, B)], LinkPolicy::at_most(rate)).unwrap();
    let mut transfer = || {
        let begin = Instant::now();
        let [dialled, answered] = &mut pairs;
        // 100 kB at 1 MB/s.
        dialled.near.write_all(&[7; BYTES]).unwrap();
        answered.far.write_all(&[7; BYTES]).unwrap();
        dialled.far.read_exact(&mut [0; BYTES]).unwrap();
        answered.near.read_exact(&mut [0; BYTES]).unwrap();
        begin.elapsed()
    };
    let slow = transfer();
    assert!(slow >= Duration::from_millis(95), "{slow:?}");
    drop(fault);
    assert!((0..10).map(|_| transfer()).min().unwrap() < slow / 2);
    pairs[0].carries_back();
}

#[test]
fn the_smallest_of_several_bandwidths_counts() {
    let world = World::new();
    let mut pair = world.dial(A, B);
    let faults = [1_000_000, 10_000].map(|rate| {
        let policy = LinkPolicy::at_most(NonZeroU64::new(rate).unwrap());
        world.links.impose([world.link(A, B)], policy).unwrap()
    });
    let begin = Instant::now();
    pair.near.write_all(&[7; 1000]).unwrap();
    pair.far.read_exact(&mut [0; 1000]).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(95));
    drop(faults);
}
