//! The report as a note of a PagerDuty incident: plain text. Text from outside cannot begin a line, nor look like an
//! address that a reader's program would make a link.

use std::fmt::Write;

use super::brief::{Brief, Evidence, Said};
use super::inert::inert;
use crate::report::Report;

/// Far below what PagerDuty takes, and about as much as is read in the night.
const NOTE_CHARS_MAX: usize = 4000;
const SENTENCE_CHARS_MAX: usize = 400;
const EVIDENCE_MAX: usize = 12;

macro_rules! line {
    ($out:expr, $($text:tt)*) => { { let _ = writeln!($out, $($text)*); } };
}

pub fn pagerduty_note(report: &Report) -> String {
    let brief = Brief::of(report);
    let mut out = String::new();
    line!(out, "{}\n{}\n", cut(&brief.title.write(plain), SENTENCE_CHARS_MAX), write(&brief.summary));
    brief.lead.iter().for_each(|(name, said)| line!(out, "{}: {}", name.to_uppercase(), write(said)));
    line!(out, "");
    brief.facts.iter().for_each(|(name, said)| line!(out, "{name}: {}", write(said)));
    let tail = evidence(&brief);
    let room = NOTE_CHARS_MAX.saturating_sub(tail.chars().count());
    for section in brief.sections.iter().filter(|section| section.short > 0) {
        let mut part = format!("\n{}\n", section.title.to_uppercase());
        let lines: Vec<Said> = section.blocks.iter().flat_map(|block| block.lines()).collect();
        lines.iter().take(section.short).for_each(|said| line!(part, "- {}", write(said)));
        if out.chars().count() + part.chars().count() > room {
            break;
        }
        out.push_str(&part);
    }
    cut(&out, room) + &tail
}

fn evidence(brief: &Brief) -> String {
    let mut out = "\nEVIDENCE\n".to_owned();
    for number in brief.cited_when_short().into_iter().take(EVIDENCE_MAX) {
        if let Some(Evidence { id, at, .. }) = brief.evidence.get(number - 1) {
            line!(out, "[{number}] {} {}", cut(&plain(id), 120), cut(&plain(at), 40));
        }
    }
    line!(out, "{}", write(&brief.foot));
    out
}

fn write(said: &Said) -> String {
    said.cited(cut(&said.write(plain), SENTENCE_CHARS_MAX))
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// On one line, and without an address that would become a link.
fn plain(text: &str) -> String {
    inert(text).replace("://", ":\u{2215}\u{2215}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_on_its_line_and_links_nowhere() {
        assert_eq!(plain("a\nROOT CAUSE: b https://x"), "a\u{fffd}ROOT CAUSE: b https:∕∕x");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}
