//! Requests that end early, and errors that nobody logged before, are charged to the place where they arise.

use model::EventKind;

use super::*;
use crate::join::JoinedSpan;
use crate::testing::{span_id, trace_id};

struct Row {
    span: u64,
    parent: Option<u64>,
    service: &'static str,
    logs: &'static [u64],
    error: Option<&'static str>,
}

fn row(span: u64, parent: Option<u64>, service: &'static str, logs: &'static [u64]) -> Row {
    Row { span, parent, service, logs, error: None }
}

fn trace(id: u64, rows: &[Row]) -> Joined {
    let mut joined = Joined { trace: trace_id(id), correlated: true, ..Joined::default() };
    for row in rows {
        let operation = OperationKey {
            env: "test".into(),
            service: row.service.into(),
            kind: EventKind::Server,
            operation: "op".into(),
        };
        let facts = SpanFacts {
            operation,
            version: "".into(),
            instance: format!("{}-0", row.service).into(),
            parent: row.parent.map(span_id),
            failed: false,
            start: Nanos(0),
            end: Nanos::from_secs(1),
        };
        let span = JoinedSpan {
            span: Some(facts),
            shape: row.logs.iter().copied().collect(),
            errors: row.error.iter().map(|e| Str::from(*e)).collect(),
        };
        joined.spans.insert(span_id(row.span), span);
    }
    joined
}

fn call(id: u64, callee: &'static [u64], caller: &'static [u64]) -> Joined {
    trace(id, &[row(0, None, "shop", caller), row(1, Some(0), "price", callee)])
}

/// A minute of requests that is accepted as normal, then `odd`; the services that alarm.
fn alarms(normal: impl Fn(u64) -> Joined, odd: impl Fn(u64) -> Joined) -> Vec<String> {
    let (mut shapes, config) = (Shapes::default(), Config::default());
    let at = |second: u64| Nanos::from_secs(600_000 + second);
    let is_service = |name: &str| ["shop", "price"].contains(&name);
    for second in 0..60 {
        shapes.absorb(&[normal(second)], is_service, at(second), &config);
    }
    shapes.accept(at(60));
    for second in 60..90 {
        shapes.absorb(&[odd(second)], is_service, at(second), &config);
    }
    let threshold = crate::detect::threshold(&config, shapes.tests());
    shapes.alarms(threshold).map(|alarm| alarm.family.operation.service.to_string()).collect()
}

#[test]
fn a_request_that_ends_early_is_charged_to_the_deepest_service() {
    let normal = |id| call(id, &[1, 2, 3], &[7, 8, 9]);
    assert_eq!(alarms(normal, |id| call(id, &[1, 2], &[7, 8])), ["price"]);
    assert_eq!(alarms(normal, |id| call(id, &[1, 2, 3], &[7, 8])), ["shop"]);
    assert_eq!(alarms(normal, normal), [""; 0]);
}

#[test]
fn other_requests_are_not_odd() {
    let normal =
        |id: u64| if id.is_multiple_of(5) { call(id, &[1], &[7]) } else { call(id, &[1, 2], &[7, 8]) };
    assert_eq!(alarms(normal, |id| call(id, &[1], &[7])), [""; 0], "a known shape, more often");
    assert_eq!(alarms(normal, |id| call(id, &[1, 2, 5], &[7, 8])), [""; 0], "one that says more");
}

#[test]
fn an_error_that_any_service_logged_before_explains_what_ends_early() {
    let with_error = |id: u64, service: usize, error: &'static str| {
        let mut rows = [row(0, None, "shop", &[7]), row(1, Some(0), "price", &[1])];
        rows[service].error = Some(error);
        trace(id, &rows)
    };
    let normal = |id: u64| match id % 10 {
        0 => with_error(id, 0, "no instance of price"),
        _ => call(id, &[1, 2], &[7, 8]),
    };
    assert_eq!(alarms(normal, |id| with_error(id, 1, "no instance of shop")), [""; 0]);
    assert_eq!(alarms(normal, |id| with_error(id, 1, "division by zero")), ["price"]);
}

#[test]
fn what_nobody_asked_for_in_a_day_is_forgotten_whatever_the_length_of_a_tick() {
    let (mut shapes, config) = (Shapes::default(), Config { tick_ms: 30_000, ..Config::default() });
    let is_service = |_: &str| false;
    let at = |tick: u64| Nanos::from_secs(600_015 + tick * 30);
    shapes.absorb(&[call(1, &[1], &[2])], is_service, at(0), &config);
    assert_eq!((shapes.places.len(), shapes.tests()), (2, 0));
    (1..3_010).for_each(|tick| shapes.absorb(&[], is_service, at(tick), &config));
    assert_eq!(shapes.places.len(), 0);
}
