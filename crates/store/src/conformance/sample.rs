//! Things to store, and the whole of what a store says of itself.

use std::collections::BTreeMap;

use model::{
    ActionOutcome, AlertChange, AlertProvider, AlertRecord, AlertSeverity, AlertStatus, AuditEntry,
    AuditedAction, CapturedTrace, CauseKind, Deployment, Event, EventKind, Failure, FailureStatus, Incident,
    IncidentId, IncidentState, Nanos, Outcome, ReportDocument, Severity, Signal, SignalKind, SpanId, TraceId,
};

use crate::archive::hash_of;
use crate::{
    AlertFilter, AuditFilter, AuditRecord, Change, IncidentFilter, ListedIncident, ReportRef, Store,
    StoredTrace, TimeRange,
};

pub(crate) fn incident_id(number: u64) -> IncidentId {
    IncidentId(number.to_be_bytes())
}

pub(crate) fn trace_id(number: u64) -> TraceId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    TraceId(id)
}

/// Detected at second `number`.
pub(crate) fn incident(number: u64) -> Incident {
    Incident {
        id: incident_id(number),
        env: "prod".to_owned(),
        state: IncidentState::Open,
        severity: Severity(2),
        started_at: Nanos::from_secs(number.saturating_sub(1)),
        detected_at: Nanos::from_secs(number),
        updated_at: Nanos::from_secs(number),
        resolved_at: None,
        reopened: 0,
        summary: format!("incident number {number}"),
        cause: CauseKind::Dependency,
        cause_subject: Some("card-provider".to_owned()),
        origin_service: Some("payment".to_owned()),
        requests_affected: 41,
        report_hash: String::new(),
        evidence_fingerprint: String::new(),
        acknowledged_by: None,
        acknowledged_at: None,
        assignee: None,
        silenced_until: None,
        merged_into: None,
        links: Vec::new(),
    }
}

pub(crate) fn report(incident: u64, tick_s: u64, bytes: &[u8]) -> ReportDocument {
    ReportDocument {
        incident: incident_id(incident),
        tick: Nanos::from_secs(tick_s),
        hash: hash_of(bytes),
        bytes: bytes.to_vec(),
    }
}

pub(crate) fn trace(number: u64, events: u64) -> CapturedTrace {
    let event = |span: u64| Event {
        trace: trace_id(number),
        span: SpanId((span + 1).to_be_bytes()),
        parent: (span > 0).then(|| SpanId(span.to_be_bytes())),
        kind: EventKind::Server,
        env: "prod".into(),
        service: "payment".into(),
        operation: "POST /pay".into(),
        version: "2.4.1".into(),
        instance: "pod-1".into(),
        peer: "".into(),
        start: Nanos::from_secs(span),
        end: Nanos::from_secs(span + 1),
        outcome: Outcome::Failed(Failure {
            status: FailureStatus::Timeout,
            code: "UPSTREAM_TIMEOUT".into(),
            reason: "no answer in 2 s".into(),
        }),
        user: Some(u64::MAX),
        attributes: Vec::new(),
    };
    CapturedTrace {
        trace: trace_id(number),
        events: (0..events).map(event).collect(),
        events_cut: 3,
        logs: Vec::new(),
    }
}

pub(crate) fn signal(id: &str, at_s: u64) -> Signal {
    Signal {
        id: id.into(),
        kind: SignalKind::Runtime,
        subtype: "oom_killed".into(),
        at: Nanos::from_secs(at_s),
        env: None,
        service: Some("payment".into()),
        instance: None,
        subject: None,
        status: "".into(),
        message: "killed".into(),
        attributes: BTreeMap::from([("node".into(), "n1".into())]),
    }
}

pub(crate) fn deployment(id: &str, at_s: u64) -> Deployment {
    Deployment {
        id: id.into(),
        service: "payment".into(),
        env: Some("prod".into()),
        version: "2.4.1".into(),
        previous_version: Some("2.4.0".into()),
        at: Nanos::from_secs(at_s),
        commit: None,
        pull_request: None,
        author: None,
    }
}

/// Acknowledges an incident.
pub(crate) fn action(position: u64, incident: u64, actor: &str) -> AuditEntry {
    let incident = incident_id(incident);
    AuditEntry {
        position,
        at: Nanos::from_secs(position),
        actor: actor.into(),
        action: AuditedAction::OnIncident { incident, kind: model::OperatorActionKind::Acknowledge },
        outcome: ActionOutcome::Done { other: None },
    }
}

