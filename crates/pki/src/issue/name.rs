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
    /// A client's files would be others of the fleet.
    #[error(
        "a client cannot be called {name:?}: {name}.crt and {name}.key are other files of the fleet"
    )]
    TakenClient {
        /// The name.
        name: String,
    },
    /// Two clients have the name.
    #[error("two clients are called {name:?}")]
    DuplicateClient {
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
        visible(name)?;
        if !seen.insert(name) {
            return Err(NameError::Duplicate { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Checks the names of clients of a fleet: each is a common name, and begins two files' names.
pub(crate) fn clients<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), NameError> {
    let mut seen = HashSet::new();
    for name in names {
        common(name)?;
        refuse(
            name,
            |character| matches!(character, '/' | '\\'),
            "the client's files are called so",
        )?;
        if matches!(name, "ca" | "server") {
            return Err(NameError::TakenClient { name: name.to_owned() });
        }
        visible(name)?;
        if !seen.insert(name) {
            return Err(NameError::DuplicateClient { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Hidden files and directories are passed over when a fleet is read back: ours are what is half
/// done.
fn visible(name: &str) -> Result<(), NameError> {
    match name.starts_with('.') {
        true => Err(NameError::Character {
            name: name.to_owned(),
            character: '.',
            reason: "what begins with it is hidden, and not read back as a part of the fleet",
        }),
        false => Ok(()),
    }
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
            &[".a"],
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
        ".a" has '.' in it, and what begins with it is hidden, and not read back as a part of the fleet
        "a=b" has '=' in it, and etcd splits --initial-cluster there
        "a,b" has ',' in it, and etcd splits --initial-cluster there
        "a\0b" has '\0' in it, and control characters hide what a name is
        "a\nb" has '\n' in it, and control characters hide what a name is
        a member cannot be called "client.crt": its files go to a directory of that name, which is something else already
        two members are called "infra1"
        "#);
    }

    #[test]
    fn a_client_may_not_take_the_files_of_others() {
        assert_eq!(clients(["root", "alice@example.com", "x.y"]), Ok(()));
        let errors: Vec<_> =
            [&["ca"][..], &["server"], &[""], &["../x"], &["a\\b"], &[".x"], &["a", "a"]]
                .into_iter()
                .map(|names| clients(names.iter().copied()).unwrap_err().to_string())
                .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        a client cannot be called "ca": ca.crt and ca.key are other files of the fleet
        a client cannot be called "server": server.crt and server.key are other files of the fleet
        a name is empty
        "../x" has '/' in it, and the client's files are called so
        "a\\b" has '\\' in it, and the client's files are called so
        ".x" has '.' in it, and what begins with it is hidden, and not read back as a part of the fleet
        two clients are called "a"
        "#);
    }
}
