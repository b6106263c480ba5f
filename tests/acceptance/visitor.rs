//! Our client, as whoever knocks at a member.

use std::time::Duration;

use tercet_client::{Client, Config, Error, Tls};
use tercet_tests::RawFleet;

/// How long a dial and a request may take: longer than any refusal.
const LIMIT: Duration = Duration::from_secs(20);

/// With the files of the fleet's client as they are now, to a member's advertised URL.
pub(crate) fn client(fleet: &RawFleet, index: usize) -> Config {
    identified(fleet, index, &fleet.read("client.crt"), &fleet.read("client.key"))
}

/// The same with another identity.
pub(crate) fn identified(fleet: &RawFleet, index: usize, chain: &str, key: &str) -> Config {
    let tls = Tls::mutual(fleet.read("ca.crt"), chain, key).unwrap();
    plain(url(fleet, index)).tls(tls)
}

/// With no settings of TLS at all.
pub(crate) fn plain(url: impl Into<String>) -> Config {
    Config::new([url.into()]).request_timeout(LIMIT).dial_timeout(LIMIT)
}

/// Where a member tells clients to come.
pub(crate) fn url(fleet: &RawFleet, index: usize) -> String {
    fleet.members[index].get("--advertise-client-urls").to_owned()
}

/// Puts a key and gets it, over a connection of its own.
pub(crate) async fn works(config: Config) -> Result<(), Error> {
    let client = Client::connect(config).await?;
    client.put("hello", "world").await?;
    assert_eq!(client.get("hello").await?.unwrap().value(), b"world");
    Ok(())
}

/// Why it does not work: a refusal, and not a time that ran out.
pub(crate) async fn refused(config: Config) -> String {
    let error = works(config).await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
    error.to_string()
}
