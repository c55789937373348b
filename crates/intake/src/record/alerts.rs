//! Records of alerts: the provider in one byte, then what it sent, as it came.

use model::{Alert, AlertProvider};

use super::{Kind, RecordError};
use crate::{Context, alerts};

/// The numbers are part of the format and never change their meaning.
const fn number(provider: AlertProvider) -> u8 {
    match provider {
        AlertProvider::Alertmanager => 1,
        AlertProvider::Grafana => 2,
        AlertProvider::Pagerduty => 3,
        AlertProvider::Native => 4,
    }
}

/// The record of a request with alerts of `provider`.
pub fn alerts_payload(provider: AlertProvider, body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(body.len() + 1);
    payload.push(number(provider));
    payload.extend_from_slice(body);
    payload
}

/// The provider of a record of alerts, and what it sent.
pub fn alerts_provider(payload: &[u8]) -> Option<(AlertProvider, &[u8])> {
    let (first, body) = payload.split_first()?;
    let provider = AlertProvider::ALL.into_iter().find(|provider| number(*provider) == *first)?;
    Some((provider, body))
}

pub(super) fn decode(payload: &[u8], context: &Context<'_>) -> Result<Vec<Alert>, RecordError> {
    let kind = Kind::Alerts;
    let damaged = |detail| RecordError::Damaged { kind, detail };
    let (first, _) = payload.split_first().ok_or_else(|| damaged("no provider".to_owned()))?;
    let found = alerts_provider(payload);
    let (provider, body) = found.ok_or_else(|| damaged(format!("{first} is no provider")))?;
    let batch = alerts::from_json(body, Some(provider), context);
    Ok(batch.map_err(|error| RecordError::Decode { kind, error })?.alerts)
}
