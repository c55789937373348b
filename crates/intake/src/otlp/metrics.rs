//! From a borrowed metric to points of integers: the one place where OTLP metrics get their meaning, for every
//! encoding. `doc/reference/intake.md` shows the same rules as tables.

use std::borrow::Cow;

use model::{MetricKind, MetricPoint, Nanos, Str};

use super::clerk::{Clerk, Refusal, Resource};
use super::mapping::in_future;
use super::semconv::Attr;
use super::view::Value;
use super::wire::Malformed;
use crate::{Context, MetricBatch, RejectReason};

mod millionths;
mod series;

use millionths::{millionths, millionths_of_count};

/// What tells the parts of a machine or a pod apart, where the resource is no service.
const KEPT: &[Attr] =
    &[Attr::K8sContainerName, Attr::ContainerName, Attr::ProcessExecutableName, Attr::ProcessPid];
/// The bit of a point's flags that says that there is no value.
const NO_RECORDED_VALUE: u32 = 1;
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// One of the shapes of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    #[default]
    None,
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// One metric as a decoder found it, borrowed from the body.
#[derive(Debug, Default)]
pub(crate) struct MetricView<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) unit: Cow<'a, str>,
    pub(crate) shape: Shape,
    /// The number of `AggregationTemporality`.
    pub(crate) temporality: i32,
    pub(crate) is_monotonic: bool,
    pub(crate) points: Vec<PointView<'a>>,
    /// Kept texts that were not UTF-8.
    pub(crate) texts_not_utf8: u64,
    /// Points beyond one more than these are not kept, because the request is refused anyway.
    points_max: usize,
}

/// A number as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// One data point, whatever its shape.
#[derive(Debug, Default)]
pub(crate) struct PointView<'a> {
    pub(crate) attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    pub(crate) attributes_seen: usize,
    pub(crate) time_ns: u64,
    pub(crate) flags: u32,
    /// Of a gauge or a sum.
    pub(crate) value: Option<Number>,
    pub(crate) count: u64,
    pub(crate) sum: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Of a summary: quantile and value.
    pub(crate) quantiles: Vec<(f64, f64)>,
}

impl<'a> MetricView<'a> {
    pub(crate) fn clear(&mut self) {
        *self = Self { points_max: self.points_max, ..Self::default() };
    }

    pub(crate) fn push(&mut self, point: PointView<'a>) {
        if self.points.len() <= self.points_max {
            self.points.push(point);
        }
    }

    /// Another shape begins: of the one-of, the one that comes last holds.
    pub(crate) fn begin(&mut self, shape: Shape) {
        if self.shape != shape {
            self.shape = shape;
            self.points.clear();
            (self.temporality, self.is_monotonic) = (0, false);
        }
    }
}

/// Maps the metrics of one request.
#[derive(Debug)]
pub(crate) struct MetricMapper<'c> {
    pub(crate) clerk: Clerk<'c>,
    points: Vec<MetricPoint>,
    data_points: u64,
}

/// What the points of one data point share.
struct Common<'m> {
    resource: &'m Resource,
    name: &'m str,
    unit: Str,
    series: Str,
    at: Nanos,
}

