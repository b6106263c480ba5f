//! Tokens that are no longer taken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Keys, Permission};
use tercet_cluster::binary::Binary;
use tercet_harness::Result;
use tercet_tests::{PATIENCE, Port, RawEtcd, available};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{ALICE, ROOT, client_of, with_users};

const TASKS: usize = 64;

/// A member forgets its tokens when it ends. All tasks find out at once, on every member, and none
/// of them notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_members_have_forgotten_are_asked_for_again() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 3).await?;
        cluster.client().await?.auth_enable().await?;
        cluster.set_user(ROOT.0, ROOT.1);
        let alice = client_of(&cluster, ALICE).await;
        for round in 0..3 {
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let alice = alice.clone();
                tasks.spawn(async move {
                    let key = format!("alice/{task}");
                    alice.put(key.clone(), format!("{round}")).await?;
                    let kv = alice.get(key).await?.expect("there");
                    assert_eq!(kv.value(), format!("{round}").as_bytes());
                    Ok::<_, tercet_client::Error>(())
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.expect("no panic")?;
            }
            for member in cluster.members() {
                member.restart().await?;
            }
            cluster.leader().await?;
        }
        // A watch on a member that has forgotten the token, also where that says something else.
        let mut watcher = alice.watch(Keys::prefix("alice/")).await?;
        alice.put("alice/key", "value").await?;
        assert!(watcher.next().await.expect("not over").is_ok());
    }
    Ok(())
}

/// One etcd without TLS, whose tokens say themselves until when they hold: a second.
pub(crate) struct Signing {
    pub(crate) url: String,
    // Before the ports are free.
    _etcd: RawEtcd,
    _ports: [Port; 2],
}

impl Signing {
    fn start(etcd: &Binary, directory: &Path) -> Self {
        let secret = directory.join("secret");
        std::fs::write(&secret, "known to nobody but this etcd, and to this test").unwrap();
        let how = format!("jwt,sign-method=HS256,priv-key={},ttl=1s", secret.display());
        Self::start_with(etcd, directory, &how)
    }

    /// With tokens of this kind.
    pub(crate) fn start_with(etcd: &Binary, directory: &Path, tokens: &str) -> Self {
        let ports = [Port::hold(), Port::hold()];
        let [client, peer] =
            [&ports[0], &ports[1]].map(|port| format!("http://127.0.0.1:{}", port.number()));
        let flags = [
            format!("--data-dir={}", directory.join("data").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            format!("--auth-token={tokens}"),
            "--logger=zap".to_owned(),
        ];
        let mut etcd = RawEtcd::start(etcd.path(), &flags, &[], &directory.join("log"));
        etcd.wait_for_output("serving client traffic");
        Self { url: client, _etcd: etcd, _ports: ports }
    }

    async fn client(&self, (name, password): (&str, &str)) -> Client {
        Client::connect(Config::new([&self.url]).user(name, password)).await.unwrap()
    }

    /// Makes `root` and `alice`, and from then on asks who is there. Returns a client of `root`.
    pub(crate) async fn with_alice(&self) -> Result<Client> {
        let root = self.client(ROOT).await;
        root.user_add(ROOT.0, ROOT.1).await?;
        root.user_grant_role("root", "root").await?;
        root.user_add(ALICE.0, ALICE.1).await?;
        root.role_add("alice").await?;
        root.role_grant_permission("alice", Permission::read_write(Keys::prefix("alice/"))).await?;
        root.user_grant_role("alice", "alice").await?;
        root.auth_enable().await?;
        Ok(root)
    }

    /// How many tokens it was asked for, by its own count.
    async fn tokens(&self) -> usize {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).await.unwrap();
        let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let lines = text.lines().filter(|line| {
            line.starts_with("grpc_server_started_total{")
                && line.contains("grpc_method=\"Authenticate\"")
        });
        let count = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        count.sum()
    }
}

/// While tokens expire, sixty-four tasks write and read, and none sees an error. Every second one of
/// them asks for another token, and not each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_expire_are_asked_for_once() -> Result<()> {
    /// How often they are to expire.
    const LIVES: usize = 3;
    for etcd in available() {
        let directory = tempfile::tempdir().unwrap();
        let etcd = Signing::start(etcd, directory.path());
        etcd.with_alice().await?;
        let alice = etcd.client(ALICE).await;
        let before = etcd.tokens().await;
        let load = Load::start(&alice, TASKS);
        let begin = Instant::now();
        while etcd.tokens().await - before <= LIVES {
            assert!(begin.elapsed() < PATIENCE, "they do not expire");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let written = load.stop().await?;
        let tokens = etcd.tokens().await - before;
        println!("{written} writes with {tokens} tokens");
        // One may have been given late, and have been old for another: far from sixty-four.
        assert!(tokens <= 2 * (LIVES + 1), "{tokens} tokens in {LIVES} lives");
    }
    Ok(())
}

/// Each change of users and roles makes all signed tokens old. Whoever works meanwhile goes on.
///
/// Not while they change all the time: etcd looks at a password again when users or roles have
/// changed while it did, and that takes it as long as it takes us to change the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_roles_disturb_nobody() -> Result<()> {
    const CHANGES: usize = 5;
    for etcd in available() {
        let directory = tempfile::tempdir().unwrap();
        let etcd = Signing::start(etcd, directory.path());
        let root = etcd.with_alice().await?;
        let alice = etcd.client(ALICE).await;
        let load = Load::start(&alice, 8);
        for change in 0..CHANGES {
            root.role_add(format!("role {change}")).await?;
            // With a token of after the change.
            load.wait_for(8).await;
        }
        let tokens = etcd.tokens().await;
        assert!(tokens > CHANGES, "{tokens} tokens over {CHANGES} changes");
        load.stop().await?;
    }
    Ok(())
}

/// Tasks that write and read again, until they are told to stop.
struct Load {
    tasks: JoinSet<tercet_client::Result<()>>,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
}

impl Load {
    fn start(client: &Client, tasks: usize) -> Self {
        let (stop, written) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let task = |task| {
            let (client, stop, written) = (client.clone(), stop.clone(), written.clone());
            async move {
                let mut number = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("alice/{task}");
                    client.put(key.clone(), number.to_string()).await?;
                    let kv = client.get(key).await?.expect("there");
                    assert_eq!(kv.value(), number.to_string().as_bytes());
                    number += 1;
                    written.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        };
        Self { tasks: (0..tasks).map(task).collect(), stop, written }
    }

    /// Waits until this much more is written.
    async fn wait_for(&self, more: usize) {
        let (before, begin) = (self.written.load(Ordering::Relaxed), Instant::now());
        while self.written.load(Ordering::Relaxed) < before + more {
            assert!(begin.elapsed() < PATIENCE, "nothing is written any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How much was written, if no task has failed.
    async fn stop(mut self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.expect("no panic")?;
        }
        Ok(self.written.load(Ordering::Relaxed))
    }
}
