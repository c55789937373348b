//! The metrics of an `ExportMetricsServiceRequest` in OTLP/JSON. Buckets, exemplars and least values are stepped
//! over.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::super::clerk::Resource;
use super::super::metrics::{MetricMapper, MetricView, Number, PointView, Shape};
use super::super::wire::Malformed;
use super::attributes::{Attributes, Keep, Kept};
use super::seeds::{Enum, Flag, Float, Integer, Many, Nanoseconds, Object, One, Refused, Text, ignore};
use super::{Item, Parts, items, resources};
use crate::DecodeError;

const PARTS: Parts = Parts {
    blocks: ["resourceMetrics", "resource_metrics"],
    scopes: ["scopeMetrics", "scope_metrics"],
    items: ["metrics", "metrics"],
    expected: "an ExportMetricsServiceRequest in OTLP/JSON",
};
const TEMPORALITIES: Enum = Enum(&[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
]);

pub(crate) fn decode(body: &[u8], mapper: &mut MetricMapper<'_>) -> Result<(), DecodeError> {
    let resources = resources(&PARTS, body, &mut mapper.clerk)?;
    let view = mapper.view();
    items(&PARTS, body, &resources, &mut Metric { mapper, view })
}

struct Metric<'p, 'c, 'de> {
    mapper: &'p mut MetricMapper<'c>,
    view: MetricView<'de>,
}

impl<'de> Object<'de> for Metric<'_, '_, 'de> {
    fn begin(&mut self) {
        self.view.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let view = &mut self.view;
        let shape = match name {
            "name" => {
                view.name = map.next_value_seed(Text)?;
                return Ok(());
            }
            "unit" => {
                view.unit = map.next_value_seed(Text)?;
                return Ok(());
            }
            "gauge" => Shape::Gauge,
            "sum" => Shape::Sum,
            "histogram" => Shape::Histogram,
            "exponentialHistogram" | "exponential_histogram" => Shape::ExponentialHistogram,
            "summary" => Shape::Summary,
            _ => return ignore(map),
        };
        let attributes_max = self.mapper.clerk.attributes_max();
        map.next_value_seed(One(&mut Data { view, shape, attributes_max }))
    }
}

impl<'de> Item<'de> for Metric<'_, '_, 'de> {
    fn take(&mut self, resource: &Resource) -> Result<(), Malformed> {
        self.mapper.metric(resource, &self.view)
    }
}

/// The points, how they count, and whether they only rise.
struct Data<'p, 'de> {
    view: &'p mut MetricView<'de>,
    shape: Shape,
    attributes_max: usize,
}

impl<'de> Object<'de> for Data<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.view.begin(self.shape);
        let has_temporality = !matches!(self.shape, Shape::Gauge | Shape::Summary);
        match name {
            "dataPoints" | "data_points" => {
                let (shape, attributes_max) = (self.shape, self.attributes_max);
                let mut point =
                    Point { view: &mut *self.view, point: PointView::default(), shape, attributes_max };
                map.next_value_seed(Many(&mut point))?;
            }
            "aggregationTemporality" | "aggregation_temporality" if has_temporality => {
                self.view.temporality = map.next_value_seed(TEMPORALITIES)?;
            }
            "isMonotonic" | "is_monotonic" if self.shape == Shape::Sum => {
                self.view.is_monotonic = map.next_value_seed(Flag)?.unwrap_or(false);
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

struct Point<'p, 'de> {
    view: &'p mut MetricView<'de>,
    point: PointView<'de>,
    shape: Shape,
    attributes_max: usize,
}

impl<'de> Object<'de> for Point<'_, 'de> {
    fn begin(&mut self) {
        self.point = PointView::default();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let point = &mut self.point;
        let is_number = matches!(self.shape, Shape::Gauge | Shape::Sum);
        match name {
            "attributes" => map.next_value_seed(Many(&mut Attributes::new(point, self.attributes_max)))?,
            "timeUnixNano" | "time_unix_nano" => point.time_ns = map.next_value_seed(Nanoseconds)?,
            "flags" => point.flags = map.next_value_seed(Integer)?.unwrap_or(0) as u32,
            "asInt" | "as_int" if is_number => {
                point.value = map.next_value_seed(Integer)?.map(Number::Int).or(point.value);
            }
            "asDouble" | "as_double" if is_number => {
                point.value = map.next_value_seed(Float)?.map(Number::Double).or(point.value);
            }
            "count" if !is_number => point.count = map.next_value_seed(Nanoseconds)?,
            "sum" if !is_number => point.sum = map.next_value_seed(Float)?,
            "max" if !is_number && self.shape != Shape::Summary => point.max = map.next_value_seed(Float)?,
            "quantileValues" | "quantile_values" if self.shape == Shape::Summary => {
                let mut quantile = Quantile { list: &mut point.quantiles, quantile: 0.0, value: 0.0 };
                map.next_value_seed(Many(&mut quantile))?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.view.push(std::mem::take(&mut self.point));
        Ok(())
    }
}

impl<'de> Keep<'de> for PointView<'de> {
    fn wants(&self, _: &str) -> bool {
        true
    }

    fn keep(&mut self, key: Cow<'de, str>, value: Option<Kept<'de>>, max: usize) {
        self.attributes_seen += 1;
        if let Some(Kept::Scalar(value)) = value
            && self.attributes_seen <= max
        {
            self.attributes.push((key, value));
        }
    }
}

struct Quantile<'p> {
    list: &'p mut Vec<(f64, f64)>,
    quantile: f64,
    value: f64,
}

impl<'de> Object<'de> for Quantile<'_> {
    fn begin(&mut self) {
        (self.quantile, self.value) = (0.0, 0.0);
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "quantile" => self.quantile = map.next_value_seed(Float)?.unwrap_or(0.0),
            "value" => self.value = map.next_value_seed(Float)?.unwrap_or(0.0),
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.list.push((self.quantile, self.value));
        Ok(())
    }
}
