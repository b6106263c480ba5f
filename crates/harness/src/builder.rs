//! What a test may say of its cluster.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use tercet_cluster::binary::{Binary, Locator, Release, Request};
use tercet_cluster::{
    Configuration, Faults, Joining, MemberHost, Restore, Security, Spec, StoreOptions, TlsOptions,
};
use tercet_pki::Layout;
use tokio::sync::oneshot;

use crate::{Cluster, Error, Keep, Result, Timing};

/// A cluster to be started; see [`Cluster::builder`].
///
/// ```no_run
/// # async fn example() -> tercet_harness::Result<()> {
/// use tercet_harness::{Cluster, Keep, Timing};
///
/// let cluster = Cluster::builder()
///     .members(5)
///     .version("3.5.1")
///     .timing(Timing::Ci)
///     .keep(Keep::OnFailure)
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is started until `start` is called"]
pub struct Builder {
    members: Option<usize>,
    hosts: Vec<MemberHost>,
    etcd: Etcd,
    timing: Option<Timing>,
    security: Security,
    layout: Layout,
    tls: TlsOptions,
    store: StoreOptions,
    faults: Faults,
    v2: bool,
    no_gateway: bool,
    http_port: bool,
    configuration: Configuration,
    flags: Vec<(String, String)>,
    joining: Joining,
    restore: Option<Restore>,
    strict: Option<bool>,
    keep: Option<Keep>,
    parent: Option<PathBuf>,
    ready_within: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
enum Etcd {
    #[default]
    Default,
    Version(String),
    Path(PathBuf),
}

impl Builder {
    /// How many members: 1 to 9, by default 3. See [`Spec::members`].
    pub const fn members(mut self, members: usize) -> Self {
        self.members = Some(members);
        self
    }

    /// On which hosts the members are, one on each; by default all are on this machine's loopback
    /// address. See [`Spec::hosts`].
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = MemberHost>) -> Self {
        self.hosts = hosts.into_iter().collect();
        self
    }

    /// The etcd version, such as `3.5.1`. Another is never run instead: where it cannot be had, the
    /// start fails and says how to bring it.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.etcd = Etcd::Version(version.into());
        self
    }

    /// The etcd program, or a directory that holds one called `etcd`. A script that wraps it must end
    /// in `exec`, so that what is killed is etcd.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.etcd = Etcd::Path(path.into());
        self
    }

    /// How fast the members' clocks tick; by default what `TERCET_TIMING` says, else
    /// [`Timing::Fast`].
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = Some(timing);
        self
    }

    /// How the links are secured; by default mutual TLS on every one.
    pub const fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Which certificates the members have; by default each its own.
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// What of TLS is to be otherwise than etcd has it; by default nothing.
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.tls = options;
        self
    }

    /// What of the members' stores is to be otherwise than etcd has it; by default nothing.
    pub const fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }

    /// Which faults the cluster is made ready for; by default none. See [`Spec::faults`].
    pub const fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// How the members find each other; by default each is told of all. See [`Spec::joining`].
    pub fn joining(mut self, joining: Joining) -> Self {
        self.joining = joining;
        self
    }

    /// Members also answer etcd's second API, `/v2/keys` over HTTP: until etcd 3.5. See
    /// [`Spec::v2`].
    pub const fn v2(mut self) -> Self {
        self.v2 = true;
        self
    }

    /// Members answer no JSON over HTTP, `/v3/…`. See [`Spec::gateway`].
    pub const fn without_gateway(mut self) -> Self {
        self.no_gateway = true;
        self
    }

    /// Members have a port of its own for what is HTTP and not gRPC. See [`Spec::http_port`].
    pub const fn http_port(mut self) -> Self {
        self.http_port = true;
        self
    }

    /// In which form members are told their settings; by default by flags.
    pub const fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    /// One more flag for every member, for what there is no word for. See [`Spec::flag`].
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((name.into(), value.into()));
        self
    }

    /// The cluster begins with what is in this snapshot; see [`tercet_cluster::Cluster::restore`].
    pub fn restore(mut self, snapshot: impl Into<Restore>) -> Self {
        self.restore = Some(snapshot.into());
        self
    }

    /// Whether members may come and go only after five seconds together, as etcd has it; by default
    /// only with [`Timing::Stock`]. See [`Spec::strict_reconfiguration`].
    pub const fn strict_reconfiguration(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }

    /// What becomes of the files; by default what `TERCET_KEEP` says, else [`Keep::Never`].
    pub const fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    /// How long the cluster may take to become ready before its start is given up; by default a
    /// minute.
    pub const fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = Some(limit);
        self
    }

    /// Where the cluster's directory is made; by default the system's temporary directory.
    pub fn directory(mut self, parent: impl Into<PathBuf>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Finds etcd, getting it if need be, starts the cluster and waits until it is ready.
    ///
    /// Cancel-safe: dropping the future ends and removes what was started. A download that has
    /// begun goes on in the background, for the next start.
    ///
    /// # Errors
    ///
    /// When there is no etcd, or the cluster does not become ready. Nothing is left behind but what
    /// [`keep`](Self::keep) asks for.
    pub async fn start(self) -> Result<Cluster> {
        let timing = match self.timing {
            Some(timing) => timing,
            None => variable("TERCET_TIMING")?.unwrap_or_default(),
        };
        let keep = match self.keep {
            Some(keep) => keep,
            None => variable("TERCET_KEEP")?.unwrap_or_default(),
        };
        let mut spec = Spec::default()
            .security(self.security)
            .timing(timing)
            .layout(self.layout)
            .tls(self.tls)
            .store(self.store)
            .faults(self.faults)
            .v2(self.v2)
            .gateway(!self.no_gateway)
            .http_port(self.http_port)
            .configuration(self.configuration)
            .joining(self.joining)
            .hosts(self.hosts)
            .keep_failed(keep != Keep::Never);
        for (name, value) in self.flags {
            spec = spec.flag(name, value);
        }
        if let Some(members) = self.members {
            spec = spec.members(members);
        }
        if let Some(strict) = self.strict {
            spec = spec.strict_reconfiguration(strict);
        }
        if let Some(limit) = self.ready_within {
            spec = spec.ready_within(limit);
        }
        // Before etcd is looked for: a refusal must not wait for a download.
        spec.validate().map_err(tercet_cluster::StartError::from)?;
        if let Some(release) = self.etcd.wanted()? {
            spec.validate_for(release).map_err(tercet_cluster::StartError::from)?;
        }
        let binary = self.etcd.locate().await?;
        let parent = self.parent.unwrap_or_else(std::env::temp_dir);
        let started = match self.restore {
            None => tercet_cluster::Cluster::start(&spec, &binary, &parent)
                .await
                .inspect_err(|error| say_kept(error.log()))
                .map_err(Error::from),
            Some(restore) => tercet_cluster::Cluster::restore(&spec, &binary, &parent, restore)
                .await
                .inspect_err(|error| say_kept(error.log()))
                .map_err(Error::from),
        };
        let mut cluster = started?;
        if keep == Keep::Always {
            cluster.keep();
        }
        Ok(Cluster::new(cluster, keep))
    }
}

