//! Numbers of services as evidence: their roles, their excess over the past, and whom it is charged to.

use model::Str;

use super::*;
use crate::testing::{EventSpec, event, span_id};

const START: u64 = 1_000;

fn service(name: &str) -> ServiceKey {
    ServiceKey { env: "test".into(), service: name.into() }
}

fn key(name: &str) -> SeriesKey {
    let text = Str::from("");
    SeriesKey {
        env: "test".into(),
        service: name.into(),
        instance: text.clone(),
        name: text.clone(),
        series: text,
    }
}

/// A row every five minutes: requests, failures of them, mean latency in microseconds.
fn fed(metrics: &mut ServiceMetrics, name: &str, rows: impl IntoIterator<Item = (i64, i64, i64)>) {
    for (i, (requests, failures, latency)) in rows.into_iter().enumerate() {
        let at = Nanos((START + 5 * i as u64) * MINUTE_NS);
        let mut add = |role, value| metrics.add(&key(name), role, at, value);
        add(Role::Requests { failed: false }, requests * 1_000_000);
        add(Role::Available(1), 1_000_000 - failures * 1_000_000 / requests.max(1));
        add(Role::Latency(Statistic::Mean, 1, 1), latency);
    }
}

/// Calls of one service to another.
fn called(metrics: &mut ServiceMetrics, pairs: &[(&str, &str)]) {
    metrics.learns = true;
    for (n, (caller, callee)) in pairs.iter().enumerate() {
        let spec = EventSpec { trace: n as u64, span: 1, ..EventSpec::default() };
        let client = Event { kind: model::EventKind::Client, service: (*caller).into(), ..event(&spec) };
        let server = Event {
            parent: Some(span_id(1)),
            service: (*callee).into(),
            ..event(&EventSpec { span: 2, ..spec })
        };
        metrics.add_event(&client, n as u64, Nanos::from_secs(1));
        metrics.add_event(&server, n as u64, Nanos::from_secs(1));
    }
    metrics.calls.close(Nanos::from_secs(2));
}

/// Twenty quiet rows, then four.
fn then(quiet: (i64, i64, i64), after: [(i64, i64, i64); 4]) -> Vec<(i64, i64, i64)> {
    let jitter = |i: i64| (quiet.0, quiet.1, quiet.2 + i % 3 * quiet.2 / 100);
    (0..20).map(jitter).chain(after).collect()
}

const SINCE: u64 = START + 20 * 5;

#[test]
fn the_excess_is_charged_to_whom_its_callees_do_not_explain() {
    let mut metrics = ServiceMetrics::default();
    let slow = |quiet, by| [(100, 0, quiet), (100, 0, quiet + by), (100, 0, quiet + by), (100, 0, quiet)];
    fed(&mut metrics, "site", then((100, 0, 90_000), slow(90_000, 60_000)));
    fed(&mut metrics, "search", then((100, 0, 40_000), slow(40_000, 58_000)));
    fed(&mut metrics, "table", then((100, 0, 4_000), slow(4_000, 2_000)));
    // It is slower too, but all the time.
    fed(&mut metrics, "step", then((100, 0, 9_000), [(100, 0, 40_000); 4]));
    called(&mut metrics, &[("site", "search"), ("search", "table"), ("site", "step")]);
    let measure = Measure::Latency(Statistic::Mean);
    let charge = metrics.charge(&service("site"), measure, SINCE).unwrap();
    let named: Vec<&str> = charge.charged.iter().map(|charged| &*charged.service).collect();
    assert_eq!(named, ["search", "table", "site"]);
    assert!((900..1_000).contains(&charge.charged[0].share), "{charge:?}");
    assert_eq!(charge.charged[1].way, ["table", "search", "site"].map(Str::from));
    assert_eq!(metrics.charge(&service("step"), Measure::Failures, SINCE), None);
}

#[test]
fn a_number_that_left_what_it_was_is_a_shift_until_it_is_back() {
    let mut metrics = ServiceMetrics::default();
    fed(
        &mut metrics,
        "site",
        then((100, 1, 9_000), [(100, 1, 9_000), (100, 30, 9_000), (100, 20, 9_000), (100, 1, 9_000)]),
    );
    let shift = metrics.departs(&service("site"), false, SINCE, 0).unwrap();
    assert_eq!((shift.measure, shift.worst), (Measure::Failures, 300_000));
    assert_eq!((shift.affected, shift.requests), (50, 300));
    assert_eq!(shift.first, SINCE + 5);
    let now = Nanos((SINCE + 16) * MINUTE_NS);
    assert_eq!(metrics.still_shifted(&service("site"), &shift, now), Some(false));
    let later = Nanos((SINCE + 60) * MINUTE_NS);
    assert_eq!(metrics.still_shifted(&service("site"), &shift, later), None);
    assert_eq!(metrics.departs(&service("site"), false, SINCE, SINCE + 12), None);
}

