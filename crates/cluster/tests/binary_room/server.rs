//! An HTTP server that can misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Serves one file under every address, until the test ends.
pub(crate) struct Server {
    base: String,
    requests: Arc<AtomicUsize>,
}

/// What it does when it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// It sends the file, after a while.
    Honest(Duration),
    /// It takes the connection and never says a word.
    Silent,
    /// It announces the whole file, sends so much of it, and closes.
    Short(usize),
    /// It announces the whole file, sends so much of it, and waits.
    Stalling(usize),
}

impl Server {
    pub(crate) fn start(bytes: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let bytes = bytes.clone();
                std::thread::spawn(move || answer(stream, &bytes, manner));
            }
        });
        Self { base, requests }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, bytes: &[u8], manner: Manner) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        request.push(byte[0]);
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    // A client that has gone is no failure of the server's.
    let mut send = |part: &[u8]| drop(stream.write_all(part));
    match manner {
        Manner::Honest(pause) => {
            wait(pause);
            send(head.as_bytes());
            send(bytes);
        }
        Manner::Silent => wait(Duration::MAX),
        Manner::Short(length) => {
            send(head.as_bytes());
            send(&bytes[..length]);
        }
        Manner::Stalling(length) => {
            send(head.as_bytes());
            send(&bytes[..length]);
            wait(Duration::MAX);
        }
    }
}

/// Nobody ever sends: it is the time that is waited for.
fn wait(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time.min(Duration::from_secs(3600)));
}
