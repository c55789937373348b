//! A run in the words of two who show findings beside a change: workflow commands of GitHub Actions, and the Code Quality
//! report of GitLab. Both show what is new.

use register::guard::{Finding, Mode, Standing};
use serde_json::json;

use super::Ran;
use crate::escape;

pub(in super::super) fn github(ran: &Ran<'_>) -> String {
    let mut out = String::new();
    for found in new(ran) {
        let Finding { path, line, end_line, column, guard, message, mend, mode, .. } = found;
        let command = command(*mode);
        let (path, title) = (property(path), property(guard));
        let said = message_of(&format!("{message}. To mend: {mend}."));
        out.push_str(&format!(
            "::{command} file={path},line={line},endLine={end_line},col={column},title={title}::{said}\n"
        ));
    }
    for crash in &ran.outcome.crashes {
        let (command, title) = (command(crash.mode), property(&crash.guard));
        let said = message_of(&format!("the guard {} did not run: {}", crash.guard, crash.why));
        out.push_str(&format!("::{command} file={},title={title}::{said}\n", property(ran.file)));
    }
    out
}

pub(in super::super) fn gitlab(ran: &Ran<'_>) -> String {
    let mut issues: Vec<_> = new(ran)
        .map(|found| {
            json!({
                "description": format!("{}. To mend: {}.", found.message, found.mend),
                "check_name": found.guard,
                "fingerprint": found.fingerprint,
                "severity": severity(found.mode),
                "location": { "path": found.path, "lines": { "begin": found.line } },
            })
        })
        .collect();
    issues.extend(ran.outcome.crashes.iter().map(|crash| {
        json!({
            "description": format!("the guard {} did not run: {}", crash.guard, crash.why),
            "check_name": crash.guard,
            "fingerprint": format!("did-not-run-{}", crash.guard),
            "severity": severity(crash.mode),
            "location": { "path": ran.file, "lines": { "begin": 1 } },
        })
    }));
    format!("{:#}", json!(issues))
}

fn new<'r>(ran: &Ran<'r>) -> impl Iterator<Item = &'r Finding> + use<'r> {
    ran.outcome.findings.iter().filter(|found| found.standing == Standing::New)
}

fn command(mode: Mode) -> &'static str {
    match mode {
        Mode::Report => "notice",
        Mode::Warn => "warning",
        Mode::Block => "error",
    }
}

fn severity(mode: Mode) -> &'static str {
    match mode {
        Mode::Report => "info",
        Mode::Warn => "minor",
        Mode::Block => "critical",
    }
}

/// The text of a command ends at the end of its line, and % begins an escape.
fn message_of(text: &str) -> String {
    escape::line(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")).into_owned()
}

/// A property ends at a comma or colon too.
fn property(text: &str) -> String {
    message_of(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_no_command_and_begins_none() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a\n::error::b", "a%0A::error::b"),
            ("100%\r", "100%25%0D"),
            ("\u{1b}[2J\u{202e}", "\\u{1b}[2J\\u{202e}"),
        ] {
            assert_eq!(message_of(text), expected);
        }
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
