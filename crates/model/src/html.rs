//! Text in HTML. It knows no document, and not which characters act on whoever reads them: text from outside is made inert
//! before it comes here.

/// Text as the content of an element, or in an attribute between quotes: it is shown, and is no markup.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
