//! PagerDuty's v3 webhooks: one event of one incident. Events that change no incident's status are answered as ignored,
//! with the reason, because PagerDuty sends whatever its subscription names.

use std::collections::BTreeMap;

use model::{Alert, AlertProvider, AlertSeverity, AlertStatus, Str};

use super::{AlertBatch, Ignored, Reading, item, labels};
use crate::names::cut;
use crate::strict::fields::Fields;
use crate::strict::items::text_field;
use crate::strict::node::{Node, quoted};
use crate::{Context, DecodeError};

const EXPECTED: &str = "a v3 webhook of PagerDuty: an event with event_type, occurred_at and data";
/// Of an event's type.
const TYPE_BYTES_MAX: usize = 100;

pub(super) fn event(
    tree: &Node<'_>,
    batch: &mut AlertBatch,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    let found = |found: String| DecodeError::Shape { found, expected: EXPECTED };
    let Some(event) = tree.member("event") else {
        return Err(found("event: missing".to_owned()));
    };
    let kind = match event.member("event_type") {
        Some(Node::Text(kind)) if kind.len() <= TYPE_BYTES_MAX => kind,
        Some(Node::Text(kind)) => return Err(found(format!("event.event_type: {}", quoted(kind)))),
        Some(other) => return Err(found(format!("event.event_type: {}", other.describe()))),
        None => return Err(found("event.event_type: missing".to_owned())),
    };
    match status(kind) {
        Some(status) => item((0, event), "id", batch, context, |fields, reading| {
            read(fields, status, &**kind == "incident.reopened", reading)
        }),
        None => batch.ignored.push(Ignored {
            index: 0,
            id: text_field(event, "id"),
            reason: format!("{} changes no alert's status", quoted(kind)),
        }),
    }
    Ok(())
}

fn status(kind: &str) -> Option<AlertStatus> {
    match kind {
        "incident.triggered" | "incident.unacknowledged" | "incident.reopened" => Some(AlertStatus::Firing),
        "incident.acknowledged" => Some(AlertStatus::Acknowledged),
        "incident.resolved" => Some(AlertStatus::Resolved),
        _ => None,
    }
}

fn read(
    fields: &mut Fields<'_, '_>,
    status: AlertStatus,
    is_reopened: bool,
    reading: &mut Reading<'_>,
) -> Option<Alert> {
    let at = reading.time(fields, "occurred_at");
    if at.is_none() && fields.get("occurred_at").is_none() {
        fields.missing("occurred_at", "when the event occurred");
    }
    let Some(data) = fields.get("data") else {
        fields.missing("data", "the incident");
        return None;
    };
    let mut fields = Fields::of(data, "data".to_owned(), fields.problems)?;
    let fields = &mut fields;
    let limits = reading.context.limits;
    let id = fields.required("id", limits.id_bytes_max, "the incident's id").map(Str::from);
    let title = reading.text(fields, "title");
    let urgency = reading.text(fields, "urgency");
    let created_at = reading.time(fields, "created_at").filter(|_| !is_reopened);
    let labels = labels_of(fields, data, &urgency, reading);
    let (id, at) = (id?, at?);
    Some(Alert {
        title: if title.is_empty() { id.clone() } else { title },
        provider: AlertProvider::Pagerduty,
        status,
        severity: match &*urgency {
            "high" => AlertSeverity::Critical,
            _ => AlertSeverity::Warning,
        },
        summary: Str::default(),
        env: None,
        service: None,
        operation: None,
        code: None,
        started_at: created_at.unwrap_or(at).min(at),
        ended_at: (status == AlertStatus::Resolved).then_some(at),
        at,
        labels,
        value: Str::default(),
        url: reading.text(fields, "html_url"),
        id,
    })
}

/// PagerDuty knows no labels: what it says of the incident besides becomes some.
fn labels_of(
    fields: &mut Fields<'_, '_>,
    data: &Node<'_>,
    urgency: &str,
    reading: &mut Reading<'_>,
) -> BTreeMap<Str, Str> {
    let mut found = BTreeMap::new();
    for (label, reference) in
        [("service", "service"), ("priority", "priority"), ("escalation_policy", "escalation_policy")]
    {
        if let Some(Node::Text(summary)) = data.member(reference).and_then(|node| node.member("summary")) {
            labels::insert(&mut found, label, summary, reading);
        }
    }
    labels::insert(&mut found, "urgency", urgency, reading);
    let key = fields.text("incident_key", usize::MAX).unwrap_or_default();
    labels::insert(&mut found, "incident_key", cut(key, reading.context.limits.name_bytes_max), reading);
    if let Some(Node::Int(number)) = fields.get("number") {
        labels::insert(&mut found, "number", &number.to_string(), reading);
    }
    found
}
