//! The metrics of an `ExportMetricsServiceRequest` in protobuf. Buckets, exemplars and least values are stepped over.

use std::borrow::Cow;

use super::super::clerk::Resource;
use super::super::metrics::{MetricMapper, MetricView, Number, PointView, Shape};
use super::super::view::Facts;
use super::super::wire::{Field, Reader};
use super::{Items, RawValue, Result, key, text, value};

struct Metrics<'p, 'c, 'a> {
    mapper: &'p mut MetricMapper<'c>,
    view: MetricView<'a>,
}

impl<'a> Items<'a> for Metrics<'_, '_, 'a> {
    fn attributes_max(&self) -> usize {
        self.mapper.clerk.attributes_max()
    }

    fn resource(&mut self, facts: &Facts<'a>, texts_not_utf8: u64) -> Result<Resource> {
        self.mapper.clerk.resource(facts, texts_not_utf8)
    }

    fn item(&mut self, resource: &Resource, item: Reader<'a>) -> Result<()> {
        metric(item, &mut self.view, self.mapper.clerk.attributes_max())?;
        self.mapper.metric(resource, &self.view)
    }
}

pub(crate) fn decode(body: &[u8], mapper: &mut MetricMapper<'_>) -> Result<()> {
    let view = mapper.view();
    super::decode(body, &mut Metrics { mapper, view })
}

fn metric<'a>(mut reader: Reader<'a>, view: &mut MetricView<'a>, attributes_max: usize) -> Result<()> {
    view.clear();
    while let Some(field) = reader.next()? {
        let shape = match field.number {
            1 => {
                view.name = text(reader.bytes(field)?, &mut view.texts_not_utf8);
                continue;
            }
            3 => {
                view.unit = text(reader.bytes(field)?, &mut view.texts_not_utf8);
                continue;
            }
            5 => Shape::Gauge,
            7 => Shape::Sum,
            9 => Shape::Histogram,
            10 => Shape::ExponentialHistogram,
            11 => Shape::Summary,
            _ => {
                reader.skip(field)?;
                continue;
            }
        };
        view.begin(shape);
        data(reader.message(field)?, view, attributes_max)?;
    }
    Ok(())
}

/// The points, how they count, and whether they only rise.
fn data<'a>(mut reader: Reader<'a>, view: &mut MetricView<'a>, attributes_max: usize) -> Result<()> {
    let has_temporality = !matches!(view.shape, Shape::Gauge | Shape::Summary);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => {
                let mut point = PointView::default();
                let bad = &mut view.texts_not_utf8;
                self::point(reader.message(field)?, view.shape, &mut point, bad, attributes_max)?;
                view.push(point);
            }
            2 if has_temporality => view.temporality = reader.varint(field)? as i32,
            3 if view.shape == Shape::Sum => view.is_monotonic = reader.varint(field)? != 0,
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

fn point<'a>(
    mut reader: Reader<'a>,
    shape: Shape,
    point: &mut PointView<'a>,
    bad: &mut u64,
    attributes_max: usize,
) -> Result<()> {
    while let Some(field) = reader.next()? {
        let is_attribute = match shape {
            Shape::Histogram => field.number == 9,
            Shape::ExponentialHistogram => field.number == 1,
            _ => field.number == 7,
        };
        if is_attribute {
            attribute(reader.message(field)?, point, bad, attributes_max)?;
        } else if field.number == 3 {
            point.time_ns = reader.fixed64(field)?;
        } else {
            match shape {
                Shape::Histogram => histogram(&mut reader, field, point, [10, 12])?,
                Shape::ExponentialHistogram => histogram(&mut reader, field, point, [10, 13])?,
                Shape::Summary => summary(&mut reader, field, point)?,
                Shape::Gauge | Shape::Sum | Shape::None => number(&mut reader, field, point)?,
            }
        }
    }
    Ok(())
}

fn number<'a>(reader: &mut Reader<'a>, field: Field, point: &mut PointView<'a>) -> Result<()> {
    match field.number {
        4 => point.value = Some(Number::Double(double(reader, field)?)),
        6 => point.value = Some(Number::Int(reader.fixed64(field)? as i64)),
        8 => point.flags = reader.varint(field)? as u32,
        _ => reader.skip(field)?,
    }
    Ok(())
}

fn histogram<'a>(
    reader: &mut Reader<'a>,
    field: Field,
    point: &mut PointView<'a>,
    [flags, max]: [u32; 2],
) -> Result<()> {
    match field.number {
        4 => point.count = reader.fixed64(field)?,
        5 => point.sum = Some(double(reader, field)?),
        number if number == flags => point.flags = reader.varint(field)? as u32,
        number if number == max => point.max = Some(double(reader, field)?),
        _ => reader.skip(field)?,
    }
    Ok(())
}

fn summary<'a>(reader: &mut Reader<'a>, field: Field, point: &mut PointView<'a>) -> Result<()> {
    match field.number {
        4 => point.count = reader.fixed64(field)?,
        5 => point.sum = Some(double(reader, field)?),
        6 => {
            let mut inner = reader.message(field)?;
            let (mut quantile, mut value) = (0.0, 0.0);
            while let Some(field) = inner.next()? {
                match field.number {
                    1 => quantile = double(&mut inner, field)?,
                    2 => value = double(&mut inner, field)?,
                    _ => inner.skip(field)?,
                }
            }
            point.quantiles.push((quantile, value));
        }
        8 => point.flags = reader.varint(field)? as u32,
        _ => reader.skip(field)?,
    }
    Ok(())
}

fn double(reader: &mut Reader<'_>, field: Field) -> Result<f64> {
    Ok(f64::from_bits(reader.fixed64(field)?))
}

fn attribute<'a>(reader: Reader<'a>, point: &mut PointView<'a>, bad: &mut u64, max: usize) -> Result<()> {
    let (key, value) = (key(reader.clone())?, value(reader)?);
    point.attributes_seen += 1;
    if point.attributes_seen <= max
        && let Some(value) = value.and_then(|value: RawValue<'a>| value.keep(bad))
    {
        let key: Cow<'a, str> = text(key, bad);
        point.attributes.push((key, value));
    }
    Ok(())
}
