//! Generated requests with logs and metrics, and what holds of them in both encodings.

use intake::DecodeError;
use intake::otlp::{logs_from_json, logs_from_protobuf, metrics_from_json, metrics_from_protobuf};
use intake::record::{self, Kind};
use model::Input;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use crate::otlp_requests::{attributes, id, text, time, value};
use crate::with_context;

fn body() -> impl Strategy<Value = Option<AnyValue>> {
    option::of(value().prop_map(|value| AnyValue { value }))
}

prop_compose! {
    fn record()(
        times in (time(), time()),
        severity in (-1..30i32, text()),
        body in body(),
        attributes in attributes(),
        ids in (id(16), id(8)),
        event_name in text(),
        flags in any::<u32>(),
    ) -> LogRecord {
        LogRecord {
            time_unix_nano: times.0,
            observed_time_unix_nano: times.1,
            severity_number: severity.0,
            severity_text: severity.1,
            body,
            attributes,
            dropped_attributes_count: 1,
            flags,
            trace_id: ids.0,
            span_id: ids.1,
            event_name,
        }
    }
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::of(attributes().prop_map(|attributes| Resource { attributes, ..Default::default() }))
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope = vec(record(), 0..4).prop_map(|log_records| ScopeLogs {
        log_records,
        schema_url: "x".into(),
        ..Default::default()
    });
    let block = (resource(), vec(scope, 0..3)).prop_map(|(resource, scope_logs)| ResourceLogs {
        resource,
        scope_logs,
        ..Default::default()
    });
    vec(block, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

/// JSON has no number for what is not finite; that it is rejected there and here is another test's.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>().prop_filter("finite", |f| f.is_finite()), -10.0..10.0, Just(0.0)]
}

fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(0), 1 => Just(1), 1 => any::<u32>()]
}

prop_compose! {
    fn number()(
        attributes in attributes(),
        times in (time(), time()),
        flags in flags(),
        value in option::of(prop_oneof![
            double().prop_map(number_data_point::Value::AsDouble),
            any::<i64>().prop_map(number_data_point::Value::AsInt),
        ]),
    ) -> NumberDataPoint {
        let (start_time_unix_nano, time_unix_nano) = times;
        NumberDataPoint { attributes, start_time_unix_nano, time_unix_nano, flags, value, exemplars: Vec::new() }
    }
}

prop_compose! {
    fn histogram()(
        attributes in attributes(),
        time_unix_nano in time(),
        flags in flags(),
        count in any::<u64>(),
        sum in option::of(double()),
        ends in (option::of(double()), option::of(double())),
    ) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes, time_unix_nano, flags, count, sum,
            bucket_counts: vec![count, 1], explicit_bounds: vec![0.5],
            min: ends.0, max: ends.1, ..Default::default()
        }
    }
}

fn exponential(point: HistogramDataPoint) -> ExponentialHistogramDataPoint {
    let HistogramDataPoint { attributes, time_unix_nano, flags, count, sum, min, max, .. } = point;
    let positive = Some(Buckets { offset: -3, bucket_counts: vec![1, 300] });
    ExponentialHistogramDataPoint {
        attributes,
        time_unix_nano,
        flags,
        count,
        sum,
        min,
        max,
        scale: -2,
        positive,
        ..Default::default()
    }
}

fn summary() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile = (prop_oneof![0.0..=1.0, double()], double())
        .prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (histogram(), vec(quantile, 0..4)).prop_map(|(point, quantile_values)| SummaryDataPoint {
        attributes: point.attributes,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        count: point.count,
        sum: point.sum.unwrap_or(0.0),
        quantile_values,
        ..Default::default()
    })
}

