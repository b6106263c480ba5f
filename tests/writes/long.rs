//! The same for as long as one likes: `TERCET_WRITES_ROUNDS=100`.

use std::time::Duration;

use tercet_harness::{Faults, Menu, Nemesis, Result};
use tercet_tests::{available, on_a_whole_fleet, say};

use crate::faults::under_loads;
use crate::fleet_of;

/// How many fleets with a schedule of ten steps each, by a seed of its own.
const ROUNDS: &str = "TERCET_WRITES_ROUNDS";

const MS: fn(u64) -> Duration = Duration::from_millis;

#[tokio::test]
async fn no_write_is_lost_or_misreported_by_faults_of_a_seed() -> Result<()> {
    let rounds = std::env::var(ROUNDS).ok().map_or(0, |rounds| rounds.parse().unwrap());
    let mut resolved = [0; 3];
    for seed in 0..rounds {
        for etcd in available() {
            let menu = Menu::NONE.kills().pauses().links();
            let nemesis = Nemesis::seeded(seed);
            let nemesis = nemesis.lasting(MS(300)..=MS(2500)).quiet(MS(50)..=MS(200));
            let schedule = nemesis.schedule(menu, 3, 10)?;
            let fleet = fleet_of(etcd).faults(Faults::NONE.links());
            let more =
                on_a_whole_fleet(fleet, async |cluster| under_loads(cluster, &schedule).await);
            let more = more.await?;
            resolved = [0, 1, 2].map(|index| resolved[index] + more[index]);
            let [applied, not_applied, _] = resolved;
            say(&format!(
                "seed {seed}: so far {applied} resolved as applied, {not_applied} as not"
            ));
        }
    }
    Ok(())
}
