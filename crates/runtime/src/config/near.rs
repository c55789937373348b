//! Which known name somebody meant who wrote an unknown one.

/// More changes than this make another word, and so do more than half the characters of a short one.
const CHANGES_MAX: usize = 3;
/// What is longer is nobody's name; comparing it would take long.
const NAME_BYTES_MAX: usize = 128;

/// What to say after "is not known": the nearest of the known names, if one is near. It never says what was written.
pub fn hint<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(written, known).map_or(String::new(), |name| format!("; did you mean {name}?"))
}

/// The nearest of the known names, if one is near.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > NAME_BYTES_MAX {
        return None;
    }
    let changes_max = CHANGES_MAX.min(written.chars().count() / 2);
    let (changes, name) = known.map(|name| (changes(written, name), name)).min()?;
    (changes <= changes_max).then_some(name)
}

/// How many characters have to be put in, taken out or changed to make one of the other.
fn changes(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, from) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, to) in other.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_hinted_at_if_it_is_near() {
        let known = || ["CASEBOOK_TICK", "CASEBOOK_DATA", "CASEBOOK_LISTEN"].into_iter();
        assert_eq!(hint("CASEBOOK_TICKS", known()), "; did you mean CASEBOOK_TICK?");
        assert_eq!(hint("CASEBOOK_LISTN", known()), "; did you mean CASEBOOK_LISTEN?");
        assert_eq!(hint("CASEBOOK_COMPRESSION", known()), "");
        // Of three characters not one is the same.
        assert_eq!(hint("foo", ["url", "key"].into_iter()), "");
        assert_eq!(hint("ulr", ["url", "key"].into_iter()), "");
        assert_eq!(hint("ur", ["url", "key"].into_iter()), "; did you mean url?");
        assert_eq!(hint(&"CASEBOOK_TICK".repeat(100), known()), "");
        assert_eq!(changes("", "abc"), 3);
        assert_eq!(changes("kitten", "sitting"), 3);
    }
}
