//! A value that is replaced now and then, and whose old ones stay good for who still looks at them.

/// The last of some values that followed each other. All of them live as long as this, so that a
/// reference to one is good while it is replaced: they are few and small.
#[derive(Debug)]
pub(crate) struct Latest<T> {
    values: boxcar::Vec<T>,
}

impl<T> Latest<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { values: boxcar::vec![value] }
    }

    /// The one that counts.
    pub(crate) fn current(&self) -> &T {
        // A push that has begun counts, but may not be there yet: then it is the one before.
        let last = (0..self.values.count()).rev().find_map(|index| self.values.get(index));
        last.expect("the first was there from the beginning, and none is ever removed")
    }

    /// All that there were, the first one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(|(_, value)| value)
    }

    /// Puts `value` in its place.
    pub(crate) fn replace(&self, value: T) {
        self.values.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts_and_the_first_stays_good() {
        let latest = Latest::new("one".to_owned());
        let first = latest.current();
        latest.replace("two".to_owned());
        assert_eq!((first.as_str(), latest.current().as_str()), ("one", "two"));
        assert!(latest.all().eq(["one", "two"]));
    }
}
