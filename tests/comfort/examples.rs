//! The client's examples, each as its reader runs it, on a real fleet.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{available, command};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/client/examples");

/// Each with something that it says when all went well.
const EXAMPLES: [(&str, &str); 16] = [
    ("auth", r#""access": "read_write""#),
    ("cache", "there were 1, and there are 0"),
    ("connect", ": etcd 3."),
    ("election", "somebody leads"),
    ("fencing", "let through: true"),
    ("kv", "ripened: true"),
    ("layer", "/etcdserverpb.KV/Put at https://"),
    ("lock", "locked, with the token"),
    ("metrics", "requests: 100, failures: 0"),
    ("namespace", r#"in the store: {"key":"bank/name","value":"the bank""#),
    ("outcome", "19: written at revision"),
    ("pages", "1000 deleted"),
    ("queue", "put out the fire\nsweep the floor"),
    ("stm", "left, in attempt 1"),
    ("tracing", r#"job{number=1}:etcd{operation="put""#),
    // Runs until it is stopped.
    ("watch", ""),
];

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn none_is_left_out() {
    let files = Path::new(SOURCES).read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, EXAMPLES.map(|(name, _)| name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_do_what_they_say() -> Result<()> {
    let directory = built();
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?;
        client.put("watched/1", "a").await?;
        let mut watch = example(&directory, "watch", &cluster);
        let watch = watch.arg("watched/").stdout(Stdio::piped()).spawn();
        let mut watch = Stopped(watch.expect("it is built"));
        let mut lines = BufReader::new(watch.0.stdout.take().expect("piped")).lines();
        let (first, mut lines) = blocking(move || (lines.next(), lines)).await;
        let first = first.expect("it goes on")?;
        assert_eq!(first, r#"is  "watched/1" = Some("a")"#);
        client.put("watched/2", "b").await?;
        let second = blocking(move || lines.next()).await.expect("it goes on")?;
        assert!(
            second.starts_with(r#"{"type":"put","kv":{"key":"watched/2","value":"b","#),
            "{second}"
        );
        drop(watch);

        // All at once: they keep out of each other's way, and some wait for a while.
        let running: Vec<_> = EXAMPLES
            .into_iter()
            .filter(|(name, _)| *name != "watch")
            .map(|(name, says)| {
                let mut command = example(&directory, name, &cluster);
                (name, says, tokio::spawn(blocking(move || command.output())))
            })
            .collect();
        for (name, says, output) in running {
            let output = output.await.expect("no panic")?;
            assert!(output.status.success(), "{name}: {output:?}");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(says), "{name} does not say {says:?}: {output:?}");
        }

        // The control: where nobody listens they fail, and say why.
        let mut nowhere = example(&directory, "kv", &cluster);
        let output = nowhere.env("ETCDCTL_ENDPOINTS", "https://127.0.0.1:1").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("nothing listens there"), "{said}");
    }
    Ok(())
}

/// Ended with this, whatever became of the test.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let run = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(run));
    run.await.expect("it ends in time").expect("no panic")
}

fn example(directory: &Path, name: &str, cluster: &Cluster) -> Command {
    let files = cluster.files();
    let mut command = command(directory.join(name));
    command
        .env("ETCDCTL_ENDPOINTS", cluster.endpoints().join(","))
        .env("ETCDCTL_CACERT", &files.ca)
        .env("ETCDCTL_CERT", &files.client.certificate)
        .env("ETCDCTL_KEY", &files.client.key)
        .env_remove("ETCDCTL_USER");
    command
}

/// Where they are. With the tests of all packages cargo has built them, too; with only these it is
/// asked for them here.
fn built() -> PathBuf {
    let this = std::env::current_exe().expect("it has a path");
    let profile = this.ancestors().nth(2).expect("this is in PROFILE/deps");
    let directory = profile.join("examples");
    let is_new = |name: &str| {
        let of = |path: PathBuf| path.metadata()?.modified();
        let source = of(Path::new(SOURCES).join(format!("{name}.rs"))).expect("it is there");
        of(directory.join(name)).is_ok_and(|built| built >= source)
    };
    if !EXAMPLES.iter().all(|(name, _)| is_new(name)) {
        let name = profile.file_name().expect("a profile").to_str().expect("UTF-8");
        let status = command(env!("CARGO"))
            .args(["build", "--locked", "--package", "tercet-client", "--examples"])
            .args(["--profile", if name == "debug" { "dev" } else { name }])
            .arg("--target-dir")
            .arg(profile.parent().expect("the target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "the examples do not build");
    }
    directory
}
