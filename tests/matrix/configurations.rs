//! The three forms in which etcd takes its settings: flags, environment and file. The fleet is the
//! same in all.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tercet_cluster::Configuration;
use tercet_cluster::binary::{Binary, Feature};
use tercet_harness::{Builder, Cluster, Layout, Result, Security, Timing, TlsOptions};
use tercet_pki::{Durability, Leaf, RevocationReason, Revocations};

use crate::visitor::Visitor;

/// All that members say of their settings when they start: the fields of these lines, without what
/// differs from fleet to fleet.
fn said(cluster: &Cluster) -> BTreeMap<String, Value> {
    const TELLING: [&str; 3] =
        ["starting an etcd server", "starting with peer TLS", "starting with client TLS"];
    let mut all = BTreeMap::new();
    for member in cluster.members() {
        let text = std::fs::read_to_string(member.log()).unwrap();
        let mut text = text.replace(&cluster.directory().display().to_string(), "FLEET");
        text = text.replace(&cluster.plan().token().display().to_string(), "TOKEN");
        for other in cluster.members() {
            for (url, mark) in [(other.client_url(), "CLIENT"), (other.peer_url(), "PEER")] {
                // With its host: the port alone may be in another number, such as a quota's.
                let (host, port) = url.rsplit('/').next().unwrap().rsplit_once(':').unwrap();
                text = text.replace(&format!("{host}:{port}"), &format!("{host}:{mark}"));
            }
        }
        for line in text.lines() {
            let Ok(Value::Object(mut entry)) = serde_json::from_str(line) else { continue };
            for own in ["ts", "local-member-id", "cluster-id"] {
                entry.remove(own);
            }
            let message = entry["msg"].as_str().unwrap_or_default().to_owned();
            if TELLING.contains(&&*message) {
                all.insert(format!("{} {message}", member.name()), entry.into());
            }
        }
    }
    all
}

fn variants(etcd: &Binary, builder: impl Fn() -> Builder) -> Vec<Builder> {
    let tls = TlsOptions::default;
    let mut all = vec![
        builder(),
        builder().security(Security::Plaintext),
        builder().security(Security::ServerTls),
        builder().security(Security::ClientAuth),
        builder().security(Security::Auto),
        builder().layout(Layout::Shared),
        builder().without_gateway(),
        builder().tls(tls().revocation_list().skip_peer_address_check()),
        builder().tls(tls().allowed_peer_names(["peers"])),
        builder().tls(tls().cipher_suites(["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])),
        builder().flag("quota-backend-bytes", "0x1000_0000").flag("max-txn-ops", "77"),
    ];
    if etcd.release().has(Feature::SocketReusePort) {
        all.push(builder().tls(tls().separate_outgoing()));
    }
    if etcd.release().has(Feature::AllowedNameLists) {
        all.push(builder().tls(tls().allowed_peer_hosts(["a.example", "b.example"])));
    }
    all
}

#[tokio::test]
async fn the_fleet_is_the_same_in_all_forms() -> Result<()> {
    for etcd in tercet_tests::available() {
        let forms = Configuration::ALL.map(|form| {
            variants(etcd, || Cluster::builder().members(1).binary(etcd.path()).configuration(form))
        });
        let [flags, environment, file] = forms;
        for ((flags, environment), file) in flags.into_iter().zip(environment).zip(file) {
            let mut wanted = None;
            for builder in [flags, environment, file] {
                let cluster = builder.start().await?;
                cluster.client().await?.put("hello", "world").await?;
                let said = said(&cluster);
                assert!(!said.is_empty(), "the control: a member tells its settings");
                let form = cluster.plan().spec().form_of_configuration();
                let wanted = wanted.get_or_insert_with(|| said.clone());
                assert_eq!(said, *wanted, "{} {form}", etcd.version());
            }
        }
    }
    Ok(())
}

/// What has no key of its own in some versions' files works there all the same.
#[tokio::test]
async fn who_is_refused_is_refused_in_all_forms() -> Result<()> {
    for etcd in tercet_tests::available() {
        for form in Configuration::ALL {
            let tls = TlsOptions::default().revocation_list().allowed_peer_names(["peers"]);
            let tls = tls.skip_peer_address_check();
            let builder = Cluster::builder().binary(etcd.path()).configuration(form).tls(tls);
            let cluster = builder.timing(Timing::Ci).start().await?;
            let what = format!("{} {form}", etcd.version());
            let (member, fleet) = (cluster.member(0), cluster.identities());

            // By its name, wherever it dials from.
            let members = format!("{}/members", member.peer_url());
            for (name, answer) in [("other", None), ("peers", Some(200))] {
                let elsewhere = fleet.issue(&Leaf::peer(name).host("10.9.9.9"))?;
                let visitor = Visitor::new(&cluster, Some(&elsewhere));
                assert_eq!(visitor.get(&members).await, answer, "{what} {name}");
            }
            // By the list.
            let version = format!("{}/version", member.client_url());
            let (revoked, other) =
                (fleet.issue(&Leaf::client("revoked"))?, fleet.issue(&Leaf::client("other"))?);
            let revocations = Revocations::new()
                .certificate(revoked.certificate(), RevocationReason::default())?;
            let list = fleet.authority().revoke(&revocations)?;
            let files = cluster.plan().revocation_files().expect("it has a list");
            files.write(&list, Durability::Cached)?;
            for (identity, answer) in [(revoked, None), (other, Some(200))] {
                let visitor = Visitor::new(&cluster, Some(&identity));
                assert_eq!(visitor.get(&version).await, answer, "{what}");
            }
            // The gateway is there in all of them.
            let range = format!("{}/v3/kv/range", member.client_url());
            let key = r#"{"key":"aGVsbG8="}"#;
            assert_eq!(Visitor::client(&cluster).post(&range, key).await, Some(200), "{what}");
        }
    }
    Ok(())
}

/// Whatever becomes of a member, it is told what it is now: at each of its starts.
#[tokio::test]
async fn members_change_in_all_forms() -> Result<()> {
    for etcd in tercet_tests::available() {
        for (form, security) in [
            (Configuration::Environment, Security::Mutual),
            (Configuration::File, Security::Mutual),
            (Configuration::File, Security::Auto),
        ] {
            let builder = Cluster::builder().binary(etcd.path()).configuration(form);
            let cluster = builder.security(security).timing(Timing::Ci).start().await?;
            let client = cluster.client().await?;
            client.put("hello", "world").await?;
            let member = cluster.member(1);
            let before = member.peer_url().to_owned();
            let file = || member.plan().configuration_file().map(|file| file.path.clone());
            if let Some(file) = file() {
                let mode = file.metadata().unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                // What somebody else has made of it meanwhile does not count.
                std::fs::write(&file, "name: nobody\n").unwrap();
            }
            member.kill()?.restart().await?;
            member.update_peer_url().await?;
            assert_ne!(member.peer_url(), before);
            if let Some(file) = file() {
                let text = std::fs::read_to_string(file).unwrap();
                assert!(text.contains(member.peer_url()) && !text.contains(&before), "{text}");
            }
            let newcomer = cluster.add_member().await?;
            assert!(newcomer.client().await?.get("hello").await?.is_some());
            newcomer.remove().await?;
            client.put("hello", "again").await?;
        }
    }
    Ok(())
}
