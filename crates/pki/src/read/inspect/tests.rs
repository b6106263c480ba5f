//! What the tables look like, and what finding files does.

use std::fs;
use std::path::Path;

use super::*;

#[test]
fn look() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    let now = OffsetDateTime::now_utc();
    let fleet = crate::Fleet::generate(["infra1", "infra2", "infra3"]).unwrap();
    fleet.write(&dir).unwrap();
    let inventory = directory(&dir).unwrap();
    println!("{}", inventory.table(now));
    println!("{}", inventory.long(now));
    let inventory = directory(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).unwrap();
    println!("{}", inventory.table(now));
    println!("{}", inventory.long(now));
}
