//! The written form of every answer, pinned: what a client of today reads must still be there tomorrow. Fields may
//! be added; a snapshot that loses or renames one breaks the contract. And what requests are let through.

use model::{
    CapturedTrace, CauseKind, Event, EventKind, Failure, FailureStatus, IncidentId, IncidentState, Nanos,
    Outcome, Severity, SpanId, TraceId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Action, ActionAccepted, ActionRequest, BaselineRequest, Check, CheckStatus, Completeness, Durability,
    ErrorCode, ErrorFamily, ErrorsPage, ErrorsQuery, ExplainedOrigin, Explanation, Health, Hop, Incident,
    IncidentCursor, IncidentsPage, IncidentsQuery, IngestReply, PAGE_LIMIT_DEFAULT, ReadyLine, RejectedItem,
    ReportCursor, ReportFormat, ReportQuery, ReportRef, ReportsPage, ReportsQuery, StateFilter, Trace,
};

/// The pretty text, once reading it has given the same value.
fn written<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value);
    text
}

fn row() -> model::Incident {
    model::Incident {
        id: IncidentId([0x4f, 0x0c, 0x2a, 0x9d, 0x1b, 0x7e, 0x63, 0x58]),
        env: "prod".to_owned(),
        state: IncidentState::Recovering,
        severity: Severity(2),
        started_at: Nanos(1_795_228_641_125_000_000),
        detected_at: Nanos::from_secs(1_795_228_644),
        updated_at: Nanos::from_secs(1_795_228_680),
        resolved_at: None,
        reopened: 1,
        summary: "payment fails".to_owned(),
        cause: CauseKind::Dependency,
        cause_subject: Some("card-provider".to_owned()),
        origin_service: Some("payment".to_owned()),
        requests_affected: 41,
        report_hash: "ab".repeat(32),
        evidence_fingerprint: String::new(),
        acknowledged_by: Some("ada".to_owned()),
        acknowledged_at: Some(Nanos::from_secs(1_795_228_650)),
        assignee: None,
        silenced_until: Some(Nanos::from_secs(1_795_232_280)),
        merged_into: None,
        links: vec![model::Link {
            url: "https://wiki.example.org/outage".into(),
            title: "notes".into(),
            by: "ada".into(),
        }],
    }
}

#[test]
fn a_page_of_incidents() {
    let cursor = IncidentCursor { listed_at: row().detected_at, id: row().id };
    let page =
        IncidentsPage { incidents: vec![Incident::from(&row())], next_cursor: Some(cursor.to_string()) };
    insta::assert_snapshot!(written(&page));
}

#[test]
fn a_page_of_reports() {
    let reports = vec![ReportRef { hash: "ab".repeat(32), tick: row().updated_at.to_rfc3339() }];
    insta::assert_snapshot!(written(&ReportsPage { reports, next_cursor: None }));
}

#[test]
fn an_accepted_action() {
    let accepted =
        ActionAccepted { incident_id: row().id.to_string(), action: Action::Acknowledge, position: 1234 };
    insta::assert_snapshot!(written(&accepted));
}

fn event(span: u8, outcome: Outcome) -> Event {
    Event {
        trace: TraceId([1; 16]),
        span: SpanId([span; 8]),
        parent: (span > 1).then_some(SpanId([span - 1; 8])),
        kind: EventKind::Client,
        env: "prod".into(),
        service: "payment".into(),
        operation: "POST /pay".into(),
        version: "2.4.1".into(),
        instance: "pod-1".into(),
        peer: "card-provider".into(),
        start: Nanos(1_795_228_641_125_000_000),
        end: Nanos(1_795_228_643_125_000_000),
        outcome,
        user: Some(7),
        attributes: Vec::new(),
    }
}

#[test]
fn a_trace() {
    let failure = Failure {
        status: FailureStatus::Timeout,
        code: "UPSTREAM_TIMEOUT".into(),
        reason: "no answer in 2 s".into(),
    };
    let events =
        vec![event(1, Outcome::Ok), event(2, Outcome::Suppressed), event(3, Outcome::Failed(failure))];
    let trace = CapturedTrace { trace: TraceId([1; 16]), events, events_cut: 4, logs: Vec::new() };
    insta::assert_snapshot!(written(&Trace::new(&trace, &[row().id])));
    let gone = CapturedTrace { trace: TraceId([1; 16]), events: vec![], events_cut: 0, logs: Vec::new() };
    assert_eq!(Trace::new(&gone, &[]).status, Completeness::Missing);
    let whole = CapturedTrace { events: vec![event(1, Outcome::Ok)], ..gone };
    assert_eq!(Trace::new(&whole, &[]).status, Completeness::Ok);
}

#[test]
fn an_explanation() {
    let span_id = SpanId([3; 8]).to_string();
    let explanation = Explanation {
        trace_id: TraceId([1; 16]).to_string(),
        status: Completeness::Partial,
        summary: "The failure arose where payment called card-provider.".to_owned(),
        origin: Some(ExplainedOrigin {
            span_id: span_id.clone(),
            service: "payment".to_owned(),
            operation: "POST /charge".to_owned(),
            code: "UPSTREAM_TIMEOUT".to_owned(),
            reason: "no answer in 2 s".to_owned(),
            unobserved_callee: Some("card-provider".to_owned()),
        }),
        chain: vec![Hop {
            span_id,
            service: "payment".to_owned(),
            operation: "POST /charge".to_owned(),
            code: "UPSTREAM_TIMEOUT".to_owned(),
            started_at: "2026-11-21T02:37:21.125Z".to_owned(),
            duration_ns: 2_000_000_000,
        }],
        notes: vec!["one parent is missing".to_owned()],
    };
    insta::assert_snapshot!(written(&explanation));
}

