//! The clock of a run, and what the core is told of it.

use model::{Event, EventKind, Failure, FailureStatus, Outcome, SpanId, Str, TraceId};

use super::*;

fn event(second: u64, n: u64, failed: bool) -> Event {
    let text: Str = "".into();
    let failure = Failure { status: FailureStatus::Error, code: "boom".into(), reason: text.clone() };
    Event {
        trace: TraceId((u128::from(second) << 64 | u128::from(n) << 8 | 1).to_be_bytes()),
        span: SpanId((second << 32 | n << 8 | 1).to_be_bytes()),
        parent: None,
        kind: EventKind::Server,
        env: "test".into(),
        service: "payment".into(),
        operation: "POST /charges".into(),
        version: text.clone(),
        instance: text.clone(),
        peer: text,
        start: Nanos::from_secs(second),
        end: Nanos::from_secs(second).saturating_add(5_000_000),
        outcome: if failed { Outcome::Failed(failure) } else { Outcome::Ok },
        user: None,
        attributes: Vec::new(),
    }
}

fn drive(ticks_given: bool) -> Run {
    let mut runner = Runner::new(Nanos::from_secs(1_000));
    if ticks_given {
        runner = runner.with_ticks_given();
    }
    for second in 1_000..1_400 {
        let failed = second >= 1_300;
        let events = (0..10).map(|n| event(second, n, failed)).collect();
        runner.feed(Nanos::from_secs(second).saturating_add(500_000_000), Input::Events(events));
        if ticks_given {
            runner.feed(Nanos::from_secs(second + 1), Input::Tick);
        }
    }
    runner.finish(Nanos::from_secs(1_400))
}

#[test]
fn ticks_come_with_each_second_of_the_inputs_up_to_the_end() {
    let run = drive(false);
    assert_eq!((run.ticks, run.events), (400, 4_000));
    let [incident] = run.incidents.values().collect::<Vec<_>>().try_into().unwrap();
    assert!((1_300..1_315).contains(&incident.opened_at.as_secs()), "{}", incident.opened_at);
    assert!(incident.is_open_across(Nanos::from_secs(1_399)));
    assert!(!incident.is_open_across(Nanos::from_secs(1_299)));
}

#[test]
fn given_ticks_are_the_only_ones_and_give_the_same_report() {
    let (made, given) = (drive(false), drive(true));
    assert_eq!(given.ticks, 400);
    let hashes = |run: &Run| run.incidents.values().map(|i| i.row.report_hash.clone()).collect::<Vec<_>>();
    assert_eq!(hashes(&made), hashes(&given));
}

#[test]
fn a_run_without_inputs_ticks_all_the_same() {
    assert_eq!(Runner::new(Nanos(1_500_000_000)).finish(Nanos::from_secs(4)).ticks, 3);
}
