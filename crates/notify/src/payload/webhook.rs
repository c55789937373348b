//! The payload for programs: `casebook.notification/v1`. Text from outside is data in it and is not escaped beyond JSON.

use serde_json::{Value, json};

use super::Told;

pub(super) fn body(told: Told<'_>) -> String {
    let notification = told.notification;
    let incident = &notification.incident;
    json!({
        "schema": "casebook.notification/v1",
        "id": notification.id,
        "event": notification.event,
        "at": notification.at.to_rfc3339(),
        "incident": {
            "id": incident.id,
            "env": incident.env,
            "status": incident.state,
            "severity": incident.severity,
            "summary": incident.summary,
            "cause": { "kind": incident.cause, "subject": incident.cause_subject },
            "origin": incident.origin_service,
            "requests_affected": incident.requests_affected,
            "started_at": incident.started_at.to_rfc3339(),
            "detected_at": incident.detected_at.to_rfc3339(),
            "updated_at": incident.updated_at.to_rfc3339(),
            "resolved_at": incident.resolved_at.map(model::Nanos::to_rfc3339),
            "reopened": incident.reopened,
        },
        "report": {
            "hash": incident.report_hash,
            "fingerprint": incident.evidence_fingerprint,
            "url": told.link(),
            "markdown": told.report.map(engine::render::markdown).map_or(Value::Null, Value::from),
        },
    })
    .to_string()
}
