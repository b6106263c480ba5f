//! What the value of a flag must look like, by Go's `flag` package and etcd's own kinds of flags.

use super::flags::{Flag, FlagKind};

/// The value of a flag, as etcd understands its text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagValue {
    /// Of a [`FlagKind::Boolean`].
    Boolean(bool),
    /// Of a [`FlagKind::Unsigned`] or [`FlagKind::Signed`].
    Number(i128),
    /// Of a [`FlagKind::Duration`], in nanoseconds.
    Nanoseconds(i64),
    /// Of the other kinds, as it is.
    Text(String),
}

/// Why etcd refuses a value: as Go says it after the name of the flag, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{because}: {fix}")]
#[non_exhaustive]
pub struct FlagValueError {
    /// As Go says it.
    pub because: &'static str,
    /// What to write.
    pub fix: &'static str,
}

impl Flag {
    /// What etcd makes of `text` as this flag's value. URLs are not looked into.
    ///
    /// # Errors
    ///
    /// [`FlagValueError`] if etcd refuses it.
    pub fn parse(&self, text: &str) -> Result<FlagValue, FlagValueError> {
        let refused = |because, fix| Err(FlagValueError { because, fix });
        let number = |text: &str, negative: bool| match unsigned(text) {
            Ok(number) => {
                let number = i128::from(number);
                Ok(FlagValue::Number(if negative { -number } else { number }))
            }
            Err(TooLarge::Yes) => refused("value out of range", "write a smaller number"),
            Err(TooLarge::No) => refused("parse error", "write a whole number"),
        };
        match self.kind() {
            FlagKind::Boolean => match boolean(text) {
                Some(is) => Ok(FlagValue::Boolean(is)),
                None => refused("parse error", "write true or false"),
            },
            FlagKind::Unsigned => number(text, false),
            FlagKind::Signed => {
                let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                number(digits, text.starts_with('-'))
            }
            FlagKind::Duration => match nanoseconds(text) {
                Some(nanoseconds) => Ok(FlagValue::Nanoseconds(nanoseconds)),
                None => refused("parse error", "write a number with its unit, such as 500ms or 5s"),
            },
            FlagKind::Text if self.name() == "initial-cluster-state" => match text {
                "new" | "existing" => Ok(FlagValue::Text(text.to_owned())),
                _ => refused("invalid value", "write new or existing"),
            },
            FlagKind::Text | FlagKind::Urls | FlagKind::Ignored => {
                Ok(FlagValue::Text(text.to_owned()))
            }
        }
    }
}

/// What Go's `strconv.ParseBool` takes.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Whether what is no number is one that is too large.
enum TooLarge {
    Yes,
    No,
}

/// A number as Go writes them in its source: `10`, `0x1f`, `1_000`.
fn unsigned(text: &str) -> Result<u64, TooLarge> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(TooLarge::No);
    }
    u64::from_str_radix(&digits, radix).map_err(|_| TooLarge::Yes)
}

/// What Go's `time.ParseDuration` makes of a text.
fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum = 0_i128;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let (number, _) = rest.split_at(rest.len() - after.len());
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let unit: i128 = match &after[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60 * 1_000_000_000,
            "h" => 3_600 * 1_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return None;
        }
        let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
        sum = sum.checked_add(digits(whole)?.checked_mul(unit)?)?;
        // What is below a nanosecond is cut off, by Go too; no unit has more than 13 digits.
        let fraction = &fraction[..fraction.len().min(18)];
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        sum = sum.checked_add(digits(fraction)?.checked_mul(unit)? / scale)?;
        rest = &after[end..];
    }
    let sum = if negative { -sum } else { sum };
    i64::try_from(sum).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_kind() {
        let parse = |name: &str, text: &str| Flag::named(name).unwrap().parse(text);
        for (name, good, bad) in [
            ("client-cert-auth", &["true", "T", "0"][..], &["yes", "", "TrUe"][..]),
            ("heartbeat-interval", &["100", "0x10", "1_0", "010"], &["", "-1", "a", "09", "1e3"]),
            ("quota-backend-bytes", &["-1", "+5"], &["", "--1", "99999999999999999999"]),
            ("initial-cluster-state", &["new", "existing"], &["", "old"]),
            ("name", &["", "anything"], &[]),
        ] {
            for text in good {
                assert!(parse(name, text).is_ok(), "{name}={text}");
            }
            for text in bad {
                assert!(parse(name, text).is_err(), "{name}={text}");
            }
        }
        assert_eq!(parse("heartbeat-interval", "0x1_0"), Ok(FlagValue::Number(16)));
        assert_eq!(parse("quota-backend-bytes", "-017"), Ok(FlagValue::Number(-15)));
        insta::assert_snapshot!(
            parse("pre-vote", "yes").unwrap_err(), @"parse error: write true or false");
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, wanted) in [
            ("5s", Some(5_000_000_000)),
            ("1h2m0.5s", Some(3_720_500_000_000)),
            ("-1ms", Some(-1_000_000)),
            ("1.5µs", Some(1_500)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("0.00000000000000000000001h", Some(0)),
            ("0", Some(0)),
            ("+0", Some(0)),
            ("2562047h", Some(9_223_369_200_000_000_000)),
            ("2562048h", None),
            ("5", None),
            ("", None),
            ("-", None),
            ("s", None),
            (".s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("99999999999999999999999999999999999999999999h", None),
        ] {
            assert_eq!(nanoseconds(text), wanted, "{text}");
        }
    }
}
