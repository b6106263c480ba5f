//! The members of a scene as they run, and a client that tries them.

use std::path::Path;
use std::process::Output;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use tercet_tests::{PATIENCE, RawEtcd, command};

use crate::scene::{Client, Scene};

/// How many etcds run at a time, whatever the number of cores.
static ROOM: (Mutex<usize>, Condvar) = (Mutex::new(6), Condvar::new());

/// Members that run; killed when dropped, their data thrown away.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    scene: &'a Scene,
    etcds: Vec<RawEtcd>,
}

impl<'a> Running<'a> {
    pub(super) fn start(scene: &'a Scene) -> Self {
        let size = scene.members.len();
        let mut room = ROOM.0.lock().unwrap();
        while *room < size {
            room = ROOM.1.wait(room).unwrap();
        }
        *room -= size;
        drop(room);
        let mut running = Self { scene, etcds: Vec::new() };
        for (index, words) in scene.members.iter().enumerate() {
            let name = format!("m{}", index + 1);
            // Left by an earlier start.
            let _ = std::fs::remove_dir_all(scene.path(&format!("{name}.etcd")));
            let log = scene.path(&format!("{name}.log"));
            let etcd = scene.etcd.path();
            running.etcds.push(RawEtcd::start(etcd, &words.arguments, &words.environment, &log));
        }
        running
    }

    pub(crate) fn member(&mut self, index: usize) -> &mut RawEtcd {
        &mut self.etcds[index]
    }

    /// Waits until the client of the scene puts a key and gets it.
    pub(crate) fn client_works(&mut self) {
        self.works_for(&self.scene.client);
    }

    /// Waits until a client puts a key and gets it.
    pub(crate) fn works_for(&mut self, client: &Client) {
        let begin = Instant::now();
        loop {
            let put = self.etcdctl(client, &["put", "hello", "world"]);
            if put.is_ok() && self.etcdctl(client, &["get", "hello"]).is_ok_and(has_world) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "it does not work: {put:?}\n{}", self.told());
        }
    }

    /// Waits until the client of the scene is refused in words that have `text` in them.
    pub(crate) fn client_is_refused(&mut self, text: &str) {
        self.refused(&self.scene.client, text);
    }

    /// Waits until a client is refused in words that have `text` in them.
    pub(crate) fn refused(&mut self, client: &Client, text: &str) {
        let begin = Instant::now();
        loop {
            let said = self.etcdctl(client, &["put", "hello", "world"]);
            let error = said.as_ref().err();
            // etcdctl logs with quotes, and those of an inner error are escaped once more.
            if error.is_some_and(|error| error.replace('\\', "").contains(text)) {
                return;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "it does not fail with {text:?}: {said:?}\n{}",
                self.told()
            );
        }
    }

    /// Waits until each member has answered by itself, so that the links between them work.
    pub(crate) fn members_agree(&mut self) {
        for url in &self.scene.client.urls {
            let client = Client { urls: vec![url.clone()], ..self.scene.client.clone() };
            self.works_for(&client);
        }
    }

    /// Waits until a member has printed `text`, whatever its quotes are escaped with.
    pub(crate) fn log_says(&mut self, index: usize, text: &str) {
        self.etcds[index].wait_until(&format!("printed {text:?}"), |etcd| {
            etcd.output().replace('\\', "").contains(text)
        });
    }

    /// Waits until a member has ended with `text` among its words.
    pub(crate) fn fails(&mut self, index: usize, text: &str) {
        let output = self.etcds[index].wait_for_failure();
        assert!(output.replace('\\', "").contains(text), "not {text:?}: {output}");
    }

    /// Runs etcdctl as `client`: what it printed, on success or failure.
    pub(crate) fn etcdctl(&self, client: &Client, words: &[&str]) -> Result<String, String> {
        let etcdctl = self.scene.etcd.etcdctl().expect("an etcdctl beside etcd");
        let mut command = command(etcdctl);
        if self.scene.version().minor() == 4 {
            // It keeps to itself why a connection failed, but for this.
            command.arg("--debug");
        }
        // Version 3 is the default from 3.4 on, but for the 3.4 of Debian.
        command.env_clear().env("ETCDCTL_API", "3").args(words);
        command.args(["--dial-timeout=2s", "--command-timeout=3s"]);
        command.arg("--endpoints").arg(client.urls.join(","));
        if let Some(file) = &client.trusted_ca_file {
            command.arg("--cacert").arg(file);
        }
        if let Some((certificate, key)) = &client.identity {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        text_of(&command.output().unwrap())
    }

    /// Runs curl as `client` on the path of its first URL.
    pub(crate) fn curl(
        &self,
        client: &Client,
        path: &str,
        more: &[&str],
    ) -> Result<String, String> {
        curl(client, &format!("{}{path}", client.urls[0]), more)
    }

    /// What the members were started with, and the ends of their logs.
    pub(crate) fn told(&self) -> String {
        self.etcds.iter().map(RawEtcd::told).collect::<Vec<_>>().join("\n\n")
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let size = self.etcds.len();
        self.etcds.clear();
        // A test that panicked in here has not left the number wrong.
        *ROOM.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += size;
        ROOM.1.notify_all();
    }
}

/// Runs curl.
pub(crate) fn curl(client: &Client, url: &str, more: &[&str]) -> Result<String, String> {
    let mut command = command("curl");
    command.args(["--silent", "--show-error", "--max-time", "10", "--noproxy", "*"]).args(more);
    let path = |command: &mut std::process::Command, flag: &str, path: &Path| {
        command.arg(flag).arg(path);
    };
    if let Some(file) = &client.trusted_ca_file {
        path(&mut command, "--cacert", file);
    }
    if let Some((certificate, key)) = &client.identity {
        path(&mut command, "--cert", certificate);
        path(&mut command, "--key", key);
    }
    text_of(&command.arg(url).output().unwrap())
}

fn text_of(output: &Output) -> Result<String, String> {
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    let text = format!("{out}{error}");
    if output.status.success() { Ok(text) } else { Err(text) }
}

fn has_world(text: String) -> bool {
    text.contains("world")
}
