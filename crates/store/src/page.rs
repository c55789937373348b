//! What lists are asked with and what they hold.

use model::{
    AlertRecord, AlertStatus, Audited, AuditedOutcome, CapturedTrace, Incident, IncidentId, IncidentState,
    Nanos,
};

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

/// Which alerts a list holds; `None` is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    pub status: Option<AlertStatus>,
    pub env: Option<String>,
    pub service: Option<String>,
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

/// One entry of the audit and its link in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Over the entry and the hash of the one before it.
    pub hash: String,
    pub entry: Audited,
}

/// Which entries of the audit are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done to this incident, or concerning it as the other one of a merge or a split.
    pub incident: Option<IncidentId>,
    pub actor: Option<String>,
    /// By name, as `Audited::action` has it.
    pub action: Option<String>,
    pub outcome: Option<AuditedOutcome>,
}

impl AuditFilter {
    pub(crate) fn matches(&self, entry: &Audited) -> bool {
        let of = [entry.incident(), entry.other()];
        self.incident.is_none_or(|id| of.contains(&Some(id)))
            && self.actor.as_deref().is_none_or(|actor| actor == entry.actor())
            && self.action.as_deref().is_none_or(|action| action == entry.action())
            && self.outcome.is_none_or(|wanted| wanted == entry.outcome())
    }
}

/// From `from` up to and with `until`.
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

impl AlertFilter {
    pub(crate) fn matches(&self, alert: &AlertRecord) -> bool {
        let fits = |asked: &Option<String>, said: &Option<model::Str>| {
            asked.as_deref().is_none_or(|asked| said.as_deref() == Some(asked))
        };
        self.status.is_none_or(|status| status == alert.status)
            && fits(&self.env, &alert.env)
            && fits(&self.service, &alert.service)
    }
}

impl Place {
    pub(crate) fn first_of(incident: &Incident) -> Self {
        Self { listed_at: incident.detected_at, id: incident.id }.counted()
    }

    /// A place that came from outside may name a time that no incident is listed at.
    pub(crate) fn counted(self) -> Self {
        Self { listed_at: Nanos(counted(self.listed_at) as u64), id: self.id }
    }
}

impl TimeRange {
    pub const ALL: Self = Self { from: Nanos(0), until: Nanos(u64::MAX) };

    pub(crate) fn contains(&self, at: Nanos) -> bool {
        (counted(self.from)..=counted(self.until)).contains(&counted(at))
    }
}

/// A time as databases count it. They know no unsigned numbers: times beyond the year 2262 are one and the same
/// to every order and filter, though the thing itself comes back with its own.
pub(crate) fn counted(at: Nanos) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