pub(crate) fn alert(id: &str, last_s: u64) -> AlertRecord {
    let at = Nanos::from_secs(last_s);
    AlertRecord {
        id: id.into(),
        provider: AlertProvider::Pagerduty,
        status: AlertStatus::Firing,
        severity: AlertSeverity::Critical,
        title: "PaymentErrors".into(),
        summary: "payments fail".into(),
        env: None,
        service: Some("payment".into()),
        operation: None,
        code: None,
        labels: BTreeMap::from([("severity".into(), "page".into())]),
        value: "0.6".into(),
        url: "".into(),
        started_at: at,
        ended_at: None,
        first_at: at,
        last_at: at,
        times: 2,
        episodes: 1,
        history: vec![AlertChange { at, status: AlertStatus::Firing }],
        history_cut: 0,
    }
}

/// Text that breaks what treats it as anything but text.
pub(crate) const HOSTILE: &[&str] = &[
    "",
    "'; DROP TABLE incident; --",
    "\" OR 1=1 \\ %_*?",
    "nul \0 inside",
    "\u{1b}[31mred\u{1b}[0m \r\n\t\u{7f}\u{9b}",
    "Ω ≈ ç √ 漢字 عربى 👩‍👩‍👧 e\u{301}",
    "\u{202e}right to left\u{2066}",
    "\u{10ffff}\u{fffd}\u{feff}",
    "?1 :name @at $dollar ${jndi:x} {{x}}",
];

pub(crate) async fn apply(store: &dyn Store, position: u64, changes: &[Change]) {
    store.apply(position, changes).await.unwrap();
}

/// Everything that can be asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Whole {
    applied: Option<u64>,
    incidents: Vec<ListedIncident>,
    references: Vec<ReportRef>,
    reports: Vec<ReportDocument>,
    traces: Vec<Option<StoredTrace>>,
    signals: Vec<Signal>,
    deployments: Vec<Deployment>,
    alerts: Vec<AlertRecord>,
    audit: Vec<AuditRecord>,
}

impl Whole {
    pub(crate) async fn of(store: &dyn Store) -> Self {
        let references = store.report_refs(None, 0, 1000).await.unwrap();
        let mut reports = Vec::new();
        for reference in &references {
            reports.push(store.report_by_hash(&reference.hash).await.unwrap().unwrap());
        }
        let mut traces = Vec::new();
        for number in 0..10 {
            traces.push(store.trace(trace_id(number)).await.unwrap());
        }
        Self {
            applied: store.applied_position().await.unwrap(),
            incidents: store.incidents(&IncidentFilter::all(), None, 1000).await.unwrap(),
            references,
            reports,
            traces,
            signals: store.signals(TimeRange::ALL, 1000).await.unwrap(),
            deployments: store.deployments(TimeRange::ALL, 1000).await.unwrap(),
            audit: store.audit(&AuditFilter::default(), None, 1000).await.unwrap(),
            alerts: store.alerts(&AlertFilter::default(), 1000).await.unwrap(),
        }
    }

    pub(crate) fn without_position(self) -> Self {
        Self { applied: None, ..self }
    }
}

/// What a journal of an outage leaves behind: a position and its changes, in order.
pub(crate) fn outage() -> Vec<(u64, Vec<Change>)> {
    let row = |updated: u64, state: IncidentState| {
        let hash = format!("{updated:064x}");
        let updated_at = Nanos::from_secs(updated);
        // The onset and the time of detection move as evidence comes in; the place in the list must not.
        let detected_at = Nanos::from_secs(100 + updated);
        Change::Incident(Incident { state, updated_at, detected_at, report_hash: hash, ..incident(7) })
    };
    vec![
        (3, vec![Change::Deployment(deployment("d1", 90))]),
        (4, vec![Change::Signal(signal("s1", 95)), Change::Signal(signal("s2", 94))]),
        (9, vec![row(1, IncidentState::Open), Change::Report(report(7, 100, b"{\"n\":1}"))]),
        (10, vec![Change::Trace { incident: incident_id(7), trace: trace(1, 2) }]),
        (11, vec![row(2, IncidentState::Open), Change::Report(report(7, 101, b"{\"n\":2}"))]),
        (12, vec![Change::Alert(alert("a1", 96)), Change::Audit(action(12, 7, "ada"))]),
        (
            15,
            vec![
                Change::Incident(incident(8)),
                Change::Trace { incident: incident_id(8), trace: trace(1, 3) },
                Change::Trace { incident: incident_id(7), trace: trace(2, 0) },
                Change::Report(report(8, 102, b"{\"n\":3}")),
                Change::Report(report(7, 102, b"{\"n\":4}")),
            ],
        ),
        (
            16,
            vec![
                row(3, IncidentState::Recovering),
                Change::Alert(alert("a1", 98)),
                Change::Signal(signal("s1", 99)),
            ],
        ),
        (20, vec![row(4, IncidentState::Resolved), Change::Report(report(7, 103, b"{\"n\":5}"))]),
    ]
}
