//! One direction of one connection: reads from one socket and writes to the other, when the link
//! lets it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::link::Link;
use super::policy::Carriage;

/// How many bytes may be on their way. 50 ms at 20 MB/s, more than etcd sends by far.
pub(super) const QUEUE: usize = 1024 * 1024;

/// How often one pump reads before the others get their turn.
const ROUNDS: usize = 16;

/// Where one direction has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Open,
    /// Its end has arrived.
    Ended,
    /// Its reset has arrived: the connection is over.
    Reset,
}

/// What is on its way.
#[derive(Debug)]
struct Parcel {
    /// When it arrives; none for at once.
    due: Option<Instant>,
    load: Load,
}

#[derive(Debug)]
enum Load {
    /// What is behind the offset.
    Bytes(Vec<u8>, usize),
    End,
    Reset,
}

/// One direction of one connection.
#[derive(Debug)]
pub(super) struct Pump {
    link: Rc<Link>,
    /// Of the link, when its policy was last looked at.
    generation: u64,
    parcels: VecDeque<Parcel>,
    /// How many bytes the parcels have.
    queued: usize,
    /// When the last one was due.
    last_due: Option<Instant>,
    /// Before then, nothing is read, since the link is still sending.
    reads_from: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The source has said that it will say no more, or can no more.
    source_ended: bool,
    /// The source's socket is dead, as the other direction has found out.
    source_died: bool,
    /// The sink has been told that there is no more.
    sink_ended: bool,
    /// The sink takes no more.
    sink_died: bool,
}

impl Pump {
    pub(super) fn new(link: Rc<Link>) -> Self {
        Self {
            generation: link.generation(),
            link,
            parcels: VecDeque::new(),
            queued: 0,
            last_due: None,
            reads_from: None,
            timer: None,
            source_ended: false,
            source_died: false,
            sink_ended: false,
            sink_died: false,
        }
    }

