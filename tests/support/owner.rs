//! A process that owns a cluster and ends in the way that it is told, when its standard input says
//! so. Its arguments: how to end, and how many members. In which form these are configured, and
//! whether there are also a discovery and proxies, is in its environment.

use std::io::Read as _;

use tercet_harness::{Cluster, Joining, ProxyKind};

fn main() {
    let end = std::env::args().nth(1).expect("how to end");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let members = std::env::args().nth(2).map_or(3, |number| number.parse().expect("a number"));
    let form = std::env::var("OWNER_CONFIGURATION").ok();
    let form = form.map(|word| word.parse().expect("a form of configuration")).unwrap_or_default();
    let mut builder = Cluster::builder().members(members).configuration(form);
    let more = std::env::var_os("OWNER_HAS_MORE").is_some();
    if more {
        builder = builder.joining(Joining::Discovery { members: 1 });
    }
    let cluster = runtime.block_on(builder.start()).expect("a cluster");
    for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy].into_iter().filter(|_| more) {
        runtime.block_on(cluster.start_proxy(kind)).expect("a proxy");
    }
    let all = cluster.members().chain(cluster.discovery().into_iter().flat_map(|d| d.members()));
    let (mut members, mut urls) = (Vec::new(), Vec::new());
    for member in all {
        members.extend(member.pid());
        urls.extend([member.client_url(), member.peer_url()]);
    }
    for proxy in cluster.proxies() {
        members.extend(proxy.pid());
        urls.push(proxy.endpoint());
    }
    let address = |url: &str| url.split_once("//").map(|(_, address)| address.to_owned());
    let addresses: Vec<_> = urls.into_iter().filter_map(address).collect();
    println!(
        "{}",
        serde_json::json!({
            "members": members, "directory": cluster.directory(), "addresses": addresses,
        })
    );
    // One byte, or the end of the pipe when the test is gone.
    let _ = std::io::stdin().read(&mut [0]);
    match end.as_str() {
        "drop" => drop(cluster),
        "drop outside any runtime" => {
            drop(runtime);
            std::thread::spawn(move || drop(cluster)).join().expect("a clean drop");
        }
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "panic" => {
            let _held = cluster;
            panic!("as told");
        }
        "leak" => std::mem::forget(cluster),
        "hold" => loop {
            std::thread::park();
        },
        other => panic!("no such end: {other}"),
    }
}
