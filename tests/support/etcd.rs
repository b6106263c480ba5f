//! An etcd with arguments of the test's own making, which the fixtures would never give it.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::command;

/// How long anything is waited for: etcds of several tests share two cores.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A loopback port that nobody else is given while this lives, and that an etcd may listen on.
///
/// It is bound exclusively and only then made sharable, and never listens. Go listens with
/// `SO_REUSEADDR`, which Linux lets onto such a port; so does it on every version of etcd.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _held: Socket,
}

impl Port {
    /// Holds a port that is free now.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn hold() -> Self {
        let hold = |port: u16| -> std::io::Result<Self> {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
            socket.set_reuse_address(true)?;
            let address = socket.local_addr()?.as_socket().expect("it is bound to an address");
            Ok(Self { number: address.port(), _held: socket })
        };
        // portpicker's lie below those that the kernel hands to outgoing connections.
        let mut picked = std::iter::from_fn(portpicker::pick_unused_port).take(20);
        picked.find_map(|port| hold(port).ok()).unwrap_or_else(|| hold(0).expect("a free port"))
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// A command that ends with the thread that starts it, whatever ends that, where there is
/// `setpriv` (Linux): nothing is dropped by a test that is killed. It becomes the program, which so
/// has its process id.
fn dying_with_us(program: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut setpriv = std::env::split_paths(&path).map(|dir| dir.join("setpriv"));
    let Some(setpriv) = setpriv.find(|file| file.is_file()) else {
        return command(program);
    };
    let mut command = command(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// An etcd that was started with arguments as they are: killed and reaped when dropped.
#[derive(Debug)]
pub struct RawEtcd {
    child: Child,
    output: PathBuf,
    words: String,
}

impl RawEtcd {
    /// Starts `etcd` with these arguments and, of the environment, only these variables.
    /// Everything it prints goes to the file `output`.
    ///
    /// # Panics
    ///
    /// When the program cannot be run.
    #[must_use]
    pub fn start(
        etcd: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        output: &Path,
    ) -> Self {
        let file = File::create(output).expect("the file of its output is made");
        let child = dying_with_us(etcd)
            .args(arguments)
            // Where relative paths and sockets are.
            .current_dir(output.parent().unwrap_or_else(|| Path::new(".")))
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("etcd runs");
        let words = format!("{} {}", etcd.display(), arguments.join(" "));
        Self { child, output: output.to_owned(), words }
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Panics
    ///
    /// When it cannot be asked, which does not happen to a child that was not waited for.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits until it has printed `text`.
    ///
    /// # Panics
    ///
    /// With the end of its output, when it has not after [`PATIENCE`], or has ended without.
    pub fn wait_for_output(&mut self, text: &str) {
        self.wait_until(&format!("printed {text:?}"), |etcd| {
            // Asked in this order: what it printed last is in the file when it has ended.
            let ended = etcd.exit_status();
            let found = etcd.output().contains(text);
            assert!(found || ended.is_none(), "it ended ({ended:?}) first\n{}", etcd.told());
            found
        });
    }

    /// Waits until it has ended, and returns everything it printed.
    ///
    /// # Panics
    ///
    /// With the end of its output, when it still runs after [`PATIENCE`], or reports success.
    #[must_use]
    pub fn wait_for_failure(&mut self) -> String {
        self.wait_until("ended", |etcd| etcd.exit_status().is_some());
        let status = self.exit_status();
        assert!(!status.is_some_and(|status| status.success()), "{status:?}\n{}", self.told());
        self.output()
    }

    /// Waits until `condition` holds. `what` is it that it would then have done.
    ///
    /// # Panics
    ///
    /// With the end of its output, when the condition does not hold after [`PATIENCE`].
    pub fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let begin = Instant::now();
        while !condition(self) {
            assert!(
                begin.elapsed() < PATIENCE,
                "it has not {what} in {PATIENCE:?}\n{}",
                self.told()
            );
            #[expect(clippy::disallowed_methods, reason = "between two looks at another process")]
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its command line, and the end of what it printed.
    #[must_use]
    pub fn told(&self) -> String {
        const LINES: usize = 30;
        let output = self.output();
        let lines: Vec<_> = output.lines().collect();
        let tail = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!("{}\n{tail}", self.words)
    }
}

impl Drop for RawEtcd {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
