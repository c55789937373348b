//! Follow-ups that are open past the day on which they were due. Which day it is it is told.

use model::Nanos;

use super::entry::Entry;

const DAY_NS: u64 = 86_400 * model::SECOND_NS;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The document's id.
    pub document: String,
    pub follow_up: String,
    pub what: String,
    pub owner: String,
    pub due: String,
    pub days_late: u64,
}

/// A day as `2026-12-05`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    text: String,
    begins: Nanos,
}

impl Day {
    pub fn parse(text: &str) -> Option<Self> {
        let begins = Nanos::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()?;
        Some(Self { text: text.to_owned(), begins })
    }

    /// The day, in UTC, that this moment lies in.
    pub fn of(now: Nanos) -> Self {
        let begins = Nanos(now.0 - now.0 % DAY_NS);
        Self { text: begins.to_rfc3339().chars().take(10).collect(), begins }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The longest overdue first. On the day itself nothing is late yet.
pub fn overdue(register: &[Entry], on: &Day) -> Vec<Overdue> {
    let mut late: Vec<Overdue> = Vec::new();
    for entry in register {
        for follow_up in entry.open_follow_ups() {
            let Some(due) = follow_up.due.as_deref().and_then(Day::parse) else { continue };
            let days_late = on.begins.since(due.begins) / DAY_NS;
            if days_late > 0 {
                late.push(Overdue {
                    document: entry.id.clone(),
                    follow_up: follow_up.id.clone(),
                    what: follow_up.what.clone(),
                    owner: follow_up.owner.clone(),
                    due: due.text,
                    days_late,
                });
            }
        }
    }
    let key = |late: &Overdue| (late.due.clone(), late.document.clone(), late.follow_up.clone());
    late.sort_by_key(key);
    late
}

#[cfg(test)]
mod tests;