impl Etcd {
    /// What is known of it before it is looked for.
    fn wanted(&self) -> Result<Option<Release>> {
        match self {
            Self::Version(text) => Ok(Release::of(text.parse()?).ok()),
            Self::Default | Self::Path(_) => Ok(None),
        }
    }

    async fn locate(self) -> Result<Binary> {
        let request = match self {
            Self::Default => Request::Default,
            Self::Version(text) => Request::Version(text.parse()?),
            Self::Path(path) => Request::Path(path),
        };
        // A thread and not the runtime's blocking pool: a runtime waits for that when it ends, and
        // a test that has given up must not wait for a download.
        let (found, finding) = oneshot::channel();
        std::thread::Builder::new()
            .name("tercet-locator".to_owned())
            .spawn(move || found.send(Locator::from_env().locate(&request)))?;
        let gone = || io::Error::other("the thread that looks for etcd has panicked");
        let binary = finding.await.map_err(|_| gone())??;
        say_once(&binary);
        Ok(binary)
    }
}

/// Says where the files are of a cluster that did not start, if they are.
fn say_kept(log: Option<&Path>) {
    if let Some(log) = log.filter(|log| log.exists()) {
        eprintln!(
            "tercet: the files of the cluster that did not start are kept around {}",
            log.display()
        );
    }
}

/// Says, once in a process, that it is not the etcd that one would expect.
fn say_once(binary: &Binary) {
    static SAID: Once = Once::new();
    let notes: Vec<_> =
        binary.note().map(str::to_owned).into_iter().chain(binary.release().warning()).collect();
    if !notes.is_empty() {
        SAID.call_once(|| notes.iter().for_each(|note| eprintln!("tercet: {note}")));
    }
}

/// The value of an environment variable, if it is set and not empty.
fn variable<T>(name: &str) -> Result<Option<T>>
where
    T: std::str::FromStr,
    Error: From<T::Err>,
{
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => Ok(Some(text.parse()?)),
        _ => Ok(None),
    }
}
