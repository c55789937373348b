//! Traces as OTLP: what names a node, what failed and what did not, and what stays inside.

use std::sync::Arc;

use smallvec::smallvec;

use super::*;
use crate::core::Class;
use crate::evidence::told::{Ids, Names, NodeName};

fn told(what: What) -> Told {
    let node = |name: &str| NodeName { name: name.into(), host: "10.0.0.1".to_owned(), port: Some(8545) };
    let names = Names { pool: "mainnet".into(), nodes: vec![node("geth-1"), node("geth-2")] };
    Told { names: Arc::new(names), ids: Ids::new(1, 2), halvings: 0, began_ns: 1_000, ended_ns: 9_000, what }
}

fn value<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|one| one.key == key)?.value.as_ref()?.value.as_ref()
}

fn word(span: &Span, key: &str) -> String {
    match value(span, key) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

fn has_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

fn attempt(node: u8, ended: Ended) -> Attempt {
    Attempt { node: NodeId(node), via: Transport::Http, began_ns: 2_000, ended_ns: 3_000, ended }
}

fn call(outcome: Outcome, attempts: &[Attempt]) -> Vec<Span> {
    spans(&told(What::Call { class: Class::ReadAtTag, outcome, attempts: attempts.into() }))
}

#[test]
fn an_attempt_can_fail_while_its_call_goes_well() {
    let all =
        call(Outcome::Answered, &[attempt(0, Ended::Failed(Fault::Refused)), attempt(1, Ended::Answered)]);
    let [root, first, second] = &all[..] else { panic!("{all:?}") };
    assert_eq!((root.kind, first.kind), (SpanKind::Server as i32, SpanKind::Client as i32));
    assert_eq!([root, first, second].map(has_failed), [false, true, false]);
    assert_eq!(word(first, "error.type"), "refused");
    assert_eq!(word(root, "casebook.operation"), "call mainnet");
    assert_eq!(word(first, "casebook.operation"), "call mainnet/geth-1");
    assert_eq!([first, second].map(|span| word(span, "peer.service")), ["geth-1", "geth-2"]);
    assert_eq!(
        (word(first, "server.address"), word(first, "server.port")),
        ("10.0.0.1".into(), "8545".into())
    );
    for part in [first, second] {
        assert_eq!((&part.trace_id, &part.parent_span_id), (&root.trace_id, &root.span_id));
        assert_eq!((part.start_time_unix_nano, part.end_time_unix_nano), (2_000, 3_000));
    }
    assert_ne!(first.span_id, second.span_id);
    assert!(root.parent_span_id.is_empty());
}

#[test]
fn a_call_fails_where_no_node_answered_it_and_nowhere_else() {
    for (outcome, fails) in [
        (Outcome::Answered, false),
        (Outcome::Refused, false),
        (Outcome::Abandoned, false),
        (Outcome::Failed, true),
        (Outcome::Deadline, true),
    ] {
        let all = call(outcome, &[attempt(0, Ended::Failed(Fault::Timeout))]);
        assert_eq!((has_failed(&all[0]), has_failed(&all[1])), (fails, true), "{outcome:?}");
        assert_eq!(word(&all[0], "edge.outcome"), outcome.word());
    }
}

#[test]
fn an_attempt_that_nobody_waited_for_did_not_fail() {
    let all = call(Outcome::Answered, &[attempt(0, Ended::GivenUp), attempt(1, Ended::Answered)]);
    assert!(!has_failed(&all[1]));
    assert_eq!(word(&all[1], "edge.given_up"), "true");
}

#[test]
fn a_question_of_our_own_is_no_request_of_anybody() {
    for fault in [None, Some(Fault::Status(503))] {
        let all = spans(&told(What::Watch { node: NodeId(1), fault }));
        let [root, asked] = &all[..] else { panic!("{all:?}") };
        assert_eq!((root.kind, has_failed(root)), (SpanKind::Internal as i32, false));
        assert_eq!(has_failed(asked), fault.is_some());
        assert_eq!(word(asked, "casebook.operation"), "watch mainnet/geth-2");
        assert_eq!((asked.start_time_unix_nano, asked.end_time_unix_nano), (1_000, 9_000));
    }
}

#[test]
fn a_failover_takes_its_time_and_a_gap_fails_where_it_stays() {
    let over = spans(&told(What::Failover { from: NodeId(0), to: NodeId(1), fault: Fault::Stalled }));
    assert_eq!(
        ["edge.from", "edge.to", "edge.fault"].map(|key| word(&over[0], key)),
        ["geth-1", "geth-2", "stalled"]
    );
    assert_eq!((over[0].start_time_unix_nano, over[0].end_time_unix_nano), (1_000, 9_000));
    for is_closed in [true, false] {
        let gap = spans(&told(What::Gap { blocks: 3, is_closed }));
        assert_eq!((has_failed(&gap[0]), word(&gap[0], "edge.blocks")), (!is_closed, "3".to_owned()));
    }
}

#[test]
fn a_sample_says_what_it_stands_for() {
    for (halvings, expected) in [(0, ""), (1, "ot=th:8"), (2, "ot=th:c"), (3, "ot=th:e"), (5, "ot=th:f8")] {
        let what = What::Call { class: Class::Write, outcome: Outcome::Answered, attempts: smallvec![] };
        let all = spans(&Told { halvings, ..told(what) });
        assert_eq!(all[0].trace_state, expected);
    }
}

#[test]
fn a_request_says_of_whom_it_is_and_holds_valid_ids() {
    let speaker =
        Speaker { service: "edge".to_owned(), env: Some("prod".to_owned()), instance: "00ff".to_owned() };
    let request = request(&[told(What::Watch { node: NodeId(0), fault: None })], &speaker);
    let resource = request.resource_spans[0].resource.clone().unwrap_or_default();
    let of = |key: &str| resource.attributes.iter().any(|one| one.key == key);
    assert!(of("service.name") && of("service.version") && of("service.instance.id"));
    assert!(of("deployment.environment.name"));
    for span in &request.resource_spans[0].scope_spans[0].spans {
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(span.trace_id.iter().any(|byte| *byte > 0) && span.span_id.iter().any(|byte| *byte > 0));
    }
}
