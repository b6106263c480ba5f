//! Moves money between two accounts, as one transaction.
//!
//! `cargo run -p tercet-client --example stm`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Client, Error, Result, Stm, StmOptions};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    client.put("accounts/alice", "100").await?;
    client.put("accounts/bob", "0").await?;

    // With guards, a commit whose answer is lost is resolved, and each transfer is made once.
    let guarded = client.guarded("guards/");
    let mut tasks = tokio::task::JoinSet::new();
    for amount in 1..=20 {
        let (client, guarded) = (client.clone(), guarded.clone());
        tasks.spawn(async move {
            let options = StmOptions::default().guarded(&guarded);
            let moved = client.transact_with(options, async |stm| {
                let from = balance(&stm, "accounts/alice").await?;
                let to = balance(&stm, "accounts/bob").await?;
                let Some(left) = from.checked_sub(amount) else {
                    return Err(Error::aborted(format!("{amount} are wanted and {from} left")));
                };
                stm.put("accounts/alice", left.to_string());
                stm.put("accounts/bob", (to + amount).to_string());
                Ok(left)
            });
            moved.await
        });
    }
    while let Some(moved) = tasks.join_next().await {
        match moved.expect("no panic") {
            Ok(moved) => println!("{} left, in attempt {}", moved.value(), moved.attempts()),
            Err(error) => println!("{}", std::error::Error::source(&error).unwrap_or(&error)),
        }
    }
    Ok(())
}

async fn balance(stm: &Stm, account: &'static str) -> Result<u64> {
    let value = stm.get(account).await?.unwrap_or_default();
    std::str::from_utf8(&value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::aborted(format!("{account} has no balance")))
}
