//! `cargo xtask pki csr` and `sign`

use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use tercet_pki::{Access, KeyKind, Leaf, Policy, Request, write_file};

use super::{Common, common, new, open, wrote};
use crate::{Failure, chain};

const CSR_HELP: &str = "\
Makes a key, and a request to have it signed: the key never leaves the machine.

Usage: cargo xtask pki csr --common-name NAME [OPTIONS]

  --common-name NAME       whose it is
  --host HOST              a DNS name or an address; as often as needed
  --key p256|p384|ed25519  the kind of the key (p256)
  --out STEM               writes STEM.key and STEM.csr (NAME.key and NAME.csr)
";

const SIGN_HELP: &str = "\
Signs a request, if all that it asks for is allowed.

Usage: cargo xtask pki sign DIR REQUEST --profile server|peer|client [OPTIONS]

  --profile P             what the certificate is for
  --host-allowed HOST     a host that may be asked for; *.example.com is all below example.com, and
                          10.0.0.0/8 all of that network; as often as needed
  --name-allowed NAME     a common name that may be asked for, or * for any: to etcd it is the user,
                          and root may do everything; as often as needed
  --lifetime DAYS         how long it is valid (365)
  --out FILE              where it is written (REQUEST with .crt at its end)
  --ca-key FILE           where the authority's key is, if not in DIR/ca.key
";

pub(super) fn csr(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut name, mut hosts, mut kind, mut out) = (None, Vec::new(), KeyKind::P256, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("common-name") => name = Some(arguments.value()?.string()?),
            Long("host") => hosts.push(arguments.value()?.string()?),
            Long("key") => kind = new::kind(&arguments.value()?.string()?)?,
            Long("out") => out = Some(arguments.value()?.string()?),
            Short('h') | Long("help") => {
                print!("{CSR_HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let name = name.ok_or(CSR_HELP)?;
    let stem = out.unwrap_or_else(|| name.clone());
    // What it is for is not in a request; a client's needs no hosts.
    let leaf = Leaf::client(&name).hosts(hosts).key(kind);
    let (request, key) = Request::new(&leaf)?;
    let (key_file, file) =
        (PathBuf::from(format!("{stem}.key")), PathBuf::from(format!("{stem}.csr")));
    if file.exists() {
        return Err(tercet_pki::WriteError::Exists { path: file }.into());
    }
    write_file(&key_file, Access::Owner, key.pem().as_bytes(), false)?;
    wrote(&key_file);
    write_file(&file, Access::Anyone, request.pem().as_bytes(), false)?;
    wrote(&file);
    println!(
        "\nWhere the authority is: cargo xtask pki sign DIR {} --profile server|peer|client",
        super::quoted(&file)
    );
    Ok(())
}

pub(super) fn sign(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    let (mut profile, mut hosts, mut names) = (None, Vec::new(), Vec::new());
    let (mut lifetime, mut out) = (None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("profile") => profile = Some(arguments.value()?.string()?),
            Long("host-allowed") => hosts.push(arguments.value()?.string()?),
            Long("name-allowed") => names.push(arguments.value()?.string()?),
            Long("lifetime") => lifetime = Some(super::lifetime(&arguments.value()?.string()?)?),
            Long("out") => out = Some(PathBuf::from(arguments.value()?)),
            other => common!(common, arguments, other),
        }
    }
    if common.help {
        print!("{SIGN_HELP}");
        return Ok(());
    }
    let [dir, request] = common.values(SIGN_HELP)?;
    let mut policy = match profile.as_deref() {
        Some("server") => Policy::server(),
        Some("peer") => Policy::peer(),
        Some("client") => Policy::client(),
        Some(other) => {
            return Err(
                format!("there is no profile '{other}': write server, peer or client").into()
            );
        }
        None => return Err("what is it for? write --profile server, peer or client".into()),
    };
    for host in hosts {
        policy = match host.strip_prefix("*.") {
            Some(domain) => policy.allow_suffix(domain),
            None if host.contains('/') => policy.allow_network(host),
            None => policy.allow_host(host),
        };
    }
    for name in names {
        policy = match &*name {
            "*" => policy.allow_any_common_name(),
            _ => policy.allow_common_name(name),
        };
    }
    if let Some(lifetime) = lifetime {
        policy = policy.lifetime(lifetime);
    }
    let fleet = open(Path::new(dir), common.authority_key())?;
    let authority = fleet.authority().ok_or(
        "nothing can be signed: the authority's key is not in DIR/ca.key; give --ca-key FILE",
    )?;
    let path = Path::new(request);
    let request = std::fs::read(path)
        .map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let request = Request::read(&request)?;
    let chain = authority.sign(&request, &policy).map_err(|error| {
        format!("{}\n\n--host-allowed and --name-allowed say what it may ask for", chain(&error))
    })?;
    let out = out.unwrap_or_else(|| path.with_extension("crt"));
    write_file(&out, Access::Anyone, chain.pem().as_bytes(), false)?;
    wrote(&out);
    println!("\nGive it, and ca.crt, to whoever asked. Whoever has the key can use it.");
    Ok(())
}
