//! What the journal keeps: every kind of record reads back, and is found by the traces of its events.

use std::collections::BTreeMap;

use intake::otlp::{traces_from_json, traces_from_protobuf};
use intake::record::{self, Kind, RecordError};
use model::{
    CapturedTrace, Deployment, Evidence, IncidentId, Input, Nanos, OperatorAction, OperatorActionKind,
    Signal, SignalKind, TraceId,
};
use proptest::prelude::*;
use prost::Message;

use crate::otlp_requests::request;
use crate::with_context;

fn round_trip(input: &Input, kind: Kind) -> Vec<u8> {
    let (found, payload) = record::encode(input);
    assert_eq!(found, kind);
    with_context(|context| assert_eq!(record::decode(kind as u8, &payload, context).as_ref(), Ok(input)));
    payload
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn records_of_traces_read_back_and_have_their_traces_as_keys(request in request()) {
        let protobuf = request.encode_to_vec();
        let json = serde_json::to_vec(&request).unwrap();
        with_context(|context| {
            let batch = traces_from_protobuf(&protobuf, context).unwrap();
            let traces: Vec<[u8; 16]> = batch.trace_ids().iter().map(|id| id.0).collect();
            for (kind, payload) in [(Kind::OtlpTracesProtobuf, &protobuf), (Kind::OtlpTracesJson, &json)] {
                let decoded = record::decode(kind as u8, payload, context);
                prop_assert_eq!(decoded, Ok(Input::Events(batch.events.clone())));
                let mut keys = Vec::new();
                record::keys(kind as u8, payload, &mut keys);
                prop_assert!(keys.is_sorted());
                prop_assert!(traces.iter().all(|trace| keys.contains(trace)));
            }
            prop_assert_eq!(traces_from_json(&json, context).unwrap(), batch.clone());
            let decoded = Input::Events(batch.events.clone());
            let mut keys = Vec::new();
            record::keys(Kind::Decoded as u8, &round_trip(&decoded, Kind::Decoded), &mut keys);
            prop_assert_eq!(keys, traces);
            let traces = vec![CapturedTrace { trace: TraceId([1; 16]), events: batch.events, events_cut: 2, logs: Vec::new() }];
            round_trip(&Input::Evidence(Evidence { traces }), Kind::Evidence);
            Ok(())
        })?;
    }
}

#[test]
fn records_of_what_arises_inside_read_back() {
    let incident = IncidentId([1, 2, 3, 4, 5, 6, 7, 8]);
    for kind in [
        OperatorActionKind::Acknowledge,
        OperatorActionKind::Comment("\u{1F4A5} \"quoted\"\n".into()),
        OperatorActionKind::Resolve,
    ] {
        round_trip(&Input::Operator(OperatorAction { incident, actor: "ada".into(), kind }), Kind::Operator);
    }
    round_trip(&Input::Configure("{\"tick_ms\":1000}".into()), Kind::Configure);
    assert_eq!(round_trip(&Input::Tick, Kind::Tick), b"");
    let signal = Signal {
        id: "s".into(),
        kind: SignalKind::Runtime,
        subtype: "panic".into(),
        at: Nanos(u64::MAX),
        env: None,
        service: Some("shop".into()),
        instance: None,
        subject: None,
        status: "".into(),
        message: "".into(),
        attributes: BTreeMap::from([("a".into(), "b".into())]),
    };
    round_trip(&Input::Signals(vec![signal]), Kind::Decoded);
    let deployment = Deployment {
        id: "d".into(),
        service: "shop".into(),
        env: Some("prod".into()),
        version: "2".into(),
        previous_version: None,
        at: Nanos(1),
        commit: None,
        pull_request: None,
        author: None,
    };
    round_trip(&Input::Deployments(vec![deployment]), Kind::Decoded);
}

/// The written form is a format: what an older version wrote must be read for ever.
#[test]
fn the_written_form_of_an_operator_action() {
    let incident = IncidentId([0xab; 8]);
    let kind = OperatorActionKind::Comment("seen".into());
    let payload =
        round_trip(&Input::Operator(OperatorAction { incident, actor: "ada".into(), kind }), Kind::Operator);
    let expected = br#"{"incident":"inc_abababababababab","actor":"ada","kind":{"comment":"seen"}}"#;
    assert_eq!(payload, [b"\x01", &expected[..]].concat());
    assert_eq!(Kind::Operator as u8, 8);
}

#[test]
fn records_that_cannot_be_read_say_why() {
    with_context(|context| {
        let decode = |kind: u8, payload: &[u8]| record::decode(kind, payload, context).unwrap_err();
        assert_eq!(decode(0, b""), RecordError::UnknownKind { kind: 0 });
        assert_eq!(decode(200, b""), RecordError::UnknownKind { kind: 200 });
        let newer = RecordError::UnknownVersion { kind: Kind::Operator, found: 2, expected: 1 };
        assert_eq!(decode(8, b"\x02{}"), newer);
        assert!(matches!(decode(8, b""), RecordError::Damaged { kind: Kind::Operator, .. }));
        assert!(matches!(decode(7, b"\x01{"), RecordError::Damaged { kind: Kind::Evidence, .. }));
        assert!(matches!(decode(10, b"x"), RecordError::Damaged { kind: Kind::Tick, .. }));
        assert!(matches!(decode(1, b"\xff"), RecordError::Decode { kind: Kind::OtlpTracesProtobuf, .. }));
    });
}

#[test]
fn kinds_keep_their_numbers() {
    let numbers: Vec<u8> = Kind::ALL.iter().map(|kind| *kind as u8).collect();
    assert_eq!(numbers, (1..=18).collect::<Vec<u8>>());
    assert!(Kind::ALL.iter().all(|kind| Kind::from_u8(*kind as u8) == Some(*kind)));
}

/// A request whose attribute and trace state nobody reads on the way in, and both are as asked for.
fn request_with(attribute: &str, trace_state: &str) -> Vec<u8> {
    r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId":"00f067aa0ba902b7","traceState":STATE,"name":"GET /","kind":2,
        "startTimeUnixNano":"1799999999000000000","endTimeUnixNano":"1799999999250000000",
        "attributes":[{"key":"shard","value":{"stringValue":VALUE}}]}]}]}]}"#
        .replace("STATE", trace_state)
        .replace("VALUE", attribute)
        .into_bytes()
}

#[test]
fn evidence_can_be_read_wherever_the_request_could() {
    with_context(|context| {
        let read = |body: &[u8]| {
            let kind = Kind::OtlpTracesJson as u8;
            let Ok(Input::Events(events)) = record::decode(kind, body, context) else { panic!("no request") };
            let evidence = record::decode_evidence(kind, body, context);
            let Ok(Input::Events(evidence)) = evidence else { panic!("no evidence: {evidence:?}") };
            assert_eq!(events.len(), 1);
            assert_eq!(evidence.len(), 1);
            evidence[0].attributes.len()
        };
        assert_eq!(read(&request_with(r#""a""#, r#""""#)), 1);
        assert_eq!(read(&request_with(r#""\ud800""#, r#""""#)), 1);
        assert_eq!(read(&request_with("7", r#""""#)), 0);
        assert_eq!(read(&request_with(r#""a""#, "7")), 0);
        let mut not_utf8 = request_with(r#""@""#, r#""""#);
        let at = not_utf8.iter().position(|byte| *byte == b'@').unwrap();
        not_utf8[at] = 0xe3;
        assert_eq!(read(&not_utf8), 0);
    });
}
