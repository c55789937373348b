//! One place that a guard objects to, with what makes it the same place after other lines moved. It knows no guard.

use sha2::{Digest, Sha256};

use super::text::Lines;

const EXCERPT_CHARS_MAX: usize = 160;
const NOTE_CHARS_MAX: usize = 300;
/// A guard that finds more in one file has the wrong pattern, or the file is no source.
const HITS_MAX: usize = 1000;

/// A place, before it is held against the baseline and the waivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub path: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    /// The first line of it, short.
    pub excerpt: String,
    /// What the guard says of this one place, beside its message.
    pub note: String,
    /// The hash of the lines that it touches, without their layout: not where it stands, but what stands there.
    pub(super) span: [u8; 32],
}

/// Makes hits in one file. What hits on the same lines share is worked out once: a file may be one long line.
struct Marker<'t> {
    path: &'t str,
    lines: Lines<'t>,
    /// Where the last hit began, as byte, line and column.
    place: (usize, usize, usize),
    /// The lines of the last hit, with their hash and excerpt.
    stood: Option<(usize, usize, [u8; 32], String)>,
}

impl<'t> Marker<'t> {
    fn new(path: &'t str, text: &'t str) -> Self {
        Self { path, lines: Lines::new(text), place: (0, 1, 1), stood: None }
    }

    /// The bytes from `from` to `to`.
    fn at(&mut self, from: usize, to: usize, note: &str) -> Hit {
        let (line, column) = self.place(from);
        // The line end that a pattern may have taken with it belongs to the line before it.
        let end_line = self.lines.line(to.saturating_sub(1).max(from));
        self.hit((line, column, end_line), note)
    }

    /// A line that somebody else named.
    fn on_line(&mut self, line: usize, column: usize, note: &str) -> Hit {
        self.hit((line, column, line), note)
    }

    /// Where there is no such line, what is said of it stands for it.
    fn hit(&mut self, (line, column, end_line): (usize, usize, usize), note: &str) -> Hit {
        let is_same = self.stood.as_ref().is_some_and(|stood| (stood.0, stood.1) == (line, end_line));
        if !is_same {
            let whole = self.lines.whole(line, end_line);
            let excerpt = cut(whole.trim().lines().next().unwrap_or_default(), EXCERPT_CHARS_MAX);
            self.stood = Some((line, end_line, span(whole), excerpt));
        }
        let stood = self.stood.as_ref().map(|(_, _, span, excerpt)| (*span, excerpt.clone()));
        let (stands, excerpt) = stood.unwrap_or_default();
        let path = self.path.to_owned();
        let span = if excerpt.is_empty() { span(note) } else { stands };
        Hit { path, line, column, end_line, excerpt, note: cut(note, NOTE_CHARS_MAX), span }
    }

    fn place(&mut self, at: usize) -> (usize, usize) {
        let (from, line, column) = self.place;
        let between = self.lines.text().get(from..at).filter(|_| self.lines.line(at) == line);
        let (line, column) = match between {
            Some(between) => (line, column + between.chars().count()),
            None => self.lines.place(at),
        };
        self.place = (at, line, column);
        (line, column)
    }
}

/// Hits of one guard in one file, no more than the bound; where it is passed the last one says so.
pub(super) fn hits(path: &str, text: &str, places: impl Iterator<Item = (usize, usize, String)>) -> Vec<Hit> {
    bounded(path, text, places, |marker, (from, to, note)| marker.at(from, to, note))
}

/// The same for lines and columns that somebody named. Where the file cannot be read there is no text.
pub(super) fn on_lines(
    path: &str,
    text: Option<&str>,
    places: impl Iterator<Item = (usize, usize, String)>,
) -> Vec<Hit> {
    let text = text.unwrap_or_default();
    bounded(path, text, places, |marker, (line, column, note)| marker.on_line(line, column, note))
}

fn bounded(
    path: &str,
    text: &str,
    places: impl Iterator<Item = (usize, usize, String)>,
    mark: impl Fn(&mut Marker<'_>, (usize, usize, &str)) -> Hit,
) -> Vec<Hit> {
    let mut places = places.peekable();
    if places.peek().is_none() {
        return Vec::new();
    }
    let mut marker = Marker::new(path, text);
    let mut hits: Vec<Hit> = Vec::new();
    for (one, other, note) in places {
        if hits.len() == HITS_MAX {
            let note = format!("and more: a guard tells {HITS_MAX} findings of a file");
            hits.push(mark(&mut marker, (one, other, &note)));
            break;
        }
        hits.push(mark(&mut marker, (one, other, &note)));
    }
    hits
}

/// Layout does not count: what a formatter moves is not new.
fn span(text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for word in text.split_whitespace() {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    hash.finalize().into()
}

fn cut(text: &str, chars_max: usize) -> String {
    let cut: String = text.chars().take(chars_max).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Each hit looked at by itself has the place and the hash that it has among others.
    #[test]
    fn hits_are_what_each_is_alone() {
        let text = "é a a\na\n\na é a";
        let places =
            [(3, 4), (5, 6), (5, 8), (7, 8), (9, 9), (10, 11), (15, 16), (15, 99), (3, 4), (99, 100)];
        let of = |places: &[(usize, usize)]| {
            hits("a", text, places.iter().map(|(from, to)| (*from, *to, "x".to_owned())))
        };
        let alone: Vec<Hit> = places.iter().flat_map(|place| of(&[*place])).collect();
        assert_eq!(of(&places), alone);
        let named: Vec<_> = alone.iter().map(|hit| (hit.line, hit.column, hit.end_line)).collect();
        assert_eq!(named[..4], [(1, 3, 1), (1, 5, 1), (1, 5, 2), (2, 1, 2)]);
        assert_ne!(alone[0].span, alone[3].span);
    }

    #[test]
    fn a_thousand_hits_on_one_long_line_cost_little_more_than_one() {
        let text = "ab ".repeat(1_300_000);
        let began = Instant::now();
        let found = hits("a", &text, (0..5000).map(|at| (at * 780, at * 780 + 2, String::new())));
        let took = began.elapsed();
        assert_eq!((found.len(), found[1].column, found[1000].line), (HITS_MAX + 1, 781, 1));
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}
