//! What makes a cluster take no more writes.

use std::fmt;

use crate::client::{Client, maintenance, timed};
use crate::error::Result;
use crate::from_wire::{self, FromWire};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::AlarmType;
use crate::generated::etcdserverpb::alarm_request::AlarmAction;
use crate::json::{Hex, Json, Out, json_object};
use crate::transport::call::Operation;

impl Client {
    /// The alarms of all members.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get): the answer needs a quorum.
    pub async fn alarms(&self) -> Result<Vec<Alarm>> {
        let all = Alarm { member_id: 0, kind: AlarmKind::Other(AlarmType::None as i32) };
        self.alarm(Operation::read("alarms"), AlarmAction::Get, all).await
    }

    /// Takes back one alarm of one member, both as [`alarms`](Self::alarms) says. Returns what was
    /// taken back: nothing if there was no such alarm.
    ///
    /// etcd does not look whether the reason is gone. Where it is not, the alarm may come again with
    /// the next write, and of [`Corrupt`](AlarmKind::Corrupt) the store stays so without one.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). Doing it again is safe.
    pub async fn alarm_disarm(&self, member_id: u64, kind: AlarmKind) -> Result<Vec<Alarm>> {
        let alarm = Alarm { member_id, kind };
        self.alarm(Operation::write("alarm_disarm"), AlarmAction::Deactivate, alarm).await
    }

    /// Raises an alarm in the name of a member, which etcd does itself when there is a reason: to
    /// stop all writes, or to test what then happens. Returns it, unless etcd does not know its
    /// kind.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). Doing it again is safe.
    pub async fn alarm_activate(&self, member_id: u64, kind: AlarmKind) -> Result<Vec<Alarm>> {
        let alarm = Alarm { member_id, kind };
        self.alarm(Operation::write("alarm_activate"), AlarmAction::Activate, alarm).await
    }

    async fn alarm(
        &self,
        operation: Operation,
        action: AlarmAction,
        alarm: Alarm,
    ) -> Result<Vec<Alarm>> {
        let wire = pb::AlarmRequest {
            action: action.into(),
            member_id: alarm.member_id,
            alarm: alarm.kind.into_wire(),
        };
        self.unary(operation, |channel, patience| {
            let request = timed(wire, patience);
            async move { maintenance(channel).alarm(request).await }
        })
        .await
    }
}

/// One member's reason to stop the writes of all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alarm {
    member_id: u64,
    kind: AlarmKind,
}

impl Alarm {
    /// The member that raised it, or in whose name it was raised. Of a corruption, the member that
    /// has it, or 0 where the leader cannot tell whose it is, which in later releases of 3.4 and 3.5
    /// it never can (`server/etcdserver/corrupt.go`).
    #[must_use]
    pub fn member_id(&self) -> u64 {
        self.member_id
    }

    /// The reason.
    #[must_use]
    pub fn kind(&self) -> AlarmKind {
        self.kind
    }
}

/// The reason for an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlarmKind {
    /// The member's store has reached its `--quota-backend-bytes`: no member takes a put, only
    /// reads and deletions. Compact, defragment, then disarm.
    NoSpace,
    /// The member has other data than the others: no member takes a write, and reads go on. Replace
    /// it, then disarm.
    Corrupt,
    /// One that came after this client, by its number in `AlarmType` of etcd's `rpc.proto`.
    Other(i32),
}

impl AlarmKind {
    fn into_wire(self) -> i32 {
        match self {
            Self::NoSpace => AlarmType::Nospace.into(),
            Self::Corrupt => AlarmType::Corrupt.into(),
            Self::Other(number) => number,
        }
    }

    fn from_number(number: i32) -> Self {
        match AlarmType::try_from(number) {
            Ok(AlarmType::Nospace) => Self::NoSpace,
            Ok(AlarmType::Corrupt) => Self::Corrupt,
            Ok(AlarmType::None) | Err(_) => Self::Other(number),
        }
    }
}

json_object!(Alarm, it => { member_id: Hex(it.member_id), kind: it.kind });

impl Json for AlarmKind {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        match self {
            Self::NoSpace => out.text("no_space"),
            Self::Corrupt => out.text("corrupt"),
            Self::Other(number) => number.json(out),
        }
    }
}

impl FromWire<pb::AlarmMember> for Alarm {
    fn from_wire(wire: pb::AlarmMember) -> Self {
        Self { member_id: wire.member_id, kind: AlarmKind::from_number(wire.alarm) }
    }
}

impl FromWire<pb::AlarmResponse> for Vec<Alarm> {
    fn from_wire(wire: pb::AlarmResponse) -> Self {
        from_wire::all(wire.alarms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_wire_those_that_are_new_too() {
        for kind in [AlarmKind::NoSpace, AlarmKind::Corrupt, AlarmKind::Other(17)] {
            assert_eq!(AlarmKind::from_number(kind.into_wire()), kind);
        }
    }
}
