//! A process that owns a cluster and ends in the way that it is told, when its standard input says
//! so. Its arguments: how to end, and how many members. In which form these are configured is in
//! its environment.

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
    let builder = Cluster::builder().members(members).configuration(form);
    let cluster = runtime.block_on(builder.start()).expect("a cluster");
    let members: Vec<_> = cluster.members().filter_map(|member| member.pid()).collect();
    let addresses: Vec<_> = cluster
        .members()
        .flat_map(|member| [member.client_url(), member.peer_url()])
        .map(|url| url.trim_start_matches("https://"))
        .collect();
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
