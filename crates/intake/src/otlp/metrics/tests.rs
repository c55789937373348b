//! What metrics mean, as tables through the JSON form because it is the one that can be read.

use model::{MetricKind, MetricPoint, Nanos};
use serde_json::{Value, json};

use crate::otlp::metrics_from_json;
use crate::{Context, Limits, MetricBatch, RejectReason, Warning};

const RECEIVED_S: u64 = 1_800_000_000;
const AT: &str = "1799999999000000000";

fn decode(request: &Value) -> MetricBatch {
    let limits = Limits::default();
    let context = Context { received: Nanos::from_secs(RECEIVED_S), limits: &limits, user_salt: &[7; 16] };
    metrics_from_json(request.to_string().as_bytes(), &context).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, text)| json!({ "key": key, "value": { "stringValue": text } })).collect()
}

fn request(resource: &[(&str, &str)], metrics: &[Value]) -> Value {
    json!({ "resourceMetrics": [{
        "resource": { "attributes": attributes(resource) },
        "scopeMetrics": [{ "metrics": metrics }],
    }] })
}

fn of(metric: Value) -> MetricBatch {
    decode(&request(&[("service.name", "shop")], &[metric]))
}

/// Names, kinds and values of the points.
fn points(metric: Value) -> Vec<(String, MetricKind, i64)> {
    let batch = of(metric);
    assert_eq!(batch.rejected, []);
    batch.points.iter().map(|point| (point.name.to_string(), point.kind, point.value)).collect()
}

fn named(name: &str, kind: MetricKind, value: i64) -> (String, MetricKind, i64) {
    (name.to_owned(), kind, value)
}

#[test]
fn a_point_has_its_resource_unit_series_time_and_value() {
    let resource = [
        ("service.name", "shop"),
        ("service.instance.id", "shop-1"),
        ("deployment.environment", "prod"),
        ("process.pid", "7"),
    ];
    let point = json!({ "timeUnixNano": AT, "asDouble": 0.25,
        "attributes": attributes(&[("state", "used"), ("pool", "a")]) });
    let metric = json!({ "name": "db.pool", "unit": "1", "gauge": { "dataPoints": [point] } });
    let batch = decode(&request(&resource, &[metric]));
    let expected = MetricPoint {
        env: "prod".into(),
        service: "shop".into(),
        instance: "shop-1".into(),
        name: "db.pool".into(),
        unit: "1".into(),
        series: "pool=a,state=used".into(),
        kind: MetricKind::Gauge,
        at: Nanos::from_secs(RECEIVED_S - 1),
        value: 250_000,
    };
    assert_eq!((batch.points, batch.data_points), (vec![expected], 1));
    assert!(batch.warnings.is_empty() && batch.rejected.is_empty());
}

#[test]
fn sums_are_counters_or_values_as_they_are_now() {
    let sum = |temporality: Value, monotonic: bool| {
        points(json!({ "name": "m", "sum": { "aggregationTemporality": temporality, "isMonotonic": monotonic,
            "dataPoints": [{ "timeUnixNano": AT, "asInt": "-3" }] } }))
    };
    assert_eq!(sum(json!(2), true), [named("m", MetricKind::Cumulative, -3_000_000)]);
    assert_eq!(sum(json!(2), false), [named("m", MetricKind::Gauge, -3_000_000)]);
    let delta = json!("AGGREGATION_TEMPORALITY_DELTA");
    assert_eq!(sum(delta.clone(), true), [named("m", MetricKind::Delta, -3_000_000)]);
    assert_eq!(sum(delta, false), [named("m", MetricKind::Delta, -3_000_000)]);
}

#[test]
fn histograms_are_how_many_how_much_and_the_largest() {
    let point = json!({ "timeUnixNano": AT, "count": "5", "sum": 2.5, "min": 0.1, "max": 1.5,
        "bucketCounts": ["5"], "explicitBounds": [] });
    let expected = [
        named("h.count", MetricKind::Delta, 5_000_000),
        named("h.sum", MetricKind::Delta, 2_500_000),
        named("h.max", MetricKind::Gauge, 1_500_000),
    ];
    for shape in ["histogram", "exponentialHistogram"] {
        let data = json!({ "aggregationTemporality": 1, "dataPoints": [point] });
        assert_eq!(points(json!({ "name": "h", shape: data })), expected, "{shape}");
    }
    let least = json!({ "aggregationTemporality": 2, "dataPoints": [{ "timeUnixNano": AT, "count": 0 }] });
    assert_eq!(
        points(json!({ "name": "h", "histogram": least })),
        [named("h.count", MetricKind::Cumulative, 0)]
    );
}

