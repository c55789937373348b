//! Files as text with lines. It judges nothing.

use std::borrow::Cow;

/// A file that is longer is passed over, and the run says so.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Where a byte of nothing stands in here the file is no text, as Git has it too.
const BINARY_BYTES: usize = 8000;

/// The file as text; none where it is no text. A byte that is no UTF-8 stops no guard from reading the rest.
pub fn readable(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let is_binary = bytes.iter().take(BINARY_BYTES).any(|byte| *byte == 0);
    (!is_binary).then(|| String::from_utf8_lossy(bytes))
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

    /// The line and the column of a byte, both from 1, the column in characters.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
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
    fn what_is_no_text_is_passed_over_and_an_odd_byte_is_not() {
        assert_eq!(readable(b"a\0b"), None);
        assert_eq!(readable(b"a\xffb").as_deref(), Some("a\u{fffd}b"));
    }
}
