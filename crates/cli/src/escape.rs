//! Text from outside, made safe to show. Everything that a server said goes through here before a terminal sees
//! it: no control character, no invisible one, and nothing that turns the direction of a line.

use std::borrow::Cow;

use engine::render::inert::{acts, inert_with};

/// For one line: what would act on a terminal, or hide, is shown by its number.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, acts, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.push_str(&c.escape_unicode().to_string()),
    })
}

/// For several lines, such as Markdown: line ends stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |c| c != '\n' && acts(c),
        |out, c| match c {
            '\t' => out.push_str("    "),
            c => out.push_str(&c.escape_unicode().to_string()),
        },
    )
}

/// For JSON: such characters stand within strings only, where an escape means the same to every reader.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |c| !matches!(c, '\n' | '\r' | '\t') && acts(c),
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        },
    )
}

fn escaped(text: &str, acts: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(&acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(inert_with(text, acts, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        for text in ["", "payment: POST /pay", "Ω 漢字 👩‍👩‍👧", "a \\ b \"c\""] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown() {
        for (text, expected) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\0\u{7f}\u{9b}31m", "\\u{0}\\u{7f}\\u{9b}31m"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("x\u{200b}\u{e0041}\u{feff}", "x\\u{200b}\\u{e0041}\\u{feff}"),
        ] {
            assert_eq!(line(text), expected);
        }
    }

    #[test]
    fn line_ends_of_several_lines_stay() {
        assert_eq!(lines("# a\n\tb\r\n\u{1b}c"), "# a\n    b\\u{d}\n\\u{1b}c");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({ "a": "\u{7f}\u{9b}\u{202e}\u{e0041} 👩‍👩‍👧", "b": [1, "\n"] });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&text);
        // The joiners of the family are all that stays.
        assert!(safe.chars().all(|c| matches!(c, '\n' | '\u{200d}') || !acts(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