    /// What was read before.
    pub(super) fn begin_with(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.send(Load::Bytes(bytes, 0));
        }
    }

    /// Whether what it brings finds nobody any more.
    pub(super) const fn sink_died(&self) -> bool {
        self.sink_died
    }

    /// Its source's socket is dead: what it has sent still goes on, and then that it was reset. Says
    /// whether that is news.
    pub(super) fn source_died(&mut self) -> bool {
        if self.source_died {
            return false;
        }
        self.source_died = true;
        if self.source_ended {
            self.send(Load::Reset);
        }
        true
    }

    /// Carries what can be carried now.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        scratch: &mut [u8],
    ) -> Fate {
        for _ in 0..ROUNDS {
            if self.fate() == Fate::Ended {
                return Fate::Ended;
            }
            let now = Instant::now();
            self.follow_policy(now);
            let goes_on = match self.link.carriage() {
                Carriage::Pass => {
                    if self.deliver(now, context, sink) == Fate::Reset {
                        return Fate::Reset;
                    }
                    self.take(now, context, source, sink, scratch) || self.timer_fired(now, context)
                }
                Carriage::Drop => self.lose(context, source, scratch),
                Carriage::Hold | Carriage::Reset => false,
            };
            if !goes_on {
                return self.fate();
            }
        }
        // There is more, but others are waiting.
        context.waker().wake_by_ref();
        Fate::Open
    }

    fn fate(&self) -> Fate {
        if self.sink_ended && self.parcels.is_empty() { Fate::Ended } else { Fate::Open }
    }

    /// What is on its way arrives no later than what would be sent now.
    fn follow_policy(&mut self, now: Instant) {
        if self.generation == self.link.generation() {
            return;
        }
        self.generation = self.link.generation();
        self.reads_from = None;
        let latest = now + self.link.longest_latency();
        let dues = self.parcels.iter_mut().map(|parcel| &mut parcel.due);
        for due in dues.chain([&mut self.last_due]).flatten() {
            *due = latest.min(*due);
        }
    }

    /// Writes what is due.
    fn deliver(&mut self, now: Instant, context: &mut Context<'_>, sink: &mut TcpStream) -> Fate {
        while let Some(parcel) = self.parcels.front_mut() {
            if parcel.due.is_some_and(|due| due > now) {
                break;
            }
            match &mut parcel.load {
                Load::Bytes(bytes, offset) if !self.sink_died => {
                    match Pin::new(&mut *sink).poll_write(context, &bytes[*offset..]) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(written)) => {
                            *offset += written;
                            self.queued -= written;
                            self.link.count(|traffic| traffic.carried_bytes += written as u64);
                            if *offset < bytes.len() {
                                continue;
                            }
                        }
                        Poll::Ready(Err(_)) => {
                            self.sink_died = true;
                            continue;
                        }
                    }
                }
                Load::Bytes(bytes, offset) => self.queued -= bytes.len() - *offset,
                Load::End => {
                    self.sink_ended = true;
                    if SockRef::from(&*sink).shutdown(Shutdown::Write).is_err() {
                        self.sink_died = true;
                    }
                }
                Load::Reset => return Fate::Reset,
            }
            self.parcels.pop_front();
        }
        self.fate()
    }

    /// Reads what may be read, once; says whether there may be more to do.
    fn take(
        &mut self,
        now: Instant,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        scratch: &mut [u8],
    ) -> bool {
        if self.source_ended {
            return false;
        }
        let prompt = self.link.policy().is_prompt();
        let room = match prompt {
            // The kernel's buffers are enough.
            true if self.parcels.is_empty() => scratch.len(),
            true => 0,
            false if self.reads_from.is_some_and(|from| from > now) => 0,
            false => self.link.slice().min(QUEUE - self.queued.min(QUEUE)),
        };
        let room = room.min(scratch.len());
        if room == 0 {
            return false;
        }
        let mut buffer = ReadBuf::new(&mut scratch[..room]);
        match Pin::new(source).poll_read(context, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let bytes = buffer.filled();
                let written = if prompt { self.write(context, sink, bytes) } else { 0 };
                if written < bytes.len() {
                    self.send(Load::Bytes(bytes[written..].to_vec(), 0));
                }
            }
            Poll::Ready(ended) => self.source_has_ended(&ended),
        }
        true
    }

    fn source_has_ended(&mut self, ended: &io::Result<()>) {
        self.source_ended = true;
        self.send(if ended.is_ok() && !self.source_died { Load::End } else { Load::Reset });
    }

    /// Writes what was just read, as far as the sink takes it; if that is dead, to nobody.
    fn write(&mut self, context: &mut Context<'_>, sink: &mut TcpStream, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() && !self.sink_died {
            match Pin::new(&mut *sink).poll_write(context, &bytes[written..]) {
                Poll::Pending => return written,
                Poll::Ready(Ok(more)) => {
                    written += more;
                    self.link.count(|traffic| traffic.carried_bytes += more as u64);
                }
                Poll::Ready(Err(_)) => self.sink_died = true,
            }
        }
        bytes.len()
    }

    /// Sets something on its way.
    fn send(&mut self, load: Load) {
        let mut due = None;
        if !self.link.policy().is_prompt() {
            let now = Instant::now();
            let mut sent = now;
            if let Load::Bytes(bytes, _) = &load
                && let Some((end, reads_from)) = self.link.send(now, bytes.len())
            {
                (sent, self.reads_from) = (end, Some(reads_from));
            }
            let arrives = sent + self.link.latency();
            due = Some(self.last_due.map_or(arrives, |last| last.max(arrives)));
            self.last_due = due;
        }
        if let Load::Bytes(bytes, offset) = &load {
            self.queued += bytes.len() - offset;
        }
        self.parcels.push_back(Parcel { due, load });
    }

    /// Throws away what is on its way and what comes; says whether there may be more.
    fn lose(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        scratch: &mut [u8],
    ) -> bool {
        self.parcels.clear();
        let lost = std::mem::take(&mut self.queued) as u64;
        self.link.count(|traffic| traffic.dropped_bytes += lost);
        if self.source_ended {
            return false;
        }
        let mut buffer = ReadBuf::new(scratch);
        match Pin::new(source).poll_read(context, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let lost = buffer.filled().len() as u64;
                self.link.count(|traffic| traffic.dropped_bytes += lost);
            }
            Poll::Ready(_) => self.source_ended = true,
        }
        true
    }

    /// Waits for the next moment at which something is to be done; says whether it has come.
    fn timer_fired(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let due = self.parcels.front().and_then(|parcel| parcel.due);
        let reads_from = self.reads_from.filter(|_| !self.source_ended);
        let Some(next) = [due, reads_from].into_iter().flatten().filter(|at| *at > now).min()
        else {
            return false;
        };
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next.into())));
        if timer.deadline() != next.into() {
            timer.as_mut().reset(next.into());
        }
        timer.as_mut().poll(context).is_ready()
    }
}
