//! A run for programs: all that is known of it.

use register::guard::{Finding, Mode, Standing};
use serde_json::{Value, json};

use super::Ran;

pub(in super::super) fn json(ran: &Ran<'_>) -> String {
    let outcome = ran.outcome;
    let crashes: Vec<_> = outcome
        .crashes
        .iter()
        .map(|crash| json!({ "guard": crash.guard, "mode": crash.mode.as_str(), "why": crash.why }))
        .collect();
    let mended: Vec<_> = outcome
        .mended
        .iter()
        .map(|entry| json!({ "guard": entry.guard, "path": entry.path, "fingerprint": entry.fingerprint }))
        .collect();
    let page = json!({
        "schema": "casebook.guard-run/v1",
        "fails": outcome.fails(),
        "errors": outcome.new_of(Mode::Block),
        "warnings": outcome.new_of(Mode::Warn),
        "notes": outcome.new_of(Mode::Report),
        "guards": ran.guards.iter().map(|guard| &guard.id).collect::<Vec<_>>(),
        "files": ran.files,
        "findings": outcome.findings.iter().map(finding).collect::<Vec<_>>(),
        "crashes": crashes,
        "mended": mended,
        "waivers_lapsed": outcome.lapsed,
        "waivers_endless": outcome.endless,
        "waivers_idle": outcome.idle,
        "passed_over": ran.passed_over,
    });
    format!("{page:#}")
}

fn finding(found: &Finding) -> Value {
    let mut value = json!({
        "guard": found.guard,
        "rule": found.rule,
        "mode": found.mode.as_str(),
        "path": found.path,
        "line": found.line,
        "column": found.column,
        "end_line": found.end_line,
        "message": found.message,
        "mend": found.mend,
        "excerpt": found.excerpt,
        "fingerprint": found.fingerprint,
        "standing": standing(&found.standing),
    });
    if let Standing::Waived { owner, reason, expires } = &found.standing {
        value["waiver"] = json!({ "owner": owner, "reason": reason, "expires": expires });
    }
    value
}

fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::New => "new",
        Standing::Old => "old",
        Standing::Waived { .. } => "waived",
    }
}
