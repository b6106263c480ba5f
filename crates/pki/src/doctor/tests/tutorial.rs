//! The tutorial: its certificates and its command lines, diagnosed in full.

use super::lab::Lab;

/// The three members as the tutorial starts them, with the files of its script.
fn tutorial(etcd: &str) -> Lab {
    let mut lab = Lab::new(etcd);
    let file = |name: &str| -> &[u8] {
        match name {
            "ca.crt" => include_bytes!("../../../fixtures/tutorial/ca.crt"),
            "server.crt" => include_bytes!("../../../fixtures/tutorial/server.crt"),
            "server.key" => include_bytes!("../../../fixtures/tutorial/server.key"),
            "client.crt" => include_bytes!("../../../fixtures/tutorial/client.crt"),
            _ => include_bytes!("../../../fixtures/tutorial/client.key"),
        }
    };
    // The members name them with and without `./`.
    for name in ["ca.crt", "./ca.crt", "./server.crt", "client.crt"] {
        lab.write(name, file(name.trim_start_matches("./")));
    }
    for name in ["./server.key", "client.key"] {
        lab.write_with(name, file(name.trim_start_matches("./")), 0o600);
    }
    for index in 1..=3 {
        lab.member(&format!(
            "./etcd/etcd --name infra{index} --advertise-client-urls https://localhost:2379{index} \
             --listen-client-urls https://localhost:2379{index} --cert-file ./server.crt \
             --key-file ./server.key --client-cert-auth --ca-file ca.crt \
             --initial-advertise-peer-urls https://localhost:2380{index} \
             --listen-peer-urls https://localhost:2380{index} --peer-cert-file ./server.crt \
             --peer-key-file ./server.key --peer-ca-file ./ca.crt --initial-cluster \
             infra1=https://localhost:23801,infra2=https://localhost:23802,infra3=https://localhost:23803 \
             --initial-cluster-token etcd-for-k8sp-tls-demo --initial-cluster-state new"
        ));
    }
    lab.client("ca.crt", "client.crt", "client.key");
    lab
}

#[test]
fn it_is_diagnosed_in_full() {
    let report = tutorial("3.5.1").examine();
    let lines = report.iter().map(|finding| {
        format!(
            "{} {} {} {} {}\n  today: {}\n  meaning: {}\n  fix: {}",
            finding.severity,
            finding.rule,
            finding.member.as_deref().unwrap_or("-"),
            finding.file.as_deref().map_or_else(|| "-".into(), |path| path.display().to_string()),
            finding.field.as_deref().unwrap_or("-"),
            finding.today,
            finding.meaning,
            finding.fix,
        )
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
