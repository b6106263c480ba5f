//! What ports answered: TLS021, TLS027, TLS041, TLS042, TLS043; and of the rules of handshakes,
//! what is not in any file.
//!
//! A port is judged by what it did. Where the files say the same, they are the cause and told
//! already; what is left is what only the process knows.

pub(super) mod memory;
mod otherwise;
mod reach;
mod refused;
mod shown;
mod words;

use std::collections::BTreeSet;

use super::super::case::Case;
use super::super::findings::Findings;
use super::super::live::AnswerCase;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    if case.answers.is_empty() {
        return;
    }
    reach::check(case, findings);
    otherwise::check(case, findings);
    memory::check(case, findings);
    shown::check(case, findings);
    refused::check(case, findings);
}

/// Of each port the first answer that will do.
fn each_port<'c, 'a>(
    case: &'c Case<'a>,
    will_do: impl Fn(&AnswerCase<'a>) -> bool,
) -> Vec<&'c AnswerCase<'a>> {
    let mut known = BTreeSet::new();
    let answers = case.answers.iter().filter(|answer| will_do(answer));
    answers.filter(|seen| known.insert((seen.answer.port, seen.answer.url.to_string()))).collect()
}