#[test]
fn rows_are_the_same_in_whatever_order_their_numbers_come() {
    let numbers = [
        (Role::Requests { failed: false }, 7_000_000),
        (Role::Requests { failed: true }, 1_000_000),
        (Role::Latency(Statistic::Mean, 1, 1), 300),
        (Role::Latency(Statistic::Mean, 1, 1), 500),
    ];
    let fed = |order: &[usize]| {
        let mut metrics = ServiceMetrics::default();
        order.iter().for_each(|i| metrics.add(&key("a"), numbers[*i].0, Nanos::from_secs(60), numbers[*i].1));
        metrics.services
    };
    assert_eq!(fed(&[0, 1, 2, 3]), fed(&[3, 1, 0, 2]));
}

#[test]
fn spans_of_a_sample_do_not_prove_what_the_service_counts_otherwise() {
    let mut metrics = ServiceMetrics::default();
    fed(&mut metrics, "steady", then((1_000, 0, 9_000), [(1_000, 0, 9_000); 4]));
    fed(&mut metrics, "broken", then((1_000, 0, 9_000), [(1_000, 400, 9_000); 4]));
    fed(&mut metrics, "always", then((30, 30, 9_000), [(30, 30, 9_000); 4]));
    let counts = |requests, failures| crate::detect::Counts { requests, failures };
    let shown = |counts| Shown { onset: SINCE, now: SINCE + 16, counts };
    let fails = |name: &str| metrics.fails_as_ever(&service(name), shown(counts(17, 17)));
    assert_eq!(
        [fails("steady"), fails("broken"), fails("always"), fails("unknown")],
        [true, false, true, false]
    );
    assert!(metrics.is_fast_as_ever(&service("steady"), shown(counts(60, 50))));
    let all = shown(counts(3_000, 50));
    assert!(!metrics.is_fast_as_ever(&service("steady"), all), "the spans are of all requests");
}

#[test]
fn silence_of_spans_waits_for_the_next_count() {
    let mut metrics = ServiceMetrics::default();
    fed(&mut metrics, "site", then((100, 0, 9_000), [(100, 0, 9_000); 4]));
    let last = SINCE + 15;
    let silent = |onset, now| {
        let counts = crate::detect::Counts::default();
        !metrics.flows_as_ever(&service("site"), Shown { onset, now, counts })
    };
    assert!(!silent(SINCE, last), "they go on");
    assert!(!silent(last, last + 6), "the next is to come");
    assert!(silent(last, last + 12), "none came");
}

#[test]
fn a_baseline_is_accepted_of_the_services_that_are_meant() {
    let mut metrics = ServiceMetrics::default();
    let slow = then((100, 0, 9_000), [(100, 0, 90_000); 4]);
    fed(&mut metrics, "meant", slow.clone());
    fed(&mut metrics, "other", slow);
    let departs = |metrics: &ServiceMetrics, name: &str| {
        let around = SINCE + 20;
        metrics.departs(&service(name), false, around, 0).map(|shift| shift.first)
    };
    assert_eq!((departs(&metrics, "meant"), departs(&metrics, "other")), (Some(SINCE), Some(SINCE)));
    metrics.accept(|known| *known == service("meant"), Nanos((SINCE + 16) * MINUTE_NS));
    assert_eq!((departs(&metrics, "meant"), departs(&metrics, "other")), (None, Some(SINCE)));
}

#[test]
fn who_calls_whom_is_learned_from_the_tick_after_the_first_number_on() {
    // So that it does not matter which of a tick's telemetry came first.
    let numbers = |metrics: &mut ServiceMetrics| fed(metrics, "site", [(100, 0, 9_000)]);
    let spans = |metrics: &mut ServiceMetrics| {
        let spec = EventSpec { span: 1, ..EventSpec::default() };
        let client = Event { kind: model::EventKind::Client, ..event(&spec) };
        metrics.add_event(&client, 1, Nanos::from_secs(1));
    };
    let now = Nanos(START * MINUTE_NS);
    let (mut first, mut last) = (ServiceMetrics::default(), ServiceMetrics::default());
    numbers(&mut first);
    spans(&mut first);
    spans(&mut last);
    numbers(&mut last);
    first.advance(now);
    last.advance(now);
    assert_eq!(format!("{first:?}"), format!("{last:?}"));
    assert!(first.learns);
}

#[test]
fn numbers_beyond_all_measure_are_cut_and_nothing_breaks() {
    let mut metrics = ServiceMetrics::default();
    for (i, value) in [0, 0, 0, 0, i64::MAX, i64::MIN].into_iter().enumerate() {
        for name in ["site", "search"] {
            let at = Nanos((START + 40 * i as u64) * MINUTE_NS);
            metrics.add(&key(name), Role::Requests { failed: false }, at, i64::MAX);
            metrics.add(&key(name), Role::Available(1), at, value);
            metrics.add(&key(name), Role::Latency(Statistic::Mean, 1, 1), at, value);
            metrics.add(&key(name), Role::Spent(1, 1), at, value);
        }
    }
    called(&mut metrics, &[("site", "search"); 4]);
    for measure in [Measure::Failures, Measure::Latency(Statistic::Mean)] {
        metrics.charge(&service("site"), measure, START + 160);
    }
}
