//! A fleet on which futures are dropped, and what is left of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Error, Range};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cuts::Cuts;

/// Of what is to run out by itself: as short as etcd allows with a margin.
pub(crate) const SHORT: Duration = Duration::from_secs(2);

/// Of what is to live for as long as the test.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// How many tasks there are.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// One member, which tells strangers what it counts, and a client.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) url: String,
    covered: RefCell<BTreeSet<String>>,
    number: Cell<u32>,
    /// How many tasks there are when nothing goes on in the background.
    calm: Cell<usize>,
}

impl Scene {
    pub(crate) async fn new(etcd: &Binary) -> Result<Self> {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.security(Security::Plaintext).start().await?;
        let url = cluster.member(0).client_url().to_owned();
        let client = Client::connect(Config::new([url.clone()])).await?;
        let (covered, number, calm) = (RefCell::default(), Cell::new(0), Cell::new(0));
        Ok(Self { cluster, client, url, covered, number, calm })
    }

    /// All points at which this function's future can be dropped.
    pub(crate) fn cuts(&self, function: &'static str) -> Cuts {
        self.covered.borrow_mut().insert(function.to_owned());
        Cuts::of(function)
    }

    /// A number that is used once.
    pub(crate) fn number(&self) -> u32 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// Drops what `begin` makes at each point. Where it is not dropped it must succeed; and the
    /// client must work on.
    pub(crate) async fn each<T>(
        &self,
        function: &'static str,
        begin: impl AsyncFn(u32) -> Result<T, Error>,
    ) {
        let passes = |_: &Error| false;
        self.each_but(function, passes, begin).await;
    }

    /// The same of what may also fail so.
    pub(crate) async fn each_but<T>(
        &self,
        function: &'static str,
        may_be: impl Fn(&Error) -> bool,
        begin: impl AsyncFn(u32) -> Result<T, Error>,
    ) {
        let mut cuts = self.cuts(function);
        while cuts.go_on() {
            match cuts.drop_in(begin(self.number())).await {
                Some(Err(error)) if !may_be(&error) => panic!("{function}: {error}"),
                _ => self.works().await,
            }
        }
    }

    /// Whether the client does.
    pub(crate) async fn works(&self) {
        let get = tokio::time::timeout(PATIENCE, self.client.get("works")).await;
        get.expect("the client answers").expect("the client works");
    }

    /// How many keys there are below this.
    pub(crate) async fn below(&self, prefix: &'static str) -> i64 {
        self.client.range(Range::prefix(prefix).count_only()).await.unwrap().count()
    }

    /// Nothing goes on now but what goes on all the time.
    pub(crate) async fn is_calm(&self) {
        // Both connections are there from here on.
        drop(self.client.watch("works").await.unwrap());
        self.wait_for_watches(0).await;
        self.calm.set(tasks());
    }

    /// What goes on in the background ends, and then there is no key below this.
    pub(crate) async fn leaves_none_below(&self, prefix: &'static str) {
        let calm = self.calm.get();
        let more = async || i64::try_from(tasks().saturating_sub(calm)).unwrap();
        self.wait_for("tasks in the background", 0, more).await;
        assert_eq!(self.below(prefix).await, 0, "{prefix}");
    }

    /// None is there some time later.
    pub(crate) async fn wait_for_none_below(&self, prefix: &'static str) {
        self.wait_for(prefix, 0, async || self.below(prefix).await).await;
    }

    /// No lease is left: those that nobody keeps have run out.
    pub(crate) async fn wait_for_no_lease(&self) {
        let leases = async || i64::try_from(self.client.leases().await.unwrap().len()).unwrap();
        self.wait_for("leases", 0, leases).await;
    }

    /// As many watches as the member counts.
    pub(crate) async fn wait_for_watches(&self, wanted: i64) {
        let watches = async || self.sum(&["etcd_debugging_mvcc_watcher_total "]).await;
        self.wait_for("watches", wanted, watches).await;
    }

    /// As many requests and streams under way as the member counts.
    pub(crate) async fn wait_for_requests(&self, wanted: i64) {
        let under_way = async || {
            let started = self.sum(&["grpc_server_started_total"]).await;
            started - self.sum(&["grpc_server_handled_total"]).await
        };
        self.wait_for("requests", wanted, under_way).await;
    }

    pub(crate) async fn wait_for(&self, what: &str, wanted: i64, count: impl AsyncFn() -> i64) {
        let begin = Instant::now();
        loop {
            let found = count().await;
            if found == wanted {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}: {found}, and not {wanted}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The sum of all lines of the member's metrics that begin so.
    async fn sum(&self, starts: &[&str]) -> i64 {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).await.unwrap();
        let ask = b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let lines = text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start)));
        #[expect(clippy::cast_possible_truncation, reason = "they are counts")]
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as i64).sum()
    }

    /// Nothing is left but the client, and then nothing at all. Gives what was covered.
    pub(crate) async fn end(self, tasks_before: usize) -> BTreeSet<String> {
        self.wait_for_watches(0).await;
        self.wait_for_requests(0).await;
        let Self { cluster, client, covered, .. } = self;
        assert!(tasks() > tasks_before, "the control: the client has a task");
        drop((client, cluster));
        let begin = Instant::now();
        while tasks() > tasks_before {
            assert!(begin.elapsed() < PATIENCE, "{} tasks are left", tasks() - tasks_before);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        covered.into_inner()
    }
}
