//! Requests in protobuf, written as JSON for whoever keeps a case: both forms mean the same, whatever came.

use intake::otlp::{
    json_of_protobuf, logs_from_json, logs_from_protobuf, metrics_from_json, metrics_from_protobuf,
    traces_from_json, traces_from_protobuf,
};
use intake::{Context, Telemetry};
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;

use crate::otlp_logs_and_metrics::{logs, metrics};
use crate::otlp_requests::request;
use crate::with_context;

/// As evidence is read: with all attributes that are kept. Whether it can be read at all.
fn alike(telemetry: Telemetry, protobuf: &[u8]) -> bool {
    with_context(|context| {
        let limits = context.limits.for_evidence();
        let context = &Context { limits: &limits, ..*context };
        let json = |what| format!("{what}: {:?}", json_of_protobuf(telemetry, protobuf));
        let text = json_of_protobuf(telemetry, protobuf);
        assert!(!text.contains('\n'));
        match telemetry {
            Telemetry::Traces => {
                let Ok(ours) = traces_from_protobuf(protobuf, context) else { return false };
                let other = traces_from_json(text.as_bytes(), context).ok();
                let other = other.map(|other| (other.events, other.rejected.len()));
                assert_eq!(other, Some((ours.events, ours.rejected.len())), "{}", json("traces"));
            }
            Telemetry::Logs => {
                let Ok(ours) = logs_from_protobuf(protobuf, context) else { return false };
                let other = logs_from_json(text.as_bytes(), context).ok();
                let other = other.map(|other| (other.logs, other.rejected.len()));
                assert_eq!(other, Some((ours.logs, ours.rejected.len())), "{}", json("logs"));
            }
            Telemetry::Metrics => {
                let Ok(ours) = metrics_from_protobuf(protobuf, context) else { return false };
                let other = metrics_from_json(text.as_bytes(), context).ok();
                let other = other.map(|other| (other.points, other.data_points));
                assert_eq!(other, Some((ours.points, ours.data_points)), "{}", json("metrics"));
            }
        }
        true
    })
}

fn damaged(mut bytes: Vec<u8>, damage: &[(Index, u8)]) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    for (at, byte) in damage {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_was_protobuf_means_the_same_as_json(
        traces in request(),
        logs in logs(),
        metrics in metrics(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        for (telemetry, bytes) in [
            (Telemetry::Traces, traces.encode_to_vec()),
            (Telemetry::Logs, logs.encode_to_vec()),
            (Telemetry::Metrics, metrics.encode_to_vec()),
        ] {
            prop_assert!(alike(telemetry, &bytes));
            alike(telemetry, &damaged(bytes, &damage));
        }
    }
}

#[test]
fn numbers_bytes_and_alternatives_have_the_form_of_the_standard() {
    // Two values of which the last holds, packed and single counts, and a number that is not finite.
    let value = [0x0a, 0x01, b'a', 0x3a, 0x04, 1, 2, 3, 4];
    let attribute = [&[0x0a, 1, b'k', 0x12, value.len() as u8][..], &value].concat();
    let resource = [&[0x0a, attribute.len() as u8][..], &attribute].concat();
    let point = [
        &[0x31][..],
        &7u64.to_le_bytes(),
        &[0x32, 16],
        &8u64.to_le_bytes(),
        &9u64.to_le_bytes(),
        &[0x29],
        &f64::NAN.to_le_bytes(),
        &[0x39],
        &0.1f64.to_le_bytes(),
    ]
    .concat();
    let data = [&[0x0a, point.len() as u8][..], &point, &[0x10, 2]].concat();
    let metric = [&[0x4a, data.len() as u8][..], &data].concat();
    let scope = [&[0x12, metric.len() as u8][..], &metric].concat();
    let block = [&[0x0a, resource.len() as u8][..], &resource, &[0x12, scope.len() as u8], &scope].concat();
    let request = [&[0x0a, block.len() as u8][..], &block].concat();
    assert_eq!(
        json_of_protobuf(Telemetry::Metrics, &request),
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"k","value":{"bytesValue":"AQIDBA=="}}]},"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"sum":"NaN","bucketCounts":["7","8","9"],"explicitBounds":["0.1"]}],"aggregationTemporality":2}}]}]}]}"#
    );
}

#[test]
fn values_within_values_without_end_come_to_an_end() {
    let mut value = vec![0x0a, 0x01, b'x'];
    for _ in 0..50_000 {
        let list = [&[0x0a][..], &length(value.len()), &value].concat();
        value = [&[0x2a][..], &length(list.len()), &list].concat();
        if value.len() > 1 << 20 {
            break;
        }
    }
    let mut message = value;
    for tag in [0x2a, 0x12, 0x12, 0x0a] {
        message = [&[tag][..], &length(message.len()), &message].concat();
    }
    let text = json_of_protobuf(Telemetry::Logs, &message);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{} bytes", text.len());
}

fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes
}
