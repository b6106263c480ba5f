//! Several processes with one cache, and processes that die over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tercet_cluster::binary::{Locator, Request, Source, Stderr, Version};

use super::mirror::Release;
use super::server::{Manner, Server};
use super::support::{Scene, write_program};

/// What this test's children do: one search, told by the environment. Not a test by itself.
#[test]
#[ignore = "run by the other tests of this file, in processes of their own"]
fn child() {
    let value = |name| std::env::var(name).unwrap();
    let locator = Locator::new()
        .cache_directory(value("TEST_CACHE"))
        .with_pins(&value("TEST_PINS"), "")
        .with_upstream([value("TEST_MIRROR")])
        .progress_to(Stderr::default());
    match locator.locate(&Version::new(3, 5, 9).into()) {
        Ok(found) => println!("FOUND {} {}", found.path().display(), found.origin()),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            println!("ERROR {error}: {}", cause.unwrap_or_default());
        }
    }
}

/// Runs [`child`], started by `prefix` when there is one.
#[expect(clippy::disallowed_methods, reason = "it is this test that is run again")]
fn start(scene: &Scene, release: &Release, mirror: &str, prefix: &[&str]) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match prefix {
        [] => Command::new(program),
        [shell, arguments @ ..] => {
            let mut command = Command::new(shell);
            command.args(arguments).arg(program);
            command
        }
    };
    command
        .args(["--exact", "processes::child", "--ignored", "--nocapture"])
        .env("TEST_CACHE", scene.path("cache"))
        .env("TEST_PINS", release.pin())
        .env("TEST_MIRROR", mirror)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| {
        let at = line.find("FOUND ").or_else(|| line.find("ERROR "))?;
        Some(line[at..].to_owned())
    });
    line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn eight_processes_with_a_cold_cache_get_it_once() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let slow = Manner::Honest(Duration::from_millis(1200));
    let server = Server::start(release.bytes.clone(), slow);
    let children: Vec<_> = (0..8).map(|_| start(&scene, &release, server.base(), &[])).collect();
    let outputs: Vec<_> =
        children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let lines: Vec<_> = outputs.iter().map(said).collect();
    assert_eq!(server.requests(), 1, "{lines:?}");
    let etcd = scene.path("cache/etcd/3.5.9-upstream/etcd");
    let found = format!("FOUND {} ", etcd.display());
    assert!(lines.iter().all(|line| line.starts_with(&found)), "{lines:?}");
    let getters = lines.iter().filter(|line| line.ends_with("the upstream release archive"));
    assert_eq!(getters.count(), 1, "{lines:?}");
    assert_eq!(scene.cache_entries(), ["3.5.9-upstream"]);
    // They did not all wait in silence.
    let waiting = "tercet: waiting for another process that is getting etcd ...";
    let told = outputs.iter().filter(|output| {
        String::from_utf8_lossy(&output.stderr).lines().any(|line| line.ends_with(waiting))
    });
    assert!(told.count() >= 1);
}

#[test]
fn what_a_killed_process_left_is_cleaned_up_by_the_next() {
    let scene = Scene::new();
    let release = Release::new("3.5.9");
    let half = release.bytes.len() / 2;
    let stalling = Server::start(release.bytes.clone(), Manner::Stalling(half));
    let mut child = start(&scene, &release, stalling.base(), &[]);
    let begun = Instant::now();
    while scene.cache_entries().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = scene.cache_entries();
    assert!(left.len() == 1 && left[0].starts_with(".unfinished-"), "{left:?}");

    let honest = Server::start(release.bytes.clone(), Manner::Honest(Duration::ZERO));
    let output = start(&scene, &release, honest.base(), &[]).wait_with_output().unwrap();
    assert!(said(&output).starts_with("FOUND "), "{output:?}");
    assert_eq!(scene.cache_entries(), ["3.5.9-upstream"]);
}

/// What [`child`] is for pip: it gets an etcd with the one that is in `TEST_BIN`.
#[test]
#[ignore = "run by another test of this file, in processes of their own"]
fn child_with_pip() {
    let value = |name| std::env::var(name).unwrap();
    let locator = Locator::new()
        .cache_directory(value("TEST_CACHE"))
        .search_in(value("TEST_BIN"))
        .with_pins("", "3.5.9\tetcd_distro-3.5.9-any.whl\t0\t1\n")
        .progress_to(Stderr::default());
    let error = locator.fetch(None, Some(Source::Pip)).unwrap_err();
    println!("ERROR {error}");
}

/// A tool that went on would write into the directory that the next process sweeps. Elsewhere than
/// on Linux, nothing tells it.
#[cfg(target_os = "linux")]
#[test]
fn a_tool_dies_with_the_process_that_runs_it() {
    let scene = Scene::new();
    let pid = scene.path("pid");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--version*) exit 0;; esac\necho $$ >{0}.new\nmv {0}.new {0}\n\
         exec sleep 1000\n",
        pid.display()
    );
    write_program(&scene.path("real/python3"), &script);
    // As that of pyenv, which stays in between.
    let real = scene.path("real/python3").display().to_string();
    let shim = format!("#!/bin/sh\n[ \"$1\" = -c ] && exec echo {real}\n{real} \"$@\"\nexit $?\n");
    write_program(&scene.path("bin/python3"), &shim);
    for signal in ["KILL", "TERM"] {
        let _ = fs::remove_file(&pid);
        let path = |name: &str| scene.path(name).display().to_string();
        let variables = [("TEST_CACHE", path("cache")), ("TEST_BIN", path("bin"))];
        let mut command = test_again("processes::child_with_pip");
        // Its words are of no interest, and it must not be stopped by them.
        command.envs(variables).stdout(Stdio::null()).stderr(Stdio::null());
        let mut owner = command.spawn().unwrap();
        until("it does not begin", || pid.exists());
        let tool = fs::read_to_string(&pid).unwrap();
        let tool = PathBuf::from(format!("/proc/{}/stat", tool.trim()));
        // Reaped by init in its own time: a zombie still has a number.
        let is_alive = || fs::read_to_string(&tool).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(is_alive(), "the control");
        #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
        let kill = Command::new("kill").args(["-s", signal, &owner.id().to_string()]).status();
        assert!(kill.unwrap().success());
        owner.wait().unwrap();
        until("the tool outlives its owner", || !is_alive());
    }
}

