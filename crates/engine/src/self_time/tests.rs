//! Where the time of whole traces goes, and what alarms when it grows.

use model::EventKind;

use super::*;
use crate::join::JoinedSpan;
use crate::testing::{span_id, trace_id};

fn key(service: &str, kind: EventKind) -> OperationKey {
    OperationKey { env: "test".into(), service: service.into(), kind, operation: "op".into() }
}

/// (id, parent, service, kind, start, end), in milliseconds.
type Row = (u64, u64, &'static str, EventKind, u64, u64);

fn trace(id: u64, version: &str, rows: &[Row]) -> Joined {
    let spans = rows.iter().map(|(id, parent, service, kind, start, end)| {
        let facts = SpanFacts {
            operation: key(service, *kind),
            version: version.into(),
            instance: "i".into(),
            parent: (*parent > 0).then(|| span_id(*parent)),
            failed: false,
            start: Nanos(start * 1_000_000),
            end: Nanos(end * 1_000_000),
        };
        (span_id(*id), JoinedSpan { span: Some(facts), ..JoinedSpan::default() })
    });
    Joined { trace: trace_id(id), spans: spans.collect(), ..Joined::default() }
}

fn own_ms(rows: &[Row]) -> Vec<u64> {
    own_times(&trace(1, "1", rows)).into_iter().map(|(_, ns)| ns / 1_000_000).collect()
}

#[test]
fn who_waits_does_not_spend_the_time() {
    use EventKind::{Client, Consumer, Internal, Producer, Server};
    let waits = [(1, 0, "a", Server, 0, 100), (2, 1, "a", Client, 10, 90), (3, 2, "b", Server, 20, 80)];
    assert_eq!(own_ms(&waits), [20, 20, 60]);
    // A callee's clock does not matter, only how long it took.
    let skewed =
        [(1, 0, "a", Server, 0, 100), (2, 1, "a", Client, 10, 90), (3, 2, "b", Server, 5_020, 5_080)];
    assert_eq!(own_ms(&skewed), [20, 20, 60]);
    // What overlaps counts once, and what runs on after its parent only as long as that.
    let parallel = [(1, 0, "a", Server, 0, 100), (2, 1, "a", Client, 10, 60), (3, 1, "a", Internal, 50, 150)];
    assert_eq!(own_ms(&parallel), [10, 50, 100]);
    // Whoever hands work on does not wait for it.
    let handed = [(1, 0, "a", Producer, 0, 5), (2, 1, "b", Consumer, 100, 200)];
    assert_eq!(own_ms(&handed), [5, 100]);
}

/// Ten requests a second for `seconds`; the callee takes what `callee_ms` says.
fn run(seconds: u64, callee_ms: impl Fn(u64, u64) -> u64) -> SelfTimes {
    use EventKind::{Client, Server};
    let (mut times, config) = (SelfTimes::default(), Config::default());
    for second in 0..seconds {
        let traces: Vec<Joined> = (0..10)
            .map(|i| {
                let took = callee_ms(second, i);
                let version = if i % 2 == 0 { "old" } else { "new" };
                let rows = [
                    (1, 0, "shop", Server, 0, took + 4),
                    (2, 1, "shop", Client, 1, took + 3),
                    (3, 2, "price", Server, 2, took + 2),
                ];
                trace(1_000 + second * 10 + i, version, &rows)
            })
            .collect();
        times.absorb(&traces, Nanos::from_secs(1_000_000 + second), &config);
    }
    times
}

fn alarms(times: &SelfTimes) -> Vec<String> {
    let config = Config::default();
    let found = times.alarms(Bits::log2(1 << 32), &config);
    found.map(|alarm| alarm.family.operation.service.to_string()).collect()
}

#[test]
fn a_slow_callee_alarms_and_its_caller_does_not() {
    let usual = |_, i| 10 + i;
    assert_eq!(alarms(&run(700, usual)), [""; 0]);
    let slow = run(730, |second, i| if second < 700 { 10 + i } else { 100 });
    assert_eq!(alarms(&slow), ["price"]);
}

#[test]
fn the_slow_part_is_told_from_the_rest() {
    let slow = run(740, |second, i| if second >= 700 && i % 2 == 1 { 100 } else { 10 });
    let stretch = slow.since(&key("price", EventKind::Server)).unwrap();
    let of = |version: &str| stretch.versions.get(version).map(|split| (split.requests, split.failures));
    assert_eq!(of("new"), Some((200, 200)));
    assert_eq!(of("old").map(|(_, slow)| slow), Some(0));
}

#[test]
fn what_was_accepted_is_normal() {
    let slow = |second, i| if second < 700 { 10 + i } else { 100 };
    let mut times = run(730, slow);
    let price = key("price", EventKind::Server);
    times.enter_incident(&FamilyKey::of(price.clone(), Sign::SelfTime));
    times.accept_present(&price, Nanos::from_secs(1_000_730));
    times.leave_incident(&FamilyKey::of(price, Sign::SelfTime));
    assert_eq!(alarms(&times), [""; 0]);
}
