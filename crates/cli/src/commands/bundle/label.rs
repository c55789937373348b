//! What a bundle's `case.toml` says: the report's answer, but for what a person says better.

use std::path::Path;

use api::{BundleEnd, BundleHead};
use cases::{Answer, Case, CaseKind, Decoys, Truth};
use engine::report::Report;
use model::{CauseKind, IncidentId, Nanos, TraceId};

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::time::to_the_second;

/// What the command line says of the case.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) name: String,
    pub(super) services: Vec<String>,
    pub(super) causes: Vec<CauseKind>,
    pub(super) change: Option<String>,
    pub(super) baseline_until: Option<Nanos>,
    pub(super) is_redacted: bool,
}

/// What the server gave.
#[derive(Debug)]
pub(super) struct Exported {
    pub(super) incident: IncidentId,
    pub(super) first: Nanos,
    pub(super) last: Nanos,
    pub(super) lines: u64,
    /// Everything since the journal's beginning is there.
    pub(super) is_whole: bool,
    pub(super) head: BundleHead,
    pub(super) end: BundleEnd,
    pub(super) report_hash: String,
}

/// The folder's name, which a case should have.
pub(super) fn name_of(out: &Path) -> String {
    out.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

pub(super) fn case(
    said: Said,
    report: &Report,
    exported: &Exported,
    is_exact: bool,
) -> Result<Case, Failure> {
    let answer = Answer::of(report);
    let best = answer.ranked.first();
    let named = best.map(|best| best.service.clone()).filter(|service| !service.is_empty());
    let services = if said.services.is_empty() { named.into_iter().collect() } else { said.services };
    if services.is_empty() {
        let message = "the report names no service as the origin; say which it was with --service NAME";
        return Err(Failure::new(Exit::Usage, message));
    }
    // What the report says of the step holds for the service that it names.
    let agrees = best.filter(|best| services.contains(&best.service));
    let plain = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let causes = if said.causes.is_empty() { vec![answer.cause] } else { said.causes };
    let is_change = causes.iter().any(|kind| matches!(kind, CauseKind::Deploy | CauseKind::Config));
    let found =
        if answer.change.is_empty() && !is_change { "none".to_owned() } else { answer.change.clone() };
    let at = Nanos::parse_rfc3339(&report.incident.started_at)
        .map_err(|_| Failure::new(Exit::Server, "the report says no time at which it began"))?;
    let salt: Option<TraceId> = exported.head.user_salt.parse().ok().filter(|_| !said.is_redacted);
    let about = format!("{} of {}", exported.incident, report.incident.env);
    let note = if said.is_redacted { about } else { format!("{about}: {}", report.summary.text) };
    Ok(Case {
        name: said.name,
        kind: CaseKind::Fault,
        start: Nanos(exported.first.0.saturating_sub(1)),
        end: exported.last,
        baseline_until: said.baseline_until,
        note: Some(note),
        truth: Some(Truth {
            at: at.max(exported.first).min(exported.last),
            services,
            operations: agrees.and_then(|best| plain(&best.operation)).into_iter().collect(),
            instances: agrees.and_then(|best| plain(&best.instance)).into_iter().collect(),
            change: said.change.unwrap_or(found),
            causes,
        }),
        decoys: Decoys::default(),
        bundle: Some(cases::Bundle {
            incident: exported.incident,
            report_hash: exported.report_hash.clone(),
            engine: exported.head.engine.clone(),
            exact: is_exact,
            user_salt: salt,
        }),
    })
}

/// What was made, and what it is good for.
pub(super) fn told(out: &Path, case: &Case, exported: &Exported, is_exact: bool) -> String {
    let shown = out.display().to_string();
    let shown = escape::line(&shown);
    let (start, end) = (to_the_second(&case.start.to_rfc3339()), to_the_second(&case.end.to_rfc3339()));
    let mut text = format!("{shown}: {} inputs from {start} to {end}.\n", exported.lines);
    if let Some(truth) = &case.truth {
        let causes: Vec<&str> = truth.causes.iter().map(|kind| kind.as_str()).collect();
        let services = truth.services.join(" or ");
        text.push_str(&format!(
            "Its truth: {} in {} since {}.\n",
            causes.join(" or "),
            escape::line(&services),
            to_the_second(&truth.at.to_rfc3339())
        ));
    }
    if exported.end.damaged + exported.end.unreadable > 0 {
        text.push_str(&format!(
            "{} damaged stretches of the journal and {} entries that cannot be read are missing.\n",
            exported.end.damaged, exported.end.unreadable
        ));
    }
    text.push_str(if is_exact {
        "Nothing was left out: a run gives the server's report, hash for hash.\n"
    } else {
        "Something was left out or redacted: a run should give the same cause and origin, not the same hash.\n"
    });
    text.push_str(&format!("Run it: casebook eval {shown}\n"));
    text
}
