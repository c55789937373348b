//! The report in Markdown (CommonMark). Text from outside is shown as text: nothing in it can become markup.

use std::fmt::Write;

use crate::report::{Hypothesis, Report, Sentence, SignalPart};

/// Text from outside inside a line of Markdown: nothing in it can become markup or a link, and what needs no
/// escape stays as it is, for the same text is read in terminals.
fn escape(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, c) in chars.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).and_then(|i| chars.get(i)), chars.get(i + 1));
        let inside_word = [before, after].iter().all(|c| c.is_some_and(|c| c.is_alphanumeric()));
        match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '@' => out.extend(['\\', *c]),
            '_' if !inside_word => out.extend(['\\', '_']),
            // These are markup at the start of a line only, and a text may stand there.
            '#' | '+' | '-' | '=' if i == 0 => out.extend(['\\', *c]),
            '.' | ')'
                if after.is_none_or(|c| c.is_whitespace()) && chars[..i].iter().all(char::is_ascii_digit) =>
            {
                out.extend(['\\', *c])
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Where addresses are linked by themselves, these are what they are known by.
            ':' if after == Some(&'/') => out.push_str("&#58;"),
            '.' if ends_with_www(&chars[..i]) => out.push_str("&#46;"),
            c if c.is_control() || is_format(*c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(*c),
        }
    }
    out
}

fn ends_with_www(chars: &[char]) -> bool {
    chars.len() >= 3 && chars[chars.len() - 3..].iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// Characters that are not seen but change how what follows is shown.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The numbers of the evidence list under which ids are cited.
struct Citations<'a>(Vec<&'a str>);

impl<'a> Citations<'a> {
    fn of(report: &'a Report) -> Self {
        Self(report.evidence.iter().map(|part| part.id.as_str()).collect())
    }

