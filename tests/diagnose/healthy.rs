//! Where all is well, nothing is said: every way of securing, every version, every layout.

use tercet_harness::{Cluster, Security, Timing};
use tercet_tests::{available, say};

#[tokio::test]
async fn a_sound_fleet_has_no_findings() {
    for etcd in available() {
        for security in Security::ALL {
            let cluster = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = cluster.timing(Timing::Ci).start().await.unwrap();
            let diagnosis = cluster.diagnose().await;
            let version = etcd.version();
            assert!(diagnosis.is_sound(), "{version} {security}:\n{diagnosis}");
            assert_eq!(diagnosis.unseen, [], "{version} {security}");
            say(&format!("{version} {security}: {diagnosis} in {:?}", diagnosis.took));
        }
    }
}
