//! The report as one page of HTML: no script, no address outside the page, readable on a phone and on paper, where it
//! is the form to keep as PDF. Text from outside stands in element content only, escaped.

use std::fmt::Write;

use super::brief::{Block, Brief, Evidence, Item, Said, Section, Words};
use super::inert::inert;
use crate::report::Report;

/// The page's style; its hash stands in the policy, so it must be written without a change.
const STYLE: &str = include_str!("html/page.css");

/// What a browser may do with the page, as it stands in the page itself; whoever serves it says the same as a header.
pub const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; style-src 'sha256-",
    "FBZivw9buHl852Fo9NEFZAn9zh01bUVbIoFWlIwzdrQ=",
    "'; base-uri 'none'; form-action 'none'"
);

macro_rules! line {
    ($out:expr, $($text:tt)*) => { { let _ = writeln!($out, $($text)*); } };
}

pub fn html(report: &Report) -> String {
    let brief = Brief::of(report);
    let title = brief.title.write(escape);
    let mut out = head(&title);
    line!(out, "<body>\n<header>\n<h1>{title}</h1>");
    line!(out, "<p class=\"summary\">{}</p>\n</header>\n<main>", write(&brief.summary));
    line!(out, "<dl class=\"lead\">");
    definitions(&brief.lead, &mut out);
    line!(out, "</dl>\n<dl>");
    definitions(&brief.facts, &mut out);
    line!(out, "</dl>");
    brief.sections.iter().for_each(|part| section(part, &mut out));
    evidence(&brief, &mut out);
    line!(out, "</main>\n<footer>{}</footer>\n</body>\n</html>", write(&brief.foot));
    out
}

fn head(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_SECURITY_POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
    )
}

fn definitions(all: &[(&'static str, Said)], out: &mut String) {
    all.iter().for_each(|(name, said)| line!(out, "<dt>{name}</dt><dd>{}</dd>", write(said)));
}

fn section(section: &Section, out: &mut String) {
    line!(out, "<section>\n<h2>{}</h2>", section.title);
    for block in &section.blocks {
        match block {
            Block::Text(said) => line!(out, "<p>{}</p>", write(said)),
            Block::List { numbered, items } => list(if *numbered { "ol" } else { "ul" }, items, out),
            Block::Table { head, rows } => table(head, rows, out),
        }
    }
    line!(out, "</section>");
}

fn list(tag: &str, items: &[Item], out: &mut String) {
    line!(out, "<{tag}>");
    for item in items {
        let _ = write!(out, "<li>{}", write(&item.said));
        if !item.parts.is_empty() {
            let parts: String = item.parts.iter().map(|part| format!("<li>{}</li>", write(part))).collect();
            let _ = write!(out, "<ul>{parts}</ul>");
        }
        line!(out, "</li>");
    }
    line!(out, "</{tag}>");
}

fn table(head: &[&'static str], rows: &[Vec<Said>], out: &mut String) {
    let heads: String = head.iter().map(|title| format!("<th>{title}</th>")).collect();
    line!(out, "<div class=\"wide\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>");
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", write(cell))).collect();
        line!(out, "<tr>{cells}</tr>");
    }
    line!(out, "</tbody>\n</table></div>");
}

fn evidence(brief: &Brief, out: &mut String) {
    line!(
        out,
        "<section>\n<h2>Evidence</h2>\n<p>{}</p>\n<ol class=\"evidence\">",
        write(&brief.completeness)
    );
    for (number, Evidence { id, digest, at }) in (1..).zip(&brief.evidence) {
        let (id, digest, at) = (escape(id), escape(digest), escape(at));
        line!(out, "<li id=\"e{number}\">{id} <code>{digest}</code> {at}</li>");
    }
    line!(out, "</ol>\n</section>");
}

fn write(said: &Said) -> String {
    let mut out = String::new();
    for words in &said.words {
        let _ = match words {
            Words::Ours(text) | Words::Outside(text) => write!(out, "{}", escape(text)),
            Words::Quote(text) => write!(out, "<q>{}</q>", escape(text)),
        };
    }
    if !said.cites.is_empty() {
        let links =
            said.cites.iter().map(|number| format!("<a class=\"cite\" href=\"#e{number}\">[{number}]</a>"));
        let _ = write!(out, " {}", links.collect::<Vec<_>>().join(" "));
    }
    out
}

/// A text from outside as HTML shows it: no markup, and nothing that hides or turns what stands around it.
#[must_use]
pub fn escape(text: &str) -> String {
    model::html::escaped(&inert(text))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Base64 in its plainest form, so that the policy is checked by other means than it was made.
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for part in bytes.chunks(3) {
            let all =
                part.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
            let digits = (0..4).map(|at| char::from(DIGITS[(all >> (18 - 6 * at) & 63) as usize]));
            out.extend(digits.take(part.len() + 1));
            out.extend(std::iter::repeat_n('=', 3 - part.len()));
        }
        out
    }

    #[test]
    fn the_policy_allows_this_style_and_no_other() {
        let hash = base64(&Sha256::digest(STYLE));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")), "the style now has {hash}");
        assert!(!STYLE.contains("</") && !STYLE.contains("url("));
    }

    #[test]
    fn text_from_outside_cannot_become_markup() {
        assert_eq!(
            escape("</title><img src=x onerror='a(\"b\")'>&amp;\u{202e}"),
            "&lt;/title&gt;&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;\u{fffd}"
        );
    }
}
