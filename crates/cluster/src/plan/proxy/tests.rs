use super::*;
use crate::plan::{Address, Security, Spec, Timing, TlsOptions, TlsVersion};

fn plan(version: &str, spec: &Spec) -> (Plan, Release) {
    let addresses: Vec<_> = (0..spec.member_names().len() as u16)
        .map(|n| Address::loopback(23791 + n, 23801 + n))
        .map(|address| if spec.has_http_port() { address.with_http(8080) } else { address })
        .collect();
    let release = Release::of(version.parse().unwrap()).unwrap();
    (spec.plan(release, Path::new("/run/fleet"), &addresses).unwrap(), release)
}

fn proxy(version: &str, spec: &Spec, kind: ProxyKind) -> Result<ProxyPlan, PlanError> {
    let (plan, release) = plan(version, spec);
    let upstream = |member: &crate::plan::MemberPlan| Upstream {
        name: member.name().to_owned(),
        client_url: member.client_url().to_owned(),
        peer_url: member.peer_url().to_owned(),
    };
    plan.proxy(ProxySpec {
        name: format!("{kind}-1"),
        kind,
        address: "127.0.0.1:23790".parse().unwrap(),
        release,
        members: plan.members().iter().map(upstream).collect(),
    })
}

fn words(proxy: &ProxyPlan) -> String {
    let environment = proxy.environment().iter();
    environment
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .chain(proxy.arguments().iter().map(|word| word.display().to_string()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn each_proxy_in_each_security() {
    for security in Security::ALL {
        let spec = Spec::default().members(2).security(security).v2(true).timing(Timing::Ci);
        for kind in ProxyKind::ALL {
            let planned = match proxy("3.5.1", &spec, kind) {
                Ok(planned) => planned,
                Err(error) => {
                    assert!(
                        !cfg!(target_os = "linux") && security == Security::ServerTls,
                        "{error}"
                    );
                    continue;
                }
            };
            insta::assert_snapshot!(format!("{kind}_{security}"), words(&planned));
        }
    }
}

#[test]
fn a_version_is_told_what_it_has() {
    let spec = Spec::default().members(1).timing(Timing::Stock);
    let of = |version| words(&proxy(version, &spec, ProxyKind::GrpcProxy).unwrap());
    let follows = "\n--endpoints-auto-sync-interval=1s";
    assert!(!of("3.4.23").contains(follows) && !of("3.5.4").contains(follows));
    for version in ["3.5.5", "3.6.14", "3.7.1", "3.9.0"] {
        assert_eq!(of(version).replace(follows, ""), of("3.5.4"), "{version}");
        assert!(of(version).contains(follows), "{version}");
    }
    let gateway = |version| words(&proxy(version, &spec, ProxyKind::Gateway).unwrap());
    assert_eq!(gateway("3.4.23"), gateway("3.7.1"));
    assert!(!gateway("3.5.1").contains("--retry-delay"), "stock timing is etcd's own");
}

#[test]
fn its_identities_are_its_own_and_only_those_that_it_needs() {
    let stems = |files: &ProxyFiles| {
        let stem = |files: &Option<IdentityFiles>| {
            let files = files.as_ref()?;
            assert!(files.certificate.starts_with("/run/fleet/proxies"), "{files:?}");
            Some(files.certificate.file_stem()?.to_string_lossy().into_owned())
        };
        (stem(&files.server), stem(&files.client))
    };
    let both = (Some("server".to_owned()), Some("client".to_owned()));
    let server = (Some("server".to_owned()), None);
    for (kind, security, expected) in [
        (ProxyKind::Gateway, Security::Mutual, &(None, None)),
        (ProxyKind::GrpcProxy, Security::Plaintext, &(None, None)),
        (ProxyKind::GrpcProxy, Security::Auto, &(None, None)),
        (ProxyKind::GrpcProxy, Security::ServerTls, &both),
        (ProxyKind::GrpcProxy, Security::ClientAuth, &both),
        (ProxyKind::GrpcProxy, Security::Mutual, &both),
        // Its other certificate is for peers' ports, which ask for none here.
        (ProxyKind::V2, Security::ClientAuth, &server),
        (ProxyKind::V2, Security::Mutual, &both),
    ] {
        let spec = Spec::default().security(security).v2(true);
        let planned = proxy("3.5.1", &spec, kind).unwrap();
        assert_eq!(&stems(planned.files()), expected, "{kind} {security}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    insta::assert_snapshot!(
        proxy("3.5.1", &Spec::default(), ProxyKind::V2).unwrap_err(),
        @"there is no proxy v2 of this fleet: it is for the second API, which the members do not answer: start the fleet with Spec::v2"
    );
    let apart = Spec::default().v2(true).http_port(true);
    insta::assert_snapshot!(
        proxy("3.5.30", &apart, ProxyKind::V2).unwrap_err(),
        @"there is no proxy v2 of this fleet: it goes to the clients' ports, which answer gRPC alone: start the fleet without a port for HTTP"
    );
    let newest = Spec::default().v2(true).tls(TlsOptions::default().min_version(TlsVersion::V1_3));
    insta::assert_snapshot!(
        proxy("3.5.30", &newest, ProxyKind::V2).unwrap_err(),
        @"there is no proxy v2 of this fleet: it would take any version of TLS and any cipher suite, unlike the members"
    );
    // The members have it from 3.5.8 on, the proxy later.
    insta::assert_snapshot!(
        proxy("3.5.17", &newest, ProxyKind::GrpcProxy).unwrap_err(),
        @"there is no proxy grpc-proxy of this fleet: etcd 3.5.17 has no --tls-min-version for it, which is there from 3.5.18 on"
    );
    let planned = proxy("3.5.18", &newest, ProxyKind::GrpcProxy).unwrap();
    assert!(planned.arguments().contains(&"--tls-min-version=TLS1.3".into()));
    insta::assert_snapshot!(
        "nginx".parse::<ProxyKind>().unwrap_err(),
        @"'nginx' is no proxy: use gateway, grpc-proxy or v2"
    );
    for kind in ProxyKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
}
