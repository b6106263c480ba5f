//! The authority that comes after another.

use super::reissue::{kind, lifetime};
use super::{AUTHORITY_PATH_LENGTH, COMMON_NAME_MAX, IssueError};
use crate::Authority;
use crate::read::CertificateDetails;

/// Of a generation: a space and 16 hexadecimal digits.
const GENERATION_LENGTH: usize = 17;

impl Authority {
    /// Makes the authority that is to come after `old`: with its common name in another generation,
    /// and a key of its kind, valid for as long and with as many authorities below it. What it
    /// permits and excludes, and the rest of its name, are not taken over.
    ///
    /// How the one comes to take the place of the other is told by
    /// [`rotation`](crate::rotation).
    ///
    /// # Errors
    ///
    /// [`IssueError`], as of [`Authority::generate`].
    pub fn successor_of(old: &CertificateDetails) -> Result<Self, IssueError> {
        let limit = old.basic_constraints.and_then(|constraints| constraints.path_length);
        // With 0 it could not be changed by a cross certificate when its time comes.
        let path_length = limit.and_then(|limit| u8::try_from(limit).ok()).filter(|one| *one > 0);
        Self::builder(base_name(&old.subject.common_name))
            .key(kind(&old.public_key))
            .valid_for(lifetime(old))
            .path_length(path_length.unwrap_or(AUTHORITY_PATH_LENGTH))
            .generate()
    }
}

/// A common name without its generation, and no longer than leaves room for the next.
fn base_name(common_name: &str) -> String {
    let is_generation = |word: &str| {
        word.len() == GENERATION_LENGTH - 1 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let base = match common_name.rsplit_once(' ') {
        Some((base, last)) if is_generation(last) => base,
        _ => common_name,
    };
    let base: String = base.chars().take(COMMON_NAME_MAX - GENERATION_LENGTH).collect();
    match base.trim() {
        "" => "CA".to_owned(),
        base => base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyKind;
    use crate::read::PublicKey;

    fn details(authority: &Authority) -> CertificateDetails {
        CertificateDetails::parse(authority.certificate().der()).unwrap()
    }

    #[test]
    fn it_is_like_the_one_before_and_can_be_told_from_it() {
        let old = Authority::builder("example")
            .key(KeyKind::P384)
            .path_length(3)
            .valid_for(std::time::Duration::from_secs(90 * 24 * 3600))
            .generate()
            .unwrap();
        let next = Authority::successor_of(&details(&old)).unwrap();
        let after = Authority::successor_of(&details(&next)).unwrap();
        for one in [&next, &after] {
            assert_ne!(one.common_name(), old.common_name());
            assert_eq!(one.common_name().len(), old.common_name().len());
            assert!(one.common_name().starts_with("example "));
            let (one, old) = (details(one), details(&old));
            assert!(matches!(one.public_key, PublicKey::Ecdsa { bits: 384 }));
            assert_eq!(one.not_after - one.not_before, old.not_after - old.not_before);
            assert_eq!(one.basic_constraints, old.basic_constraints);
        }
    }

    #[test]
    fn names_of_others_are_taken_as_far_as_they_fit() {
        assert_eq!(base_name("tercet CA 0123456789abcdef"), "tercet CA");
        assert_eq!(base_name("tercet CA 0123456789abcdeg"), "tercet CA 0123456789abcdeg");
        assert_eq!(base_name("0123456789abcdef"), "0123456789abcdef");
        assert_eq!(base_name(""), "CA");
        let long = "é".repeat(COMMON_NAME_MAX);
        assert_eq!(base_name(&long).chars().count(), COMMON_NAME_MAX - GENERATION_LENGTH);
        // minica's.
        let minica = Authority::builder("minica root ca 1a2b3c").path_length(0).generate().unwrap();
        let next = Authority::successor_of(&details(&minica)).unwrap();
        assert_eq!(next.path_length(), Some(AUTHORITY_PATH_LENGTH));
    }
}
