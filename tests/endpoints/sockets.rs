//! Endpoints that are sockets of the file system, in the clear and with TLS.

use std::path::Path;

use tercet_client::{Client, Config, Endpoint, ErrorKind, Tls};
use tercet_harness::Result;
use tercet_tests::{RawFleet, available};

/// Where the members run is not where we do, so that a path is from the root.
fn url(scheme: &str, directory: &Path, name: &str) -> String {
    format!("{scheme}://{}", directory.join(name).display())
}

fn ours(fleet: &RawFleet) -> Result<Tls> {
    let [authority, certificate, key] = ["ca.crt", "client.crt", "client.key"];
    Ok(Tls::mutual(fleet.read(authority), fleet.read(certificate), fleet.read(key))?)
}

/// Unary requests and streams, there and back.
async fn works(config: Config, value: &'static str) -> Result<()> {
    let client = Client::connect(config).await?;
    let mut watcher = client.watch("key").await?;
    client.put("key", value).await?;
    assert_eq!(client.get("key").await?.expect("it was put").value(), value.as_bytes());
    let response = watcher.next().await.expect("it goes on")?;
    assert_eq!(response.events().len(), 1);
    Ok(())
}

#[tokio::test]
async fn sockets_are_dialled_in_the_clear_and_with_tls() -> Result<()> {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let address = fleet.members[0].get("--listen-client-urls").to_owned();
        let listen = format!("{address},unixs://localhost:1,unix://clear:1");
        fleet.set("--listen-client-urls", listen);
        let running = fleet.start_all();
        let directory = fleet.directory.path();

        let clear = url("unix", directory, "clear:1");
        works(Config::from(clear.as_str()), "in the clear").await?;

        // The file is called what the certificate names.
        let encrypted = url("unixs", directory, "localhost:1");
        works(Config::from(encrypted.as_str()).tls(ours(&fleet)?), "with TLS").await?;
        // The same socket by the name that is asked for, beside an endpoint of the network.
        let named = Endpoint::new(encrypted.as_str()).server_name("127.0.0.1");
        works(Config::new([named, address.into()]).tls(ours(&fleet)?), "both").await?;

        // The controls: another name, no certificate, no socket, and nobody behind one.
        let refusal = async |config: Config| {
            let client = Client::connect(config).await.expect("it can work");
            let error = client.put("key", "value").await.unwrap_err();
            (error.kind(), error.to_string().replace(&directory.display().to_string(), "DIR"))
        };
        let other = Endpoint::new(encrypted.as_str()).server_name("etcd-1");
        let (kind, text) = refusal(Config::new([other]).tls(ours(&fleet)?)).await;
        assert_eq!(kind, ErrorKind::Tls, "{text}");
        let stranger = Tls::from_pem(fleet.read("ca.crt"))?;
        let (kind, text) = refusal(Config::from(encrypted.as_str()).tls(stranger)).await;
        assert_eq!(kind, ErrorKind::Tls, "{text}");
        let nowhere = url("unix", directory, "nowhere:1");
        let (_, text) = refusal(Config::from(nowhere.as_str())).await;
        assert_eq!(text, "put at unix://DIR/nowhere:1: there is no such socket");

        // What is asked of one member, and the snapshot on a connection of its own, knows the name, too.
        let link = directory.join("a name that no certificate has");
        std::os::unix::fs::symlink(directory.join("localhost:1"), &link).expect("it is made");
        let link = format!("unixs://{}", link.display());
        let client_of = async |url: &str, name| {
            let endpoint = Endpoint::new(url).server_name(name);
            let config = Config::new([endpoint]).tls(ours(&fleet).expect("they are there"));
            Client::connect(config).await.expect("it can work")
        };
        let client = client_of(&link, "127.0.0.1").await;
        client.status(&link).await?;
        drop(client.snapshot(&link).await?);
        // The control: another name than the client's is no name of the client's endpoint.
        let kind = async |client: &Client, name| {
            let endpoint = Endpoint::new(&link).server_name(name);
            let (status, snapshot) =
                tokio::join!(client.status(endpoint.clone()), client.snapshot(endpoint));
            (
                status.map_err(|error| error.kind()).err(),
                snapshot.map_err(|error| error.kind()).err(),
            )
        };
        assert_eq!(kind(&client, "localhost").await, (None, None));
        assert_eq!(kind(&client, "etcd-1").await, (Some(ErrorKind::Tls), Some(ErrorKind::Tls)));
        let client = client_of(&encrypted, "etcd-1").await;
        let error = client.snapshot(&encrypted).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "its own name is another's: {error}");

        drop(running);
        let (_, text) = refusal(Config::from(clear.as_str())).await;
        assert_eq!(text, "put at unix://DIR/clear:1: nothing listens there");
    }
    Ok(())
}
