//! The end of one run: all of it at once, or nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::memory::{READ, State, Stm, read};
use super::options::Isolation;
use crate::client::Client;
use crate::coordination::settled::resolved;
use crate::error::Result;
use crate::kv::{Compare, Delete, Guarded, Is, KeyValue, Keys, Op, Resolution, Txn, TxnResponse};

/// One run of a transaction.
pub(super) struct Attempt {
    client: Client,
    isolation: Isolation,
    memory: Stm,
    /// Of a commit that others got in the way of: what they made of it, and at which revision.
    told: Option<(BTreeMap<Bytes, Option<KeyValue>>, i64)>,
}

/// How it ended.
pub(super) enum Commit {
    Done {
        revision: i64,
    },
    /// Somebody else was faster: nothing was written.
    Conflict,
}

impl Attempt {
    pub(super) fn first(client: &Client, isolation: Isolation) -> Self {
        let memory = Stm::new(client, isolation, State::default());
        Self { client: client.clone(), isolation, memory, told: None }
    }

    /// Another one, which knows what the failed commit of this one was told.
    pub(super) fn next(mut self) -> Self {
        let mut state = State::default();
        if let Some((told, revision)) = self.told.take() {
            state.told = told;
            state.base = Some(revision);
        }
        let memory = Stm::new(&self.client, self.isolation, state);
        Self { memory, told: None, ..self }
    }

    /// For the transaction's code. What it keeps of it after its run has no effect on the next.
    pub(super) fn memory(&self) -> Stm {
        self.memory.clone()
    }

    pub(super) async fn prefetch(&self, keys: &[Bytes]) -> Result<()> {
        if keys.is_empty() { Ok(()) } else { self.memory.fetch(keys).await }
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.memory.state().spoiled
    }

    pub(super) fn written(&self) -> Vec<Keys> {
        self.memory.state().written()
    }

    pub(super) async fn commit(
        &mut self,
        guarded: Option<&Guarded>,
        patience: Duration,
    ) -> Result<Commit> {
        let plan = Plan::of(&self.memory.state(), self.isolation);
        if plan.ops.is_empty() {
            return self.compare_only(plan).await;
        }
        let when = Txn::when(plan.compares).then(plan.ops);
        let Some(guarded) = guarded else {
            // What the others made of it, to save the next run the questions.
            let asked = if self.isolation.is_of_one_revision() { plan.read } else { Vec::new() };
            let txn = when.otherwise(asked.iter().cloned().map(Op::get));
            let answer =
                self.client.txn(txn).await.map_err(|error| error.during(super::TRANSACT))?;
            let revision = answer.revision();
            if answer.succeeded() {
                return Ok(Commit::Done { revision });
            }
            let told = read(answer.into_responses());
            if !asked.is_empty() && told.len() == asked.len() {
                self.told = Some((asked.into_iter().zip(told).collect(), revision));
            }
            return Ok(Commit::Conflict);
        };
        let begin = Instant::now();
        match guarded.txn(when).await {
            Ok(answer) => Ok(ended(&answer)),
            Err(error) if error.is_resolvable() => {
                let error = error.during(super::TRANSACT);
                let left = || patience.saturating_sub(begin.elapsed());
                match resolved(&error, &self.client, left).await {
                    Some(Resolution::Applied { revision, .. }) => Ok(Commit::Done { revision }),
                    Some(Resolution::NotApplied) => Ok(Commit::Conflict),
                    Some(Resolution::Undecidable) | None => Err(error),
                }
            }
            Err(error) => Err(error.during(super::TRANSACT)),
        }
    }

    /// Of one that writes nothing.
    async fn compare_only(&self, plan: Plan) -> Result<Commit> {
        // Reads of one revision are as they were at that one, and those that nothing is promised of
        // need nothing.
        let needless = self.isolation != Isolation::RepeatableReads || plan.compares.is_empty();
        if needless {
            let revision = self.memory.revision().unwrap_or_default();
            return Ok(Commit::Done { revision });
        }
        let answer = self.client.txn_as(READ, Txn::when(plan.compares).then([]).into()).await?;
        Ok(ended(&answer))
    }
}

fn ended(answer: &TxnResponse) -> Commit {
    match answer.succeeded() {
        true => Commit::Done { revision: answer.revision() },
        false => Commit::Conflict,
    }
}

/// What a commit compares and writes.
struct Plan {
    compares: Vec<Compare>,
    ops: Vec<Op>,
    read: Vec<Bytes>,
}

impl Plan {
    fn of(state: &State, isolation: Isolation) -> Self {
        let mut compares = Vec::new();
        if isolation != Isolation::ReadCommitted {
            compares.extend(state.reads.iter().map(|(key, kv)| {
                let revision = kv.as_ref().map_or(0, KeyValue::mod_revision);
                Compare::mod_revision(key.clone(), Is::Equal, revision)
            }));
        }
        if let (Isolation::SerializableSnapshot, Some(base)) = (isolation, state.base) {
            let unread = state.writes.keys().filter(|key| !state.reads.contains_key(*key));
            compares.extend(
                unread.map(|key| {
                    Compare::mod_revision(key.clone(), Is::Less, base.saturating_add(1))
                }),
            );
        }
        let ops = state.writes.iter().map(|(key, put)| match put {
            Some(put) => Op::put_with(put.clone()),
            None => Op::delete(Delete::new(key.clone())),
        });
        let (ops, read) = (ops.collect(), state.reads.keys().cloned().collect());
        Self { compares, ops, read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_wire::FromWire as _;
    use crate::generated::mvccpb;
    use crate::kv::Put;

    fn state() -> State {
        let kv = mvccpb::KeyValue { key: "read".into(), mod_revision: 7, ..Default::default() };
        let mut state = State { base: Some(9), ..State::default() };
        state.reads.insert("read".into(), Some(KeyValue::from_wire(kv)));
        state.reads.insert("missing".into(), None);
        state.writes.insert("missing".into(), Some(Put::new("missing", "")));
        state.writes.insert("blind".into(), None);
        state
    }

    #[test]
    fn each_isolation_compares_what_it_promises() {
        let plan = |isolation| Plan::of(&state(), isolation);
        let reads = [
            Compare::mod_revision("missing", Is::Equal, 0),
            Compare::mod_revision("read", Is::Equal, 7),
        ];
        let snapshot = plan(Isolation::SerializableSnapshot);
        assert_eq!(snapshot.compares[..2], reads);
        assert_eq!(snapshot.compares[2..], [Compare::mod_revision("blind", Is::Less, 10)]);
        assert_eq!(plan(Isolation::Serializable).compares, reads);
        assert_eq!(plan(Isolation::RepeatableReads).compares, reads);
        assert!(plan(Isolation::ReadCommitted).compares.is_empty());
        assert_eq!(snapshot.ops, [Op::delete("blind"), Op::put("missing", "")]);
        assert_eq!(snapshot.read, ["missing", "read"]);
    }

    #[test]
    fn what_read_nothing_depends_on_nothing() {
        let mut state = State::default();
        state.writes.insert("blind".into(), None);
        assert!(Plan::of(&state, Isolation::SerializableSnapshot).compares.is_empty());
    }
}