/// The parts that a data point gives: what is appended to the name, how it counts, its value.
type Parts = Vec<(Cow<'static, str>, MetricKind, i64)>;

impl<'c> MetricMapper<'c> {
    pub(crate) fn new(context: &'c Context<'c>) -> Self {
        Self { clerk: Clerk::new(context, KEPT), points: Vec::new(), data_points: 0 }
    }

    pub(crate) fn view<'a>(&self) -> MetricView<'a> {
        MetricView { points_max: self.clerk.context.limits.events_per_request_max, ..MetricView::default() }
    }

    pub(crate) fn finish(self) -> MetricBatch {
        let Clerk { rejected, warnings, .. } = self.clerk;
        MetricBatch { points: self.points, data_points: self.data_points, rejected, warnings }
    }

    /// Takes the points of one metric, or rejects them one by one. Fails only where the request as a whole is too
    /// much.
    pub(crate) fn metric(&mut self, resource: &Resource, view: &MetricView<'_>) -> Result<(), Malformed> {
        self.clerk.remark(0, view.texts_not_utf8);
        for point in &view.points {
            let index = self.clerk.next_item("data points")?;
            if point.flags & NO_RECORDED_VALUE != 0 {
                continue; // The sender says that the series has ended or was not read.
            }
            if let Err(refusal) = self.point(resource, view, point) {
                self.clerk.reject(index, view.name.trim().to_owned(), refusal);
            }
        }
        Ok(())
    }

    fn point(
        &mut self,
        resource: &Resource,
        view: &MetricView<'_>,
        point: &PointView<'_>,
    ) -> Result<(), Refusal> {
        if view.name.trim().is_empty() {
            return Err((RejectReason::MissingField, "the metric has no name".to_owned()));
        }
        let at = self.time(point)?;
        let kind = kind(view)?;
        let parts = parts(view, point, kind, self.clerk.context.limits.quantiles_per_summary_max)?;
        self.clerk.remark(point.attributes_seen, 0);
        self.clerk.remark_unnamed(resource.named);
        let labels: &[(Attr, Str)] = if resource.named { &[] } else { &resource.kept };
        let series = series::series(&point.attributes, labels, self.clerk.context.limits.text_bytes_max);
        let common = Common {
            resource,
            name: view.name.trim(),
            unit: self.clerk.name(&view.unit),
            series: self.clerk.shared(&series),
            at,
        };
        for (suffix, kind, value) in parts {
            let point = self.made(&common, &suffix, kind, value);
            self.points.push(point);
        }
        self.data_points += 1;
        Ok(())
    }

    fn made(&mut self, common: &Common<'_>, suffix: &str, kind: MetricKind, value: i64) -> MetricPoint {
        let Resource { env, service, instance, .. } = common.resource;
        let name = match suffix {
            "" => self.clerk.name(common.name),
            // The end is what tells the parts apart, so the name gives way.
            suffix => {
                let max = self.clerk.context.limits.name_bytes_max.saturating_sub(suffix.len());
                let head = self.clerk.text(common.name, max);
                self.clerk.shared(&format!("{head}{suffix}"))
            }
        };
        MetricPoint {
            env: env.clone(),
            service: service.clone(),
            instance: instance.clone(),
            name,
            unit: common.unit.clone(),
            series: common.series.clone(),
            kind,
            at: common.at,
            value,
        }
    }

    /// The point's time, else that of receipt.
    fn time(&self, point: &PointView<'_>) -> Result<Nanos, Refusal> {
        let at = if point.time_ns == 0 { self.clerk.context.received } else { Nanos(point.time_ns) };
        if self.clerk.is_future(at) {
            let detail = in_future(at, self.clerk.context).replacen("it ends at", "it is of", 1);
            return Err((RejectReason::InFuture, detail));
        }
        Ok(at)
    }
}

/// How the points of a metric count. What can fall is no counter, so it is taken for what it is now.
fn kind(view: &MetricView<'_>) -> Result<MetricKind, Refusal> {
    let found = match (view.shape, view.temporality) {
        (Shape::Gauge, _) => return Ok(MetricKind::Gauge),
        (Shape::Summary, _) => return Ok(MetricKind::Cumulative),
        (Shape::Sum, CUMULATIVE) if !view.is_monotonic => return Ok(MetricKind::Gauge),
        (Shape::Sum | Shape::Histogram | Shape::ExponentialHistogram, CUMULATIVE) => {
            return Ok(MetricKind::Cumulative);
        }
        (Shape::Sum | Shape::Histogram | Shape::ExponentialHistogram, DELTA) => return Ok(MetricKind::Delta),
        (Shape::None, _) => "the metric is of no known shape",
        _ => "the metric does not say whether its points are deltas or cumulative",
    };
    Err((RejectReason::InvalidField, found.to_owned()))
}

fn parts(
    view: &MetricView<'_>,
    point: &PointView<'_>,
    kind: MetricKind,
    quantiles_max: usize,
) -> Result<Parts, Refusal> {
    let whole = |value: i64| vec![(Cow::Borrowed(""), kind, value)];
    match (view.shape, point.value) {
        (Shape::Gauge | Shape::Sum, Some(Number::Int(value))) => Ok(whole(millionths_of_count(value.into()))),
        (Shape::Gauge | Shape::Sum, Some(Number::Double(value))) => Ok(whole(finite(value, "value")?)),
        (Shape::Gauge | Shape::Sum, None) => {
            Err((RejectReason::MissingField, "the data point has no value".to_owned()))
        }
        // A summary's sum is no optional field: without one it is zero.
        (Shape::Summary, _) => distribution(point, point.sum.or(Some(0.0)), kind, quantiles_max),
        _ => distribution(point, point.sum, kind, quantiles_max),
    }
}

/// How many, how much in all and, where it is said, the largest and the quantiles.
fn distribution(
    point: &PointView<'_>,
    sum: Option<f64>,
    kind: MetricKind,
    quantiles_max: usize,
) -> Result<Parts, Refusal> {
    let mut parts = vec![(Cow::Borrowed(".count"), kind, millionths_of_count(point.count.into()))];
    if let Some(sum) = sum {
        parts.push((Cow::Borrowed(".sum"), kind, finite(sum, "sum")?));
    }
    if let Some(max) = point.max {
        parts.push((Cow::Borrowed(".max"), MetricKind::Gauge, finite(max, "max")?));
    }
    if point.quantiles.len() > quantiles_max {
        let found = format!("{} quantiles, expected at most {quantiles_max}", point.quantiles.len());
        return Err((RejectReason::TooLarge, found));
    }
    for (quantile, value) in &point.quantiles {
        // Not a number is how summaries say that nothing was measured.
        if value.is_nan() {
            continue;
        }
        parts.push((quantile_name(*quantile)?, MetricKind::Gauge, finite(*value, "quantile")?));
    }
    Ok(parts)
}

/// `.p50`, `.p99`, `.p99.9`; the ends are `.min` and `.max`.
fn quantile_name(quantile: f64) -> Result<Cow<'static, str>, Refusal> {
    match millionths(quantile) {
        Some(0) => Ok(Cow::Borrowed(".min")),
        Some(1_000_000) => Ok(Cow::Borrowed(".max")),
        Some(part @ 1..1_000_000) => {
            let percent = format!(".p{}.{:04}", part / 10_000, part % 10_000);
            Ok(Cow::Owned(percent.trim_end_matches('0').trim_end_matches('.').to_owned()))
        }
        _ => Err((RejectReason::InvalidField, format!("the quantile {quantile}, expected one of 0 to 1"))),
    }
}

fn finite(value: f64, what: &str) -> Result<i64, Refusal> {
    millionths(value)
        .ok_or_else(|| (RejectReason::NotFinite, format!("the {what} is {value}, expected a finite number")))
}

#[cfg(test)]
mod tests;
