//! Files as text with lines. It judges nothing.

use std::borrow::Cow;

/// A file that is longer is not read, and its guards have not looked.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The file as text. A byte that is no UTF-8 stops no guard from reading the rest, nor does one of zero: whoever could write
/// it into a source would else switch all guards of that file off. What is no text is kept from guards by their globs.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    /// The line and the column of a byte, both from 1, the column in characters.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.line(at);
        let before = self.text.get(self.start(line)..at.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// These lines whole, from 1, the last included; nothing where there are none such.
    pub(super) fn whole(&self, from: usize, to: usize) -> &'t str {
        let end = self.starts.get(to).copied().unwrap_or(self.text.len());
        self.text.get(self.start(from)..end).unwrap_or_default()
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_byte_and_by_number() {
        let lines = Lines::new("ab\nä漢c\n\nd");
        let places: Vec<_> = [0, 3, 8, 10, 11, 99].iter().map(|at| lines.place(*at)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (2, 3), (3, 1), (4, 1), (4, 2)]);
        assert_eq!((lines.whole(2, 2), lines.whole(2, 4), lines.whole(9, 9)), ("ä漢c\n", "ä漢c\n\nd", ""));
    }

    #[test]
    fn an_odd_byte_hides_nothing() {
        assert_eq!((readable(b"a\0b"), readable(b"a\xffb")), ("a\0b".into(), "a\u{fffd}b".into()));
    }
}
