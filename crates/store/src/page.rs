//! What lists are asked with and what they hold.

use model::{CapturedTrace, Incident, IncidentId, IncidentState, Nanos};

/// The most that one list gives at once.
pub const PAGE_MAX: usize = 1000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    pub state: StateFilter,
    pub env: Option<String>,
    /// The service of the origin.
    pub service: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StateFilter {
    /// Not resolved.
    #[default]
    Open,
    All,
}

/// Where an incident stands in the list of all: by the time it was detected when first seen, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub listed_at: Nanos,
    pub id: IncidentId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedIncident {
    pub place: Place,
    pub incident: Incident,
}

/// An archived report without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRef {
    /// Rises with every report of every incident, from 1.
    pub sequence: u64,
    pub incident: IncidentId,
    pub tick: Nanos,
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrace {
    pub trace: CapturedTrace,
    /// The incidents that cite it, in order of id.
    pub incidents: Vec<IncidentId>,
}

/// From `from` on and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Nanos,
    pub until: Nanos,
}

impl IncidentFilter {
    pub fn all() -> Self {
        Self { state: StateFilter::All, env: None, service: None }
    }

    pub(crate) fn matches(&self, incident: &Incident) -> bool {
        let state_fits = self.state == StateFilter::All || incident.state != IncidentState::Resolved;
        let env_fits = self.env.as_ref().is_none_or(|env| *env == incident.env);
        let service_fits =
            self.service.as_ref().is_none_or(|service| incident.origin_service.as_ref() == Some(service));
        state_fits && env_fits && service_fits
    }
}

impl Place {
    /// Times beyond the year 2262 share the last place that a store can count.
    pub(crate) fn first_of(incident: &Incident) -> Self {
        Self { listed_at: Nanos(incident.detected_at.0.min(i64::MAX as u64)), id: incident.id }
    }
}

impl TimeRange {
    pub const ALL: Self = Self { from: Nanos(0), until: Nanos(u64::MAX) };

    pub(crate) fn contains(&self, at: Nanos) -> bool {
        self.from <= at && at < self.until
    }
}