fn until(complaint: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{complaint}");
        std::thread::yield_now();
    }
}

/// What [`child`] is for the environment of a process.
#[test]
#[ignore = "run by another test of this file, in processes of their own"]
fn child_from_env() {
    match Locator::from_env().locate(&Request::Default) {
        Ok(found) => println!("FOUND {} {}", found.path().display(), found.origin()),
        Err(error) => println!("ERROR {}", error.to_string().replace('\n', "|")),
    }
}

#[test]
fn the_environment_is_read() {
    let scene = Scene::new();
    scene.etcd("own/etcd", "3.5.1");
    scene.etcd("bin/etcd", "3.5.2");
    scene.cached("3.5.7", "pip");
    fs::rename(scene.path("cache"), scene.path("tercet")).unwrap();
    let path = |name: &str| scene.path(name).display().to_string();
    let root = scene.root.path().display().to_string();
    let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    scene.cached("3.5.8", "apt");
    fs::create_dir_all(scene.path(caches)).unwrap();
    fs::rename(scene.path("cache"), scene.path(caches).join("tercet")).unwrap();
    for (variables, expected) in [
        (
            vec![("TERCET_ETCD", path("own")), ("PATH", path("bin"))],
            "FOUND ROOT/own/etcd TERCET_ETCD",
        ),
        (vec![("PATH", path("bin"))], "FOUND ROOT/bin/etcd PATH"),
        (
            vec![("TERCET_CACHE_DIR", path("tercet"))],
            "FOUND ROOT/tercet/etcd/3.5.7-pip/etcd the cache (pip)",
        ),
        (
            vec![("XDG_CACHE_HOME", root.clone())],
            "FOUND ROOT/tercet/etcd/3.5.7-pip/etcd the cache (pip)",
        ),
        // Empty is as good as not there, and so is a relative path in XDG_CACHE_HOME.
        (
            vec![
                ("TERCET_ETCD", String::new()),
                ("XDG_CACHE_HOME", "tercet".into()),
                ("HOME", root.clone()),
            ],
            "FOUND ROOT/CACHES/tercet/etcd/3.5.8-apt/etcd the cache (apt)",
        ),
        (
            vec![("TERCET_CACHE_DIR", path("none")), ("TERCET_OFFLINE", "1".into())],
            "sources: not tried: offline, as TERCET_OFFLINE or the program says",
        ),
        (
            vec![
                ("TERCET_CACHE_DIR", path("none")),
                ("TERCET_ETCD_MIRRORS", "file:///nowhere, ,ftp://a".into()),
                ("TERCET_OFFLINE", "0".into()),
                // So that nothing is reached, whatever this machine's network is.
                ("https_proxy", "http://127.0.0.1:9".into()),
            ],
            "ftp://a/v3.6.14/",
        ),
    ] {
        let output = run_with(&variables);
        let line = scene.without_paths(&said(&output)).replace(caches, "CACHES");
        assert!(line.contains(expected), "{variables:?}: {line}");
    }
}

#[expect(clippy::disallowed_methods, reason = "it is this test that is run again")]
fn test_again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    command
}

fn run_with(variables: &[(&str, String)]) -> Output {
    let mut command = test_again("processes::child_from_env");
    command.env_clear().envs(variables.iter().cloned()).output().unwrap()
}

/// A disk that takes no more: here a limit on the size of files, which fails the same write.
#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let scene = Scene::new();
    // Bytes that do not compress, so that the archive is larger than the limit.
    let noise = (0u64..20_000).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    let script = "#!/bin/sh\necho etcd Version: 3.5.9\nexit\n";
    let content: Vec<_> = script.bytes().chain(noise).collect();
    let release = Release::holding("3.5.9", "etcd", &content);
    let mirror = release.mirrored(&scene, "mirror");
    // Blocks of 512 bytes or of 1024: less than the archive either way. The signal, which by
    // default kills, stays ignored in what is started.
    let limited = ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""];
    let output = start(&scene, &release, &mirror, &limited).wait_with_output().unwrap();
    let line = scene.without_paths(&said(&output));
    assert!(line.starts_with("ERROR cannot write to ROOT/cache/etcd/.unfinished-"), "{line}");
    assert!(line.contains("File too large"), "{line}");
    assert_eq!(scene.cache_entries(), [""; 0]);

    let unlimited = ["/bin/sh", "-c", "exec \"$0\" \"$@\""];
    let output = start(&scene, &release, &mirror, &unlimited).wait_with_output().unwrap();
    assert!(said(&output).starts_with("FOUND "), "{output:?}");
    assert!(Path::new(&scene.path("cache/etcd/3.5.9-upstream/etcd")).exists());
}
