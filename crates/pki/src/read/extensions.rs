//! The extensions of a certificate.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::der::{BOOLEAN, INTEGER, OCTET_STRING, Reader, SEQUENCE, constructed, context, small};
use super::parse::Objections;
use super::{BasicConstraints, ExtendedKeyUsage, KeyUsages, NameConstraints, Names};

/// One extension, not yet looked into.
pub(crate) struct Extension<'a> {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    pub(crate) value: Reader<'a>,
}

impl<'a> Extension<'a> {
    pub(crate) fn parse(mut reader: Reader<'a>) -> Result<Self, &'static str> {
        let oid = reader.oid().ok_or("x509: malformed extension OID field")?;
        let critical = reader.next_is(BOOLEAN)
            && reader.boolean().ok_or("x509: malformed extension critical field")?;
        let value = reader.read(OCTET_STRING).ok_or("x509: malformed extension value field")?;
        Ok(Self { oid, critical, value })
    }
}

/// What the extensions say, of a certificate or of a request for one.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) names: Option<Names>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usages: Option<KeyUsages>,
    pub(crate) extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) subject_key_identifier: Option<Vec<u8>>,
    pub(crate) authority_key_identifier: Option<Vec<u8>>,
    pub(crate) unhandled_critical: Vec<String>,
    /// Those that were there. A request may have several lists of them.
    seen: HashSet<String>,
}

impl Extensions {
    /// Reads the sequence of extensions that comes next.
    pub(crate) fn read(
        &mut self,
        mut reader: Reader<'_>,
        objections: &mut Objections,
    ) -> Result<(), &'static str> {
        let mut extensions = reader.read(SEQUENCE).ok_or("x509: malformed extensions")?;
        while !extensions.is_empty() {
            let extension = extensions.read(SEQUENCE).ok_or("x509: malformed extension")?;
            let extension = Extension::parse(extension)?;
            if !self.seen.insert(extension.oid.clone()) {
                objections.add(format!(
                    "x509: certificate contains duplicate extension with OID \"{}\"",
                    extension.oid
                ));
                continue;
            }
            match self.read_one(&extension, objections) {
                Ok(Handled::Yes) => {}
                Ok(Handled::No) if extension.critical => {
                    self.unhandled_critical.push(extension.oid);
                }
                Ok(Handled::No) => {}
                Err(go) => objections.add(go),
            }
        }
        Ok(())
    }

    fn read_one(
        &mut self,
        extension: &Extension<'_>,
        objections: &mut Objections,
    ) -> Result<Handled, &'static str> {
        let mut value = extension.value;
        match extension.oid.as_str() {
            "2.5.29.14" => {
                let key =
                    value.element(OCTET_STRING).ok_or("x509: invalid subject key identifier")?;
                self.subject_key_identifier = Some(key.contents.to_vec());
                if extension.critical {
                    return Err("x509: subject key identifier incorrectly marked critical");
                }
            }
            "2.5.29.15" => self.key_usages = Some(key_usages(value)?),
            "2.5.29.17" => {
                let names = self.names.insert(Names::default());
                read_names(value, names, objections)?;
                // Names that Go does not look at do not count.
                if names.dns.is_empty()
                    && names.ip.is_empty()
                    && names.uri.is_empty()
                    && names.email.is_empty()
                {
                    return Ok(Handled::No);
                }
            }
            "2.5.29.19" => self.basic_constraints = Some(basic_constraints(value)?),
            "2.5.29.30" => {
                let constraints = self.name_constraints.insert(NameConstraints::default());
                return name_constraints(value, constraints, objections);
            }
            "2.5.29.35" => {
                self.authority_key_identifier = authority_key_identifier(value)?;
                if extension.critical {
                    return Err("x509: authority key identifier incorrectly marked critical");
                }
            }
            "2.5.29.37" => {
                let mut list = value.read(SEQUENCE).ok_or(EXTENDED_KEY_USAGES)?;
                let usages = self.extended_key_usages.insert(Vec::new());
                while !list.is_empty() {
                    usages.push(match list.oid().ok_or(EXTENDED_KEY_USAGES)?.as_str() {
                        "1.3.6.1.5.5.7.3.1" => ExtendedKeyUsage::ServerAuth,
                        "1.3.6.1.5.5.7.3.2" => ExtendedKeyUsage::ClientAuth,
                        "2.5.29.37.0" => ExtendedKeyUsage::Any,
                        other => ExtendedKeyUsage::Other(other.to_owned()),
                    });
                }
            }
            "1.3.6.1.5.5.7.1.1" if extension.critical => {
                return Err("x509: authority info access incorrectly marked critical");
            }
            // Go knows these: distribution points, policies, mappings, policy constraints,
            // inhibitAnyPolicy, authority information access.
            "2.5.29.31" | "2.5.29.32" | "2.5.29.33" | "2.5.29.36" | "2.5.29.54"
            | "1.3.6.1.5.5.7.1.1" => {}
            _ => return Ok(Handled::No),
        }
        Ok(Handled::Yes)
    }
}

const EXTENDED_KEY_USAGES: &str = "x509: invalid extended key usages";
const NAME_CONSTRAINTS: &str = "x509: invalid NameConstraints extension";

/// Whether Go knows what to do with an extension.
enum Handled {
    Yes,
    No,
}

