//! What a fleet is to be, as the options of `up` and of `plan` say it.

use lexopt::ValueExt as _;
use tercet_cluster::{Configuration, Security, Spec, TlsOptions, TlsVersion};
use tercet_pki::Layout;

use crate::Failure;

/// How the fleet is secured, for a command's help.
macro_rules! security_help {
    () => {
        "\
  --security WORD         plaintext, server-tls, client-auth, mutual or auto (mutual)
  --shared-cert           one certificate for all members and purposes
  --tls-min 1.2|1.3       the lowest version of TLS
  --tls-max 1.2|1.3       the highest
  --cipher-suites A,B     which cipher suites below TLS 1.3, by Go's names
  --crl                   look at a list of revoked certificates, empty at first
  --allow-client-host H   let in only clients whose certificate names this host (with --no-gateway)
  --allow-peer-name N     let in only members with this common name
  --allow-peer-host H     let in only members whose certificate names this host
  --separate-outgoing     other certificates for members where they dial
  --skip-peer-address     do not look for the address of a peer in its certificate
"
    };
}

/// What they say.
#[derive(Debug, Default)]
pub(crate) struct FleetOptions {
    spec: Spec,
    tls: TlsOptions,
}

impl FleetOptions {
    /// Those that begin with this.
    pub(crate) fn new(spec: Spec) -> Self {
        Self { spec, tls: TlsOptions::default() }
    }

    /// Changes what no option here is for.
    pub(crate) fn change(&mut self, change: impl FnOnce(Spec) -> Spec) {
        self.spec = change(std::mem::take(&mut self.spec));
    }

    /// Takes the option `--name`, with its value, if it is one of these; whether it was.
    pub(crate) fn take(
        &mut self,
        name: &str,
        arguments: &mut lexopt::Parser,
    ) -> Result<bool, Failure> {
        let mut text = || arguments.value()?.string();
        match name {
            "cipher-suites" => {
                let suites = text()?;
                self.tls(|tls| tls.cipher_suites(suites.split(',')));
            }
            "flag" => {
                let text = text()?;
                let (name, value) = text.split_once('=').ok_or_else(|| {
                    format!("'{text}' is no flag and its value: write NAME=VALUE")
                })?;
                self.change(|spec| spec.flag(name.trim_start_matches('-'), value));
            }
            "security" => {
                let security = text()?.parse::<Security>()?;
                self.change(|spec| spec.security(security));
            }
            "config" => {
                let configuration = text()?.parse::<Configuration>()?;
                self.change(|spec| spec.configuration(configuration));
            }
            "tls-min" => {
                let version = text()?.parse::<TlsVersion>()?;
                self.tls(|tls| tls.min_version(version));
            }
            "tls-max" => {
                let version = text()?.parse::<TlsVersion>()?;
                self.tls(|tls| tls.max_version(version));
            }
            "allow-client-host" => {
                let host = text()?;
                self.tls(|tls| tls.allowed_client_hosts([host]));
            }
            "allow-peer-name" => {
                let name = text()?;
                self.tls(|tls| tls.allowed_peer_names([name]));
            }
            "allow-peer-host" => {
                let host = text()?;
                self.tls(|tls| tls.allowed_peer_hosts([host]));
            }
            "crl" => self.tls(TlsOptions::revocation_list),
            "separate-outgoing" => self.tls(TlsOptions::separate_outgoing),
            "skip-peer-address" => self.tls(TlsOptions::skip_peer_address_check),
            "shared-cert" => self.change(|spec| spec.layout(Layout::Shared)),
            "no-gateway" => self.change(|spec| spec.gateway(false)),
            "v2" => self.change(|spec| spec.v2(true)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn tls(&mut self, change: impl FnOnce(TlsOptions) -> TlsOptions) {
        self.tls = change(std::mem::take(&mut self.tls));
    }

    /// The fleet that they say.
    pub(crate) fn finish(self) -> Spec {
        self.spec.tls(self.tls)
    }
}
