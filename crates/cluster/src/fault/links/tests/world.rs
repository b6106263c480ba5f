//! Three members that are nothing but listeners, and connections between them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::fault::links::{End, LinkTraffic, Links, Real};
use crate::plan::Linked;

/// For what must come about, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;
pub(super) const C: usize = 2;

pub(super) struct Member {
    pub(super) linked: Linked,
    peer: TcpListener,
    client: TcpListener,
    http: TcpListener,
}

pub(super) struct World {
    pub(super) links: Links,
    pub(super) members: Vec<Member>,
}

/// Both ends of one connection: the dialler's, and the one that was accepted.
pub(super) struct Pair {
    pub(super) near: TcpStream,
    pub(super) far: TcpStream,
}

impl World {
    pub(super) fn new() -> Self {
        let links = Links::start().unwrap();
        let members = (0..3).map(|_| {
            let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
            let [client, peer, http] = listeners;
            let real = Real {
                client: client.local_addr().unwrap(),
                peer: peer.local_addr().unwrap(),
                http: Some(http.local_addr().unwrap()),
            };
            Member { linked: links.add(real).unwrap(), peer, client, http }
        });
        let members = members.collect();
        Self { links, members }
    }

    /// Where a member really is.
    pub(super) fn real_peer(&self, member: usize) -> SocketAddr {
        self.members[member].peer.local_addr().unwrap()
    }

    pub(super) fn end(&self, member: usize) -> End {
        End::Member(self.members[member].linked.slot)
    }

    /// A link from one member to another.
    pub(super) fn link(&self, from: usize, to: usize) -> (End, End) {
        (self.end(from), self.end(to))
    }

    pub(super) fn traffic(&self, from: usize, to: usize) -> LinkTraffic {
        self.links.traffic(self.end(from), self.end(to))
    }

    /// What a member sends to the proxy, and what the proxy answers; the connection waits before the
    /// answer.
    pub(super) fn ask(&self, from: usize, to: usize) -> TcpStream {
        let url = self.members[from].linked.proxy_url();
        let request = connect(&url, &self.members[to].linked.peer.to_string());
        self.send(request.as_bytes())
    }

    pub(super) fn send(&self, request: &[u8]) -> TcpStream {
        let mut near = patient(TcpStream::connect(self.members[A].linked.proxy).unwrap());
        near.write_all(request).unwrap();
        near
    }

    /// A connection between peers that is made.
    pub(super) fn dial(&self, from: usize, to: usize) -> Pair {
        let near = self.ask(from, to);
        self.made(near, to)
    }

    /// The rest of [`ask`](Self::ask).
    pub(super) fn made(&self, mut near: TcpStream, to: usize) -> Pair {
        assert_eq!(head(&mut near), "HTTP/1.1 200 Connection established\r\n\r\n");
        Pair { near, far: patient(self.members[to].peer.accept().unwrap().0) }
    }

    pub(super) fn client(&self, of: usize) -> Pair {
        let near = TcpStream::connect(self.members[of].linked.client).unwrap();
        self.accepted_client(near, of)
    }

    /// The rest of [`client`](Self::client).
    pub(super) fn accepted_client(&self, near: TcpStream, of: usize) -> Pair {
        let far = self.members[of].client.accept().unwrap().0;
        Pair { near: patient(near), far: patient(far) }
    }

    pub(super) fn http(&self, of: usize) -> Pair {
        let member = &self.members[of];
        let near = patient(TcpStream::connect(member.linked.http.unwrap()).unwrap());
        Pair { near, far: patient(member.http.accept().unwrap().0) }
    }

    /// Closes the member's ports.
    pub(super) fn stop(mut self, member: usize) -> Self {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let member = &mut self.members[member];
        for port in [&mut member.peer, &mut member.client, &mut member.http] {
            *port = gone.try_clone().unwrap();
        }
        self
    }

    /// Lets the network come round once more: what could have arrived before has.
    pub(super) fn come_round(&self) {
        let mut pair = self.dial(C, C);
        for _ in 0..3 {
            pair.carries_there();
            pair.carries_back();
        }
    }
}

impl Pair {
    /// As seen by one of the two: who sends, and who receives.
    pub(super) const fn seen(&mut self, from_dialler: bool) -> (&mut TcpStream, &mut TcpStream) {
        if from_dialler { (&mut self.near, &mut self.far) } else { (&mut self.far, &mut self.near) }
    }

    pub(super) fn carries_there(&mut self) {
        carries(&mut self.near, &mut self.far);
    }

    pub(super) fn carries_back(&mut self) {
        carries(&mut self.far, &mut self.near);
    }

    pub(super) fn carries_both_ways(&mut self) {
        self.carries_there();
        self.carries_back();
    }

    pub(super) fn was_reset(mut self) {
        assert_eq!(end(&mut self.near), Some(ErrorKind::ConnectionReset), "the dialler's end");
        assert_eq!(end(&mut self.far), Some(ErrorKind::ConnectionReset), "the other end");
    }
}

pub(super) fn connect(proxy_url: &str, destination: &str) -> String {
    let (_, rest) = proxy_url.split_once("http://").unwrap();
    let (credential, _) = rest.split_once('@').unwrap();
    let (name, secret) = credential.split_once(':').unwrap();
    let token = crate::plan::Token(u128::from_str_radix(secret, 16).unwrap());
    let credential = crate::fault::links::request::credential(name, token);
    format!(
        "CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n\
         User-Agent: Go-http-client/1.1\r\nProxy-Authorization: {credential}\r\n\r\n"
    )
}

pub(super) fn carries(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"hello").unwrap();
    let mut bytes = [0; 5];
    to.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
}

/// Whether there is nothing to read, not even an end.
pub(super) fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// How it ends, after whatever it still says: with an error, or none.
pub(super) fn end(stream: &mut TcpStream) -> Option<ErrorKind> {
    let mut room = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut room) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error.kind()),
        }
    }
}

/// An answer's head.
pub(super) fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Waits until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

/// Closes it as a process that was killed with unread bytes does.
pub(super) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