#[test]
fn a_page_of_errors() {
    let family = ErrorFamily {
        env: "prod".to_owned(),
        service: "payment".to_owned(),
        operation: "POST /pay".to_owned(),
        code: "UPSTREAM_TIMEOUT".to_owned(),
        failures: 41,
        requests: u64::MAX,
        first_seen: "2026-11-21T02:37:21Z".to_owned(),
        last_seen: "2026-11-21T02:38:00Z".to_owned(),
    };
    insta::assert_snapshot!(written(&ErrorsPage { errors: vec![family], total: 1 }));
}

#[test]
fn an_ingest_reply() {
    let rejected = RejectedItem {
        index: 2,
        event_id: None,
        reason: "missing_field".to_owned(),
        detail: "service is missing".to_owned(),
    };
    insta::assert_snapshot!(written(&IngestReply { accepted: 2, duplicate: 1, rejected: vec![rejected] }));
}

#[test]
fn health_is_ready_unless_a_check_failed() {
    let check = |name: &str, status| Check { name: name.to_owned(), status, detail: "said here".to_owned() };
    let fair = vec![check("journal", CheckStatus::Ok), check("disk", CheckStatus::Warn)];
    let health = Health::new("0.1.0", Durability::Buffered, fair.clone());
    assert!(health.ready);
    insta::assert_snapshot!(written(&health));
    let foul = [fair, vec![check("store", CheckStatus::Fail)]].concat();
    assert!(!Health::new("0.1.0", Durability::Durable, foul).ready);
}

#[test]
fn the_ready_line() {
    let line = ReadyLine {
        ready: true,
        version: "0.1.0".to_owned(),
        pid: 77,
        listen: "127.0.0.1:7420".parse().unwrap(),
        admin: "127.0.0.1:7421".parse().unwrap(),
        otlp_grpc: "[::1]:4317".parse().unwrap(),
        otlp_http: "0.0.0.0:4318".parse().unwrap(),
    };
    insta::assert_snapshot!(written(&line));
}

#[test]
fn what_a_request_does_not_know_is_refused() {
    fn refused<T: DeserializeOwned>(value: Value) {
        assert!(serde_json::from_value::<T>(value.clone()).is_err(), "{value}");
    }
    refused::<IncidentsQuery>(json!({ "state": "open", "sort": "asc" }));
    refused::<IncidentsQuery>(json!({ "state": "Open" }));
    refused::<IncidentsQuery>(json!({ "limit": -1 }));
    refused::<ReportsQuery>(json!({ "state": "open" }));
    refused::<ReportQuery>(json!({ "format": "pdf" }));
    refused::<ErrorsQuery>(json!({ "cursor": "x" }));
    refused::<ActionRequest>(json!({ "action": "delete" }));
    refused::<ActionRequest>(json!({ "action": "resolve", "force": true }));
    refused::<ActionRequest>(json!({ "text": "hello" }));
    refused::<ActionRequest>(json!({ "action": "split", "services": "payment" }));
    refused::<BaselineRequest>(json!({ "env": "prod" }));
    refused::<BaselineRequest>(json!({ "until": "2026-11-21T02:37:21Z", "operation": "x" }));
    let query: ReportQuery = serde_json::from_value(json!({ "format": "markdown" })).unwrap();
    assert_eq!(query.format, Some(ReportFormat::Markdown));
}

#[test]
fn a_query_is_checked_as_a_whole() {
    let checked = IncidentsQuery::default().check().unwrap();
    assert_eq!((checked.state, checked.limit, checked.after), (StateFilter::Open, PAGE_LIMIT_DEFAULT, None));
    let cursor = IncidentCursor { listed_at: Nanos(5), id: row().id };
    let query = IncidentsQuery { cursor: Some(cursor.to_string()), limit: Some(200), ..Default::default() };
    assert_eq!(query.check().unwrap().after, Some(cursor));
    for limit in [0, 201, u32::MAX] {
        let query = IncidentsQuery { limit: Some(limit), ..Default::default() };
        assert_eq!(query.check().unwrap_err().code, ErrorCode::InvalidParameter);
        let query = ErrorsQuery { limit: Some(limit), ..Default::default() };
        assert_eq!(query.check_limit().unwrap_err().code, ErrorCode::InvalidParameter);
    }
    let query = IncidentsQuery { cursor: Some(String::new()), ..Default::default() };
    assert_eq!(query.check().unwrap_err().code, ErrorCode::InvalidCursor);
    let of_another_list = ReportCursor { sequence: 3 }.to_string();
    let query = IncidentsQuery { cursor: Some(of_another_list.clone()), ..Default::default() };
    assert_eq!(query.check().unwrap_err().code, ErrorCode::InvalidCursor);
    let query = ReportsQuery { cursor: Some(of_another_list), limit: None };
    assert_eq!(query.check(), Ok((PAGE_LIMIT_DEFAULT, Some(ReportCursor { sequence: 3 }))));
}
