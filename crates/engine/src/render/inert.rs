//! Text from outside made inert: one decision, for every surface, about which characters act instead of being seen.
//! It knows no markup; each rendering escapes its own on top of this.

/// What stands for a character that was taken out, where a surface has no escape of its own.
pub const TAKEN_OUT: char = char::REPLACEMENT_CHARACTER;

/// The text with every acting character replaced: it stays on one line, in one direction, and a terminal only shows it.
pub fn inert(text: &str) -> String {
    inert_with(text, acts, |out, _| out.push(TAKEN_OUT))
}

/// The same with the caller's own idea of which characters act, at most those of `acts`, and of what stands for them.
pub fn inert_with(
    text: &str,
    acts: impl Fn(char) -> bool,
    mut instead: impl FnMut(&mut String, char),
) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        let joins = is_joiner(c) && is_joined(before) && is_joined(rest.peek().copied());
        if acts(c) && !joins {
            instead(&mut out, c)
        } else {
            out.push(c)
        }
        before = Some(c);
    }
    out
}

/// Controls (line ends, escapes), separators of lines and paragraphs, changes of direction, and characters that show
/// nothing and may carry a hidden text or split a word that somebody looks for.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Emoji and some scripts are written with these; between two of their letters they stay.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_joined(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(|c| !c.is_ascii() && !acts(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_seen_stays() {
        for text in ["", "payment: POST /pay", "Ω ≈ 漢字 عربى e\u{301}", "👩‍👩‍👧", "می‌خواهم", "a \\ b \"c\" <d>"]
        {
            assert_eq!(inert(text), text);
        }
    }

    #[test]
    fn what_acts_is_taken_out() {
        for (text, expected) in [
            ("\u{1b}[2J", "\u{fffd}[2J"),
            ("\u{1b}]8;;http://x\u{7}y", "\u{fffd}]8;;http://x\u{fffd}y"),
            ("a\r\n\tb", "a\u{fffd}\u{fffd}\u{fffd}b"),
            ("\0\u{7f}\u{9b}31m", "\u{fffd}\u{fffd}\u{fffd}31m"),
            ("a\u{202e}b\u{2066}c\u{61c}", "a\u{fffd}b\u{fffd}c\u{fffd}"),
            ("x\u{200b}y\u{e0041}z\u{feff}", "x\u{fffd}y\u{fffd}z\u{fffd}"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            // A joiner inside a word of plain letters hides; at the end it joins nothing.
            ("pass\u{200d}word", "pass\u{fffd}word"),
            ("👩\u{200d}", "👩\u{fffd}"),
            ("漢\u{200d}\u{200d}字", "漢\u{fffd}\u{fffd}字"),
        ] {
            assert_eq!(inert(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_that_acts_is_left() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| acts(*c)) {
            assert!(!inert(&format!("a{c}b")).contains(c), "{c:?}");
        }
    }
}
