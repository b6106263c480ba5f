//! Flags that there is no word for.

use tercet_pki::etcd::Flag;

use super::error::PlanError;

/// Refuses flags that no etcd has, that etcd would refuse the values of, and that would undo what
/// is planned for each member.
pub(super) fn check(flags: &[(String, String)]) -> Result<(), PlanError> {
    for (name, value) in flags {
        let Some(flag) = Flag::named(name) else {
            return Err(PlanError::UnknownFlag { flag: name.clone() });
        };
        if let Some((_, instead)) = PLANNED.iter().find(|(planned, _)| *planned == flag.name()) {
            return Err(PlanError::PlannedFlag { flag: name.clone(), instead });
        }
        let refused = |because: String| PlanError::Value {
            what: format!("the value of --{name}"),
            value: value.clone(),
            because,
        };
        if value.contains('\0') {
            return Err(refused("no program can be given a NUL".to_owned()));
        }
        flag.parse(value).map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

const PLACE: &str = "where members are is decided by the fleet's directory and ports";
const JOINING: &str = "say how members find each other with `joining`";
const SECURITY: &str = "say it with `security` and `layout`";
const TLS: &str = "say it with `tls`";
const LOG: &str = "how far a member is is read from its log";
const END: &str = "etcd would print and end";

const PLANNED: &[(&str, &str)] = &[
    ("advertise-client-urls", PLACE),
    ("auto-tls", SECURITY),
    ("cert-file", SECURITY),
    ("cipher-suites", TLS),
    ("client-cert-allowed-hostname", TLS),
    ("client-cert-auth", SECURITY),
    ("client-cert-file", TLS),
    ("client-crl-file", TLS),
    ("client-key-file", TLS),
    ("config-file", "say it with `configuration`"),
    ("data-dir", PLACE),
    ("discovery", JOINING),
    ("discovery-cacert", JOINING),
    ("discovery-cert", JOINING),
    ("discovery-endpoints", JOINING),
    ("discovery-fallback", JOINING),
    ("discovery-key", JOINING),
    ("discovery-srv", JOINING),
    ("discovery-token", JOINING),
    ("enable-grpc-gateway", "say it with `gateway`"),
    ("enable-v2", "say it with `v2`"),
    ("initial-advertise-peer-urls", PLACE),
    ("initial-cluster", JOINING),
    ("initial-cluster-state", JOINING),
    ("initial-cluster-token", "say it with `token`"),
    ("key-file", SECURITY),
    ("listen-client-http-urls", "say it with `http_port`"),
    ("listen-client-urls", PLACE),
    ("listen-peer-urls", PLACE),
    ("log-format", LOG),
    ("log-level", LOG),
    ("log-output", LOG),
    ("log-outputs", LOG),
    ("logger", LOG),
    ("name", PLACE),
    ("peer-auto-tls", SECURITY),
    ("peer-cert-allowed-cn", TLS),
    ("peer-cert-allowed-hostname", TLS),
    ("peer-cert-file", SECURITY),
    ("peer-client-cert-auth", SECURITY),
    ("peer-client-cert-file", TLS),
    ("peer-client-key-file", TLS),
    ("peer-crl-file", TLS),
    ("peer-key-file", SECURITY),
    ("peer-skip-client-san-verification", TLS),
    ("experimental-peer-skip-client-san-verification", TLS),
    ("peer-trusted-ca-file", SECURITY),
    ("proxy", "a proxy is no member"),
    ("socket-reuse-address", PLACE),
    ("socket-reuse-port", PLACE),
    ("tls-max-version", TLS),
    ("tls-min-version", TLS),
    ("trusted-ca-file", SECURITY),
    ("version", END),
];

#[cfg(test)]
mod tests {
    use crate::plan::Spec;

    #[test]
    fn what_no_etcd_takes_or_would_undo_the_plan_is_refused() {
        let refused = |name: &str, value: &str| {
            Spec::default().flag(name, value).validate().unwrap_err().to_string()
        };
        let said = [
            refused("no-such-flag", "1"),
            refused("max-txn-ops", "many"),
            refused("grpc-keepalive-timeout", "5"),
            refused("data-dir", "/x"),
            refused("log-level", "warn"),
            refused("cert-file", "/x"),
            refused("tls-min-version", "TLS1.3"),
            refused("discovery-fallback", "proxy"),
            refused("auth-token", "sim\0ple"),
        ];
        insta::assert_snapshot!(said.join("\n"), @r#"
        no etcd has a flag --no-such-flag
        "many" cannot be the value of --max-txn-ops: parse error: write a whole number
        "5" cannot be the value of --grpc-keepalive-timeout: parse error: write a number with its unit, such as 500ms or 5s
        --data-dir is planned for each member: where members are is decided by the fleet's directory and ports
        --log-level is planned for each member: how far a member is is read from its log
        --cert-file is planned for each member: say it with `security` and `layout`
        --tls-min-version is planned for each member: say it with `tls`
        --discovery-fallback is planned for each member: say how members find each other with `joining`
        "sim\0ple" cannot be the value of --auth-token: no program can be given a NUL
        "#);
        // The control, and the last word counts.
        let spec = Spec::default().flag("max-txn-ops", "many").flag("max-txn-ops", "7");
        assert!(spec.validate().is_ok());
    }
}
