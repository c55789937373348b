//! Incidents that began at about the same time in the same environment: what each of them points at is worth a look
//! for all of them, because two troubles at a time are seldom strangers. It must never feed on itself: only what an
//! incident's own evidence names is handed on.

use std::collections::BTreeMap;

use model::{CauseKind, IncidentId, IncidentState, Str};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::config::Config;
use crate::suspects::Suspect;

/// Suspects that an incident hands on, and incidents that are looked at.
const NAMED_MAX: usize = 3;
const INCIDENTS_MAX: usize = 8;

/// A suspect as another incident's report named it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) service: Str,
    pub(crate) operation: Str,
    pub(crate) instance: Str,
    pub(crate) cause: CauseKind,
    pub(crate) score: i64,
}

/// The best of an incident's own.
pub(crate) fn named(own: &[Suspect]) -> Vec<Named> {
    let named = |suspect: &Suspect| Named {
        service: suspect.service.clone(),
        operation: suspect.operation.clone(),
        instance: suspect.instance.clone(),
        cause: suspect.cause,
        score: suspect.score(),
    };
    own.iter().take(NAMED_MAX).map(named).collect()
}

/// What the others name, by incident: those whose onset is nearest first.
pub(crate) fn others<'a>(
    case: &Case,
    cases: &'a BTreeMap<IncidentId, Case>,
    config: &Config,
) -> Vec<(IncidentId, &'a [Named])> {
    let near = config.ticks(config.signal_window_ms);
    let apart = |other: &Case| other.onset.abs_diff(case.onset);
    let mut found: Vec<&Case> = cases
        .values()
        .filter(|other| other.id != case.id && other.env == case.env && apart(other) <= near)
        .filter(|other| other.state != IncidentState::Resolved)
        .collect();
    found.sort_by_key(|other| (apart(other), other.id));
    let named = |other: &'a Case| Some((other.id, other.last_report.as_ref()?.named.as_slice()));
    found.into_iter().take(INCIDENTS_MAX).filter_map(named).collect()
}
