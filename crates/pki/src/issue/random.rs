//! Random bytes, for what must differ from one certificate to the next.

use rcgen::SerialNumber;

use crate::IssueError;

/// A serial number of 16 random bytes, positive, and never shorter.
///
/// RFC 5280 section 4.1.2.2 wants a positive integer of at most 20 bytes, unique to its issuer.
/// DER reads a set top bit as a minus sign, and Go 1.23 refuses negative serial numbers (some
/// builds of etcd do, others of the same version do not). The top bits are 01, so that no leading
/// zero is dropped and all serials are equally long.
pub(crate) fn serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// 16 hexadecimal digits that tell one generation of an authority from the next.
pub(crate) fn generation() -> Result<String, IssueError> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

fn fill(bytes: &mut [u8]) -> Result<(), IssueError> {
    getrandom::fill(bytes).map_err(|error| IssueError::Random(Box::new(error)))
}
