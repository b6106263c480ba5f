//! Which endpoints a client asks: those with the least to do or in order, without those that fail, and
//! those of the members that there are now.

mod balance;
mod connections;
mod names;
mod sockets;
mod sync;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::Client;
use tercet_harness::{Cluster, Member, Result, Security, Timing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// In the clear, so that its own counts can be asked for with a few bytes.
async fn fleet(etcd: &tercet_cluster::binary::Binary) -> Result<Cluster> {
    let builder = Cluster::builder().members(3).security(Security::Plaintext).timing(Timing::Ci);
    builder.binary(etcd.path()).start().await
}

/// How many requests of this kind a member was sent, by its own count.
async fn asked(member: Member<'_>, method: &str) -> usize {
    let address = member.client_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it answers");
    let method = format!("grpc_method=\"{method}\"");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("grpc_server_started_total{") && line.contains(&method));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

async fn all_asked(cluster: &Cluster, method: &str) -> Vec<usize> {
    let mut counts = Vec::new();
    for member in cluster.members() {
        counts.push(asked(member, method).await);
    }
    counts
}

/// Writes all the time, and counts.
struct Writing {
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Writing {
    fn begin(client: &Client) -> Self {
        let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (client, counts, until) = (client.clone(), done.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut failures = Vec::new();
            while !until.load(Ordering::Relaxed) {
                match client.put("key", "value").await {
                    Ok(_) => {
                        counts.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => failures.push(error.to_string()),
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            failures
        });
        Self { done, stop, task }
    }

    /// Waits until so many more are acknowledged.
    async fn goes_on(&self, more: usize) {
        let target = self.done.load(Ordering::Relaxed) + more;
        let enough = async {
            while self.done.load(Ordering::Relaxed) < target {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.expect("it goes on");
    }

    /// The errors that there were.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("it does not panic")
    }
}
