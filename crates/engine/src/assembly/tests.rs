//! Traces as small trees, and what is found in them.

use model::{EventKind, Failure, FailureStatus, Nanos, Outcome, TraceId};

use super::*;
use crate::testing::{EventSpec, event, span_id};

/// (span, parent, kind, service, fails)
type Row = (u64, Option<u64>, EventKind, &'static str, bool);

fn trace(rows: &[Row]) -> CapturedTrace {
    let events = rows.iter().map(|(span, parent, kind, service, fails)| {
        let failure = Failure { status: FailureStatus::Error, code: "E".into(), reason: "".into() };
        Event {
            parent: parent.map(span_id),
            kind: *kind,
            service: (*service).into(),
            operation: format!("op{span}").into(),
            peer: if kind.is_outbound() { format!("peer{span}").into() } else { "".into() },
            outcome: if *fails { Outcome::Failed(failure) } else { Outcome::Ok },
            end: Nanos::from_secs(100 - span),
            ..event(&EventSpec { span: *span, ..EventSpec::default() })
        }
    });
    CapturedTrace { trace: TraceId::default(), events: events.collect(), events_cut: 0, logs: Vec::new() }
}

/// "origin operation / inbound operation / hops", with `?` after an unobserved callee.
fn origin(rows: &[Row]) -> String {
    let trace = trace(rows);
    let Some(origin) = Assembly::of(&trace).origin() else { return "none".into() };
    let hops: Vec<&str> = origin.hops.iter().map(|event| &*event.service).collect();
    let mark = if origin.callee_unobserved { "?" } else { "" };
    format!("{}{mark} / {} / {}", origin.event.operation, origin.inbound.operation, hops.join(" "))
}

use EventKind::{Client, Internal, Server};

#[test]
fn an_unobserved_callee_is_the_deepest_call() {
    let rows = [
        (1, None, Server, "gateway", true),
        (2, Some(1), Client, "gateway", true),
        (3, Some(2), Server, "payment", true),
        (4, Some(3), Internal, "payment", true),
        (5, Some(4), Client, "payment", true),
    ];
    assert_eq!(origin(&rows), "op5? / op3 / payment gateway");
}

#[test]
fn a_failing_callee_is_the_origin_and_the_call_is_not() {
    let rows = [
        (1, None, Server, "gateway", true),
        (2, Some(1), Client, "gateway", true),
        (3, Some(2), Server, "payment", true),
        (4, Some(3), Client, "payment", false),
    ];
    assert_eq!(origin(&rows), "op3 / op3 / payment gateway");
}

#[test]
fn a_caught_failure_does_not_hide_the_longer_chain() {
    let rows = [
        (1, None, Server, "gateway", true),
        (2, Some(1), Internal, "gateway", false),
        (3, Some(2), Client, "gateway", true),
        (4, Some(1), Client, "gateway", true),
    ];
    assert_eq!(origin(&rows), "op4? / op1 / gateway");
}

#[test]
fn missing_parents_and_cycles_are_survived() {
    let rows = [(3, Some(9), Server, "payment", true), (4, Some(3), Client, "payment", true)];
    assert_eq!(origin(&rows), "op4? / op3 / payment");
    assert_eq!(Assembly::of(&trace(&rows)).missing_parents, 1);
    let cycle =
        [(1, Some(2), Server, "a", true), (2, Some(3), Server, "b", true), (3, Some(1), Server, "c", true)];
    assert_ne!(origin(&cycle), "none");
    assert_eq!(origin(&[(1, Some(1), Server, "a", true)]), "op1 / op1 / a");
    assert_eq!(origin(&[(1, None, Server, "a", false)]), "none");
}

#[test]
fn names_of_callees_are_learned_from_both_ends() {
    let healthy = trace(&[(1, None, Client, "gateway", false), (2, Some(1), Server, "payment", false)]);
    let mut peers = Peers::default();
    peers.learn(&healthy);
    assert_eq!(peers.callee(&healthy.events[0]).map(|s| &**s), Some("payment"));
    assert_eq!(peers.callee(&healthy.events[1]), None);
}
