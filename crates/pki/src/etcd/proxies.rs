//! The flags of etcd's two proxies that are commands of their own: `etcd gateway start` and
//! `etcd grpc-proxy start`. The third, `etcd --proxy on`, is etcd itself with its own flags.

use super::flags::{__, ALL, Flag, FlagKind, flag};
use FlagKind::{Boolean, Duration, Signed, Text, Unsigned, Urls};

impl Flag {
    /// All flags of `etcd gateway start`, in the order of their names. They read no environment.
    pub const GATEWAY: &'static [Self] = GATEWAY;

    /// All flags of `etcd grpc-proxy start`, in the order of their names. They read no environment.
    pub const GRPC_PROXY: &'static [Self] = GRPC_PROXY;
}

/// Read from `etcdmain/gateway.go` of every release from 3.4.0 to 3.7.1, from 3.5 on in `server`: it
/// is the same in all of them.
#[rustfmt::skip]
const GATEWAY: &[Flag] = &[
    flag("discovery-srv", Text, ALL),
    flag("discovery-srv-name", Text, ALL),
    flag("endpoints", Urls, ALL),
    flag("insecure-discovery", Boolean, ALL),
    flag("listen-addr", Text, ALL),
    flag("retry-delay", Duration, ALL),
    flag("trusted-ca-file", Text, ALL),
];

/// Read from `etcdmain/grpc_proxy.go` of the same releases.
#[rustfmt::skip]
const GRPC_PROXY: &[Flag] = &[
    flag("advertise-client-url", Text, ALL),
    flag("auto-tls", Boolean, ALL),
    flag("cacert", Text, ALL),
    flag("cert", Text, ALL),
    flag("cert-file", Text, ALL),
    flag("client-crl-file", Text, ALL),
    flag("data-dir", Text, ALL),
    flag("debug", Boolean, ALL),
    flag("dial-keepalive-time", Duration, [__, 13, 0, 0]),
    flag("dial-keepalive-timeout", Duration, [__, 13, 0, 0]),
    flag("discovery-srv", Text, ALL),
    flag("discovery-srv-name", Text, ALL),
    flag("enable-pprof", Boolean, ALL),
    flag("endpoints", Urls, ALL),
    flag("endpoints-auto-sync-interval", Duration, [__, 5, 0, 0]),
    flag("experimental-enable-grpc-logging", Boolean, [__, __, 0, 0]),
    flag("experimental-leasing-prefix", Text, ALL),
    flag("experimental-serializable-ordering", Boolean, ALL),
    flag("grpc-keepalive-interval", Duration, [__, 0, 0, 0]),
    flag("grpc-keepalive-min-time", Duration, [__, 0, 0, 0]),
    flag("grpc-keepalive-timeout", Duration, [__, 0, 0, 0]),
    flag("insecure-discovery", Boolean, ALL),
    flag("insecure-skip-tls-verify", Boolean, ALL),
    flag("key", Text, ALL),
    flag("key-file", Text, ALL),
    flag("listen-addr", Text, ALL),
    flag("listen-cipher-suites", Text, [22, 6, 0, 0]),
    flag("max-concurrent-streams", Unsigned, [20, 5, 0, 0]),
    flag("max-recv-bytes", Signed, ALL),
    flag("max-send-bytes", Signed, ALL),
    flag("metrics-addr", Text, ALL),
    flag("namespace", Text, ALL),
    flag("permit-without-stream", Boolean, [__, 13, 0, 0]),
    flag("resolver-prefix", Text, ALL),
    flag("resolver-ttl", Signed, ALL),
    flag("self-signed-cert-validity", Unsigned, [__, 0, 0, 0]),
    flag("tls-max-version", Text, [__, 18, 0, 0]),
    flag("tls-min-version", Text, [__, 18, 0, 0]),
    flag("trusted-ca-file", Text, ALL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        for table in [Flag::GATEWAY, Flag::GRPC_PROXY] {
            assert!(table.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        }
    }

    #[test]
    fn versions_have_what_they_have() {
        let of_proxy = |name: &str| {
            let flag = Flag::GRPC_PROXY.iter().find(|flag| flag.name() == name);
            flag.unwrap_or_else(|| panic!("{name}")).versions()
        };
        insta::assert_snapshot!(of_proxy("listen-cipher-suites"), @"from 3.4.22 and 3.5.6 on");
        insta::assert_snapshot!(of_proxy("endpoints-auto-sync-interval"), @"from 3.5.5 on");
        insta::assert_snapshot!(of_proxy("cacert"), @"all");
    }
}
