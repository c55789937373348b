//! What tells the series of one metric apart: its attributes as one text.

use std::borrow::Cow;

use model::Str;

use super::super::semconv::Attr;
use super::super::view::Value;
use crate::digest;
use crate::names::cut;

/// `key=value`, in order of key, joined by commas; the last of a key holds. What is longer than `max` keeps its head
/// and a digest of all of it, so that series stay apart.
pub(super) fn series(attributes: &[(Cow<'_, str>, Value<'_>)], labels: &[(Attr, Str)], max: usize) -> String {
    let labels = labels.iter().map(|(attr, text)| (attr.name(), Cow::Borrowed(&**text)));
    let own = attributes.iter().filter_map(|(key, value)| Some((&**key, value.text()?)));
    let mut pairs: Vec<(&str, Cow<'_, str>)> = labels.chain(own).collect();
    // Stable: of equal keys the last one comes last.
    pairs.sort_by_key(|(key, _)| *key);
    let mut text = String::new();
    for (at, (key, value)) in pairs.iter().enumerate() {
        if pairs.get(at + 1).is_some_and(|(next, _)| next == key) {
            continue;
        }
        text.push_str(if text.is_empty() { "" } else { "," });
        escape(key, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    if text.len() <= max {
        return text;
    }
    let digest = digest::content_id("#", &[text.as_bytes()]);
    format!("{}{digest}", cut(&text, max.saturating_sub(digest.len())))
}

/// A backslash stands before what would end a key or a value.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(key: &'a str, value: &'a str) -> (Cow<'a, str>, Value<'a>) {
        (Cow::Borrowed(key), Value::Text(Cow::Borrowed(value)))
    }

    #[test]
    fn attributes_are_in_order_each_once_and_unambiguous() {
        let attributes =
            [text("b", "2"), (Cow::Borrowed("n"), Value::Int(7)), text("a", "x,y=z\\"), text("b", "3")];
        assert_eq!(series(&attributes, &[], 100), "a=x\\,y\\=z\\\\,b=3,n=7");
        let labels = [(Attr::ProcessPid, Str::from("12"))];
        assert_eq!(series(&attributes[1..2], &labels, 100), "n=7,process.pid=12");
        assert_eq!(series(&[text("a", " ")], &[], 100), "");
    }

    #[test]
    fn long_series_are_cut_and_stay_apart() {
        let long = "x".repeat(200);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        let of = |value: &str| series(&[text("key", value)], &[], 64);
        assert!(of(&one).starts_with("key=xxx") && of(&one).len() <= 64, "{}", of(&one));
        assert_ne!(of(&one), of(&other));
    }
}
