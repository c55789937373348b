//! The webhooks of Alertmanager (version 4) and of Grafana's unified alerting, which share an envelope: a group of
//! alerts, each with its own status and fingerprint. What else stands in them is their business and is passed over.

use model::{Alert, AlertProvider, AlertStatus, Str};

use super::{AlertBatch, Reading, item, items, labels, severity};
use crate::strict::fields::Fields;
use crate::strict::node::{Node, quoted};
use crate::{Context, DecodeError};

const ALERTMANAGER: &str = "a webhook of Alertmanager, version \"4\", with its array of alerts";
const GRAFANA: &str = "a webhook of Grafana's unified alerting with its array of alerts";
const STATUSES: [(&str, AlertStatus); 2] =
    [("firing", AlertStatus::Firing), ("resolved", AlertStatus::Resolved)];

pub(super) fn alertmanager(
    tree: &Node<'_>,
    batch: &mut AlertBatch,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    let found = match tree.member("version") {
        Some(Node::Text(version)) if version == "4" => None,
        Some(Node::Text(version)) => Some(format!("version: {}", quoted(version))),
        Some(other) => Some(format!("version: {}", other.describe())),
        None => Some("version: missing".to_owned()),
    };
    if let Some(found) = found {
        return Err(DecodeError::Shape { found, expected: ALERTMANAGER });
    }
    for alert in items(tree.member("alerts"), ALERTMANAGER, context)?.iter().enumerate() {
        item(alert, "fingerprint", batch, context, |fields, reading| {
            read(fields, AlertProvider::Alertmanager, reading)
        });
    }
    Ok(())
}

pub(super) fn grafana(
    tree: &Node<'_>,
    batch: &mut AlertBatch,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    for alert in items(tree.member("alerts"), GRAFANA, context)?.iter().enumerate() {
        item(alert, "fingerprint", batch, context, |fields, reading| {
            read(fields, AlertProvider::Grafana, reading)
        });
    }
    Ok(())
}

fn read(fields: &mut Fields<'_, '_>, provider: AlertProvider, reading: &mut Reading<'_>) -> Option<Alert> {
    let (received, limits) = (reading.context.received, reading.context.limits);
    let id = fields.required("fingerprint", limits.id_bytes_max, "the alert's fingerprint").map(Str::from);
    let status = fields.one_of("status", &STATUSES);
    if status.is_none() && fields.get("status").is_none() {
        fields.missing("status", "one of firing, resolved");
    }
    let started_at = reading.time(fields, "startsAt");
    if started_at.is_none() && fields.get("startsAt").is_none() {
        fields.missing("startsAt", "when the alert began");
    }
    // Of a firing alert this is when it would end by itself.
    let ended_at = if status == Some(AlertStatus::Resolved) {
        Some(reading.time(fields, "endsAt").unwrap_or(received))
    } else {
        None
    };
    let labels = labels::read(fields, "labels", false, reading);
    let annotations = labels::read_long(fields, "annotations", reading);
    let note = |names: &[&str]| names.iter().find_map(|name| annotations.get(*name)).cloned();
    let (id, status) = (id?, status?);
    let title = labels.get("alertname").cloned().or_else(|| note(&["title", "summary"]));
    let started_at = started_at.unwrap_or(received);
    Some(Alert {
        title: title.unwrap_or_else(|| id.clone()),
        provider,
        status,
        severity: severity(labels.get("severity").map_or("", |word| word)),
        summary: note(&["summary", "message", "description"]).unwrap_or_default(),
        env: None,
        service: None,
        operation: None,
        code: None,
        started_at,
        ended_at: ended_at.map(|ended| ended.max(started_at)),
        at: received,
        value: value(fields, provider, reading).or_else(|| note(&["value"])).unwrap_or_default(),
        url: url(fields, provider, reading),
        labels,
        id,
    })
}

/// Grafana's values by the name of their query, or the text that stood in their place before.
fn value(fields: &mut Fields<'_, '_>, provider: AlertProvider, reading: &mut Reading<'_>) -> Option<Str> {
    if provider != AlertProvider::Grafana {
        return None;
    }
    let text = match fields.get("values") {
        Some(Node::Object(values)) if !values.is_empty() => {
            let values: Vec<String> =
                values.iter().map(|(name, value)| format!("{name}={}", value.describe())).collect();
            values.join(", ")
        }
        _ => fields.text("valueString", usize::MAX)?.to_owned(),
    };
    Some(reading.cut(Some(&text), reading.context.limits.name_bytes_max))
}

fn url(fields: &mut Fields<'_, '_>, provider: AlertProvider, reading: &mut Reading<'_>) -> Str {
    let names: &[&str] = match provider {
        AlertProvider::Grafana => &["panelURL", "dashboardURL", "generatorURL"],
        _ => &["generatorURL"],
    };
    let texts = names.iter().map(|name| reading.text(fields, name));
    texts.into_iter().find(|url| !url.is_empty()).unwrap_or_default()
}
