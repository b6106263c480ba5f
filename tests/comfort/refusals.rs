//! What cannot be meant is refused at once and in words, and nothing at all goes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::{
    Client, Compact, Config, Delete, Endpoint, Error, ErrorKind, Keys, Outcome, Permission, Put,
    Range, Tls, Watch,
};
use tercet_pki::{Authority, Leaf};
use tercet_tests::PATIENCE;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Counts who comes, and hangs up.
struct Counter {
    url: String,
    came: Arc<AtomicUsize>,
}

impl Counter {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::<AtomicUsize>::default();
        let counts = came.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counts.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { url, came }
    }

    fn https(&self) -> String {
        self.url.replace("http:", "https:")
    }

    /// How many came to it in all.
    fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }

    /// What was to be refused did not come; and what is not refused comes, after all that there was.
    async fn nobody_came(&self) {
        // They are taken in the order in which they came: this one is the last.
        let mut last = TcpStream::connect(self.url.trim_start_matches("http://")).await.unwrap();
        assert_eq!(last.read(&mut [0]).await.unwrap(), 0, "it is taken, and hung up on");
        assert_eq!(self.came(), 1, "another came before it");
        let client = Client::connect(Config::from(&*self.url)).await.unwrap();
        client.get("the control").await.unwrap_err();
        assert!(self.came() > 1, "the control came");
    }

    /// What an error says, with neither the port in it nor a way of this machine.
    fn words(&self, error: &Error) -> String {
        let port = self.url.rsplit(':').next().unwrap();
        error.to_string().replace(port, "PORT")
    }
}

/// The certificates of a client, and another key.
struct Pem {
    ca: String,
    chain: String,
    key: String,
    other_key: String,
}

impl Pem {
    fn new() -> Self {
        let authority = Authority::generate("refusals").unwrap();
        let identity = authority.issue(&Leaf::client("app")).unwrap();
        let other = authority.issue(&Leaf::client("app")).unwrap();
        Self {
            ca: authority.certificate_pem().to_owned(),
            chain: identity.chain_pem().to_owned(),
            key: identity.key_pem().to_string(),
            other_key: other.key_pem().to_string(),
        }
    }

    fn tls(&self) -> Tls {
        Tls::mutual(&self.ca, &self.chain, &self.key).unwrap()
    }
}

#[tokio::test]
async fn no_client_is_made_that_cannot_work() {
    let counter = Counter::new().await;
    let pem = Pem::new();
    let (http, https) = (counter.url.clone(), counter.https());
    let none: [&str; 0] = [];
    let configs = [
        Config::new(none),
        Config::new([""]),
        Config::new(["127.0.0.1:2379"]),
        Config::new(["etcd://127.0.0.1:2379"]),
        Config::new([http.clone(), https.clone()]),
        Config::new([http.clone(), https.clone()]).tls(pem.tls()),
        Config::new([https.clone()]),
        Config::new([http.clone()]).tls(pem.tls()),
        Config::new(["https://no_name!:2379"]).tls(pem.tls()),
        Config::new([Endpoint::new(https.clone()).server_name("no name")]).tls(pem.tls()),
        Config::new([Endpoint::new(http.clone()).server_name("etcd")]),
        Config::new([http.clone()]).user("", "secret"),
        Config::new([http.clone()]).user("app", "secret").token("secret"),
        Config::new([http.clone()]).request_timeout(Duration::ZERO),
        Config::new([http.clone()]).keep_alive(Duration::from_secs(1), PATIENCE),
    ];
    let mut texts = Vec::new();
    for config in configs {
        let error = Client::connect(config).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::InvalidConfig, Outcome::NotApplied)
        );
        texts.push(counter.words(&error));
    }
    insta::assert_snapshot!(texts.join("\n"), @r"
    connect: there is no endpoint
    connect: endpoint `` has no scheme: write http:// or https:// before it
    connect: endpoint `127.0.0.1:2379` has no scheme: write http:// or https:// before it
    connect: endpoint `etcd://127.0.0.1:2379` has an unknown scheme: only http, https, unix and unixs can be dialled
    connect: endpoint `https://127.0.0.1:PORT` is encrypted and `http://127.0.0.1:PORT` is not: give all of them TLS, or none
    connect: endpoint `https://127.0.0.1:PORT` is encrypted and `http://127.0.0.1:PORT` is not: give all of them TLS, or none
    connect: endpoint `https://127.0.0.1:PORT` needs an authority to trust: give one with Config::tls
    connect: TLS is configured, and with endpoint `http://127.0.0.1:PORT` nothing would be encrypted
    connect: endpoint `https://no_name!:2379` has a host that no certificate can name
    connect: endpoint `https://127.0.0.1:PORT` has the server name `no name`, which no certificate can have
    connect: endpoint `http://127.0.0.1:PORT` has a server name, which only TLS can verify
    connect: the user's name is empty
    connect: both a token and a user are given: the token says who we are
    connect: a timeout of zero lets nothing happen
    connect: the keep-alive interval is 1s: etcd ends connections that ping more often than every 5s
    ");
    counter.nobody_came().await;
}

