//! Makes a user who may read some keys and write others, shows it, and takes it away again.
//!
//! `cargo run -p tercet-client --example auth`, with the variables of `common/mod.rs`: to ask as a user,
//! `ETCDCTL_USER=NAME:PASSWORD`. It does not switch authentication on.

mod common;

use tercet_client::{Client, ErrorKind, Keys, Permission, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    match client.auth_status().await {
        Ok(status) => println!("{status:?}"),
        Err(error) if error.kind() == ErrorKind::Unsupported => println!("{error}"),
        Err(error) => return Err(error),
    }
    client.role_add("example").await?;
    for permission in [
        Permission::read(Keys::prefix("public/")),
        Permission::read_write(Keys::prefix("example/")),
    ] {
        client.role_grant_permission("example", permission).await?;
    }
    client.user_add("somebody", "a password").await?;
    client.user_grant_role("somebody", "example").await?;
    println!("{:#?}", client.user_get("somebody").await?);
    println!("{:#?}", client.role_get("example").await?);
    client.user_delete("somebody").await?;
    client.role_delete("example").await
}
