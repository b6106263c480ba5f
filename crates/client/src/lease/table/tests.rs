//! Leases that are due, answered, lost and adopted.

use super::*;

const TTL: Duration = Duration::from_secs(30);

fn claimed(table: &mut Table, now: Instant) -> Vec<i64> {
    let mut ids = Vec::new();
    table.claim(now, &mut ids);
    ids.sort_unstable();
    ids
}

#[test]
fn is_sent_at_a_third_and_kept_by_answers() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept = table.keep(64, TTL, start);
    assert!(claimed(&mut table, start + Duration::from_secs(9)).is_empty());
    let mut now = start;
    for _ in 0..10 {
        now += Duration::from_secs(10);
        assert_eq!(claimed(&mut table, now), [64]);
        assert_eq!(table.awaited(), 1);
        assert!(claimed(&mut table, now).is_empty(), "once");
        table.answered(64, TTL);
    }
    assert_eq!(table.awaited(), 0);
    assert!(kept.left(now).is_some() && kept.is_lost().is_none());
}

#[test]
fn is_lost_before_the_server_would_end_it() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept = table.keep(64, TTL, start);
    table.claim(start + Duration::from_secs(10), &mut Vec::new());
    table.trouble("no leader".into());
    let last = start + Duration::from_secs(29);
    assert!(table.next() == Some(last) && kept.left(last - TICK).is_some());
    assert_eq!(kept.left(last), None, "whoever asks knows before he is told");
    assert!(claimed(&mut table, last).is_empty());
    let lost = kept.is_lost().unwrap();
    assert_eq!(lost.reason(), LeaseLostReason::Unanswered);
    assert!(lost.to_string().ends_with("(no leader)"), "{lost}");
    assert!(table.is_empty() && table.next().is_none() && table.awaited() == 0);
}

#[test]
fn what_is_refused_waits_and_holds_up_no_other() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let (refused, kept) = (table.keep(1, TTL, start), table.keep(64, TTL, start));
    let adopted = table.adopt(2, start, start + TTL);
    assert_eq!(claimed(&mut table, start), [2]);
    let why = "permission denied";
    table.unanswered(start);
    table.refused(2, start, why);
    let lost = adopted.is_lost().unwrap();
    assert_eq!(lost.reason(), LeaseLostReason::Refused);
    assert!(lost.to_string().ends_with("renew it (permission denied)"), "{lost}");

    let mut now = start + TTL / 3;
    assert_eq!(claimed(&mut table, now), [1, 64]);
    table.unanswered(now);
    table.refused(1, now, why);
    assert_eq!(claimed(&mut table, now), [64]);
    table.answered(64, TTL);
    assert!(refused.is_lost().is_none(), "that may change");
    now += MOST_PAUSE;
    assert_eq!(claimed(&mut table, now), [1]);
    table.unanswered(now);
    table.refused(1, now, why);
    now = start + Duration::from_secs(29);
    assert_eq!(claimed(&mut table, now), [64]);
    let lost = refused.is_lost().unwrap();
    assert_eq!(lost.reason(), LeaseLostReason::Unanswered);
    assert!(lost.to_string().ends_with("in time (permission denied)"), "{lost}");
    assert!(kept.is_lost().is_none() && table.refused.is_empty());
}

#[test]
fn an_answer_to_who_kept_it_before_ends_nothing() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let (before, now) = (table.keep(64, TTL, start), start + TTL / 3);
    table.claim(now, &mut Vec::new());
    table.release(&before);
    let anew = table.keep(64, TTL, now);
    table.answered(64, Duration::ZERO);
    assert!(anew.is_lost().is_none());
    // The control: the next is its own.
    table.claim(now + TTL / 3, &mut Vec::new());
    table.answered(64, Duration::ZERO);
    assert_eq!(anew.is_lost().unwrap().reason(), LeaseLostReason::Gone);
}

#[test]
fn with_the_stream_goes_what_was_awaited_of_it() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let adopted = table.adopt(64, start, start + TTL);
    table.claim(start, &mut Vec::new());
    table.release(&adopted);
    table.unanswered(start);
    let adopted = table.adopt(64, start, start + TTL);
    assert_eq!(claimed(&mut table, start), [64]);
    table.answered(64, TTL);
    assert_eq!(adopted.ttl(), Some(TTL));
}