    /// ` [3, 7-9]` for the given ids, as text.
    fn marks(&self, ids: &[String]) -> String {
        let numbers = ids.iter().filter_map(|id| self.0.iter().position(|known| known == id));
        let mut numbers: Vec<usize> = numbers.map(|i| i + 1).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
            [first, .., last] => format!("{first}-{last}"),
            _ => run.iter().map(ToString::to_string).collect(),
        });
        let runs: Vec<String> = runs.collect();
        if runs.is_empty() { String::new() } else { format!(" \\[{}\\]", runs.join(", ")) }
    }

    fn sentence(&self, sentence: &Sentence) -> String {
        escape(&sentence.text) + &self.marks(&sentence.cites)
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

pub fn markdown(report: &Report) -> String {
    let cites = Citations::of(report);
    let mut out = String::new();
    head(report, &cites, &mut out);
    origin_and_propagation(report, &cites, &mut out);
    blast_radius(report, &cites, &mut out);
    hypotheses(report, &cites, &mut out);
    facts(report, &cites, &mut out);
    symptoms(report, &cites, &mut out);
    timeline(report, &cites, &mut out);
    checks(report, &cites, &mut out);
    evidence(report, &mut out);
    out
}

/// Writing to a string cannot fail, so its result says nothing.
macro_rules! line {
    ($out:expr, $($text:tt)*) => { { let _ = writeln!($out, $($text)*); } };
}

fn head(report: &Report, cites: &Citations<'_>, out: &mut String) {
    let incident = &report.incident;
    line!(out, "# Incident {}: {}\n", escape(&incident.id.to_string()), incident.status.as_str());
    line!(out, "**{}**{}\n", escape(&report.summary.text), cites.marks(&report.summary.cites));
    line!(out, "| | |\n|---|---|");
    let subject = report.cause.subject.as_deref().map(|s| format!(" ({})", escape(s))).unwrap_or_default();
    line!(
        out,
        "| cause | {}{subject}, confidence {:.2} |",
        report.cause.kind.as_str(),
        report.cause.confidence
    );
    if let Some(origin) = &report.origin {
        line!(out, "| origin | {} |", escape(&origin.service));
    }
    let requests = &report.blast_radius.requests;
    line!(
        out,
        "| impact | {} of {} requests ({}) |",
        requests.affected,
        requests.total,
        percent(requests.share)
    );
    line!(out, "| severity | {} of 5 |", incident.severity.0);
    line!(out, "| environment | {} |", escape(&incident.env));
    line!(out, "| started | {} |", incident.started_at);
    line!(out, "| detected | {} |", incident.detected_at);
    if let Some(resolved) = &incident.resolved_at {
        line!(out, "| resolved | {resolved} |");
    }
    line!(out, "");
}

fn origin_and_propagation(report: &Report, cites: &Citations<'_>, out: &mut String) {
    let Some(origin) = &report.origin else {
        line!(out, "## Origin\n\nUnknown: no failing trace could be read.\n");
        return;
    };
    line!(out, "## Origin and propagation\n");
    let at =
        format!("{} {}, step {}, failed with {}", origin.service, origin.operation, origin.step, origin.code);
    let agree = format!("{} of {} traces agree", origin.traces_agreeing, origin.traces_examined);
    line!(out, "{} ({agree}).{}", escape(&at), cites.marks(&origin.cites));
    if !origin.reason.is_empty() {
        line!(out, "Its message: “{}”.", escape(&origin.reason));
    }
    line!(out, "\n| hop | service | operation | failed | of | share | first failure | added latency |");
    line!(out, "|---|---|---|---|---|---|---|---|");
    for (i, hop) in report.propagation.iter().enumerate() {
        let latency =
            hop.added_latency_ms.map(|ms| format!("{ms:+} ms")).unwrap_or_else(|| "unknown".to_owned());
        line!(
            out,
            "| {} | {} | {}{} | {} | {} | {} | {} | {latency} |",
            i + 1,
            escape(&hop.service),
            escape(&hop.operation),
            cites.marks(&hop.cites),
            hop.failures,
            hop.requests,
            percent(hop.share),
            hop.first_failure_at.as_deref().unwrap_or("unknown"),
        );
    }
    line!(out, "");
}

fn blast_radius(report: &Report, cites: &Citations<'_>, out: &mut String) {
    let blast = &report.blast_radius;
    let users = if blast.users.exact {
        blast.users.affected.to_string()
    } else {
        format!("about {}", blast.users.affected)
    };
    line!(out, "## Blast radius\n");
    line!(
        out,
        "- {} of {} requests at the edge{}\n- {users} users\n- services: {}",
        blast.requests.affected,
        blast.requests.total,
        cites.marks(&blast.cites),
        escape(&blast.services.join(", "))
    );
    for cohort in &blast.cohorts {
        line!(out, "- {}", escape(&cohort.text));
    }
    line!(out, "");
}

fn hypotheses(report: &Report, cites: &Citations<'_>, out: &mut String) {
    line!(out, "## Hypotheses\n");
    for (i, Hypothesis { kind, subject, score, in_favour, against }) in report.hypotheses.iter().enumerate() {
        let subject = subject.as_deref().map(|s| format!(" ({})", escape(s))).unwrap_or_default();
        line!(out, "{}. **{}**{subject}, score {score}", i + 1, kind.as_str());
        for finding in in_favour.iter().chain(against) {
            line!(out, "   - {:+}: {}{}", finding.points, escape(&finding.text), cites.marks(&finding.cites));
        }
    }
    line!(out, "");
}

fn facts(report: &Report, cites: &Citations<'_>, out: &mut String) {
    if let Some(change) = &report.change {
        line!(out, "## Change\n");
        let what = format!("{} {} at {}", change.service, change.version, change.at);
        line!(out, "{}{}\n", escape(&what), cites.marks(std::slice::from_ref(&change.id)));
    }
    let all: Vec<&SignalPart> = report.runtime.iter().chain(&report.alerts).chain(&report.signals).collect();
    if !all.is_empty() {
        line!(out, "## Signals\n");
    }
    for signal in &all {
        let whom =
            signal.subject.as_ref().or(signal.service.as_ref()).map(String::as_str).unwrap_or_default();
        let what = format!("{} {} {whom} {}", signal.kind.as_str(), signal.subtype, signal.status);
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = escape(&signal.message);
        let mark = cites.marks(std::slice::from_ref(&signal.id));
        let again = match signal.times {
            1 => String::new(),
            times => format!("; {times} times, last at {}", signal.last_at),
        };
        let why = escape(&signal.rule);
        line!(out, "- {} {}: {message} ({why}{again}){mark}", signal.at, escape(&what));
    }
    if !all.is_empty() {
        line!(out, "");
    }
}

fn symptoms(report: &Report, cites: &Citations<'_>, out: &mut String) {
    line!(out, "## Symptoms\n");
    for symptom in &report.symptoms {
        let what = format!(
            "{} {} ({}), {}",
            symptom.service,
            symptom.operation,
            symptom.operation_kind.as_str(),
            symptom.code
        );
        let mark = cites.marks(std::slice::from_ref(&symptom.id));
        line!(out, "- {}, {}: {}{mark}", escape(&what), symptom.role, escape(&symptom.text));
    }
    line!(out, "");
}

fn timeline(report: &Report, cites: &Citations<'_>, out: &mut String) {
    line!(out, "## Timeline\n");
    for entry in &report.timeline {
        line!(out, "- {} {}{}", entry.at, escape(&entry.text), cites.marks(&entry.cites));
    }
    line!(out, "");
}

fn checks(report: &Report, cites: &Citations<'_>, out: &mut String) {
    if !report.next_checks.is_empty() {
        line!(out, "## Next checks\n");
        report.next_checks.iter().for_each(|check| line!(out, "- {}", cites.sentence(check)));
        line!(out, "");
    }
    if !report.instrumentation_warnings.is_empty() {
        line!(out, "## Instrumentation warnings\n");
        report.instrumentation_warnings.iter().for_each(|warning| line!(out, "- {}", escape(&warning.text)));
        line!(out, "");
    }
}

fn evidence(report: &Report, out: &mut String) {
    line!(out, "## Evidence\n");
    let (opening, latest) = (&report.completeness.opening, &report.completeness.latest);
    line!(out, "Traces at opening: {}; now: {}.\n", opening.status, latest.status);
    for (i, part) in report.evidence.iter().enumerate() {
        line!(
            out,
            "{}. {} `{}` {}",
            i + 1,
            escape(&part.id),
            part.digest.get(..12).unwrap_or_default(),
            part.at
        );
    }
    line!(
        out,
        "\nEvidence fingerprint `{}`, engine {}.",
        report.evidence_fingerprint,
        escape(&report.engine.version)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        for (hostile, shown) in [
            ("[click](http://evil.example)", "\\[click\\](http&#58;//evil.example)"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("# heading", "\\# heading"),
            ("1. item", "1\\. item"),
            ("- item", "\\- item"),
            ("a | b", "a \\| b"),
            ("**bold** _it_ `code` ~~gone~~", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\~\\~gone\\~\\~"),
            ("www.evil.example", "www&#46;evil.example"),
            ("me@evil.example", "me\\@evil.example"),
            ("\u{1b}[31mred\u{202e}txt\n# next", "\u{fffd}\\[31mred\u{fffd}txt\u{fffd}# next"),
            ("&amp;", "&amp;amp;"),
        ] {
            assert_eq!(escape(hostile), shown, "{hostile:?}");
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        for text in [
            "POST /v1/charges",
            "connection_refused",
            "2.4.1",
            "card-provider:443",
            "12 of 15 (80 %)",
            "a: b",
        ] {
            assert_eq!(escape(text), text);
        }
    }
}