#[test]
fn no_trust_is_made_of_what_cannot_be_read() {
    let pem = Pem::new();
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("ca.crt");
    let refused = [
        Tls::from_pem(""),
        Tls::from_pem("no certificate"),
        Tls::from_pem(&pem.key),
        Tls::mutual(&pem.ca, "", &pem.key),
        Tls::mutual(&pem.ca, &pem.chain, ""),
        Tls::mutual(&pem.ca, &pem.chain, &pem.chain),
        Tls::mutual(&pem.ca, &pem.chain, &pem.other_key),
        Tls::from_files(&missing),
        Tls::mutual_files(&missing, &missing, &missing),
    ];
    let directory = directory.path().display().to_string();
    let texts: Vec<_> = refused
        .into_iter()
        .map(|refused| {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            error.to_string().replace(&directory, "DIR")
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    Tls::from_pem: the authority's PEM has no certificate
    Tls::from_pem: the authority's PEM has no certificate
    Tls::from_pem: the authority's PEM has no certificate
    Tls::mutual: the client's chain PEM has no certificate
    Tls::mutual: the client's key PEM has no private key that can be read
    Tls::mutual: the client's key PEM has no private key that can be read
    Tls::mutual: the client's key PEM is not the key of the first certificate in the client's chain PEM
    Tls::from_files: the authority's file `DIR/ca.crt` cannot be read
    Tls::mutual_files: the client's certificate file `DIR/ca.crt` cannot be read
    ");
    // The control.
    pem.tls();
}

#[tokio::test]
async fn nothing_is_sent_that_no_server_would_take() {
    let counter = Counter::new().await;
    let client =
        Client::connect(Config::from(&*counter.url).max_request_bytes(1000)).await.unwrap();
    let second = Duration::from_secs(1);
    let mut texts = Vec::new();
    let mut refused = |error: Error| {
        let (kind, outcome) = (error.kind(), error.outcome());
        let is_refused = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge);
        if !(is_refused && outcome == Outcome::NotApplied) {
            texts.push(format!("!! {kind:?} {outcome:?}"));
        }
        texts.push(counter.words(&error));
    };

    refused(client.put("", "value").await.unwrap_err());
    refused(client.put_with(Put::new("key", "value").lease(7).keep_lease()).await.unwrap_err());
    refused(client.put("key", vec![0; 1001]).await.unwrap_err());
    refused(client.get("").await.unwrap_err());
    refused(client.range(Range::between("b", "a")).await.unwrap_err());
    refused(client.range(Range::all().revision(-1)).await.unwrap_err());
    refused(client.pages(Range::all(), 0).next().await.unwrap().unwrap_err());
    refused(client.delete("").await.unwrap_err());
    refused(client.delete_range(Delete::new(Keys::between("b", "a"))).await.unwrap_err());
    refused(client.watch("").await.unwrap_err());
    refused(client.watch(Watch::between("b", "a")).await.unwrap_err());
    refused(client.watch(Watch::all().start_revision(-1)).await.unwrap_err());
    refused(client.compact(0).await.unwrap_err());
    refused(client.compact(-1).await.unwrap_err());
    refused(client.compact_with(Compact::to(-7)).await.unwrap_err());
    refused(client.lease_grant(Duration::ZERO).await.unwrap_err());
    refused(client.lease_grant(second / 2).await.unwrap_err());
    refused(client.lease(Duration::MAX).await.unwrap_err());
    refused(client.session(Duration::ZERO).await.unwrap_err());
    refused(client.user_add("", "secret").await.unwrap_err());
    refused(client.user_add("app", "").await.unwrap_err());
    refused(client.user_add_without_password("").await.unwrap_err());
    refused(client.user_change_password("app", "").await.unwrap_err());
    refused(client.user_grant_role("", "role").await.unwrap_err());
    refused(client.user_grant_role("app", "").await.unwrap_err());
    refused(client.user_revoke_role("app", "").await.unwrap_err());
    refused(client.user_get("").await.unwrap_err());
    refused(client.user_delete("").await.unwrap_err());
    refused(client.role_add("").await.unwrap_err());
    refused(client.role_get("").await.unwrap_err());
    refused(client.role_delete("").await.unwrap_err());
    let backwards = Permission::read(Keys::between("b", "a"));
    refused(client.role_grant_permission("role", backwards).await.unwrap_err());
    refused(client.role_grant_permission("", Permission::read(Keys::all())).await.unwrap_err());
    let no_urls: [&str; 0] = [];
    refused(client.member_add(no_urls).await.unwrap_err());
    refused(client.member_add(["127.0.0.1:2380"]).await.unwrap_err());
    refused(client.member_update(7, no_urls).await.unwrap_err());
    refused(client.downgrade_enable("").await.unwrap_err());
    refused(client.lock_server().lock("", 7).await.unwrap_err());
    refused(client.election_server().campaign("", 7, "value").await.unwrap_err());
    insta::assert_snapshot!(texts.join("\n"), @r"
    put: the key is empty, and etcd has no such key
    put: the key cannot both keep its lease and get another
    put: the request has 1009 bytes, and Config::max_request_bytes allows 1000; split it; etcd itself takes 1.5 MiB unless --max-request-bytes says more
    get: the key is empty, and etcd has no such key
    range: no key is in the range: it ends before it begins
    range: the revision is negative; 0 is the current one
    pages: a page of no keys brings nothing
    delete: the key is empty, and etcd has no such key
    delete: no key is in the range: it ends before it begins
    watch: the key is empty
    watch: no key is in the range: it ends before it begins
    watch: there is no revision -1 to start from
    compact: the first revision that there can be is 1
    compact: the first revision that there can be is 1
    compact: the first revision that there can be is 1
    lease grant: a lease that lives for no time at all would be none
    lease grant: a lease lives for whole seconds, and 500ms are none
    lease grant: a lease lives for whole seconds, and 18446744073709551615.999999999s are none
    session: a lease that lives for no time at all would be none
    user_add: the user's name is empty
    user_add: the password is empty
    user_add_without_password: the user's name is empty
    user_change_password: the password is empty
    user_grant_role: the user's name is empty
    user_grant_role: the role's name is empty
    user_revoke_role: the role's name is empty
    user_get: the user's name is empty
    user_delete: the user's name is empty
    role_add: the role's name is empty
    role_get: the role's name is empty
    role_delete: the role's name is empty
    role_grant_permission: no key is in the range: it ends before it begins
    role_grant_permission: the role's name is empty
    member_add: no peer URL is given
    member_add: the peer URL `127.0.0.1:2380` begins with neither https:// nor http://
    member_update: no peer URL is given
    downgrade_enable: the version is empty
    server lock: the name is empty
    server campaign: the name is empty
    ");
    counter.nobody_came().await;
}
