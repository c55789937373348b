//! What a metric says of a service, told by its name and unit: requests, failures, availability, latency. The terms are
//! those of OpenTelemetry and of the usual cloud consoles. It must never know what a value is used for.

use model::{MetricKind, Str};
use serde::{Deserialize, Serialize};

use crate::metrics::SeriesKey;

/// Which number of many stands for all. In the order in which they are asked: the mean adds up, a percentile does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Statistic {
    Mean,
    P99,
    P95,
    P90,
    P50,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// How many requests came; `failed` where the series is of failed ones alone.
    Requests {
        failed: bool,
    },
    /// How many of them failed, where failures are counted apart.
    Failures,
    /// The share that went well, in parts of a whole of so many.
    Available(i64),
    Unavailable(i64),
    /// Time spent on all of them together, and the numerator and denominator that make microseconds of it.
    Spent(i64, i64),
    Latency(Statistic, i64, i64),
}

impl Statistic {
    pub(crate) const ALL: [Self; 5] = [Self::Mean, Self::P99, Self::P95, Self::P90, Self::P50];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean latency",
            Self::P99 => "p99 latency",
            Self::P95 => "p95 latency",
            Self::P90 => "p90 latency",
            Self::P50 => "p50 latency",
        }
    }
}

/// `None` for everything that says nothing of the requests that a service answers.
pub(crate) fn role(key: &SeriesKey, unit: &Str, kind: MetricKind) -> Option<Role> {
    let name = key.name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    // What it calls is not what it answers, and what runs or waits has not been answered.
    if has(&["client", "active", "in_flight", "inflight", "concurren", "queue", "size", "body", "throttl"]) {
        return None;
    }
    let of_requests = has(&[
        "request",
        "http",
        "rpc",
        "server",
        "invocation",
        "transaction",
        "service",
        "target",
        "response",
    ]);
    let is_bad = has(&["error", "fault", "fail", "5xx"]);
    let is_share = has(&["rate", "ratio", "percent", "share"]);
    let whole = if matches!(&**unit, "%" | "percent") || has(&["percent"]) { 100 } else { 1 };
    if name.ends_with("availability") || name.contains("success") && is_share {
        return Some(Role::Available(whole));
    }
    if is_bad && is_share {
        return Some(Role::Unavailable(whole));
    }
    if is_bad {
        let counts = kind != MetricKind::Gauge || matches!(&**unit, "Count" | "1" | "");
        let alone = matches!(&*name, "errors" | "faults");
        return (counts && (of_requests || alone)).then_some(Role::Failures);
    }
    if let Some(role) = latency(&name, unit, of_requests) {
        return role.requests_of(key);
    }
    let counted = ["count", "total", "requests", "invocations", "transactions"];
    let is_count = counted.iter().any(|end| name.ends_with(end));
    let requests = has(&["request", "invocation", "transaction"]);
    (requests && is_count && !has(&["4xx"])).then(|| Role::Requests { failed: is_failed(&key.series) })
}

/// A part of a latency metric: its distribution counts requests too.
enum Part {
    Latency(Role),
    Count,
    None,
}

impl Part {
    fn requests_of(self, key: &SeriesKey) -> Option<Role> {
        match self {
            Self::Latency(role) => Some(role),
            Self::Count => Some(Role::Requests { failed: is_failed(&key.series) }),
            Self::None => None,
        }
    }
}

fn latency(name: &str, unit: &Str, of_requests: bool) -> Option<Part> {
    let named = name.contains("latency");
    let timed = ["duration", "response_time", "responsetime", "response.time"];
    let of_time = of_requests && timed.iter().any(|word| name.contains(word));
    if !(named || of_time) {
        return None;
    }
    let (numerator, denominator) = micros(name, unit);
    let end = name.rsplit(['.', '_', '-']).next().unwrap_or_default();
    let role = match end {
        "count" => return Some(Part::Count),
        "max" | "min" => return Some(Part::None),
        "sum" => Role::Spent(numerator, denominator),
        "p99" => Role::Latency(Statistic::P99, numerator, denominator),
        "p95" => Role::Latency(Statistic::P95, numerator, denominator),
        "p90" => Role::Latency(Statistic::P90, numerator, denominator),
        "p50" | "median" => Role::Latency(Statistic::P50, numerator, denominator),
        // A percentile that is none of these is no mean.
        other if other.strip_prefix('p').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) => {
            return Some(Part::None);
        }
        _ => Role::Latency(Statistic::Mean, numerator, denominator),
    };
    Some(Part::Latency(role))
}

