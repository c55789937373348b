//! A run for people: what is new with how to mend it, then counts and what should be tidied. All text of the tree is
//! escaped here.

use std::fmt::Write;

use register::guard::{Finding, Mode, Standing};

use super::Ran;
use crate::escape;

pub(in super::super) fn text(ran: &Ran<'_>, explain: bool) -> String {
    let mut out = String::new();
    for found in ran.outcome.findings.iter().filter(|found| found.standing == Standing::New) {
        let Finding { path, line, column, mode, message, guard, .. } = found;
        said(&mut out, &format!("{path}:{line}:{column}: {}: {message} [{guard}]", mode.level()));
        said(&mut out, &format!("    mend: {}", found.mend));
        if explain {
            explained(&mut out, ran, found);
        }
    }
    for crash in &ran.outcome.crashes {
        let level = crash.mode.level();
        said(
            &mut out,
            &format!("{}: {level}: the guard did not run: {} [{}]", ran.file, crash.why, crash.guard),
        );
    }
    summary(&mut out, ran);
    tidying(&mut out, ran);
    out
}

fn explained(out: &mut String, ran: &Ran<'_>, found: &Finding) {
    let kind = ran.guard(&found.guard).map(|guard| format!("{} {}", guard.kind(), guard.looks_for()));
    let does = match found.mode {
        Mode::Report => "report: it is told and stops nothing",
        Mode::Warn => "warn: it is a warning and stops nothing",
        Mode::Block => "block: it fails the run",
    };
    for (name, value) in [
        ("rule", found.rule.as_str()),
        ("looks for", kind.as_deref().unwrap_or_default()),
        ("stands there", found.excerpt.as_str()),
        ("mode", does),
        ("fingerprint", found.fingerprint.as_str()),
    ] {
        said(out, &format!("    {name}: {value}"));
    }
}

fn summary(out: &mut String, ran: &Ran<'_>) {
    let count = |holds: fn(&Standing) -> bool| {
        ran.outcome.findings.iter().filter(|found| holds(&found.standing)).count()
    };
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let new =
        [Mode::Block, Mode::Warn, Mode::Report].map(|mode| plural(ran.outcome.new_of(mode), mode.level()));
    let (guards, files) = (plural(ran.guards.len(), "guard"), plural(ran.files, "file"));
    let _ = write!(out, "{guards}, {files}: {}", new.join(", "));
    let old = count(|standing| *standing == Standing::Old);
    let waived = count(|standing| matches!(standing, Standing::Waived { .. }));
    for (count, name) in [(old, "old"), (waived, "waived"), (ran.outcome.crashes.len(), "did not run")] {
        if count > 0 {
            let _ = write!(out, ", {count} {name}");
        }
    }
    out.push('\n');
}

fn tidying(out: &mut String, ran: &Ran<'_>) {
    if !ran.outcome.mended.is_empty() {
        let count = ran.outcome.mended.len();
        let _ =
            writeln!(out, "{count} of the baseline mended: `casebook guard baseline --shrink` takes it out");
    }
    for waiver in &ran.outcome.lapsed {
        said(out, &format!("a waiver is over: {waiver}"));
    }
    for waiver in &ran.outcome.endless {
        said(out, &format!("a waiver ends more than a year from now, and does not count: {waiver}"));
    }
    for waiver in &ran.outcome.idle {
        said(out, &format!("a waiver lets nothing through: {waiver}"));
    }
    for path in ran.passed_over {
        said(out, &format!("{path}: too long, nobody looked at it"));
    }
}

/// One line.
fn said(out: &mut String, line: &str) {
    let _ = writeln!(out, "{}", escape::line(line));
}
