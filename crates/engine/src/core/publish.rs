//! When a report is made, and the effects that carry it out.

use std::collections::BTreeSet;

use model::{Effect, Incident, IncidentId, IncidentState, Nanos, ReportDocument, TraceId};

use super::Core;
use crate::analysis::Analysis;
use crate::case::{Case, Reported};
use crate::report::{Report, build};
use crate::{canonical, causes, concurrent, hash, suspects};

const MINUTE_NS: u64 = 60 * model::SECOND_NS;

/// How long the last report stands while nothing but numbers moves: each tick in the first minute after opening, then
/// every 10 s for an hour, then every minute.
fn cadence_ns(age_ns: u64) -> u64 {
    match age_ns {
        0..MINUTE_NS => 0,
        age if age < 60 * MINUTE_NS => 10 * model::SECOND_NS,
        _ => MINUTE_NS,
    }
}

impl Core {
    /// Reports on all incidents for which one is due; on those in `changed` it always is.
    pub(super) fn publish(&mut self, changed: &BTreeSet<IncidentId>) -> Vec<Effect> {
        let ids: Vec<IncidentId> = self.cases.keys().copied().collect();
        let mut effects = Vec::new();
        for id in ids {
            let Some(case) = self.cases.get(&id) else { continue };
            let changed = changed.contains(&id);
            let live = case.state != IncidentState::Resolved;
            if changed || live && (self.news || self.is_due(case)) {
                self.track_chain(id);
                effects.extend(self.report(id, changed));
            }
        }
        effects
    }

    fn is_due(&self, case: &Case) -> bool {
        let waited = case.last_report.as_ref().map(|last| self.tick.since(last.at));
        waited.is_none_or(|waited| waited >= cadence_ns(self.tick.since(case.opened_at)))
    }

    fn report(&mut self, id: IncidentId, at_once: bool) -> Vec<Effect> {
        let Some(case) = self.cases.get(&id) else { return Vec::new() };
        let due = at_once || self.is_due(case);
        let analysis = Analysis::of(case, self.view());
        let ambient = build::Ambient {
            config_digest: &self.config_digest,
            overflowed: self.window.overflowed.saturating_sub(case.ambient.0),
            late: self.late.saturating_sub(case.ambient.1),
            shed: self.shedding.between(analysis.started_at, case.resolved_at.unwrap_or(self.tick)),
        };
        let report = build::report(&analysis, self.view(), &ambient);
        let material = material(&report);
        let same = case.last_report.as_ref().is_some_and(|last| last.material == material);
        if !due && same {
            return Vec::new();
        }
        let last_hash = case.last_report.as_ref().map(|last| last.hash.clone());
        let bytes = canonical::of(&report);
        let hash = hash::sha256_hex(&bytes);
        let row = incident(case, &analysis, &report, &hash, self.tick);
        let named = concurrent::named(&suspects::own(&analysis, &causes::weigh(&analysis)));
        let row_is_due = case.attention.row_is_due;
        if let Some(case) = self.cases.get_mut(&id) {
            case.attention.row_is_due = false;
        }
        if last_hash.as_ref() == Some(&hash) {
            return row_is_due.then_some(Effect::IncidentChanged(row)).into_iter().collect();
        }
        let document = ReportDocument { incident: id, tick: self.tick, hash: hash.clone(), bytes };
        let cited = cited_traces(&report);
        let mut effects = self.keep_cited(id, &cited);
        let tick = self.tick;
        if let Some(case) = self.cases.get_mut(&id) {
            case.last_report = Some(Reported { at: tick, hash, material, named, cited });
        }
        effects.extend([Effect::IncidentChanged(row), Effect::ReportChanged(document)]);
        effects
    }

    /// A trace may have been captured for something else long before this incident comes to cite it. Whoever carries
    /// the effects out keeps it from now on, since the journal need not.
    fn keep_cited(&self, id: IncidentId, cited: &BTreeSet<TraceId>) -> Vec<Effect> {
        let known = self.cases.get(&id).and_then(|case| case.last_report.as_ref()).map(|last| &last.cited);
        let fresh = cited.iter().filter(|trace| known.is_none_or(|known| !known.contains(*trace)));
        let held = fresh.filter_map(|trace| self.traces.get(trace));
        held.map(|trace| Effect::TraceCaptured { incident: id, trace: trace.clone() }).collect()
    }
}

fn cited_traces(report: &Report) -> BTreeSet<TraceId> {
    let ids = report.evidence.iter().filter_map(|part| part.id.strip_prefix("trace:"));
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// What makes a report news: cause, origin, evidence, symptoms, state.
fn material(report: &Report) -> String {
    let origin = report.origin.as_ref().map(|o| (&o.service, &o.operation, &o.step, &o.callee));
    let path: Vec<&str> = report.propagation.iter().map(|hop| hop.service.as_str()).collect();
    let symptoms: Vec<&str> = report.symptoms.iter().map(|symptom| symptom.id.as_str()).collect();
    let cause = (report.cause.kind.as_str(), &report.cause.subject);
    let parts =
        (cause, origin, path, symptoms, &report.evidence_fingerprint, report.incident.status.as_str());
    hash::sha256_hex(&canonical::of(&parts))
}

fn incident(case: &Case, analysis: &Analysis<'_>, report: &Report, hash: &str, now: Nanos) -> Incident {
    Incident {
        id: case.id,
        env: case.env.to_string(),
        state: case.state,
        severity: report.incident.severity,
        started_at: analysis.started_at,
        detected_at: case.detected_at,
        updated_at: now,
        resolved_at: case.resolved_at.filter(|_| case.state == IncidentState::Resolved),
        reopened: case.reopened,
        summary: report.summary.text.clone(),
        cause: report.cause.kind,
        cause_subject: report.cause.subject.clone(),
        origin_service: report.origin.as_ref().map(|origin| origin.service.clone()),
        requests_affected: report.blast_radius.requests.affected,
        report_hash: hash.to_owned(),
        evidence_fingerprint: report.evidence_fingerprint.clone(),
        acknowledged_by: case.attention.acknowledged.as_ref().map(|(by, _)| by.to_string()),
        acknowledged_at: case.attention.acknowledged.as_ref().map(|(_, at)| *at),
        assignee: case.attention.assignee.as_ref().map(ToString::to_string),
        silenced_until: case.attention.silenced_until,
        merged_into: case.attention.merged_into,
        links: case.attention.links.clone(),
    }
}
