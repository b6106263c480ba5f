//! How many connections there are: as many for requests as are asked for, and one for all that is open.

use std::collections::BTreeSet;

use tercet_client::{Client, Config, Watch};
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::available;

use crate::asked;

/// The client's ends of the connections that it has to this port, by their inodes.
fn connections(port: u16) -> BTreeSet<String> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("it can be read");
    let end = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, _, remote, state, _, _, _, _, _, inode, ..] = words[..] else { return None };
        let is_ours = u16::from_str_radix(remote.rsplit(':').next()?, 16) == Ok(port);
        (is_ours && state == ESTABLISHED).then(|| inode.to_owned())
    };
    table.lines().skip(1).filter_map(end).collect()
}

fn port(cluster: &Cluster) -> u16 {
    let url = cluster.member(0).client_url();
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("it ends with its port")
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "it counts connections in /proc")]
async fn watches_have_one_of_their_own_and_requests_as_many_as_are_asked_for() -> Result<()> {
    const WATCHES: usize = 200;
    for etcd in available() {
        let builder = Cluster::builder().members(1).security(Security::Plaintext);
        let cluster = builder.timing(Timing::Ci).binary(etcd.path()).start().await?;
        let port = port(&cluster);
        for wanted in [1, 3] {
            let before = connections(port);
            let config = Config::new(cluster.endpoints()).connections_per_endpoint(wanted);
            let client = Client::connect(config).await?;
            let new = || connections(port).difference(&before).count();
            assert_eq!(new(), 0, "nothing is dialled before it is needed");
            for number in 0..2 * wanted {
                client.put("key", number.to_string()).await?;
            }
            assert_eq!(new(), wanted);
            let mut watchers = Vec::new();
            for _ in 0..WATCHES {
                watchers.push(client.watch(Watch::key("key")).await?);
            }
            client.put("key", "told").await?;
            for watcher in &mut watchers {
                let told = watcher.next().await.expect("it goes on")?;
                assert_eq!(told.events()[0].kv().value(), b"told");
            }
            assert_eq!(new(), wanted + 1, "all watches are on one");
        }
        // The control: a member counts the streams, which are few.
        let streams = asked(cluster.member(0), "Watch").await;
        assert!((2..WATCHES).contains(&streams), "{streams}");
    }
    Ok(())
}
