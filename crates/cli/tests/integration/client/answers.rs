//! What a server might say, hostile text included.

use api::{
    Completeness, ErrorFamily, ErrorsPage, ExplainedOrigin, Explanation, FailureView, Hop, Incident,
    IncidentCause, IncidentLink, IncidentsPage, Trace, TraceEvent,
};

/// Clears a terminal, starts a line, hides text and turns its direction.
pub(super) const HOSTILE: &str = "\u{1b}[2Jred\r\nalert \u{202e}txt\u{200b}\u{9b}31m";

pub(super) fn incident() -> Incident {
    Incident {
        id: "inc_4f0c2a9d1b7e6358".to_owned(),
        env: "prod".to_owned(),
        state: "open".to_owned(),
        severity: 2,
        started_at: "2026-11-21T02:37:21.125Z".to_owned(),
        detected_at: "2026-11-21T02:37:24Z".to_owned(),
        updated_at: "2026-11-21T02:38:00Z".to_owned(),
        resolved_at: None,
        reopened: 0,
        summary: "payment fails because card-provider does not answer: 41 of 60 requests failed".to_owned(),
        cause: IncidentCause { kind: "dependency".to_owned(), subject: Some("card-provider".to_owned()) },
        origin_service: Some("payment".to_owned()),
        requests_affected: 41,
        report_hash: Some("ab".repeat(32)),
        evidence_fingerprint: Some("cd".repeat(32)),
        acknowledged_by: Some("ada".to_owned()),
        acknowledged_at: Some("2026-11-21T02:39:01Z".to_owned()),
        assignee: Some("payments on call".to_owned()),
        silenced_until: None,
        merged_into: None,
        links: vec![],
    }
}

pub(super) fn hostile_incident() -> Incident {
    Incident {
        id: "inc_0000000000000001".to_owned(),
        env: HOSTILE.to_owned(),
        state: "resolved".to_owned(),
        severity: 5,
        started_at: HOSTILE.to_owned(),
        resolved_at: Some("2026-11-21T03:00:00Z".to_owned()),
        reopened: 2,
        summary: HOSTILE.to_owned(),
        cause: IncidentCause { kind: "unknown".to_owned(), subject: None },
        origin_service: None,
        report_hash: None,
        evidence_fingerprint: None,
        acknowledged_by: Some(HOSTILE.to_owned()),
        assignee: Some(HOSTILE.to_owned()),
        silenced_until: Some("2026-11-21T06:00:00Z".to_owned()),
        merged_into: Some("inc_0000000000000002".to_owned()),
        links: vec![IncidentLink {
            url: "https://wiki.example.org/1".to_owned(),
            title: HOSTILE.to_owned(),
            by: HOSTILE.to_owned(),
        }],
        ..incident()
    }
}

pub(super) fn incidents() -> IncidentsPage {
    IncidentsPage { incidents: vec![incident(), hostile_incident()], next_cursor: Some("i1abc".to_owned()) }
}

pub(super) fn errors() -> ErrorsPage {
    let family = |service: &str, code: &str, failures, requests| ErrorFamily {
        env: "prod".to_owned(),
        service: service.to_owned(),
        operation: "POST /pay".to_owned(),
        code: code.to_owned(),
        failures,
        requests,
        first_seen: "2026-11-21T02:37:21Z".to_owned(),
        last_seen: "2026-11-21T02:38:00.5Z".to_owned(),
    };
    let errors = vec![
        family("payment", "UPSTREAM_TIMEOUT", 41, 60),
        family("支付", HOSTILE, 3, 1_000_000),
        family("ghost", "E", 1, 0),
    ];
    ErrorsPage { errors, total: 7 }
}

fn event(span: &str, parent: Option<&str>, service: &str, kind: &str, at_ms: u32) -> TraceEvent {
    TraceEvent {
        span_id: span.to_owned(),
        parent_span_id: parent.map(str::to_owned),
        kind: kind.to_owned(),
        env: "prod".to_owned(),
        service: service.to_owned(),
        operation: "POST /pay".to_owned(),
        version: "1.0.0".to_owned(),
        instance: String::new(),
        peer: String::new(),
        started_at: format!("2026-11-21T02:37:21.{at_ms:03}Z"),
        duration_ns: 2_000_000_000 - u64::from(at_ms) * 1_000_000,
        status: "ok".to_owned(),
        failure: None,
    }
}

pub(super) fn trace() -> Trace {
    let failed = |event: TraceEvent, reason: &str| TraceEvent {
        status: "timeout".to_owned(),
        failure: Some(FailureView { code: "UPSTREAM_TIMEOUT".to_owned(), reason: reason.to_owned() }),
        ..event
    };
    Trace {
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        status: Completeness::Partial,
        events: vec![
            event("a1", None, "gateway", "server", 0),
            failed(event("b1", Some("a1"), "payment", "server", 12), "no answer in 2 s"),
            failed(event("c1", Some("b1"), "payment", "client", 15), HOSTILE),
            event("d1", Some("a1"), "store", "server", 900),
        ],
        events_cut: 3,
        incidents: vec!["inc_4f0c2a9d1b7e6358".to_owned()],
    }
}

pub(super) fn explanation() -> Explanation {
    let hop = |span: &str, service: &str| Hop {
        span_id: span.to_owned(),
        service: service.to_owned(),
        operation: "POST /pay".to_owned(),
        code: "UPSTREAM_TIMEOUT".to_owned(),
        started_at: "2026-11-21T02:37:21.015Z".to_owned(),
        duration_ns: 1_985_000_000,
    };
    Explanation {
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        status: Completeness::Partial,
        summary: "The failure arose where payment called card-provider.".to_owned(),
        origin: Some(ExplainedOrigin {
            span_id: "c1".to_owned(),
            service: "payment".to_owned(),
            operation: "POST /charge".to_owned(),
            code: "UPSTREAM_TIMEOUT".to_owned(),
            reason: HOSTILE.to_owned(),
            unobserved_callee: Some("card-provider".to_owned()),
        }),
        chain: vec![hop("c1", "payment"), hop("a1", "gateway")],
        notes: vec!["3 events were cut off".to_owned(), HOSTILE.to_owned()],
    }
}
