//! Alerts in the report: each with its history, and what of it belongs on the timeline.

use model::{AlertStatus, Nanos};

use super::cite;
use super::document::{AlertMoment, AlertPart};
use crate::alerts::CorrelatedAlert;

pub(super) fn part(correlated: &CorrelatedAlert<'_>) -> AlertPart {
    let alert = correlated.alert;
    let text = |text: &Option<model::Str>| text.as_ref().map(ToString::to_string);
    let moment =
        |change: &model::AlertChange| AlertMoment { at: change.at.to_rfc3339(), status: change.status };
    AlertPart {
        id: cite::alert(alert),
        provider: alert.provider,
        status: alert.status,
        severity: alert.severity,
        title: alert.title.to_string(),
        summary: alert.summary.to_string(),
        env: text(&alert.env),
        service: text(&alert.service),
        operation: text(&alert.operation),
        code: text(&alert.code),
        labels: alert.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        value: alert.value.to_string(),
        url: alert.url.to_string(),
        started_at: alert.started_at.to_rfc3339(),
        ended_at: alert.ended_at.map(Nanos::to_rfc3339),
        times: alert.times,
        first_at: alert.first_at.to_rfc3339(),
        last_at: alert.last_at.to_rfc3339(),
        episodes: alert.episodes,
        history: alert.history.iter().map(moment).collect(),
        history_cut: alert.history_cut,
        rule: correlated.rule.to_owned(),
    }
}

/// What the alerts did in the time of the incident: when, in which order among equals, in words, and citing what.
pub(super) fn moments(
    alerts: &[CorrelatedAlert<'_>],
) -> impl Iterator<Item = (Nanos, u8, String, Vec<String>)> {
    alerts.iter().flat_map(|correlated| {
        let alert = correlated.alert;
        let changes = alert.history.iter().filter(|change| correlated.within.contains(&change.at));
        changes.map(|change| {
            let did = match change.status {
                AlertStatus::Firing => "fired",
                AlertStatus::Acknowledged => "was acknowledged",
                AlertStatus::Resolved => "was resolved",
            };
            let text = format!("Alert {} ({}) {did}.", alert.title, alert.provider.as_str());
            (change.at, 2, text, vec![cite::alert(alert)])
        })
    })
}
