//! An event of PagerDuty's Events API v2. The incident's id is the key under which PagerDuty keeps one alert of it.

use engine::render;
use model::Severity;
use serde_json::{Value, json};
use store::NotificationEvent;

use super::{Told, cut};
use crate::secret::Secret;

/// PagerDuty refuses a longer one.
const SUMMARY_CHARS_MAX: usize = 1024;

pub(super) fn body(told: Told<'_>, routing_key: &Secret) -> String {
    let incident = &told.notification.incident;
    let action = match told.notification.event {
        NotificationEvent::Opened | NotificationEvent::Changed | NotificationEvent::Reopened => "trigger",
        NotificationEvent::Acknowledged => "acknowledge",
        NotificationEvent::Resolved => "resolve",
    };
    let mut event = json!({
        "routing_key": routing_key.expose(),
        "event_action": action,
        "dedup_key": incident.id,
    });
    if action == "trigger" {
        event["client"] = Value::from("Casebook");
        event["payload"] = payload(told);
    }
    if let Some(link) = told.link().filter(|_| action == "trigger") {
        event["client_url"] = Value::from(link.clone());
        event["links"] = json!([{ "href": link, "text": "Report" }]);
    }
    event.to_string()
}

fn payload(told: Told<'_>) -> Value {
    let incident = &told.notification.incident;
    let inert = render::inert::inert;
    let origin = incident.origin_service.as_deref().unwrap_or("unknown");
    json!({
        "summary": cut(&inert(&incident.summary), SUMMARY_CHARS_MAX),
        "source": cut(&inert(origin), 255),
        "severity": severity(incident.severity),
        "timestamp": incident.started_at.to_rfc3339(),
        "component": cut(&inert(origin), 255),
        "group": cut(&inert(&incident.env), 255),
        "class": incident.cause.as_str(),
        "custom_details": {
            "note": told.report.map(render::pagerduty_note),
            "report_hash": incident.report_hash,
            "severity": incident.severity,
        },
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity.0 {
        0..=1 => "critical",
        2 => "error",
        3 => "warning",
        _ => "info",
    }
}
