//! Names: what a member and a certificate may be called.

use std::collections::HashSet;

use super::der::{element, sequence, tag};

/// The longest common name, in characters: `ub-common-name` of RFC 5280, appendix A.1.
pub const COMMON_NAME_MAX: usize = 64;

/// What a member may not be called, because the fleet's own files are.
const TAKEN: [&str; 6] =
    ["ca.crt", "ca.key", "client.crt", "client.key", "server.crt", "server.key"];

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no name.
    #[error("a name is empty")]
    Empty,
    /// The name is longer than [`COMMON_NAME_MAX`] characters.
    #[error("{name:?} has {length} characters, and a certificate's common name at most {max}", max = COMMON_NAME_MAX)]
    TooLong {
        /// The name.
        name: String,
        /// How many characters it has.
        length: usize,
    },
    /// The name has a character that it may not have.
    #[error("{name:?} has {character:?} in it, and {reason}")]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
        /// Why it may not.
        reason: &'static str,
    },
    /// The name is that of a file or directory which means something else.
    #[error(
        "a member cannot be called {name:?}: its files go to a directory of that name, \
         which is something else already"
    )]
    Taken {
        /// The name.
        name: String,
    },
    /// Two members have the name.
    #[error("two members are called {name:?}")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// Checks a common name.
pub(crate) fn common(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let length = name.chars().count();
    if length > COMMON_NAME_MAX {
        return Err(NameError::TooLong { name: name.to_owned(), length });
    }
    refuse(name, char::is_control, "control characters hide what a name is")
}

/// A distinguished name in DER: the organizations, and a common name unless it is empty.
///
/// rcgen keeps one attribute of each type, so that of two organizations it would lose one.
pub(crate) fn distinguished(organizations: &[&str], common_name: &str) -> Vec<u8> {
    const SET: u8 = 0x31;
    const UTF8_STRING: u8 = 0x0c;
    /// 2.5.4.10 and 2.5.4.3.
    const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let common_name = Some((COMMON_NAME, common_name)).filter(|(_, name)| !name.is_empty());
    let sets: Vec<_> = organizations
        .iter()
        .map(|organization| (ORGANIZATION, *organization))
        .chain(common_name)
        .map(|(identifier, value)| {
            let identifier = element(tag::OBJECT_IDENTIFIER, identifier);
            let value = element(UTF8_STRING, value.as_bytes());
            element(SET, &sequence(tag::SEQUENCE, [&*identifier, &value]))
        })
        .collect();
    sequence(tag::SEQUENCE, sets.iter().map(Vec::as_slice))
}

/// Checks the names of all members of a fleet: each is a common name, an item of etcd's
/// `--initial-cluster`, and a directory.
pub(crate) fn members<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), NameError> {
    let mut seen = HashSet::new();
    for name in names {
        common(name)?;
        refuse(
            name,
            |character| matches!(character, '=' | ','),
            // client/pkg/types/urlsmap.go, `parse`.
            "etcd splits --initial-cluster there",
        )?;
        refuse(
            name,
            |character| matches!(character, '/' | '\\'),
            "the member's files go to a directory of that name",
        )?;
        if matches!(name, "." | "..") || TAKEN.contains(&name) {
            return Err(NameError::Taken { name: name.to_owned() });
        }
        if !seen.insert(name) {
            return Err(NameError::Duplicate { name: name.to_owned() });
        }
    }
    Ok(())
}

fn refuse(name: &str, bad: fn(char) -> bool, reason: &'static str) -> Result<(), NameError> {
    match name.chars().find(|&character| bad(character)) {
        None => Ok(()),
        Some(character) => Err(NameError::Character { name: name.to_owned(), character, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        assert_eq!(members(["infra1", "node-2.example.com", "a b", "Ü", &"x".repeat(64)]), Ok(()));
    }

    #[test]
    fn bad_names_are_refused_with_the_reason() {
        let long = "x".repeat(65);
        let errors: Vec<_> = [
            &[""][..],
            &[&long],
            &["a/b"],
            &["a\\b"],
            &["."],
            &[".."],
            &["a=b"],
            &["a,b"],
            &["a\0b"],
            &["a\nb"],
            &["client.crt"],
            &["infra1", "infra2", "infra1"],
        ]
        .into_iter()
        .map(|names| members(names.iter().copied()).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        a name is empty
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 65 characters, and a certificate's common name at most 64
        "a/b" has '/' in it, and the member's files go to a directory of that name
        "a\\b" has '\\' in it, and the member's files go to a directory of that name
        a member cannot be called ".": its files go to a directory of that name, which is something else already
        a member cannot be called "..": its files go to a directory of that name, which is something else already
        "a=b" has '=' in it, and etcd splits --initial-cluster there
        "a,b" has ',' in it, and etcd splits --initial-cluster there
        "a\0b" has '\0' in it, and control characters hide what a name is
        "a\nb" has '\n' in it, and control characters hide what a name is
        a member cannot be called "client.crt": its files go to a directory of that name, which is something else already
        two members are called "infra1"
        "#);
    }
}
