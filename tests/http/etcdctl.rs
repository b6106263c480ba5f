//! The tutorial's etcdctl, which asks for `/v2/keys`: that of 3.4 and 3.5 still can.

use std::path::PathBuf;
use std::process::Output;

use tercet_harness::{Cluster, Layout, Result, Security};
use tercet_pki::{IdentityFiles, Leaf};
use tercet_tests::{available, command, say};

use crate::fleet::assert_refused_for_want_of_a_certificate;

/// An etcdctl of a fleet's own version, and whom it talks to.
struct Etcdctl<'a> {
    program: PathBuf,
    cluster: &'a Cluster,
}

impl Etcdctl<'_> {
    /// With nothing but the authority.
    fn trusting(&self, words: &[&str]) -> Output {
        self.run(None, words)
    }

    /// As the tutorial has it: `-C URL --ca-file … --key-file … --cert-file …`.
    fn run(&self, identity: Option<&IdentityFiles>, words: &[&str]) -> Output {
        let mut command = command(&self.program);
        command.env_clear().env("ETCDCTL_API", "2").arg("-C").arg(&self.cluster.endpoints()[0]);
        command.arg("--ca-file").arg(&self.cluster.files().ca);
        if let Some(files) = identity {
            command.arg("--key-file").arg(&files.key).arg("--cert-file").arg(&files.certificate);
        }
        command.args(words).output().unwrap()
    }

    /// What it prints, of a request that has to succeed.
    #[track_caller]
    fn good(&self, words: &[&str]) -> String {
        let output = self.run(Some(&self.cluster.files().client), words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Calls `check` with each version whose etcdctl still knows the second API.
async fn with_each(layout: Layout, check: impl Fn(&Etcdctl<'_>)) -> Result<()> {
    for etcd in available().iter().filter(|etcd| etcd.version().minor() <= 5) {
        let Some(program) = etcd.etcdctl() else {
            say(&format!("etcd {} is without its etcdctl: skipped", etcd.version()));
            continue;
        };
        let builder = Cluster::builder().binary(etcd.path()).security(Security::Mutual);
        let cluster = builder.layout(layout).v2().start().await?;
        check(&Etcdctl { program, cluster: &cluster });
    }
    Ok(())
}

/// All of the tutorial but its ports: three members, one certificate for all of them, `set`, `get`,
/// and the refusal of who shows none.
#[tokio::test]
async fn the_tutorials_session() -> Result<()> {
    with_each(Layout::Shared, |etcdctl| {
        assert_eq!(etcdctl.good(&["set", "hello", "world"]), "world\n");
        assert_eq!(etcdctl.good(&["get", "hello"]), "world\n");
        let refused = etcdctl.trusting(&["get", "hello"]);
        assert!(!refused.status.success());
        println!("{}", text(&refused));
        assert_refused_for_want_of_a_certificate(etcdctl.cluster);
    })
    .await
}

/// With authentication, the common name of a certificate is the user, and no password is asked for.
#[tokio::test]
async fn ctl_v2_auth_with_common_name() -> Result<()> {
    with_each(Layout::PerMember, |etcdctl| {
        let root = ["--username", "root:secret"];
        let as_root = |words: &[&str]| etcdctl.good(&[&root[..], words].concat());
        // It asks for a password that is not told by `NAME:PASSWORD`.
        etcdctl.good(&["user", "add", "root:secret"]);
        etcdctl.good(&["user", "add", "alice:secret"]);
        etcdctl.good(&["role", "add", "writers"]);
        etcdctl.good(&["role", "grant", "writers", "-path=/hello", "-readwrite"]);
        etcdctl.good(&["user", "grant", "--roles", "writers", "alice"]);
        etcdctl.good(&["auth", "enable"]);
        as_root(&["role", "revoke", "guest", "-path=/*", "-readwrite"]);

        let directory = etcdctl.cluster.directory().join("users");
        let issue = |name: &str| {
            let identity = etcdctl.cluster.identities().issue(&Leaf::client(name)).unwrap();
            identity.write(&directory, name).unwrap()
        };
        let alice = etcdctl.run(Some(&issue("alice")), &["set", "hello", "alice"]);
        assert!(alice.status.success(), "{}", text(&alice));
        // The control: another name is another user, who has no right to it.
        let bob = etcdctl.run(Some(&issue("bob")), &["set", "hello", "bob"]);
        assert!(!bob.status.success());
        assert!(text(&bob).contains("The request requires user authentication"), "{}", text(&bob));
        assert_eq!(as_root(&["get", "hello"]), "alice\n");
    })
    .await
}
