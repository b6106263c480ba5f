//! Together with etcd's own client, in the person of its etcdctl.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use tercet_client::{Client, Election, Keys, Mutex};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result};
use tercet_tests::{PATIENCE, available, command, command_that_can_be_interrupted, say};

use crate::{LONG, fleet_of};

/// An etcdctl that runs until it is told to end.
struct Etcdctl {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Etcdctl {
    /// `None` for an etcd that came without it.
    fn start(etcd: &Binary, cluster: &Cluster, words: &[&str]) -> Option<Self> {
        let Some(program) = etcd.etcdctl() else {
            say(&format!("etcd {} is without its etcdctl: skipped", etcd.version()));
            return None;
        };
        let files = cluster.files();
        let mut command = command_that_can_be_interrupted(program.to_str().unwrap());
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(&cluster.endpoints()[0]);
        command.arg("--cacert").arg(&files.ca);
        command.arg("--cert").arg(&files.client.certificate).arg("--key").arg(&files.client.key);
        let mut child = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, output })
    }

    /// The next line that it prints.
    async fn line(&mut self) -> String {
        tokio::task::block_in_place(|| {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            line.trim().to_owned()
        })
    }

    /// As Ctrl-C does: it gives back what it has.
    async fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(command("kill").args(["-INT", &pid]).status().unwrap().success());
        tokio::task::block_in_place(|| self.child.wait().unwrap());
    }
}

impl Drop for Etcdctl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn queue(client: &Client, name: &'static str, length: usize) -> Result<()> {
    let begin = Instant::now();
    while client.range(Keys::prefix(name)).await?.kvs().len() != length {
        assert!(begin.elapsed() < PATIENCE, "there are not {length}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_the_same_for_both() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let session = client.session(LONG).await?;
        let mutex = Mutex::new(&session, "lock");
        let guard = mutex.lock().await?;
        let Some(mut theirs) = Etcdctl::start(etcd, &cluster, &["lock", "lock"]) else { continue };
        // It waits behind us, and has it after us.
        queue(&client, "lock/", 2).await?;
        guard.unlock().await?;
        assert!(theirs.line().await.starts_with("lock/"));
        assert!(mutex.try_lock().await?.is_none());
        let waiting = tokio::spawn(async move { mutex.lock().await });
        queue(&client, "lock/", 2).await?;
        theirs.interrupt().await;
        waiting.await.unwrap()?.unlock().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_election_is_the_same_for_both() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let session = client.session(LONG).await?;
        let election = Election::new(&session, "office");
        let office = election.campaign("ours").await?;
        let Some(mut theirs) = Etcdctl::start(etcd, &cluster, &["elect", "office", "theirs"])
        else {
            continue;
        };
        queue(&client, "office/", 2).await?;
        let mut leaders = election.observe();
        assert_eq!(leaders.next().await.unwrap()?.value(), b"ours");
        office.resign().await?;
        assert_eq!(leaders.next().await.unwrap()?.value(), b"theirs");
        assert!(theirs.line().await.starts_with("office/"));
        assert_eq!(theirs.line().await, "theirs");
        let campaign = tokio::spawn(async move { election.campaign("ours again").await });
        queue(&client, "office/", 2).await?;
        theirs.interrupt().await;
        let _office = campaign.await.unwrap()?;
        assert_eq!(leaders.next().await.unwrap()?.value(), b"ours again");
    }
    Ok(())
}
