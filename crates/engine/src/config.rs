//! What the core can be told. It arrives as a journal entry, so a replay decides with the numbers of its time.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::alerts::AlertLabels;

/// Durations are in milliseconds and are rounded up to whole ticks, at which everything is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Length of a tick, 100 to 60 000.
    pub tick_ms: u64,
    /// How long after its end an event still counts.
    pub lateness_ms: u64,
    /// Mean time between false incidents, over all families together.
    pub false_alarm_every_ms: u64,
    /// The trailing stretch that must be free of excess failures for an incident to be recovering.
    pub recovery_ms: u64,
    /// How long an incident must be recovering to be resolved.
    pub resolve_after_ms: u64,
    /// A failure that comes back within this time after resolution reopens the incident.
    pub reopen_ms: u64,
    /// With no traffic at all, an incident is resolved after this time, and its report says why.
    pub no_traffic_ms: u64,
    /// How far before the onset a deployment is still a suspect.
    pub change_window_ms: u64,
    /// How far before the onset a signal is still correlated.
    pub signal_window_ms: u64,
    /// Which labels of an alert say what it is about.
    pub alert_labels: AlertLabels,
}

impl Default for Config {
    fn default() -> Self {
        const MINUTE: u64 = 60_000;
        Self {
            tick_ms: 1_000,
            lateness_ms: MINUTE,
            false_alarm_every_ms: 7 * 24 * 60 * MINUTE,
            recovery_ms: MINUTE / 2,
            resolve_after_ms: MINUTE,
            reopen_ms: 10 * MINUTE,
            no_traffic_ms: 15 * MINUTE,
            change_window_ms: 120 * MINUTE,
            signal_window_ms: 15 * MINUTE,
            alert_labels: AlertLabels::default(),
        }
    }
}

/// What is wrong with a configuration, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            serde_json::from_str(text).map_err(|e| ConfigError(format!("engine configuration: {e}")))?;
        match config.problems().first() {
            None => Ok(config),
            Some(problem) => Err(ConfigError(problem.clone())),
        }
    }

    /// RFC 8785 canonical JSON.
    pub fn to_json(&self) -> String {
        let bytes = crate::canonical::of(self);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// SHA-256 of the canonical form.
    pub(crate) fn digest(&self) -> String {
        crate::hash::sha256_hex(self.to_json().as_bytes())
    }

    /// Everything that is out of range; empty where the configuration is sound.
    pub fn problems(&self) -> Vec<String> {
        const DAY: u64 = 24 * 3_600_000;
        let ranges = [
            ("tick_ms", self.tick_ms, 100, 60_000),
            // What comes late must not find its incident resolved.
            ("lateness_ms", self.lateness_ms, 1, 600_000.min(self.recovery_ms + self.resolve_after_ms)),
            ("false_alarm_every_ms", self.false_alarm_every_ms, 60_000, 3_650 * DAY),
            ("recovery_ms", self.recovery_ms, 1, 3_600_000),
            ("resolve_after_ms", self.resolve_after_ms, 1, DAY),
            ("reopen_ms", self.reopen_ms, 0, 7 * DAY),
            ("no_traffic_ms", self.no_traffic_ms, self.recovery_ms, 7 * DAY),
            ("change_window_ms", self.change_window_ms, 0, DAY),
            ("signal_window_ms", self.signal_window_ms, 0, DAY),
        ];
        ranges
            .into_iter()
            .filter(|(_, value, low, high)| !(low..=high).contains(&value))
            .map(|(name, value, low, high)| format!("{name} = {value}: must be from {low} to {high}"))
            .chain(self.alert_labels.problems())
            .collect()
    }

    pub(crate) fn tick_ns(&self) -> u64 {
        self.tick_ms * 1_000_000
    }

    /// A duration in whole ticks, at least one.
    pub(crate) fn ticks(&self, ms: u64) -> u64 {
        ms.div_ceil(self.tick_ms.max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_tick_goes_with_the_defaults() {
        for tick_ms in [100, 1_000, 30_000, 45_000, 60_000] {
            assert_eq!(Config { tick_ms, ..Config::default() }.problems(), [""; 0]);
        }
    }

    #[test]
    fn what_is_out_of_range_is_said_with_the_range() {
        let late = Config { lateness_ms: 600_000, ..Config::default() };
        assert_eq!(late.problems(), ["lateness_ms = 600000: must be from 1 to 90000"]);
        assert!(Config::from_json(r#"{"tick_ms": 99}"#).is_err());
        assert!(Config::from_json(r#"{"tik_ms": 100}"#).is_err());
    }

    #[test]
    fn the_written_form_reads_back() {
        let config = Config { tick_ms: 250, ..Config::default() };
        assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    }
}
