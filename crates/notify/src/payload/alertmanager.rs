//! An alert for Alertmanager's API v2. Alertmanager knows an alert by its labels, so those stay the same from the
//! opening to the end; what moves stands in the annotations.

use engine::render;
use http::Uri;
use model::{IncidentState, Nanos, SECOND_NS};
use serde_json::{Value, json};

use super::{Told, cut};

const PATH: &str = "/api/v2/alerts";
/// Alertmanager resolves what it is not told of again; this is how long it waits for our end of an incident.
const HELD_NS: u64 = 30 * 24 * 3600 * SECOND_NS;

pub(super) fn uri(base: &Uri) -> Option<Uri> {
    let path = base.path().trim_end_matches('/');
    let path = if path.ends_with(PATH) { path.to_owned() } else { format!("{path}{PATH}") };
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

pub(super) fn body(told: Told<'_>) -> String {
    let notification = told.notification;
    let incident = &notification.incident;
    let text = |text: &str| cut(&render::inert::inert(text), 1024);
    let severity = match notification.severity_told_first.0 {
        0..=2 => "critical",
        3 => "warning",
        _ => "info",
    };
    let end = match (incident.state, incident.resolved_at) {
        (IncidentState::Resolved, resolved_at) => resolved_at.unwrap_or(incident.updated_at),
        _ => Nanos(incident.updated_at.0.saturating_add(HELD_NS)),
    };
    let mut alert = json!({
        "labels": {
            "alertname": "CasebookIncident",
            "incident": incident.id,
            "env": text(&incident.env),
            "severity": severity,
        },
        "annotations": {
            "summary": text(&incident.summary),
            "cause": incident.cause.as_str(),
            "cause_subject": text(incident.cause_subject.as_deref().unwrap_or("")),
            "origin": text(incident.origin_service.as_deref().unwrap_or("unknown")),
            "severity": incident.severity.0.to_string(),
            "report_hash": incident.report_hash,
        },
        "startsAt": incident.started_at.to_rfc3339(),
        "endsAt": end.to_rfc3339(),
    });
    if let Some(link) = told.link() {
        alert["generatorURL"] = Value::from(link);
    }
    Value::Array(vec![alert]).to_string()
}
