//! Whole values in protobuf, nested ones included, within the bounds of `value`.

use std::borrow::Cow;

use super::super::value::{AnyValue, Budget};
use super::super::view::Value;
use super::super::wire::Reader;
use super::{Result, text};

/// Of the one-of, the field that comes last is the one that holds; a list or a map that comes again goes on.
pub(super) fn value<'a>(
    mut reader: Reader<'a>,
    into: &mut AnyValue<'a>,
    budget: &mut Budget,
    bad: &mut u64,
) -> Result<()> {
    while let Some(field) = reader.next()? {
        *into = match field.number {
            1 => AnyValue::Scalar(Value::Text(text(reader.bytes(field)?, bad))),
            2 => AnyValue::Scalar(Value::Bool(reader.varint(field)? != 0)),
            3 => AnyValue::Scalar(Value::Int(reader.varint(field)? as i64)),
            4 => AnyValue::Scalar(Value::Double(f64::from_bits(reader.fixed64(field)?))),
            5 => {
                let mut list = into.take_list();
                let inner = reader.message(field)?;
                if budget.enter().is_some() {
                    elements(inner, &mut list, budget, bad)?;
                    budget.leave();
                }
                AnyValue::List(list)
            }
            6 => {
                let mut map = into.take_map();
                let inner = reader.message(field)?;
                if budget.enter().is_some() {
                    members(inner, &mut map, budget, bad)?;
                    budget.leave();
                }
                AnyValue::Map(map)
            }
            7 => {
                reader.bytes(field)?;
                AnyValue::Bytes
            }
            _ => {
                reader.skip(field)?;
                continue;
            }
        };
    }
    Ok(())
}

fn elements<'a>(
    mut reader: Reader<'a>,
    list: &mut Vec<AnyValue<'a>>,
    budget: &mut Budget,
    bad: &mut u64,
) -> Result<()> {
    while let Some(field) = reader.next()? {
        match field.number {
            1 if budget.take() => {
                let mut element = AnyValue::Empty;
                value(reader.message(field)?, &mut element, budget, bad)?;
                list.push(element);
            }
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

fn members<'a>(
    mut reader: Reader<'a>,
    map: &mut Vec<(Cow<'a, str>, AnyValue<'a>)>,
    budget: &mut Budget,
    bad: &mut u64,
) -> Result<()> {
    while let Some(field) = reader.next()? {
        match field.number {
            1 if budget.take() => map.push(member(reader.message(field)?, budget, bad)?),
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

/// A key and its value.
pub(super) fn member<'a>(
    mut reader: Reader<'a>,
    budget: &mut Budget,
    bad: &mut u64,
) -> Result<(Cow<'a, str>, AnyValue<'a>)> {
    let (mut key, mut held) = (Cow::Borrowed(""), AnyValue::Empty);
    while let Some(field) = reader.next()? {
        match field.number {
            1 => key = text(reader.bytes(field)?, bad),
            2 => value(reader.message(field)?, &mut held, budget, bad)?,
            _ => reader.skip(field)?,
        }
    }
    Ok((key, held))
}
