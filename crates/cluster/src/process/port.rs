//! Ports that have an owner from before the first member starts until after the last one is gone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Socket, Type};

/// How a member is let onto a port that is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// The member listens with `SO_REUSEPORT` (`--socket-reuse-port`): nobody without that option
    /// gets the port.
    ReusePort,
    /// The member listens with `SO_REUSEADDR`, as every Go server does. Programs that name the very
    /// same port and set the option too could take it while the member is down; nobody is given it
    /// by the kernel, nor gets it with a plain bind. For etcd before 3.5.
    ReuseAddress,
}

/// A loopback port that nobody else is given, while a member may come, listen and go on it.
///
/// The socket is bound **exclusively**, never listens, and is only **then** made sharable: with the
/// option set before the bind, two holders would both succeed on one port and two fleets would
/// answer on it. Connections reach the member, since only listening sockets take part in that; while
/// it is down, they are refused.
#[derive(Debug)]
pub(crate) struct HeldPort {
    port: u16,
    socket: Socket,
}

impl HeldPort {
    /// Holds a port that is free now.
    pub(crate) fn hold(share: Share) -> Result<Self, PortError> {
        Self::hold_one_of(portpicker::pick_unused_port, share)
    }

    /// Holds the first candidate that can be had, or else whatever the kernel gives: portpicker
    /// finds nothing on a machine without IPv6.
    fn hold_one_of(
        mut candidate: impl FnMut() -> Option<u16>,
        share: Share,
    ) -> Result<Self, PortError> {
        for _ in 0..CANDIDATES {
            let Some(port) = candidate() else { break };
            if let Ok(held) = Self::hold_this(port, share) {
                return Ok(held);
            }
        }
        Self::hold_this(0, share).map_err(|source| PortError { source })
    }

    /// Holds `port`, or with 0 any that is free.
    fn hold_this(port: u16, share: Share) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
        let address = socket.local_addr()?;
        make_sharable(&socket, share)?;
        let port = address.as_socket().map_or(port, |address| address.port());
        Ok(Self { port, socket })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Lets a member of another version onto it from now on.
    pub(crate) fn share(&self, share: Share) {
        // These options of a bound socket cannot be refused; and if one were, the member would say
        // that its port is taken.
        let _ = make_sharable(&self.socket, share);
    }

    pub(crate) fn number(&self) -> u16 {
        self.port
    }
}

/// With the one option and without the other: each that is on lets one more kind of program in.
fn make_sharable(socket: &Socket, share: Share) -> io::Result<()> {
    socket.set_reuse_port(share == Share::ReusePort)?;
    socket.set_reuse_address(share == Share::ReuseAddress)
}

/// A candidate is free when it is picked; to lose a few in a row to others is bad luck already.
const CANDIDATES: usize = 10;

/// No port could be held.
#[derive(Debug, thiserror::Error)]
#[error(
    "no port on 127.0.0.1 can be had: end what listens there, or raise net.ipv4.ip_local_port_range and the limit of open files"
)]
pub struct PortError {
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// A listener as etcd opens it under each share.
    fn member(port: u16, share: Share) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        match share {
            Share::ReusePort => socket.set_reuse_port(true)?,
            Share::ReuseAddress => socket.set_reuse_address(true)?,
        }
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
        socket.listen(16)?;
        Ok(socket)
    }

    /// Whether `condition` comes to hold. A process that another test has just forked has our sockets
    /// until its exec, which closes them: so one that is closed here may be open a little longer.
    fn soon(mut condition: impl FnMut() -> bool) -> bool {
        let begin = std::time::Instant::now();
        while !condition() {
            if begin.elapsed() > std::time::Duration::from_secs(30) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    #[test]
    fn sockets_are_closed_on_exec() {
        use rustix::fd::AsFd as _;
        let held = HeldPort::hold(Share::ReusePort).unwrap();
        let flags = rustix::io::fcntl_getfd(held.socket.as_fd()).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[test]
    fn a_held_port_takes_its_member_again_and_again_and_no_other_holder() {
        for share in [Share::ReusePort, Share::ReuseAddress] {
            let held = HeldPort::hold(share).unwrap();
            let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, held.number()));
            for _ in 0..3 {
                assert!(soon(|| connect().is_err()), "refused while the member is down");
                let listener = member(held.number(), share).unwrap();
                assert!(connect().is_ok());
                assert!(member(held.number(), Share::ReuseAddress).is_err());
                drop(listener);
            }
            for other in [Share::ReusePort, Share::ReuseAddress] {
                assert!(HeldPort::hold_this(held.number(), other).is_err());
            }
            // The control: it is the hold that refuses them.
            let number = held.number();
            drop(held);
            assert!(soon(|| HeldPort::hold_this(number, share).is_ok()));
        }
    }

    #[test]
    fn a_held_port_takes_members_of_one_version_after_the_other() {
        let held = HeldPort::hold(Share::ReuseAddress).unwrap();
        for share in [Share::ReusePort, Share::ReuseAddress, Share::ReusePort] {
            // The control: as it was shared before, it takes none of these.
            if share == Share::ReuseAddress {
                assert!(member(held.number(), share).is_err());
            }
            held.share(share);
            assert!(soon(|| member(held.number(), share).is_ok()));
        }
    }

    #[test]
    fn with_reuse_port_an_ordinary_server_is_kept_out() {
        let held = HeldPort::hold(Share::ReusePort).unwrap();
        // std sets SO_REUSEADDR.
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, held.number())).is_err());
    }

    #[test]
    fn when_the_candidates_are_taken_the_kernel_is_asked() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let held = HeldPort::hold_one_of(|| Some(port), Share::ReusePort).unwrap();
        assert!(held.number() != port && held.number() != 0);
        let held = HeldPort::hold_one_of(|| None, Share::ReuseAddress).unwrap();
        assert!(HeldPort::hold_this(held.number(), Share::ReuseAddress).is_err());
    }
}
