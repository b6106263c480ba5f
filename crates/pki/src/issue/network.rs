//! Networks: an address and how much of it counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network of IP addresses, such as `10.0.0.0/8` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The first address of the network.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits, from the left, all its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `address` is in it. An address of the other family never is.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }

    /// `None` if the mask has holes, or bits of the address lie outside of it.
    #[cfg(feature = "read")]
    pub(crate) fn from_mask(address: IpAddr, mask: IpAddr) -> Option<Self> {
        let (ones, zeros) = match mask {
            IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().trailing_zeros()),
            IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().trailing_zeros()),
        };
        let width = width(address);
        let prefix = u8::try_from(ones).ok()?;
        (ones + zeros == u32::from(width))
            .then_some(Self { address: first(address, prefix), prefix })
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads an address, a slash and a number of bits; an address alone is a network of one.
    ///
    /// # Errors
    ///
    /// A [`NetworkError`] that says what to write instead, where that can be told.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = |reason: String| NetworkError { text: text.to_owned(), reason };
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address
            .parse()
            .map_err(|_| error("write an address and its bits, as in \"10.0.0.0/8\"".to_owned()))?;
        let width = width(address);
        let prefix =
            if text.contains('/') {
                prefix.parse().ok().filter(|&prefix| prefix <= width).ok_or_else(|| {
                    error(format!("after the slash goes a number from 0 to {width}"))
                })?
            } else {
                width
            };
        let begin = first(address, prefix);
        if begin != address {
            // Go refuses no such network, and openssl matches nothing with it.
            return Err(error(format!("the network begins earlier: write \"{begin}/{prefix}\"")));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Why some text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network: {reason}")]
#[non_exhaustive]
pub struct NetworkError {
    /// What was written.
    pub text: String,
    /// What to write.
    pub reason: String,
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but its first bits cleared.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_in_their_network_and_no_others() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.168.1.0/25", "192.168.1.127", "192.168.1.128"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("fd00::/8", "fd12::1", "fe00::"),
            ("::1", "::1", "::2"),
        ] {
            let network = network(text);
            assert!(network.contains(inside.parse().unwrap()), "{text}");
            assert!(!network.contains(outside.parse().unwrap()), "{text}");
        }
        assert!(network("0.0.0.0/0").contains([1, 2, 3, 4].into()));
        assert!(!network("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(network("::/0").contains("::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        let errors: Vec<_> =
            ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0.1/8", "10.0.0.0/8/8"]
                .iter()
                .map(|text| text.parse::<Network>().unwrap_err().to_string())
                .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        "" is no network: write an address and its bits, as in "10.0.0.0/8"
        "localhost" is no network: write an address and its bits, as in "10.0.0.0/8"
        "10.0.0.0/33" is no network: after the slash goes a number from 0 to 32
        "10.0.0.0/" is no network: after the slash goes a number from 0 to 32
        "::/129" is no network: after the slash goes a number from 0 to 128
        "10.0.0.1/8" is no network: the network begins earlier: write "10.0.0.0/8"
        "10.0.0.0/8/8" is no network: after the slash goes a number from 0 to 32
        "#);
    }
}
