//! What a child does with itself before it becomes what it is to be.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};

use libc::sock_filter;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::filter::{NATIVE, program};
use super::sys;
use crate::process::interception::Intercepted;

/// All that the child needs; made before the fork, since after it nothing may be allocated.
#[derive(Debug)]
pub(super) struct Arming {
    program: Vec<sock_filter>,
    traced: bool,
    to_owner: OwnedFd,
}

/// Where the owner hears of it.
#[derive(Debug)]
pub(super) struct Report {
    from_child: OwnedFd,
}

/// What cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// To renounce new privileges, without which only root may install a filter.
    NoNewPrivileges,
    /// To be traced, for the clock.
    Traced,
    /// To install the filter.
    Filter,
    /// To hand over where the kernel asks.
    HandOver,
    /// To change what the child knows of its kernel, for the clock.
    Auxv,
    /// To answer.
    Supervisor,
}

impl Obstacle {
    const IN_CHILD: [Self; 4] = [Self::NoNewPrivileges, Self::Traced, Self::Filter, Self::HandOver];
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) listener: Option<OwnedFd>,
    pub(super) obstacle: Option<Obstacle>,
}

/// Makes both ends.
pub(super) fn arming(calls: Intercepted) -> io::Result<(Arming, Report)> {
    let (from_child, to_owner) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let arming = Arming { program: program(&NATIVE, calls), traced: calls.clock, to_owner };
    Ok((arming, Report { from_child }))
}

/// The one byte of the message that has the descriptor; smaller ones are obstacles.
const ARMED: u8 = 0xff;

impl Arming {
    /// Run between fork and exec: only system calls, no allocation, no lock, no panic.
    pub(super) fn in_child(&self) -> io::Result<()> {
        self.arm().map_err(|(obstacle, error)| {
            let place = Obstacle::IN_CHILD.iter().position(|known| *known == obstacle);
            // Without it the owner still has the error.
            let _ = self.tell(place.unwrap_or_default() as u8, &mut SendAncillaryBuffer::default());
            error
        })
    }

    fn arm(&self) -> Result<(), (Obstacle, io::Error)> {
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| (Obstacle::NoNewPrivileges, error.into()))?;
        if self.traced {
            sys::child_hold_signals()
                .and_then(|()| sys::child_be_traced())
                .map_err(|error| (Obstacle::Traced, error))?;
        }
        let listener = sys::child_install(&self.program, true).or_else(|error| {
            match error.raw_os_error() {
                // Before 5.19 there is no such flag.
                Some(libc::EINVAL) => sys::child_install(&self.program, false),
                _ => Err(error),
            }
        });
        let listener = listener.map_err(|error| (Obstacle::Filter, error))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let listeners = [listener.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&listeners));
        self.tell(ARMED, &mut control).map_err(|error| (Obstacle::HandOver, error))
    }

    fn tell(&self, byte: u8, control: &mut SendAncillaryBuffer<'_, '_, '_>) -> io::Result<()> {
        sendmsg(&self.to_owner, &[IoSlice::new(&[byte])], control, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl Report {
    /// What the children so far had to tell: of several, of which all but the last failed, the last.
    pub(super) fn hear(&self) -> Heard {
        let mut heard = Heard::default();
        loop {
            let mut byte = [0];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            let received =
                recvmsg(&self.from_child, &mut [IoSliceMut::new(&mut byte)], &mut control, flags);
            match received {
                Ok(message) if message.bytes == 1 => {}
                Err(rustix::io::Errno::INTR) => continue,
                // Empty, or its other end is closed.
                _ => return heard,
            }
            heard.obstacle = Obstacle::IN_CHILD.get(usize::from(byte[0])).copied();
            let rights = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
                _ => None,
            });
            heard.listener = rights;
        }
    }
}
