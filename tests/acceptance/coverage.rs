//! Every case of etcd's suites has a line in `docs/acceptance.md`: a test of ours, or what is missing.

use std::path::Path;

/// The tests of etcd 3.7.1 that are about TLS and the life of a fleet; of v2, those of the last
/// version that had them.
const CASES: &[&str] = &[
    "TestTLSClusterOf3",
    "TestDoubleTLSClusterSizeOf3",
    "TestTLSClusterOf3WithSpecificUsage",
    "TestTLSGRPCRejectInsecureClient",
    "TestTLSGRPCRejectSecureClient",
    "TestTLSGRPCAcceptSecureAll",
    "TestTLSReloadAtomicReplace",
    "TestTLSReloadCopy",
    "TestTLSReloadCopyIPOnly",
    "TestTLSClientCipherSuitesValid",
    "TestTLSClientCipherSuitesMismatch",
    "TestTLSMinMaxVersion",
    "TestCurlV3CipherSuitesValid",
    "TestCurlV3CipherSuitesMismatch",
    "TestEtcdTLSVersion",
    "TestDialTLSExpired",
    "TestDialTLSNoConfig",
    "TestCtlV3GetRevokedCRL",
    "TestCtlV3GetRevokedCRLGRPCOnly",
    "TestNewListenerWithACRLFile",
    "TestEtcdPeerCNAuth",
    "TestEtcdPeerMultiCNAuth",
    "TestEtcdPeerNameAuth",
    "TestEtcdPeerLocalAddr",
    "TestNewListenerTLSInfoSkipClientSANVerify",
    "TestEtcdListenMetricsURLsWithMissingClientTLSInfo",
    "TestEtcdUnixPeers",
    "TestConnectionMultiplexing",
    "TestV3MetricsSecure",
    "TestConnectionRejectMessage",
    "TestCtlV3AuthCertCN",
    "TestCtlV3AuthCertCNAndUsername",
    "TestCtlV3AuthCertCNAndUsernameNoPassword",
    "TestCtlV3AuthCertCNWithWithConcurrentOperation",
    "TestCurlV3AuthClientTLSCertAuth",
    "TestClusterOf1UsingV3Discovery_1endpoint",
    "TestClusterOf3UsingV3Discovery_1endpoint",
    "TestTLSClusterOf5UsingV3Discovery_1endpoint",
    "TestClusterOf1UsingV3Discovery_3endpoints",
    "TestClusterOf3UsingV3Discovery_3endpoints",
    "TestTLSClusterOf5UsingV3Discovery_3endpoints",
    "TestClusterOf1UsingDiscovery",
    "TestClusterOf3UsingDiscovery",
    "TestTLSClusterOf3UsingDiscovery",
    "TestSRVGetCluster",
    "TestPeerURLsMapAndTokenFromSRV",
    "TestGateway",
    "TestGrpcProxyAutoSync",
    "TestGrpcProxyTLSVersions",
    "TestGrpcproxyAndCommonName",
    "TestV2CurlAllTLS",
    "TestV2CurlAutoTLS",
    "TestV2CurlClientBoth",
    "TestCtlV2AuthWithCommonName",
    "TestRuntimeReconfigGrowClusterSize",
    "TestRuntimeReconfigDecreaseClusterSize",
    "TestRuntimeReconfigRollingUpgrade",
    "TestMemberReplace",
    "TestMemberReplaceWithLearner",
    "TestRejectUnhealthyAdd",
    "TestRejectUnhealthyRemove",
    "TestRestartRemoved",
    "TestReleaseUpgrade",
    "TestReleaseUpgradeWithRestart",
    "TestClusterUpgradeAfterPromotingMembers",
    "TestMixVersionsSnapshotByAddingMember",
    "TestMixVersionsSnapshotByMockingPartition",
    "TestDowngradeUpgradeClusterOf1",
    "TestDowngradeUpgrade2InClusterOf3",
    "TestDowngradeUpgradeClusterOf3",
    "TestDowngradeUpgradeClusterOf1WithSnapshot",
    "TestDowngradeUpgradeClusterOf3WithSnapshot",
    "TestDowngradeCancellationWithoutEnablingClusterOf1",
    "TestDowngradeCancellationRightAfterEnablingClusterOf1",
    "TestDowngradeCancellationWithoutEnablingClusterOf3",
    "TestDowngradeCancellationRightAfterEnablingClusterOf3",
    "TestDowngradeCancellationAfterDowngrading1InClusterOf3",
    "TestDowngradeCancellationAfterDowngrading2InClusterOf3",
    "TestIssue6361",
    "TestRestoreCompactionRevBump",
    "TestSnapshotV3RestoreSingle",
    "TestSnapshotV3RestoreMulti",
    "TestSnapshotV3RestoreMultiMemberAdd",
    "TestForceNewCluster",
    "TestForceNewCluster_MemberCount",
    "TestForceNewCluster_AddLearner_MemberCount",
    "TestEtcdCorruptHash",
    "TestInPlaceRecovery",
    "TestPeriodicCheckDetectsCorruption",
    "TestCompactHashCheckDetectCorruption",
    "TestCompactHashCheckDetectCorruptionWithFeatureGate",
    "TestCompactHashCheckDetectCorruptionInterrupt",
    "TestCompactHashCheckDetectCorruptionInterruptWithFeatureGate",
    "TestNetworkPartition5MembersLeaderInMinority",
    "TestNetworkPartition5MembersLeaderInMajority",
    "TestNetworkPartition4Members",
    "TestHTTPHealthHandler",
    "TestHTTPLivezReadyzHandler",
];

/// The page, and the directory that its paths begin in.
fn page() -> (String, &'static Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    (std::fs::read_to_string(root.join("docs/acceptance.md")).unwrap(), root)
}

#[test]
fn each_case_has_one_line() {
    let (page, _) = page();
    for case in CASES {
        let begin = format!("| `{case}` | ");
        let lines: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(&*begin)).collect();
        let [ours] = lines.as_slice() else { panic!("{case} has {} lines", lines.len()) };
        let is_said = ["no: ", "not yet: "].iter().any(|word| ours.starts_with(word));
        assert!(is_said || ours.contains("`tests/"), "{case}: neither a test nor a reason: {ours}");
    }
}

#[test]
fn each_test_of_ours_is_there() {
    let (page, root) = page();
    let mut file = String::new();
    let mut count = 0;
    // What stands in backticks, in turn: the odd ones.
    for line in page.lines().filter(|line| line.starts_with("| `") || line.starts_with("| the ")) {
        for word in line.split('`').skip(1).step_by(2) {
            if word.starts_with("tests/") {
                file = std::fs::read_to_string(root.join(word)).unwrap_or_default();
                assert!(!file.is_empty(), "there is no {word}");
            } else if word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            {
                assert!(file.contains(&format!("fn {word}(")), "there is no {word}: {line}");
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} tests are named");
}
