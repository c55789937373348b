//! What all clients saw together, as numbers, and what was wrong, by its kind. It must never hold a record: it has to fit an
//! hour.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// Of more of a kind there is a count.
const EXAMPLES_MAX: usize = 10;
/// Kinds that are told apart; what is of another counts as one.
const KINDS_MAX: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    answered: AtomicU64,
    notified: AtomicU64,
    judged: AtomicU64,
    slowest_ms: AtomicU64,
    wrong: Mutex<BTreeMap<String, Wrong>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) answered: u64,
    pub(crate) notified: u64,
    pub(crate) judged: u64,
    pub(crate) slowest_ms: u64,
}

#[derive(Debug, Default)]
struct Wrong {
    count: u64,
    examples: Vec<String>,
}

impl Ledger {
    pub(crate) fn answered(&self, took_ms: u64) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.slowest_ms.fetch_max(took_ms, Ordering::Relaxed);
    }

    /// A client was judged, and had been told so much.
    pub(crate) fn judged(&self, notified: u64, wrong: Vec<String>) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        self.notified.fetch_add(notified, Ordering::Relaxed);
        wrong.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong(otherwise());
        }
    }

    pub(crate) fn wrong(&self, wrong: String) {
        let mut all = self.all_wrong();
        let kind = kind(&wrong);
        let kind = if all.len() < KINDS_MAX || all.contains_key(&kind) { kind } else { "another".to_owned() };
        let held = all.entry(kind).or_default();
        held.count += 1;
        if held.count == 1 {
            tell(&wrong);
        }
        if held.examples.len() < EXAMPLES_MAX {
            held.examples.push(wrong);
        }
    }

    pub(crate) fn wrong_count(&self) -> u64 {
        self.all_wrong().values().map(|wrong| wrong.count).sum()
    }

    /// Each kind with its count and its first examples.
    pub(crate) fn wrong_by_kind(&self) -> Value {
        let told = |wrong: &Wrong| json!({ "count": wrong.count, "examples": wrong.examples });
        self.all_wrong().iter().map(|(kind, wrong)| (kind.clone(), told(wrong))).collect()
    }

    pub(crate) fn totals(&self) -> Totals {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            answered: of(&self.answered),
            notified: of(&self.notified),
            judged: of(&self.judged),
            slowest_ms: of(&self.slowest_ms),
        }
    }

    fn all_wrong(&self) -> MutexGuard<'_, BTreeMap<String, Wrong>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of its kind, when it is found: what goes on just then is of interest.
#[expect(clippy::print_stderr, reason = "whoever reads the log wants to know when it was")]
fn tell(wrong: &str) {
    eprintln!("  WRONG: {wrong}");
}

/// The text without what is of one case: the words that have a digit.
fn kind(wrong: &str) -> String {
    let of_a_case = |word: &str| word.contains(|letter: char| letter.is_ascii_digit());
    wrong.split(' ').map(|word| if of_a_case(word) { "_" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_counted_by_its_kind() {
        let ledger = Ledger::default();
        for number in 0..50 {
            ledger.wrong(format!("0x{number}: head {number} 0xab{number}: came twice"));
        }
        ledger.check(false, || "a client: it is gone".to_owned());
        ledger.check(true, || "nothing".to_owned());
        assert_eq!(ledger.wrong_count(), 51);
        let kinds = ledger.wrong_by_kind();
        assert_eq!(kinds["_ head _ _ came twice"]["count"], 50);
        assert_eq!(kinds["_ head _ _ came twice"]["examples"].as_array().map(Vec::len), Some(EXAMPLES_MAX));
        assert_eq!(kinds["a client: it is gone"]["count"], 1);
    }

    #[test]
    fn of_kinds_without_end_the_later_ones_are_one() {
        let ledger = Ledger::default();
        let letters = |number: usize| "x".repeat(number + 1);
        (0..2 * KINDS_MAX).for_each(|number| ledger.wrong(letters(number)));
        assert_eq!(ledger.wrong_count(), 2 * KINDS_MAX as u64);
        assert_eq!(ledger.wrong_by_kind()["another"]["count"], KINDS_MAX as u64);
    }
}
