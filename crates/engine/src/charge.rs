//! Where the time of a trace went. Each instant is charged to the span that was started last of those active then, so
//! whoever waits is not blamed for what it waits for; what lies between the two ends of a call is charged to both.
//! Knows nothing of incidents.

use std::collections::BTreeMap;

use model::{Event, EventKind};

use crate::assembly::Assembly;

/// Nanoseconds by index of the event that they are charged to.
pub(crate) fn charge(assembly: &Assembly<'_>) -> BTreeMap<usize, u64> {
    let spans = aligned(assembly);
    let mut bounds: Vec<u64> = spans.iter().flat_map(|span| [span.start, span.end]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|i| spans[*i].start);
    let mut charged: BTreeMap<usize, u64> = BTreeMap::new();
    let mut active: Vec<usize> = Vec::new();
    let mut next = 0;
    for pair in bounds.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        while let Some(i) = order.get(next).filter(|i| spans[**i].start <= from) {
            active.push(*i);
            next += 1;
        }
        active.retain(|i| spans[*i].end > from);
        // Of spans that start together the deeper one is what the other waits for.
        let last = active.iter().copied().max_by_key(|i| (spans[*i].start, spans[*i].depth, *i));
        if let Some(last) = last {
            *charged.entry(last).or_default() += to - from;
        }
    }
    share_gaps(assembly, charged)
}

/// The time of a call beyond its callee belongs half to each end.
fn share_gaps(assembly: &Assembly<'_>, charged: BTreeMap<usize, u64>) -> BTreeMap<usize, u64> {
    let mut shared: BTreeMap<usize, u64> = BTreeMap::new();
    for (i, ns) in charged {
        let callee = assembly.event(i).kind.is_outbound().then(|| assembly.callee(i)).flatten();
        match callee {
            Some(callee) => {
                *shared.entry(i).or_default() += ns - ns / 2;
                *shared.entry(callee).or_default() += ns / 2;
            }
            None => *shared.entry(i).or_default() += ns,
        }
    }
    shared
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
    depth: usize,
}

/// The spans on one clock: what a call led to happened during the call, whatever the callee's clock says.
fn aligned(assembly: &Assembly<'_>) -> Vec<Span> {
    let raw = |event: &Event| (event.start.0, event.end.0.max(event.start.0));
    let mut spans: Vec<Span> = (0..assembly.len())
        .map(|i| {
            let (start, end) = raw(assembly.event(i));
            Span { start, end, depth: 0 }
        })
        .collect();
    for i in assembly.top_down() {
        let Some(parent) = assembly.parent(i) else { continue };
        spans[i].depth = spans[parent].depth + 1;
        // The clock of the parent's service was put right already: what runs in it moves along.
        let (parent_start, _) = raw(assembly.event(parent));
        let moved = i128::from(spans[parent].start) - i128::from(parent_start);
        let (mut start, mut end) = (shift(spans[i].start, moved), shift(spans[i].end, moved));
        let waits = assembly.event(parent).kind == EventKind::Client;
        let outside = start < spans[parent].start || end > spans[parent].end;
        if waits && outside && end - start <= spans[parent].end - spans[parent].start {
            let slack = spans[parent].end - spans[parent].start - (end - start);
            let duration = end - start;
            start = spans[parent].start + slack / 2;
            end = start + duration;
        }
        (spans[i].start, spans[i].end) = (start, end);
    }
    spans
}

fn shift(at: u64, by: i128) -> u64 {
    u64::try_from(i128::from(at) + by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use model::{CapturedTrace, Nanos};

    use super::*;
    use crate::testing::{EventSpec, event, span_id, trace_id};

    fn span(id: u64, parent: Option<u64>, kind: EventKind, service: u8, from_ms: u64, to_ms: u64) -> Event {
        Event {
            parent: parent.map(span_id),
            kind,
            start: Nanos(from_ms * 1_000_000),
            end: Nanos(to_ms * 1_000_000),
            ..event(&EventSpec { span: id, service, ..EventSpec::default() })
        }
    }

    fn charged_ms(mut events: Vec<Event>) -> Vec<(u64, u64)> {
        events.sort_by_key(|event| (event.start, event.span));
        let trace = CapturedTrace { trace: trace_id(0), events, events_cut: 0, logs: Vec::new() };
        let charged = charge(&Assembly::of(&trace));
        let mut by_span: Vec<(u64, u64)> = charged
            .into_iter()
            .map(|(i, ns)| (u64::from_be_bytes(trace.events[i].span.0) - 1, ns / 1_000_000))
            .collect();
        by_span.sort_unstable();
        by_span
    }

    #[test]
    fn who_waits_is_not_charged_and_a_gap_is_shared() {
        let events = vec![
            span(0, None, EventKind::Server, 0, 0, 100),
            span(1, Some(0), EventKind::Client, 0, 10, 90),
            span(2, Some(1), EventKind::Server, 1, 20, 80),
        ];
        assert_eq!(charged_ms(events), [(0, 20), (1, 10), (2, 70)]);
    }

    #[test]
    fn a_call_without_an_answer_keeps_its_time() {
        let events =
            vec![span(0, None, EventKind::Server, 0, 0, 100), span(1, Some(0), EventKind::Client, 0, 10, 90)];
        assert_eq!(charged_ms(events), [(0, 20), (1, 80)]);
    }

    #[test]
    fn a_clock_that_is_wrong_changes_nothing() {
        for skew in [0i64, 5_000, -30] {
            let at = |ms: i64| u64::try_from(100_000 + ms).unwrap();
            let events = vec![
                span(0, None, EventKind::Server, 0, at(0), at(100)),
                span(1, Some(0), EventKind::Client, 0, at(10), at(90)),
                span(2, Some(1), EventKind::Server, 1, at(20 + skew), at(80 + skew)),
                span(3, Some(2), EventKind::Internal, 1, at(30 + skew), at(50 + skew)),
            ];
            assert_eq!(charged_ms(events), [(0, 20), (1, 10), (2, 50), (3, 20)], "{skew}");
        }
    }
}
