//! Casebook's own shape of an alert, for whoever can say what a service or an operation is. As strict as signals.

use model::{Alert, AlertProvider, AlertSeverity, AlertStatus, Str};

use super::{AlertBatch, Reading, item, items, labels};
use crate::strict::fields::Fields;
use crate::strict::node::Node;
use crate::{Context, DecodeError, RejectReason, digest};

const EXPECTED: &str = "an alert, an array of alerts or {\"alerts\": [..]} with no other field";
const FIELDS: [&str; 14] = [
    "id",
    "status",
    "severity",
    "title",
    "summary",
    "service",
    "env",
    "operation",
    "code",
    "started_at",
    "ended_at",
    "labels",
    "value",
    "url",
];
const STATUSES: [(&str, AlertStatus); 2] =
    [("firing", AlertStatus::Firing), ("resolved", AlertStatus::Resolved)];
const SEVERITIES: [(&str, AlertSeverity); 3] = [
    ("critical", AlertSeverity::Critical),
    ("warning", AlertSeverity::Warning),
    ("info", AlertSeverity::Info),
];

pub(super) fn alerts(
    tree: &Node<'_>,
    batch: &mut AlertBatch,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    let list = match tree {
        Node::Array(_) => items(Some(tree), EXPECTED, context)?,
        Node::Object(entries) if tree.member("alerts").is_some() => {
            if let Some((other, _)) = entries.iter().find(|(name, _)| name != "alerts") {
                let found = format!("{} beside \"alerts\"", crate::strict::node::quoted(other));
                return Err(DecodeError::Shape { found, expected: EXPECTED });
            }
            items(tree.member("alerts"), EXPECTED, context)?
        }
        Node::Object(_) => std::slice::from_ref(tree),
        other => return Err(DecodeError::Shape { found: other.describe(), expected: EXPECTED }),
    };
    for alert in list.iter().enumerate() {
        item(alert, "id", batch, context, read);
    }
    Ok(())
}

fn read(fields: &mut Fields<'_, '_>, reading: &mut Reading<'_>) -> Option<Alert> {
    let (received, limits) = (reading.context.received, reading.context.limits);
    let (name_max, text_max) = (limits.name_bytes_max, limits.text_bytes_max);
    fields.refuse_unknown(&FIELDS);
    let id = fields.name("id", limits.id_bytes_max);
    let title = fields.required("title", text_max, "what the alert says, in a line").map(Str::from);
    let status = fields.one_of("status", &STATUSES);
    if status.is_none() && fields.get("status").is_none() {
        fields.missing("status", "one of firing, resolved");
    }
    let severity = fields.one_of("severity", &SEVERITIES).unwrap_or(AlertSeverity::Warning);
    let (started_at, ended_at) = (reading.time(fields, "started_at"), reading.time(fields, "ended_at"));
    check_times(fields, status, started_at, ended_at);
    let is_over = status == Some(AlertStatus::Resolved);
    let ended_at = is_over.then(|| ended_at.unwrap_or(received));
    let started_at = started_at.or(ended_at).unwrap_or(received);
    let mut alert = Alert {
        id: Str::default(),
        provider: AlertProvider::Native,
        status: status.unwrap_or(AlertStatus::Firing),
        severity,
        title: title.unwrap_or_default(),
        summary: fields.name("summary", text_max).unwrap_or_default(),
        env: fields.name("env", name_max),
        service: fields.name("service", name_max),
        operation: fields.name("operation", name_max),
        code: fields.name("code", name_max),
        started_at,
        ended_at,
        at: received,
        labels: labels::read(fields, "labels", true, reading),
        value: value(fields, name_max),
        url: fields.name("url", text_max).unwrap_or_default(),
    };
    alert.id = id.unwrap_or_else(|| derived_id(&alert));
    Some(alert)
}

fn check_times(
    fields: &mut Fields<'_, '_>,
    status: Option<AlertStatus>,
    started_at: Option<model::Nanos>,
    ended_at: Option<model::Nanos>,
) {
    let Some(ended) = ended_at else { return };
    if status == Some(AlertStatus::Firing) {
        let found = ended.to_rfc3339();
        fields.problem("ended_at", RejectReason::InvalidField, found, "no end of an alert that fires");
    }
    if started_at.is_some_and(|started| started > ended) {
        let expected = "a time that is not before started_at";
        fields.problem("ended_at", RejectReason::EndBeforeStart, ended.to_rfc3339(), expected);
    }
}

/// As it was written: a text or a number.
fn value(fields: &mut Fields<'_, '_>, max: usize) -> Str {
    match fields.get("value") {
        Some(node @ (Node::Int(_) | Node::Float(_))) => node.describe().into(),
        _ => fields.name("value", max).unwrap_or_default(),
    }
}

/// The same alert about the same thing has the same id each time, whatever it says of its status.
fn derived_id(alert: &Alert) -> Str {
    let about = [&alert.env, &alert.service, &alert.operation, &alert.code];
    let mut parts: Vec<&[u8]> = vec![alert.title.as_bytes()];
    parts.extend(about.map(|text| text.as_ref().map_or(&b""[..], |text| text.as_bytes())));
    parts.extend(alert.labels.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    digest::content_id("alr_", &parts).into()
}