/// Values come in millionths of their unit, so those of seconds are microseconds as they are.
fn micros(name: &str, unit: &Str) -> (i64, i64) {
    let of_name = |ends: &[&str]| unit.is_empty() && ends.iter().any(|end| name.contains(end));
    match &**unit {
        "ms" | "Milliseconds" | "milliseconds" => (1, 1_000),
        "us" | "Microseconds" | "microseconds" => (1, 1_000_000),
        "ns" => (1, 1_000_000_000),
        _ if of_name(&["_ms", ".ms", "millis"]) => (1, 1_000),
        _ => (1, 1),
    }
}

/// Whether a series counts failed requests alone, by the attributes of the semantic conventions.
fn is_failed(series: &str) -> bool {
    series.split(',').any(|pair| match pair.split_once('=') {
        Some(("http.response.status_code" | "http.status_code", code)) => code.starts_with('5'),
        Some(("error.type", kind)) => !kind.is_empty(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, unit: &str, series: &str, kind: MetricKind) -> Option<Role> {
        let text = |text: &str| Str::from(text);
        let key = SeriesKey {
            env: text("e"),
            service: text("s"),
            instance: text(""),
            name: text(name),
            series: text(series),
        };
        role(&key, &text(unit), kind)
    }

    #[test]
    fn the_usual_names_are_understood() {
        use MetricKind::{Delta, Gauge};
        let requests = Some(Role::Requests { failed: false });
        for name in ["http.server.request.count", "RequestCount", "Invocations", "http_requests_total"] {
            assert_eq!(told(name, "", "", Delta), requests, "{name}");
        }
        assert_eq!(told("http.server.request.duration.count", "s", "http.route=/a", Delta), requests);
        let failed = Some(Role::Requests { failed: true });
        let series = "http.response.status_code=503,http.route=/a";
        assert_eq!(told("http.server.request.duration.count", "s", series, Delta), failed);
        assert_eq!(told("HTTPCode_Target_5XX_Count", "Count", "", Gauge), Some(Role::Failures));
        assert_eq!(told("service.availability", "1", "", Gauge), Some(Role::Available(1)));
        assert_eq!(told("Availability", "%", "", Gauge), Some(Role::Available(100)));
        assert_eq!(told("http.error_rate", "1", "", Gauge), Some(Role::Unavailable(1)));
        let latency = |statistic, parts| Some(Role::Latency(statistic, 1, parts));
        assert_eq!(told("http.server.request.duration.avg", "s", "", Gauge), latency(Statistic::Mean, 1));
        assert_eq!(told("http.server.request.duration.p99", "ms", "", Gauge), latency(Statistic::P99, 1_000));
        assert_eq!(told("TargetResponseTime", "", "", Gauge), latency(Statistic::Mean, 1));
        assert_eq!(told("http.server.request.duration.sum", "s", "", Delta), Some(Role::Spent(1, 1)));
    }

    #[test]
    fn what_is_not_of_answered_requests_says_nothing() {
        let names = [
            "http.client.request.duration.avg",
            "http.server.active_requests",
            "http.server.request.body.size.sum",
            "jvm.gc.duration.sum",
            "k8s.container.restarts",
            "process.cpu.utilization",
            "http.server.request.duration.max",
            "http.server.request.duration.p999",
        ];
        for name in names {
            assert_eq!(told(name, "s", "", MetricKind::Gauge), None, "{name}");
        }
    }
}
