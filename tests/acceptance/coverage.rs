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

/// The repository, in which the page's paths begin.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/acceptance.md")).unwrap()
}

/// What cannot be read is nothing.
fn on_disk(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// What is wrong with the page: a case without a line, or with a line that has neither a test of
/// ours that is there nor a reason.
fn complaints(page: &str, read: impl Fn(&str) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    for case in CASES {
        let begin = format!("| `{case}` | ");
        let lines: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(&*begin)).collect();
        match lines.as_slice() {
            [ours] if ours.contains("`tests/") => {}
            // A reason is a sentence.
            [ours] if ours.strip_prefix("no: ").is_some_and(|why| why.len() > 30) => {}
            [ours] => complaints.push(format!("{case} has neither a test nor a reason: {ours}")),
            lines => complaints.push(format!("{case} has {} lines", lines.len())),
        }
    }
    for (path, test) in named(page) {
        let file = read(path);
        match is_test(&file, test) {
            _ if file.is_empty() => complaints.push(format!("there is no {path}")),
            true => {}
            false => complaints.push(format!("{path} has no test {test}")),
        }
    }
    complaints
}

/// Every test that the page's tables name, with its file: what stands in backticks.
fn named(page: &str) -> Vec<(&str, &str)> {
    let is_name =
        |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let mut named = Vec::new();
    let rows = page.lines().filter(|line| line.starts_with("| `") || line.starts_with("| the "));
    for line in rows {
        let mut file = None;
        for word in line.split('`').skip(1).step_by(2) {
            match word.starts_with("tests/") {
                true => file = Some(word),
                false if is_name(word) => named.extend(file.map(|file| (file, word))),
                false => {}
            }
        }
    }
    named
}

/// Whether a file has a test of this name that is run: the attribute is above it, and no other that
/// has it ignored.
fn is_test(file: &str, name: &str) -> bool {
    let lines: Vec<_> = file.lines().map(str::trim).collect();
    let begins = |line: &str, word: &str| {
        line.strip_prefix(word).is_some_and(|rest| rest.starts_with(&format!("fn {name}(")))
    };
    let at = lines.iter().position(|line| begins(line, "") || begins(line, "async "));
    let Some(at) = at else { return false };
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    let above: Vec<_> = above.collect();
    above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
        && !above.iter().any(|line| line.contains("ignore"))
}

#[test]
fn each_case_has_a_test_of_ours_or_a_reason() {
    let page = page();
    assert_eq!(complaints(&page, on_disk), Vec::<String>::new());
    let count = named(&page).len();
    assert!(count > 100, "{count} tests are named");
}

/// The control: whatever is missing is seen.
#[test]
fn what_is_missing_is_seen() {
    let page = page();
    let with = |from: &str, to: &str| {
        let altered = page.replacen(from, to, 1);
        assert_ne!(altered, page, "{from}");
        complaints(&altered, on_disk)
    };
    let case = "| `TestTLSReloadCopy` | ";
    let row = page.lines().find(|line| line.starts_with(case)).unwrap();
    assert_eq!(with(row, ""), ["TestTLSReloadCopy has 0 lines"]);
    assert_eq!(with(row, &format!("{row}\n{row}")), ["TestTLSReloadCopy has 2 lines"]);
    let unsaid = "TestTLSReloadCopy has neither a test nor a reason: ";
    assert_eq!(with(row, &format!("{case}no: |")), [format!("{unsaid}no: |")]);
    assert_eq!(
        with(row, &format!("{case}not yet: nobody has had the time to write it |")).len(),
        1
    );
    assert_eq!(
        with("`tls_reload_copy`", "`tls_reload_nothing`"),
        ["tests/acceptance/reload.rs has no test tls_reload_nothing"]
    );
    // A helper, and no test.
    assert_eq!(
        with("`tls_reload_copy`", "`by_copy`"),
        ["tests/acceptance/reload.rs has no test by_copy"]
    );
    assert_eq!(
        with("`tests/acceptance/reload.rs`: `tls_reload_copy`", "`tests/x.rs`: `tls_reload_copy`"),
        ["there is no tests/x.rs"]
    );
    let ignored = |path: &str| on_disk(path).replace("#[tokio::test]", "#[tokio::test]\n#[ignore]");
    assert!(complaints(&page, ignored).len() > 50);
    let away = |path: &str| on_disk(path).replace("#[tokio::test]", "").replace("#[test]", "");
    assert_eq!(complaints(&page, away).len(), named(&page).len());
}
