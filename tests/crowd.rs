//! Many clusters at once.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::process::Stdio;

use tercet_tests::command;

const PROCESSES: usize = 8;
const STARTS: usize = 25;

/// Eight processes of twenty-five starts each, on however few cores: none fails, and no cluster
/// meets another's members.
#[test]
fn eight_processes_start_twenty_five_clusters_each() {
    if let Ok(me) = std::env::var("TERCET_TEST_CROWD") {
        return one_of_the_crowd(&me);
    }
    let test = std::env::current_exe().unwrap();
    let crowd: Vec<_> = (0..PROCESSES)
        .map(|number| {
            command(&test)
                .args(["--exact", "eight_processes_start_twenty_five_clusters_each", "--nocapture"])
                .env("TERCET_TEST_CROWD", number.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in crowd {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn one_of_the_crowd(me: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for round in 0..STARTS {
            let cluster = tercet_harness::Cluster::start().await.unwrap();
            let client = cluster.client().await.unwrap();
            // Fresh, and nobody else's.
            assert!(client.get("owner").await.unwrap().is_none());
            let owner = format!("{me}/{round}");
            // Eight fleets on two cores may lose a leader meanwhile; the write says the same however
            // often it is made.
            while let Err(error) = client.put("owner", owner.clone()).await {
                println!("again: {error}");
            }
            assert_eq!(client.get("owner").await.unwrap().unwrap().value(), owner.as_bytes());
        }
    });
}
