//! Whom the proxy serves.

use std::io::Write;
use std::net::TcpListener;

use super::world::{A, B, C, World, connect, end, head};
use crate::fault::links::{Links, Real};

#[test]
fn it_is_no_open_relay() {
    let world = World::new();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = world.members[A].linked.proxy_url();
    let peer = world.members[B].linked.peer;
    let good = connect(&url, &peer.to_string());
    let other = World::new();
    let cases = [
        // Elsewhere: a real port, a member's real host, another port of a member, a name, nonsense.
        (connect(&url, &stranger.local_addr().unwrap().to_string()), "403"),
        (connect(&url, "192.0.2.2:2379"), "403"),
        (connect(&url, "etcd.example.com:2380"), "403"),
        (connect(&url, "192.0.2.2"), "403"),
        // Strangers: without a credential, with a wrong one, and with that of another fleet.
        (format!("CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n\r\n"), "407"),
        (good.replace("Basic ", "Basic x"), "407"),
        (good.replace("Basic ", "Bearer "), "407"),
        (connect(&other.members[A].linked.proxy_url(), &peer.to_string()), "407"),
        // Not what a proxy for TLS is asked.
        (good.replace("CONNECT ", "GET "), "405"),
        (format!("GET http://{peer}/members HTTP/1.1\r\nHost: {peer}\r\n\r\n"), "405"),
        ("hello\r\n\r\n".to_owned(), "400"),
        ("\r\n\r\n".to_owned(), "400"),
        (format!("CONNECT {peer} SPDY/3\r\n\r\n"), "400"),
        (format!("CONNECT {peer} HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        ("x".repeat(20_000), "431"),
    ];
    for (request, status) in &cases {
        let mut near = world.send(request.as_bytes());
        let answer = head(&mut near);
        assert_eq!(answer.split(' ').nth(1), Some(*status), "{request:?}: {answer:?}");
        end(&mut near);
    }
    // The control.
    let near = world.send(good.as_bytes());
    world.made(near, B).carries_both_ways();
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.accept().is_err(), "nobody came");
}

#[test]
fn a_header_may_come_in_pieces_and_with_more_behind_it() {
    let world = World::new();
    let request = {
        let linked = &world.members[A].linked;
        connect(&linked.proxy_url(), &world.members[B].linked.peer.to_string())
    };
    let mut near = world.send(b"");
    for byte in request.as_bytes() {
        near.write_all(&[*byte]).unwrap();
    }
    world.made(near, B).carries_both_ways();
    let near = world.send(format!("{request}hello").as_bytes());
    let mut pair = world.made(near, B);
    let mut received = [0; 5];
    std::io::Read::read_exact(&mut pair.far, &mut received).unwrap();
    assert_eq!(&received, b"hello");
}

#[test]
fn who_says_nothing_is_shown_the_door_and_hinders_nobody() {
    let world = World::new();
    let mut silent = [world.send(b""), world.send(b"CONN")];
    world.dial(A, B).carries_both_ways();
    for stranger in &mut silent {
        end(stranger);
    }
}

#[test]
fn a_member_that_moves_is_found_where_it_was_and_where_it_is() {
    let world = World::new();
    let (moved, stays) = (world.members[B].linked, world.members[C].linked);
    // Where another one really is, which shows whom one reaches.
    let there = world.links.move_peer(&moved, world.real_peer(C)).unwrap();
    assert_eq!((there.ip(), there.port() == moved.peer.port()), (moved.peer.ip(), false));
    let url = world.members[A].linked.proxy_url();
    let near = world.send(connect(&url, &there.to_string()).as_bytes());
    world.made(near, C).carries_both_ways();
    let near = world.send(connect(&url, &moved.peer.to_string()).as_bytes());
    world.made(near, B).carries_both_ways();
    // It is one member at both: who is gone is at neither.
    world.links.remove(moved.slot);
    for gone in [there, moved.peer] {
        let mut near = world.send(connect(&url, &gone.to_string()).as_bytes());
        assert!(head(&mut near).starts_with("HTTP/1.1 403 "), "{gone}");
    }
    let near = world.send(connect(&url, &stays.peer.to_string()).as_bytes());
    world.made(near, C).carries_both_ways();
}

#[test]
fn places_are_given_once_and_there_is_an_end_of_them() {
    let links = Links::start().unwrap();
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let real = Real { client: nowhere, peer: nowhere, http: None };
    let mut peers = Vec::new();
    let refused = loop {
        match links.add(real) {
            Ok(linked) => {
                peers.push(linked.peer);
                links.remove(linked.slot);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(peers.len(), 3 * 254);
    let shown = [0, 253, 254, 761].map(|place| peers[place].to_string());
    assert_eq!(
        shown,
        ["192.0.2.1:2380", "192.0.2.254:2380", "198.51.100.1:2380", "203.0.113.254:2380"]
    );
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 3 * 254, "no address twice");
    assert_eq!(
        refused.to_string(),
        "a fleet's network has 762 places, and all were used: start another fleet"
    );
}

#[test]
fn nothing_that_is_shown_has_a_secret() {
    let world = World::new();
    let linked = world.members[A].linked;
    let shown = format!("{:?} {linked:?}", world.links);
    assert!(!shown.contains(&linked.token.reveal()), "{shown}");
}
