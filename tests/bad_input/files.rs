//! Files and directories that are wrong.

use std::path::{Path, PathBuf};

use tercet_cluster::plan::DiscoveryService;
use tercet_harness::{Cluster, Joining, Restore, Result};
use tercet_tests::available;

use crate::{SECOND, refused};

#[tokio::test]
async fn a_directory_that_is_a_file_or_no_path() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = Path::new("/tmp").join("d".repeat(300));
    for parent in [file, PathBuf::from("/nonexistent\0/x"), long, PathBuf::new()] {
        let begin = std::time::Instant::now();
        let error = Cluster::builder().directory(&parent).start().await.unwrap_err();
        assert!(begin.elapsed() < SECOND);
        let text = format!("{error:?}");
        let said = text.contains("cannot make") && text.contains(&*parent.to_string_lossy());
        assert!(said, "{text}");
    }
}

#[tokio::test]
async fn snapshots_that_are_none() -> Result<()> {
    let etcd = &available()[0];
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let source = Cluster::builder().binary(etcd.path()).members(1).start().await?;
    source.client().await?.put("hello", "world").await?;
    source.save_snapshot(path("good")).await.unwrap();
    drop(source);

    let good = std::fs::read(path("good"))?;
    std::fs::write(path("empty"), "")?;
    std::fs::write(path("text"), "not a snapshot\n".repeat(1000))?;
    std::fs::write(path("truncated"), &good[..good.len() - 512])?;
    std::fs::write(path("hash alone"), &good[good.len() - 32..])?;
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    std::fs::write(path("changed"), &changed)?;
    std::fs::create_dir(path("directory"))?;
    let builder = || Cluster::builder().binary(etcd.path()).members(1);
    let damaged = "the snapshot is damaged, or is none";
    for (name, said) in [
        ("missing", "the snapshot cannot be read"),
        ("directory", "the snapshot"),
        ("empty", damaged),
        ("text", damaged),
        ("truncated", damaged),
        ("hash alone", damaged),
        ("changed", damaged),
    ] {
        let text = refused(builder().restore(Restore::from(path(name))), SECOND).await;
        assert!(text.contains(said) && text.contains(name), "{name}: {text}");
    }
    // The control.
    let restored = builder().restore(Restore::from(path("good"))).start().await?;
    assert!(restored.client().await?.get("hello").await?.is_some());
    Ok(())
}

/// Over `/v2/keys`, members would trust nobody and ask for ever.
#[tokio::test]
async fn a_discovery_whose_authority_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    for ca in [directory.path().join("missing"), directory.path().to_owned()] {
        for service in [
            DiscoveryService::V2 { url: "https://127.0.0.1:1/x".into(), ca: Some(ca.clone()) },
            DiscoveryService::V3 {
                endpoints: vec!["https://127.0.0.1:1".into()],
                token: "x".into(),
                ca: Some(ca.clone()),
                client: None,
            },
        ] {
            let builder = Cluster::builder().members(1).joining(Joining::Through(service));
            let text = refused(builder, SECOND).await;
            let said = format!("the file {} of the discovery cannot be read", ca.display());
            assert!(text.contains(&said), "{text}");
        }
    }
}
