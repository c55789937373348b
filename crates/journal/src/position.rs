//! Where an entry stands in the journal's total order.

use std::fmt;

/// The place of an entry: strictly increasing in append order over the whole life of the journal.
///
/// It is the number of bytes that precede the entry's frame, counted from the journal's first segment; segments
/// that retention has removed still count. Positions have gaps. The position of an entry that was never
/// acknowledged may be given to another entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before every entry.
    pub const START: Self = Self(0);
    /// After every entry.
    pub const MAX: Self = Self(u64::MAX);

    /// The least position after this one: to go on reading behind an entry, scan from `entry.position.after()`.
    #[must_use]
    pub const fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
