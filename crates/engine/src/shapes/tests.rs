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
    /// A call that failed.
    failed_call: bool,
}

fn row(span: u64, parent: Option<u64>, service: &'static str, logs: &'static [u64]) -> Row {
    Row { span, parent, service, logs, error: None, failed_call: false }
}

fn trace(id: u64, rows: &[Row]) -> Joined {
    let mut joined = Joined { trace: trace_id(id), correlated: true, ..Joined::default() };
    for row in rows {
        let operation = OperationKey {
            env: "test".into(),
            service: row.service.into(),
            kind: if row.failed_call { EventKind::Client } else { EventKind::Server },
            operation: "op".into(),
        };
        let facts = SpanFacts {
            operation,
            version: "".into(),
            instance: format!("{}-0", row.service).into(),
            parent: row.parent.map(span_id),
            failed: row.failed_call,
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
    shapes.accept(&Scope::default(), at(60));
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
fn who_logs_that_a_call_was_not_answered_is_not_where_it_arises() {
    let calling = |id: u64, failed: bool| {
        let mut rows = [row(0, None, "shop", &[7]), row(1, Some(0), "shop", &[])];
        (rows[0].error, rows[1].failed_call) = (failed.then_some("connection refused"), failed);
        trace(id, &rows)
    };
    let not_answered = |id| calling(id, true);
    assert_eq!(alarms(|id| calling(id, false), not_answered), [""; 0]);
    let by_itself = |id| {
        let mut rows = [row(0, None, "shop", &[7]), row(1, Some(0), "shop", &[])];
        rows[0].error = Some("connection refused");
        trace(id, &rows)
    };
    assert_eq!(alarms(|id| calling(id, false), by_itself), ["shop"]);
}

#[test]
fn what_lost_the_span_above_it_may_be_below_any_other() {
    let broken = |parent: Option<u64>| {
        move |id: u64| {
            let mut rows = [row(0, None, "shop", &[7]), row(2, parent, "price", &[1])];
            (rows[0].error, rows[1].error) = (Some("price says no"), Some("division by zero"));
            trace(id, &rows)
        }
    };
    let normal = |id| call(id, &[1], &[7]);
    assert_eq!(alarms(normal, broken(Some(9))), ["price"], "the call between them is lost");
    assert_eq!(alarms(normal, broken(None)), ["price", "shop"], "they have nothing to do with each other");
}

#[test]
fn other_requests_are_not_odd() {
    let normal =
        |id: u64| if id.is_multiple_of(5) { call(id, &[1], &[7]) } else { call(id, &[1, 2], &[7, 8]) };
    assert_eq!(alarms(normal, |id| call(id, &[1], &[7])), [""; 0], "a known shape, more often");
    assert_eq!(alarms(normal, |id| call(id, &[1, 2, 5], &[7, 8])), [""; 0], "one that says more");
}

#[test]
fn what_came_among_the_first_requests_is_no_less_normal_than_those_before_it() {
    let (mut shapes, config) = (Shapes::default(), Config::default());
    let mut show = |requests: std::ops::Range<u64>, of: &dyn Fn(u64) -> Joined| -> usize {
        let shown = requests.map(|id| {
            shapes.absorb(&[of(id)], |_| false, Nanos::from_secs(600_000 + id * 5), &config);
            shapes.alarms(crate::detect::threshold(&config, shapes.tests())).count()
        });
        shown.sum()
    };
    // One request in ten logs that it was served, and so did the first few of all.
    let served = |id: u64| id < 8 || id.is_multiple_of(10);
    assert_eq!(show(0..400, &|id| if served(id) { call(id, &[], &[7]) } else { call(id, &[], &[]) }), 0);
    assert_eq!(show(400..800, &|id| call(id, &[1, 2], &[])), 0);
    assert_ne!(show(800..900, &|id| call(id, &[1], &[])), 0, "none of very many was so short");
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

/// Seconds in which requests of both services come; at 60 s what a service did is accepted, then requests end early.
fn alarms_where(accepted: Scope) -> Vec<String> {
    let (mut shapes, config) = (Shapes::default(), Config::default());
    let at = |second: u64| Nanos::from_secs(600_000 + second);
    let alone = |id: u64, service, logs| trace(id, &[row(0, None, service, logs)]);
    for second in 0..120 {
        if second == 60 {
            shapes.accept(&accepted, at(60));
        }
        let logs: &[u64] = if second < 60 { &[1, 2] } else { &[1] };
        let traces = [alone(2 * second, "shop", logs), alone(2 * second + 1, "price", logs)];
        shapes.absorb(&traces, |_| false, at(second), &config);
    }
    let threshold = crate::detect::threshold(&config, shapes.tests());
    shapes.alarms(threshold).map(|alarm| alarm.family.operation.service.to_string()).collect()
}

#[test]
fn what_one_service_did_is_accepted_of_that_service_alone() {
    assert_eq!(alarms_where(Scope::default()), ["price", "shop"]);
    assert_eq!(alarms_where(Scope { service: Some("shop".into()), ..Scope::default() }), ["shop"]);
    assert_eq!(alarms_where(Scope { env: Some("other".into()), ..Scope::default() }), [""; 0]);
}

/// An operation of which so many requests were logged; six later ones are not.
fn alarms_after(logged: u64) -> usize {
    let (mut shapes, config) = (Shapes::default(), Config::default());
    let at = |second: u64| Nanos::from_secs(600_000 + second);
    let request = |second: u64, logs: &'static [u64]| trace(second, &[row(0, None, "shop", logs)]);
    (0..logged).for_each(|n| shapes.absorb(&[request(n, &[1, 2])], |_| false, at(n), &config));
    for n in 0..6 {
        shapes.absorb(&[request(700 + n, &[1])], |_| false, at(700 + n), &config);
    }
    let threshold = crate::detect::threshold(&config, shapes.tests());
    shapes.alarms(threshold).count()
}

#[test]
fn a_few_requests_that_were_all_logged_do_not_tell_what_is_always_logged() {
    assert_eq!((alarms_after(3), alarms_after(CLEAN_MIN)), (0, 1));
}

#[test]
fn errors_that_nobody_logs_any_more_make_room_and_those_without_room_are_nothing_new() {
    let (mut shapes, config) = (Shapes::default(), Config::default());
    let at = |second: u64| Nanos::from_secs(600_000 + second);
    let failing =
        |id: u64, error: &'static str| trace(id, &[Row { error: Some(error), ..row(0, None, "shop", &[1]) }]);
    shapes.absorb(&[failing(0, "known")], |_| false, at(0), &config);
    for n in 1..ERRORS_MAX {
        shapes.errors.insert(format!("error {n}").into(), (at(0), at(0)));
    }
    let is_new = |shapes: &Shapes, now: u64| {
        let past =
            shapes.past_of(&failing(1, "").spans[&span_id(0)].span.as_ref().unwrap().operation, at(now));
        !shapes.is_known_error(&"yet another".into(), past)
    };
    assert!(!is_new(&shapes, 1_000), "there is no room to learn it");
    shapes.absorb(&[failing(2, "known")], |_| false, at(80_000), &config);
    shapes.absorb(&[], |_| false, at(90_000), &config);
    assert_eq!(shapes.errors.len(), 1);
    assert!(is_new(&shapes, 90_000));
}

#[test]
fn a_trace_as_deep_as_it_can_be_is_judged_like_a_flat_one() {
    // Every span is odd: all but the deepest are consequences.
    let deep = |id: u64, logs: &'static [u64]| {
        let rows: Vec<Row> = (0..512)
            .map(|n| row(n, n.checked_sub(1), if n == 511 { "price" } else { "shop" }, logs))
            .collect();
        trace(id, &rows)
    };
    assert_eq!(alarms(|id| deep(id, &[1, 2]), |id| deep(id, &[1])), ["price"]);
}
