//! Names of one request, each allocated once, and texts cut to their bound.

use std::collections::HashSet;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use model::Str;

/// Shares equal names between the events of a request. The set is only ever asked for one name, so its order
/// cannot reach a result; the seed comes from the installation's salt, so that nobody outside can aim at it.
#[derive(Debug)]
pub(crate) struct Names {
    seen: HashSet<Str, SeedableRandomState>,
    /// The name that is asked for most: what somebody did not say.
    empty: Str,
    max: usize,
}

impl Names {
    pub(crate) fn new(max: usize, salt: &[u8; 16]) -> Self {
        let seed = salt.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let state = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self { seen: HashSet::with_hasher(state), empty: Str::default(), max }
    }

    pub(crate) fn get(&mut self, text: &str) -> Str {
        if text.is_empty() {
            return self.empty.clone();
        }
        if let Some(name) = self.seen.get(text) {
            return name.clone();
        }
        let name = Str::from(text);
        if self.seen.len() < self.max {
            self.seen.insert(name.clone());
        }
        name
    }
}

/// `text` without surrounding blanks, and its longest head of at most `max` bytes that ends between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let text = text.trim();
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_keeps_characters_whole() {
        assert_eq!(cut("  payment ", 20), "payment");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("日本", 5), "日");
        assert_eq!(cut("日本", 0), "");
        assert_eq!(cut("ab cd", 3), "ab");
    }

    #[test]
    fn equal_names_are_shared_up_to_the_bound() {
        let mut names = Names::new(1, &[7; 16]);
        assert!(Str::ptr_eq(&names.get("a"), &names.get("a")));
        assert!(!Str::ptr_eq(&names.get("b"), &names.get("b")));
        assert_eq!(names.get("b"), names.get("b"));
    }
}