fn data() -> impl Strategy<Value = Option<Data>> {
    let several = || vec(number(), 0..4);
    let data = prop_oneof![
        several().prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (several(), -1..4i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram(), 0..3), 0..3i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(histogram(), 0..3), 0..3i32).prop_map(|(points, aggregation_temporality)| {
            let data_points = points.into_iter().map(exponential).collect();
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary(), 0..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ];
    prop_oneof![1 => Just(None), 12 => data.prop_map(Some)]
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let metric = (text(), text(), data()).prop_map(|(name, unit, data)| Metric {
        name,
        unit,
        data,
        description: "what it is".into(),
        metadata: Vec::new(),
    });
    let scope = vec(metric, 0..3).prop_map(|metrics| ScopeMetrics { metrics, ..Default::default() });
    let block = (resource(), vec(scope, 0..3)).prop_map(|(resource, scope_metrics)| ResourceMetrics {
        resource,
        scope_metrics,
        ..Default::default()
    });
    vec(block, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

fn data_points(request: &ExportMetricsServiceRequest) -> usize {
    let metrics =
        request.resource_metrics.iter().flat_map(|block| &block.scope_metrics).flat_map(|s| &s.metrics);
    let of = |metric: &Metric| match &metric.data {
        None => 0,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    };
    metrics.map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn logs_mean_the_same_in_both_encodings_and_from_the_journal(request in logs()) {
        let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).unwrap());
        with_context(|context| {
            let ours = logs_from_protobuf(&protobuf, context).unwrap();
            let records: usize =
                request.resource_logs.iter().flat_map(|b| &b.scope_logs).map(|s| s.log_records.len()).sum();
            prop_assert_eq!(ours.logs.len() + ours.rejected.len(), records);
            prop_assert_eq!(&ours, &logs_from_json(&json, context).unwrap());
            let limits = context.limits;
            for log in &ours.logs {
                prop_assert!(log.body.len() <= limits.text_bytes_max && log.template.len() <= limits.name_bytes_max);
            }
            for (kind, payload) in [(Kind::OtlpLogsProtobuf, &protobuf), (Kind::OtlpLogsJson, &json)] {
                let read = record::decode(kind as u8, payload, context);
                prop_assert_eq!(read, Ok(Input::Logs(ours.logs.clone())));
                let mut keys = Vec::new();
                record::keys(kind as u8, payload, &mut keys);
                prop_assert!(keys.is_sorted());
                prop_assert!(ours.logs.iter().filter_map(|log| log.trace).all(|trace| keys.contains(&trace.0)));
            }
            let (kind, payload) = record::encode(&Input::Logs(ours.logs.clone()));
            let mut keys = Vec::new();
            record::keys(kind as u8, &payload, &mut keys);
            let mut traces: Vec<_> = ours.logs.iter().filter_map(|log| Some(log.trace?.0)).collect();
            traces.sort_unstable();
            traces.dedup();
            prop_assert_eq!(keys, traces);
            prop_assert_eq!(record::decode(kind as u8, &payload, context), Ok(Input::Logs(ours.logs)));
            Ok(())
        })?;
    }

    #[test]
    fn metrics_mean_the_same_in_both_encodings_and_from_the_journal(request in metrics()) {
        let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).unwrap());
        with_context(|context| {
            let ours = metrics_from_protobuf(&protobuf, context).unwrap();
            prop_assert!(ours.data_points as usize + ours.rejected.len() <= data_points(&request));
            prop_assert!(ours.points.len() as u64 >= ours.data_points);
            prop_assert_eq!(&ours, &metrics_from_json(&json, context).unwrap());
            for (kind, payload) in [(Kind::OtlpMetricsProtobuf, &protobuf), (Kind::OtlpMetricsJson, &json)] {
                let read = record::decode(kind as u8, payload, context);
                prop_assert_eq!(read, Ok(Input::Metrics(ours.points.clone())));
            }
            let (kind, payload) = record::encode(&Input::Metrics(ours.points.clone()));
            prop_assert_eq!(record::decode(kind as u8, &payload, context), Ok(Input::Metrics(ours.points)));
            Ok(())
        })?;
    }

    /// What the generated decoders read from damaged bytes, ours read too, and as the same.
    #[test]
    fn what_prost_accepts_we_accept_alike(
        logs in logs(),
        metrics in metrics(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            bytes
        };
        let (logs, metrics) = (damaged(logs.encode_to_vec()), damaged(metrics.encode_to_vec()));
        with_context(|context| {
            if let Ok(read) = ExportLogsServiceRequest::decode(&logs[..])
                && let Ok(json) = serde_json::to_vec(&read)
                && !has_what_json_cannot_say(&json)
            {
                let ours = logs_from_protobuf(&logs, context).unwrap();
                prop_assert_eq!(ours, logs_from_json(&json, context).unwrap());
            }
            if let Ok(read) = ExportMetricsServiceRequest::decode(&metrics[..])
                && is_finite(&read)
                && let Ok(json) = serde_json::to_vec(&read)
                && !has_what_json_cannot_say(&json)
            {
                let ours = metrics_from_protobuf(&metrics, context).unwrap();
                prop_assert_eq!(ours, metrics_from_json(&json, context).unwrap());
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A head of a request is either whole messages or an error that points into it.
    #[test]
    fn truncations_at_every_byte_are_answered(logs in logs(), metrics in metrics()) {
        let points_into = |result: Result<(), DecodeError>, end: usize| match result {
            Ok(()) => true,
            Err(DecodeError::Malformed { offset, .. }) => offset <= end,
            Err(_) => false,
        };
        let (logs_json, metrics_json) = (serde_json::to_vec(&logs).unwrap(), serde_json::to_vec(&metrics).unwrap());
        let (logs, metrics) = (logs.encode_to_vec(), metrics.encode_to_vec());
        with_context(|context| {
            for end in 0..logs.len() {
                prop_assert!(points_into(logs_from_protobuf(&logs[..end], context).map(drop), end));
            }
            for end in 0..metrics.len() {
                prop_assert!(points_into(metrics_from_protobuf(&metrics[..end], context).map(drop), end));
            }
            for end in (0..logs_json.len()).step_by(11) {
                let read = logs_from_json(&logs_json[..end], context).map(drop);
                prop_assert!(read.is_err() && points_into(read, end));
            }
            for end in (0..metrics_json.len()).step_by(11) {
                let read = metrics_from_json(&metrics_json[..end], context).map(drop);
                prop_assert!(read.is_err() && points_into(read, end));
            }
            Ok(())
        })?;
    }
}

/// As for traces: numbers that are not finite, and tables of strings.
fn has_what_json_cannot_say(json: &[u8]) -> bool {
    let text = String::from_utf8_lossy(json);
    ["\"doubleValue\":null", "Strindex"].iter().any(|sign| text.contains(sign))
}

fn is_finite(request: &ExportMetricsServiceRequest) -> bool {
    let optional = |value: Option<f64>| value.is_none_or(f64::is_finite);
    let number = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value.is_finite(),
        _ => true,
    };
    let of = |metric: &Metric| match &metric.data {
        None => true,
        Some(Data::Gauge(data)) => data.data_points.iter().all(number),
        Some(Data::Sum(data)) => data.data_points.iter().all(number),
        Some(Data::Histogram(data)) => data.data_points.iter().all(|p| optional(p.sum) && optional(p.max)),
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points.iter().all(|p| optional(p.sum) && optional(p.max))
        }
        Some(Data::Summary(data)) => data.data_points.iter().all(|p| {
            p.sum.is_finite()
                && p.quantile_values.iter().all(|q| q.quantile.is_finite() && q.value.is_finite())
        }),
    };
    request.resource_metrics.iter().flat_map(|b| &b.scope_metrics).flat_map(|s| &s.metrics).all(of)
}