fn key_usages(mut value: Reader<'_>) -> Result<KeyUsages, &'static str> {
    let (_, bytes) = value.bits().ok_or("x509: invalid key usage")?;
    let first = bytes.first().copied().unwrap_or(0);
    let is_set = |bit: u8| first & (0x80 >> bit) != 0;
    Ok(KeyUsages {
        digital_signature: is_set(0),
        key_encipherment: is_set(2),
        certificate_sign: is_set(5),
        revocation_list_sign: is_set(6),
    })
}

fn basic_constraints(mut value: Reader<'_>) -> Result<BasicConstraints, &'static str> {
    const INVALID: &str = "x509: invalid basic constraints";
    let mut list = value.read(SEQUENCE).ok_or(INVALID)?;
    let authority = list.next_is(BOOLEAN) && list.boolean().ok_or(INVALID)?;
    let path_length = if list.next_is(INTEGER) {
        let length = list.integer().ok_or(INVALID)?;
        if length[0] & 0x80 != 0 {
            return Err(INVALID);
        }
        // More than anyone's chain is long, whatever it is.
        Some(small(length).unwrap_or(u32::MAX))
    } else {
        None
    };
    Ok(BasicConstraints { authority, path_length })
}

/// The key identifier, if there is one beside the other ways to name an authority's key.
pub(crate) fn authority_key_identifier(
    mut value: Reader<'_>,
) -> Result<Option<Vec<u8>>, &'static str> {
    const INVALID: &str = "x509: invalid authority key identifier";
    let mut list = value.read(SEQUENCE).ok_or(INVALID)?;
    if !list.next_is(context(0)) {
        return Ok(None);
    }
    Ok(Some(list.element(context(0)).ok_or(INVALID)?.contents.to_vec()))
}

fn read_names(
    mut value: Reader<'_>,
    names: &mut Names,
    objections: &mut Objections,
) -> Result<(), &'static str> {
    let mut list = value.read(SEQUENCE).ok_or("x509: invalid subject alternative names")?;
    while !list.is_empty() {
        let name = list.any().ok_or("x509: invalid subject alternative name")?;
        let text = || String::from_utf8_lossy(name.contents).into_owned();
        let is_ascii = name.contents.is_ascii();
        match name.tag {
            0x81 => {
                if !is_ascii {
                    objections.add("x509: SAN rfc822Name is malformed");
                }
                names.email.push(text());
            }
            0x82 => {
                if !is_ascii {
                    objections.add("x509: SAN dNSName is malformed");
                }
                names.dns.push(text());
            }
            0x86 => {
                if !is_ascii {
                    objections.add("x509: SAN uniformResourceIdentifier is malformed");
                }
                names.uri.push(text());
            }
            0x87 => match address(name.contents) {
                Some(address) => names.ip.push(address),
                None => {
                    objections.add(format!(
                        "x509: cannot parse IP address of length {}",
                        name.contents.len()
                    ));
                    names.others += 1;
                }
            },
            _ => names.others += 1,
        }
    }
    Ok(())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into())
}

fn name_constraints(
    mut value: Reader<'_>,
    constraints: &mut NameConstraints,
    objections: &mut Objections,
) -> Result<Handled, &'static str> {
    let mut list = value.read(SEQUENCE).ok_or(NAME_CONSTRAINTS)?;
    let permitted = list.optional(constructed(0)).ok_or(NAME_CONSTRAINTS)?;
    let excluded = list.optional(constructed(1)).ok_or(NAME_CONSTRAINTS)?;
    if !list.is_empty() || !value.is_empty() {
        return Err(NAME_CONSTRAINTS);
    }
    let mut handled = Handled::Yes;
    let mut any = false;
    for (trees, dns, ip, uri, email) in [
        (
            permitted,
            &mut constraints.permitted_dns,
            &mut constraints.permitted_ip,
            &mut constraints.permitted_uri,
            &mut constraints.permitted_email,
        ),
        (
            excluded,
            &mut constraints.excluded_dns,
            &mut constraints.excluded_ip,
            &mut constraints.excluded_uri,
            &mut constraints.excluded_email,
        ),
    ] {
        let Some(mut trees) = trees else { continue };
        while !trees.is_empty() {
            any = true;
            let base = trees.read(SEQUENCE).and_then(|mut tree| tree.any());
            let base = base.ok_or(NAME_CONSTRAINTS)?;
            let text = || String::from_utf8_lossy(base.contents).into_owned();
            if matches!(base.tag, 0x81 | 0x82 | 0x86) && !base.contents.is_ascii() {
                objections.add("x509: invalid constraint value: x509: cannot parse dnsName");
            }
            match base.tag {
                0x81 => email.push(text()),
                0x82 => dns.push(text()),
                0x86 => uri.push(text()),
                0x87 => ip.extend(network(base.contents, objections)),
                _ => handled = Handled::No,
            }
        }
    }
    if !any {
        return Err("x509: empty name constraints extension");
    }
    Ok(handled)
}

/// A network and its mask, if it is one that Go takes: a mask is ones, then zeros.
fn network(bytes: &[u8], objections: &mut Objections) -> Option<(IpAddr, IpAddr)> {
    let (network, mask) = bytes.split_at(bytes.len() / 2);
    let (Some(network), Some(mask_address)) = (address(network), address(mask)) else {
        objections.add(format!("x509: IP constraint contained value of length {}", bytes.len()));
        return None;
    };
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
    let zeros: u32 = mask.iter().map(|byte| byte.trailing_zeros().min(8)).sum();
    let is_sorted = mask.is_sorted_by(|one, next| one >= next);
    if !is_sorted || ones as usize + zeros as usize != mask.len() * 8 {
        objections.add("x509: IP constraint contained invalid mask");
    }
    Some((network, mask_address))
}
