//! What is kept beyond the bounds does not depend on the order in which it came.

use proptest::prelude::*;

use super::*;
use crate::testing::{EventSpec, event, shuffled, span_id, trace_id};

const NOW: Nanos = Nanos::from_secs(1_000);

enum Part {
    Event(Event),
    Log(LogRecord),
}

fn span(trace: u64, span: u64) -> Part {
    Part::Event(event(&EventSpec { trace, span, end_s: 999, ..EventSpec::default() }))
}

/// An error of a span, with a template of its own.
fn log(trace: u64, span: u64, said: u64) -> Part {
    Part::Log(LogRecord {
        env: "test".into(),
        service: "s0".into(),
        version: "".into(),
        instance: "".into(),
        at: NOW,
        severity: LogSeverity::Error,
        template: format!("template {said}").into(),
        pattern: format!("pattern {said}").into(),
        body: "".into(),
        exception: "".into(),
        trace: Some(trace_id(trace)),
        span: Some(span_id(span)),
    })
}

/// What a tick makes of it, and what comes out once all is whole.
fn told(parts: &[Part], order: &[usize]) -> (Join, Vec<Joined>) {
    let mut join = Join::default();
    for i in order {
        match &parts[*i] {
            Part::Event(event) => join.add_event(event, event.trace.stable_hash(), NOW),
            Part::Log(log) => join.add_log(log, NOW),
        }
    }
    let mut whole = join.close(NOW);
    whole.extend(join.close(NOW.saturating_add(IDLE_NS)));
    (join, whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn parts_of_a_trace_beyond_the_bound_are_chosen_by_themselves(seed in any::<u64>()) {
        let many = PARTS_MAX as u64 * 3 / 2;
        let mut parts: Vec<Part> = (0..many).map(|n| span(1, n)).collect();
        parts.extend((0..many).map(|n| log(1, 7, n)));
        // Of a span beyond the bound: it must not take the place of another.
        parts.extend((0..9).map(|n| log(1, many + n, n)));
        let in_order: Vec<usize> = (0..parts.len()).collect();
        let (_, expected) = told(&parts, &in_order);
        let (join, whole) = told(&parts, &shuffled(seed, parts.len()));
        prop_assert_eq!(&whole, &expected);
        let [trace] = &whole[..] else { return Err(TestCaseError::fail("one trace")) };
        let logged = &trace.spans[&span_id(7)];
        prop_assert_eq!((trace.spans.len(), logged.errors.len(), logged.shape.len()), (PARTS_MAX, PARTS_MAX, PARTS_MAX));
        prop_assert_eq!(join.cut, 1);
    }

    #[test]
    fn traces_beyond_the_bound_are_chosen_by_hash(seed in any::<u64>()) {
        let parts: Vec<Part> =
            (0..OPEN_MAX as u64 * 5 / 2).flat_map(|trace| [span(trace, 1), log(trace, 1, 1), span(trace, 2)]).collect();
        let in_order: Vec<usize> = (0..parts.len()).collect();
        let (join, expected) = told(&parts, &in_order);
        let (other, whole) = told(&parts, &shuffled(seed, parts.len()));
        prop_assert_eq!(expected.len(), OPEN_MAX);
        prop_assert_eq!(whole, expected);
        prop_assert_eq!(other.bar, join.bar);
    }
}
