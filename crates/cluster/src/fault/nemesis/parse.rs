//! A schedule, read again as it is written.

use std::str::FromStr;
use std::time::Duration;

use tercet_pki::doctor::Port;

use super::act::{Act, POINTS, Target};
use super::schedule::{Schedule, Step};

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the schedule: {text:?} is {not}")]
pub struct ParseScheduleError {
    line: usize,
    text: String,
    not: &'static str,
}

const NO_HEADING: &str = "no heading, as in \"seed 42, 3 members:\"";
const NO_STEP: &str = "no step, as in \"1. kill the leader, for 400 ms, then quiet for 200 ms\"";
const NO_SUCH_MEMBER: &str = "about more members than there are, or one of them twice";

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    /// Reads what `Display` writes; empty lines and blanks before and after lines mean nothing, and
    /// neither do the numbers of steps.
    fn from_str(text: &str) -> Result<Self, ParseScheduleError> {
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, text)| !text.is_empty());
        let mut lines = lines.map(|(index, text)| (index + 1, text));
        let failed = |(line, text): (usize, &str), not| ParseScheduleError {
            line,
            text: text.to_owned(),
            not,
        };
        let first = lines.next().unwrap_or((1, ""));
        let (seed, members) = heading(first.1).ok_or_else(|| failed(first, NO_HEADING))?;
        let mut steps = Vec::new();
        for line in lines {
            let step = step(line.1).ok_or_else(|| failed(line, NO_STEP))?;
            if !step.act.fits(members) {
                return Err(failed(line, NO_SUCH_MEMBER));
            }
            steps.push(step);
        }
        Ok(Self { seed, members, steps })
    }
}

fn heading(text: &str) -> Option<(u64, usize)> {
    let (seed, members) = text.strip_prefix("seed ")?.split_once(", ")?;
    let members = members.strip_suffix(" members:").or_else(|| members.strip_suffix(" member:"))?;
    Some((seed.parse().ok()?, members.parse().ok()?))
}

fn step(text: &str) -> Option<Step> {
    let text = match text.split_once(". ") {
        Some((number, rest)) if number.parse::<usize>().is_ok() => rest,
        _ => text,
    };
    let (text, quiet) = text.rsplit_once(", then quiet for ")?;
    let (text, lasts) = text.rsplit_once(", for ")?;
    Some(Step { act: act(text)?, lasts: ms(lasts)?, quiet: ms(quiet)? })
}

fn act(text: &str) -> Option<Act> {
    let (verb, rest) = text.split_once(' ')?;
    Some(match verb {
        "kill" => Act::Kill(targets(rest)?),
        "pause" => Act::Pause(targets(rest)?),
        "stop" => Act::Stop(target(rest)?),
        "restart" => restart(rest)?,
        "cut" => match rest.strip_prefix("what ") {
            Some(one_way) => {
                let (from, to) = one_way.split_once(" sends to ")?;
                Act::CutOneWay(target(from)?, target(to)?)
            }
            None => {
                let (one, other) = rest.split_once(" from ")?;
                Act::Cut(target(one)?, target(other)?)
            }
        },
        "isolate" => Act::Isolate(target(rest)?),
        "split" => Act::SplitOff(targets(rest.strip_prefix("off ")?)?),
        "slow" => slow(rest)?,
        "make" if rest == "the links a ring" => Act::Ring,
        "make" => Act::Bridge(target(rest.strip_suffix(" a bridge")?)?),
        "fail" => Act::FailDisk(target(rest.strip_prefix("the disk of ")?)?),
        "fill" => Act::FillDisk(target(rest.strip_prefix("the disk of ")?)?),
        "put" => {
            let rest = rest.strip_prefix("the clock of ")?;
            match rest.split_once(" forward by ") {
                Some((of, by)) => Act::ClockForward(target(of)?, ms(by)?),
                None => {
                    let (of, by) = rest.split_once(" back by ")?;
                    Act::ClockBack(target(of)?, ms(by)?)
                }
            }
        }
        _ => return None,
    })
}

fn restart(text: &str) -> Option<Act> {
    if let Some((of, point)) = text.split_once(" and kill it when it ") {
        let (point, _) = POINTS.iter().find(|(_, words)| *words == point)?;
        return Some(Act::KillAt(target(of)?, *point));
    }
    let (of, rest) = text.split_once(" with a certificate on its ")?;
    let (port, flaw) = rest.split_once(" port that is ")?;
    let port = [Port::Client, Port::Peer].into_iter().find(|known| known.name() == port)?;
    Some(Act::Spoil(target(of)?, port, flaw.parse().ok()?))
}

fn slow(text: &str) -> Option<Act> {
    let (what, by) = text.rsplit_once(" by ")?;
    if let Some(of) = what.strip_prefix("the disk of ") {
        return Some(Act::SlowDisk(target(of)?, ms(by)?));
    }
    let (one, other) = what.strip_prefix("the link of ")?.split_once(" and ")?;
    Some(Act::SlowLink(target(one)?, target(other)?, ms(by)?))
}

fn targets(text: &str) -> Option<Vec<Target>> {
    text.split(" and ").map(target).collect()
}

fn target(text: &str) -> Option<Target> {
    if text == "the leader" {
        return Some(Target::Leader);
    }
    let (kind, number) = text.split_once(' ')?;
    let number = number.parse().ok().filter(|&number| number > 0)?;
    match kind {
        "follower" => Some(Target::Follower(number)),
        "member" => Some(Target::Member(number)),
        _ => None,
    }
}

fn ms(text: &str) -> Option<Duration> {
    text.strip_suffix(" ms")?.parse().ok().map(Duration::from_millis)
}
