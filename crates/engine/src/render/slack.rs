//! The report as a message for Slack (Block Kit), within Slack's limits. Words from outside stand in `plain_text`
//! objects, which know no formatting, and are made inert on top of that, for the fallback text is read as `mrkdwn`.

use serde_json::{Value, json};

use super::brief::{Brief, Evidence, Said, Section};
use super::inert::inert;
use crate::report::Report;

/// Slack refuses a message with more.
const BLOCKS_MAX: usize = 50;
/// Of one text object.
const TEXT_CHARS_MAX: usize = 3000;
const HEADER_CHARS_MAX: usize = 150;
/// Of a field in a section.
const FIELD_CHARS_MAX: usize = 2000;
const FIELDS_MAX: usize = 10;
/// One sentence; what is longer is cut, so that no single text fills the message.
const SENTENCE_CHARS_MAX: usize = 600;
/// Evidence that is listed under the message; the report holds the rest.
const EVIDENCE_MAX: usize = 20;

/// `{text, blocks}`: the body of an incoming webhook, without a channel.
pub fn slack(report: &Report) -> String {
    let brief = Brief::of(report);
    let mut blocks = vec![header(&brief.title), text(write(&brief.summary))];
    for (name, said) in &brief.lead {
        blocks.push(labelled(name, write(said)));
    }
    blocks.push(facts(&brief));
    for part in brief.sections.iter().filter(|section| section.short > 0) {
        // A title without its text would be nothing; two places stay for the evidence.
        if blocks.len() + 2 > BLOCKS_MAX - 2 {
            break;
        }
        blocks.push(title(part.title));
        blocks.push(text(section(part)));
    }
    blocks.push(evidence(&brief));
    json!({
        "text": cut(&format!("{}: {}", brief.title.write(plain), brief.summary.write(plain)), TEXT_CHARS_MAX),
        "blocks": blocks,
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
    .to_string()
}

/// Text from outside for Slack, whatever object it stands in: no control sequence, no mention, no link, no formatting.
/// Slack's text has no escape beyond `& < >`, so what would format is shown by a sign that looks the same.
pub fn plain(text: &str) -> String {
    let chars: Vec<char> = inert(text).chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, c) in chars.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).and_then(|i| chars.get(i)), chars.get(i + 1));
        let inside_word = [before, after].iter().all(|c| c.is_some_and(|c| c.is_alphanumeric()));
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '*' => out.push('\u{2217}'),
            '_' if !inside_word => out.push('\u{ff3f}'),
            '~' => out.push('\u{223c}'),
            '`' => out.push('\u{2cb}'),
            '@' => out.push('\u{ff20}'),
            // An address is known by `://`, a channel by `#name`.
            '/' if before == Some(&':') => out.push('\u{2215}'),
            '#' if after.is_some_and(|c| c.is_alphanumeric()) => out.push('\u{ff03}'),
            c => out.push(*c),
        }
    }
    out
}

fn write(said: &Said) -> String {
    said.cited(cut(&said.write(plain), SENTENCE_CHARS_MAX))
}

/// At most so many characters, and never half of an escape.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars_max - 1).collect();
    if let Some(at) = kept.rfind('&').filter(|at| !kept[*at..].contains(';')) {
        kept.truncate(at);
    }
    kept + "…"
}

fn plain_text(text: &str, chars_max: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, chars_max), "emoji": false })
}

/// Only for words of ours.
fn bold(words: &'static str) -> Value {
    json!({ "type": "mrkdwn", "text": format!("*{words}*"), "verbatim": true })
}

fn header(said: &Said) -> Value {
    json!({ "type": "header", "text": plain_text(&said.write(plain), HEADER_CHARS_MAX) })
}

fn text(text: String) -> Value {
    json!({ "type": "section", "text": plain_text(&text, TEXT_CHARS_MAX) })
}

fn title(words: &'static str) -> Value {
    json!({ "type": "section", "text": bold(words) })
}

fn labelled(name: &'static str, said: String) -> Value {
    json!({ "type": "section", "text": bold(name), "fields": [plain_text(&said, FIELD_CHARS_MAX)] })
}

fn facts(brief: &Brief) -> Value {
    let fields = brief.facts.iter().take(FIELDS_MAX);
    let fields = fields.map(|(name, said)| plain_text(&format!("{name}: {}", write(said)), FIELD_CHARS_MAX));
    json!({ "type": "section", "fields": fields.collect::<Vec<_>>() })
}

/// The first few lines of a section, and how many there are beside them.
fn section(section: &Section) -> String {
    let all: Vec<Said> = section.blocks.iter().flat_map(|block| block.lines()).collect();
    let mut lines: Vec<String> =
        all.iter().take(section.short).map(|said| format!("• {}", write(said))).collect();
    if all.len() > section.short {
        lines.push(format!("… and {} more in the report", all.len() - section.short));
    }
    lines.join("\n")
}

fn evidence(brief: &Brief) -> Value {
    let shown = brief.cited_when_short();
    let line = |number: &usize| {
        let Evidence { id, at, .. } = brief.evidence.get(number - 1)?;
        Some(format!("[{number}] {} {}", cut(&plain(id), 100), cut(&plain(at), 40)))
    };
    let mut lines: Vec<String> = shown.iter().take(EVIDENCE_MAX).filter_map(line).collect();
    if shown.len() > EVIDENCE_MAX {
        lines.push(format!("… and {} more in the report", shown.len() - EVIDENCE_MAX));
    }
    lines.push(write(&brief.foot));
    json!({ "type": "context", "elements": [plain_text(&lines.join("\n"), TEXT_CHARS_MAX)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_mention_link_or_format() {
        for (hostile, shown) in [
            ("<!channel> <@U123> <#C1|x>", "&lt;!channel&gt; &lt;＠U123&gt; &lt;＃C1|x&gt;"),
            ("<https://evil.example|click>", "&lt;https:∕/evil.example|click&gt;"),
            ("@here *b* _i_ ~s~ `c`", "＠here ∗b∗ ＿i＿ ∼s∼ ˋcˋ"),
            ("connection_refused", "connection_refused"),
            ("a\n> quote\u{202e}", "a\u{fffd}&gt; quote\u{fffd}"),
            ("&lt;", "&amp;lt;"),
        ] {
            assert_eq!(plain(hostile), shown, "{hostile:?}");
        }
    }

    #[test]
    fn a_cut_leaves_no_half_of_an_escape() {
        assert_eq!(cut("abc&amp;def", 7), "abc…");
        assert_eq!(cut("abc&amp;def", 10), "abc&amp;d…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
