//! Bytes that nobody meant: an answer, never a panic, and never more memory than the limits allow.

use intake::otlp::{
    logs_from_json, logs_from_protobuf, metrics_from_json, metrics_from_protobuf, traces_from_json,
    traces_from_protobuf,
};
use intake::record::{self, Kind};
use intake::{Context, DecodeError, Limits, deployments, signals, wide};
use proptest::prelude::*;
use prost::Message;

use crate::otlp_logs_and_metrics::{logs, metrics};
use crate::otlp_requests::request;
use crate::{RECEIVED, with_context};

fn feed_all(bytes: &[u8]) {
    with_context(|context| {
        let _ = traces_from_protobuf(bytes, context);
        let _ = traces_from_json(bytes, context);
        let _ = logs_from_protobuf(bytes, context);
        let _ = logs_from_json(bytes, context);
        let _ = metrics_from_protobuf(bytes, context);
        let _ = metrics_from_json(bytes, context);
        let _ = wide::from_json(bytes, context);
        let _ = wide::from_ndjson(bytes, context);
        let _ = signals::from_json(bytes, context);
        let _ = deployments::from_json(bytes, context);
        for kind in 0..=u8::MAX {
            let _ = record::decode(kind, bytes, context);
            record::keys(kind, bytes, &mut Vec::new());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        feed_all(&bytes);
    }

    #[test]
    fn arbitrary_json_like_text_never_panics(text in "[\\[\\]{}:,\"a-z0-9. \\\\u-]{0,120}") {
        feed_all(text.as_bytes());
    }

    #[test]
    fn damaged_requests_never_panic(
        request in request(),
        logs in logs(),
        metrics in metrics(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let traces = [request.encode_to_vec(), serde_json::to_vec(&request).unwrap()];
        let logs = [logs.encode_to_vec(), serde_json::to_vec(&logs).unwrap()];
        let metrics = [metrics.encode_to_vec(), serde_json::to_vec(&metrics).unwrap()];
        for mut bytes in traces.into_iter().chain(logs).chain(metrics) {
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            feed_all(&bytes);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A head of a request is either whole messages or an error that points into it.
    #[test]
    fn truncations_at_every_byte_are_answered(request in request()) {
        let whole = request.encode_to_vec();
        let json = serde_json::to_vec(&request).unwrap();
        with_context(|context| {
            for end in 0..whole.len() {
                if let Err(error) = traces_from_protobuf(&whole[..end], context) {
                    let DecodeError::Malformed { offset, .. } = error else { panic!("{error}") };
                    prop_assert!(offset <= end);
                }
            }
            for end in (0..json.len()).step_by(7) {
                let Err(DecodeError::Malformed { offset, .. }) = traces_from_json(&json[..end], context) else {
                    panic!("a head of {end} bytes was read")
                };
                prop_assert!(offset <= end);
            }
            Ok(())
        })?;
    }
}

fn limited(limits: Limits, f: impl FnOnce(&Context<'_>)) {
    f(&Context { received: RECEIVED, limits: &limits, user_salt: &[0; 16] });
}

fn spans(count: usize) -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    let scope_spans = vec![ScopeSpans { spans: vec![Span::default(); count], ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
        .encode_to_vec()
}

#[test]
fn too_many_spans_are_an_error_of_the_request() {
    limited(Limits { events_per_request_max: 3, ..Limits::default() }, |context| {
        let too_many = Err(DecodeError::TooMany { what: "spans", max: 3 });
        assert_eq!(traces_from_protobuf(&spans(3), context).unwrap().rejected.len(), 3);
        assert_eq!(traces_from_protobuf(&spans(4), context), too_many);
        let json = |n| {
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, vec!["{}"; n].join(","))
        };
        assert_eq!(traces_from_json(json(3).as_bytes(), context).unwrap().rejected.len(), 3);
        assert_eq!(traces_from_json(json(4).as_bytes(), context), too_many);
    });
}

#[test]
fn too_many_log_records_and_data_points_are_errors_of_the_request() {
    let of = |json: &str, inner: &str, n: usize| json.replace("..", &vec![inner; n].join(","));
    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[..]}]}]}"#;
    let metrics =
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[..]}}]}]}]}"#;
    // ResourceMetrics { ScopeMetrics { Metric { gauge: Gauge { NumberDataPoint, .. } } } }
    let wrap = |tag: u8, body: &[u8]| [&[tag, body.len() as u8][..], body].concat();
    let binary = |n: usize| wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x2a, &[0x0a, 0].repeat(n)))));
    limited(Limits { events_per_request_max: 3, ..Limits::default() }, |context| {
        let too_many = |what| DecodeError::TooMany { what, max: 3 };
        assert_eq!(logs_from_json(of(logs, "{}", 3).as_bytes(), context).unwrap().logs.len(), 3);
        assert_eq!(logs_from_json(of(logs, "{}", 4).as_bytes(), context), Err(too_many("log records")));
        let points = |n| metrics_from_json(of(metrics, r#"{"asInt":1}"#, n).as_bytes(), context);
        assert_eq!(points(3).unwrap().points.len(), 3);
        assert_eq!(points(4), Err(too_many("data points")));
        // Far more than allowed are not even kept until they are counted.
        assert_eq!(points(10_000), Err(too_many("data points")));
        assert_eq!(metrics_from_protobuf(&binary(3), context).unwrap().rejected.len(), 3);
        assert_eq!(metrics_from_protobuf(&binary(40), context), Err(too_many("data points")));
    });
}

#[test]
fn too_many_resources_are_an_error_of_the_request() {
    limited(Limits { resources_per_request_max: 2, ..Limits::default() }, |context| {
        let too_many = Err(DecodeError::TooMany { what: "resources", max: 2 });
        assert!(traces_from_protobuf(&[0x0a, 0, 0x0a, 0], context).is_ok());
        assert_eq!(traces_from_protobuf(&[0x0a, 0, 0x0a, 0, 0x0a, 0], context), too_many);
        assert!(traces_from_json(br#"{"resourceSpans":[{},{}]}"#, context).is_ok());
        assert_eq!(traces_from_json(br#"{"resourceSpans":[{},{},{}]}"#, context), too_many);
    });
}

#[test]
fn too_large_bodies_are_refused_by_every_decoder() {
    limited(Limits { body_bytes_max: 1, ..Limits::default() }, |context| {
        let too_large = DecodeError::TooLarge { bytes: 2, max: 1 };
        assert_eq!(traces_from_protobuf(b"{}", context).unwrap_err(), too_large);
        assert_eq!(traces_from_json(b"{}", context).unwrap_err(), too_large);
        assert_eq!(logs_from_protobuf(b"{}", context).unwrap_err(), too_large);
        assert_eq!(logs_from_json(b"{}", context).unwrap_err(), too_large);
        assert_eq!(metrics_from_protobuf(b"{}", context).unwrap_err(), too_large);
        assert_eq!(metrics_from_json(b"{}", context).unwrap_err(), too_large);
        assert_eq!(wide::from_json(b"{}", context).unwrap_err(), too_large);
        assert_eq!(wide::from_ndjson(b"{}", context).unwrap_err(), too_large);
        assert_eq!(signals::from_json(b"{}", context).unwrap_err(), too_large);
        assert_eq!(deployments::from_json(b"{}", context).unwrap_err(), too_large);
        // What was once let in is read whatever today's bound.
        for kind in [Kind::OtlpTracesJson, Kind::OtlpLogsJson, Kind::OtlpMetricsJson] {
            assert!(record::decode(kind as u8, b"{}", context).is_ok());
        }
    });
}

#[test]
fn values_nested_without_end_cost_no_stack() {
    // AnyValue { array_value { values: AnyValue { .. } } } as the value of a kept attribute.
    let mut value = vec![0x0a, 0x00];
    for _ in 0..20_000 {
        for tag in [0x0a, 0x2a] {
            let mut wrapped = vec![tag];
            prost::encoding::encode_varint(value.len() as u64, &mut wrapped);
            wrapped.append(&mut value);
            value = wrapped;
        }
        if value.len() > 40_000 {
            break;
        }
    }
    let wrap = |tag: u8, body: &[u8]| {
        let mut out = vec![tag];
        prost::encoding::encode_varint(body.len() as u64, &mut out);
        [out, body.to_vec()].concat()
    };
    let attribute = [wrap(0x0a, b"user.id"), wrap(0x12, &value)].concat();
    let request = wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x4a, &attribute))));
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    with_context(|context| {
        assert_eq!(traces_from_protobuf(&request, context).unwrap().rejected.len(), 1);
        let json = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"user.id","value":{{"arrayValue":{}}}}}]}}]}}]}}]}}"#,
            nested("[", "]")
        );
        assert_eq!(traces_from_json(json.as_bytes(), context).unwrap().rejected.len(), 1);
    });
    let body = wrap(0x0a, &wrap(0x12, &wrap(0x12, &wrap(0x2a, &value))));
    let deep = r#"{"arrayValue":{"values":["#.repeat(30) + &r#"]}}"#.repeat(30);
    // Eight lists within each other are entered.
    let kept = "[".repeat(9) + &"]".repeat(9);
    with_context(|context| {
        let log = logs_from_protobuf(&body, context).unwrap().logs.remove(0);
        assert_eq!(*log.body, *kept);
        let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{deep}}}]}}]}}]}}"#);
        let log = logs_from_json(json.as_bytes(), context).unwrap().logs.remove(0);
        assert_eq!(*log.body, *kept);
    });
    feed_all(nested("[", "]").as_bytes());
    feed_all(nested("{\"a\":", "}").as_bytes());
}