#[test]
fn a_client_may_live_for_long() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let now = start + Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let _kept = table.keep(64, TTL, now);
    assert!(table.next().unwrap() > now + TTL / 4);
}

#[test]
fn the_time_counts_from_when_it_was_sent() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept = table.keep(64, TTL, start);
    let sent = start + Duration::from_secs(10);
    assert_eq!(claimed(&mut table, sent), [64]);
    // However late the answer is.
    table.answered(64, TTL);
    assert_eq!(kept.left(sent), Some(Duration::from_secs(29)));
}

#[test]
fn what_the_server_has_no_more_is_lost_at_once() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept = table.keep(1, TTL, start);
    table.claim(start + TTL / 3, &mut Vec::new());
    table.answered(1, Duration::ZERO);
    assert_eq!(kept.is_lost().unwrap().reason(), LeaseLostReason::Gone);
    assert!(table.is_empty());
}

#[test]
fn a_stream_that_ends_makes_due_what_it_left_open() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let (_first, _second) = (table.keep(64, TTL, start), table.keep(128, 3 * TTL, start));
    let now = start + TTL / 3;
    assert_eq!(claimed(&mut table, now), [64]);
    table.unanswered(now);
    assert_eq!(table.awaited(), 0);
    assert_eq!(claimed(&mut table, now), [64], "the other one has time");
    assert_eq!(table.shortest(), Some(TTL));
}

#[test]
fn ends_with_its_last_holder() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let (first, second) = (table.keep(1, TTL, start), table.keep(1, TTL, start));
    assert!(Arc::ptr_eq(&first, &second));
    table.release(&first);
    assert!(!table.is_empty());
    table.release(&second);
    assert!(table.is_empty() && table.next().is_none());

    // A holder of what was lost lets go of nothing else.
    let old = table.keep(1, TTL, start);
    table.lose(1, LeaseLostReason::Revoked);
    let _new = table.keep(1, TTL, start);
    table.release(&old);
    assert!(!table.is_empty());
}

#[test]
fn an_answer_to_who_kept_it_before_renews_nothing() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let old = table.keep(64, TTL, start);
    assert_eq!(claimed(&mut table, start + TTL / 3), [64]);
    table.release(&old);
    let new = table.keep(64, TTL, start + TTL / 3);
    let sent = start + TTL * 2 / 3;
    assert_eq!(claimed(&mut table, sent), [64]);
    table.answered(64, TTL);
    assert_eq!(table.awaited(), 1, "that was to the first");
    table.answered(64, TTL);
    assert_eq!((table.awaited(), new.left(sent)), (0, Some(Duration::from_secs(29))));
}

#[test]
fn thousands_come_in_few_batches() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept: Vec<_> = (0..10_000).map(|id| table.keep(id, TTL, start)).collect();
    let mut batches = 0;
    let mut ids = Vec::new();
    while ids.len() < kept.len() {
        table.claim(table.next().unwrap(), &mut ids);
        batches += 1;
    }
    assert!((32..=64).contains(&batches), "{batches}");
}

#[test]
fn the_longest_does_not_overflow() {
    let start = Instant::now();
    let mut table = Table::new(start);
    let kept = table.keep(1, MAX_LEASE_TTL, start);
    assert!(kept.left(start).is_some() && table.next().unwrap() > start);
}

#[test]
fn one_that_is_gone_may_be_kept_again() {
    let start = Instant::now();
    let mut table = Table::new(start);
    for id in [1, 64] {
        table.keep(id, TTL, start);
    }
    let due = start + Duration::from_secs(10);
    assert_eq!(claimed(&mut table, due), [1, 64]);
    table.answered(1, Duration::ZERO);
    assert_eq!(table.awaited(), 1);
    // Somebody grants another one of this number.
    let kept = table.adopt(1, due, due + TTL);
    assert_eq!(claimed(&mut table, due), [1]);
    table.answered(1, TTL);
    assert_eq!(kept.ttl(), Some(TTL), "its answer is not another's");
    table.answered(64, TTL);
    assert_eq!(table.awaited(), 0);
}