#[test]
fn summaries_have_their_quantiles_as_values() {
    let quantile = |quantile: f64, value: Value| json!({ "quantile": quantile, "value": value });
    let point = json!({ "timeUnixNano": AT, "count": 5, "sum": 2, "quantileValues": [
        quantile(0.0, json!(1)), quantile(0.5, json!(2)), quantile(0.99, json!(3)), quantile(0.999, json!(4)),
        quantile(0.75, json!("NaN")), quantile(1.0, json!(5)),
    ] });
    let gauge = |name: &str, value| named(name, MetricKind::Gauge, value);
    assert_eq!(
        points(json!({ "name": "s", "summary": { "dataPoints": [point] } })),
        [
            named("s.count", MetricKind::Cumulative, 5_000_000),
            named("s.sum", MetricKind::Cumulative, 2_000_000),
            gauge("s.min", 1_000_000),
            gauge("s.p50", 2_000_000),
            gauge("s.p99", 3_000_000),
            gauge("s.p99.9", 4_000_000),
            gauge("s.max", 5_000_000),
        ]
    );
}

#[test]
fn what_cannot_be_a_point_is_rejected_with_its_reason() {
    let gauge = |point: Value| json!({ "name": "g", "gauge": { "dataPoints": [point] } });
    let sum = |value: Value| json!({ "name": "g", "sum": { "aggregationTemporality": value, "dataPoints": [{ "asInt": 1 }] } });
    let summary = |quantiles: Vec<Value>| json!({ "name": "g", "summary": { "dataPoints": [{ "quantileValues": quantiles }] } });
    let point = json!({ "asInt": 1 });
    for (metric, reason) in [
        (gauge(json!({ "asDouble": "NaN" })), RejectReason::NotFinite),
        (gauge(json!({ "asDouble": "-Infinity" })), RejectReason::NotFinite),
        (gauge(json!({})), RejectReason::MissingField),
        (gauge(json!({ "asInt": 1, "timeUnixNano": "1900000000000000000" })), RejectReason::InFuture),
        (json!({ "gauge": { "dataPoints": [point] } }), RejectReason::MissingField),
        (sum(json!(0)), RejectReason::InvalidField),
        (summary(vec![json!({ "quantile": 2 })]), RejectReason::InvalidField),
        (summary(vec![json!({ "quantile": 0.5, "value": "Infinity" })]), RejectReason::NotFinite),
        (summary(vec![json!({}); 17]), RejectReason::TooLarge),
    ] {
        let batch = of(metric.clone());
        assert_eq!((batch.points.len(), batch.data_points, batch.rejected.len()), (0, 0, 1), "{metric}");
        assert_eq!(batch.rejected[0].reason, reason, "{metric}");
        assert!(!batch.rejected[0].detail.is_empty());
    }
    let none = of(gauge(json!({ "flags": 1 })));
    assert_eq!((none.points.len(), none.rejected.len()), (0, 0));
}

#[test]
fn names_keep_their_ends_and_a_missing_time_is_that_of_receipt() {
    let data = json!({ "aggregationTemporality": 2, "dataPoints": [{ "count": 1, "sum": 1 }] });
    let batch = of(json!({ "name": "x".repeat(300), "histogram": data }));
    let names: Vec<_> = batch.points.iter().map(|point| &*point.name).collect();
    assert!(names[0].ends_with("x.count") && names[1].ends_with("x.sum"), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 256));
    assert!(batch.warnings.count(Warning::TextCut) > 0);
    assert_eq!(batch.points[0].at, Nanos::from_secs(RECEIVED_S));
}

/// The pieces of a machine all have the same names: what the resource calls them keeps them apart.
#[test]
fn where_no_service_is_named_parts_of_a_machine_stay_apart() {
    let metric = json!({ "name": "m", "gauge": { "dataPoints": [{ "asInt": 1 }] } });
    let resource =
        [("k8s.pod.name", "till-7d9f8b6c5-xkz2p"), ("k8s.container.name", "app"), ("host.name", "h")];
    let batch = decode(&request(&resource, &[metric]));
    let point = &batch.points[0];
    assert_eq!((&*point.service, &*point.instance), ("till", "till-7d9f8b6c5-xkz2p"));
    assert_eq!(&*point.series, "k8s.container.name=app");
}
