//! Endpoints that are addresses, where each certificate names its own host and no address.

use tercet_client::{Balance, Client, Config, Endpoint, Error, ErrorKind, Tls};
use tercet_harness::Result;
use tercet_pki::Leaf;
use tercet_tests::{RawFleet, available};

const NAMES: [&str; 3] = ["etcd-1.example", "etcd-2.example", "etcd-3.example"];

#[tokio::test]
async fn each_endpoint_has_the_name_that_its_certificate_has() -> Result<()> {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, NAMES.len());
        for (index, name) in NAMES.into_iter().enumerate() {
            fleet.put("names", name, &Leaf::server(name).host(name));
            let [certificate, key] =
                ["crt", "key"].map(|what| fleet.word(&format!("names/{name}.{what}")));
            fleet.members[index].set("--cert-file", certificate);
            fleet.members[index].set("--key-file", key);
        }
        let _running = fleet.start_all();
        let tls = || -> Result<Tls> {
            let [authority, certificate, key] = ["ca.crt", "client.crt", "client.key"];
            Ok(Tls::mutual(fleet.read(authority), fleet.read(certificate), fleet.read(key))?)
        };
        let urls: Vec<_> = (0..NAMES.len())
            .map(|index| format!("https://127.0.0.1:{}", fleet.ports(index).0))
            .collect();
        let client_of = async |endpoints: Vec<Endpoint>| -> Result<Client> {
            let config = Config::new(endpoints).tls(tls()?).balance(Balance::InOrder);
            Ok(Client::connect(config).await?)
        };
        let named = |url: &String, name: &str| Endpoint::new(url).server_name(name);

        // Whoever is asked first, and each by its own URL, which the client knows the name of.
        for (first, value) in NAMES.into_iter().enumerate() {
            let mut endpoints: Vec<_> =
                urls.iter().zip(NAMES).map(|(url, name)| named(url, name)).collect();
            endpoints.rotate_left(first);
            let client = client_of(endpoints).await?;
            client.put("key", value).await?;
            for url in &urls {
                client.status(url).await?;
                drop(client.snapshot(url).await?);
            }
        }

        // The controls: no name, and that of another.
        let refused = async |endpoint: Endpoint| -> Result<Error> {
            Ok(client_of(vec![endpoint]).await?.put("key", "value").await.unwrap_err())
        };
        for endpoint in [Endpoint::from(&urls[0]), named(&urls[0], NAMES[1])] {
            let error = refused(endpoint).await?;
            assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        }
    }
    Ok(())
}
