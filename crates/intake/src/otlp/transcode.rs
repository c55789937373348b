//! A request in protobuf written as the same request in OTLP/JSON: for whoever reads what was taken in. Every field of
//! OTLP 1.x stays, unknown ones go. The decoders make the same of both forms; what an attribute means is not known here.

use std::fmt::Write;

use super::wire::{Malformed, Raw, Reader};
use crate::Telemetry;

use schema::{Field, Form, Message};

mod schema;

/// Values within values. The decoders look less deep, and readers of JSON take no more.
const DEPTH_MAX: usize = 40;

/// The request as one line of JSON. Where a part is no protobuf, what follows in that part is left out: a request with
/// such a part was taken in only if nothing in it is looked at.
pub fn json_of_protobuf(telemetry: Telemetry, body: &[u8]) -> String {
    let request = match telemetry {
        Telemetry::Traces => schema::TRACES,
        Telemetry::Logs => schema::LOGS,
        Telemetry::Metrics => schema::METRICS,
    };
    let mut out = String::with_capacity(body.len() * 2);
    message(&mut out, request, &[Reader::new(body)], DEPTH_MAX);
    out
}

/// A message that stands several times where it may stand once is one message: its parts are read one after another.
fn message(out: &mut String, fields: Message, parts: &[Reader<'_>], depth: usize) {
    let mut found = Vec::new();
    for part in parts {
        let _ = read(part.clone(), &mut found);
    }
    let chosen = found.iter().rev().map(|(number, _)| *number).find(|number| is_alternative(fields, *number));
    out.push('{');
    let mut is_first = true;
    for field in fields {
        if field.is_alternative && chosen != Some(field.number) {
            continue;
        }
        let values: Vec<&Raw<'_>> =
            found.iter().filter(|(number, _)| *number == field.number).map(|(_, value)| value).collect();
        if values.is_empty() || (depth == 0 && matches!(field.form, Form::Message(_))) {
            continue;
        }
        let before = out.len();
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        let _ = write!(out, "\"{}\":", field.name);
        if !field_value(out, field, &values, depth.saturating_sub(1)) {
            out.truncate(before);
            is_first = out.ends_with('{');
        }
    }
    out.push('}');
}

fn read<'a>(mut part: Reader<'a>, found: &mut Vec<(u32, Raw<'a>)>) -> Result<(), Malformed> {
    while let Some(field) = part.next()? {
        let number = field.number;
        if let Some(value) = part.raw(field)? {
            found.push((number, value));
        }
    }
    Ok(())
}

fn is_alternative(fields: Message, number: u32) -> bool {
    fields.iter().any(|field| field.number == number && field.is_alternative)
}

/// Says whether there was something of the right type.
fn field_value(out: &mut String, field: &Field, values: &[&Raw<'_>], depth: usize) -> bool {
    let readers = || {
        values.iter().filter_map(|value| match value {
            Raw::Bytes(reader) => Some(reader.clone()),
            _ => None,
        })
    };
    match (field.form, field.is_repeated) {
        (Form::Message(fields), false) => {
            let parts: Vec<_> = readers().collect();
            message(out, fields, &parts, depth);
        }
        (Form::Message(fields), true) => {
            list(out, readers(), |out, reader| message(out, fields, &[reader], depth));
        }
        (form, true) => numbers(out, form, values),
        (form, false) => return values.last().is_some_and(|value| scalar(out, form, value)),
    }
    true
}

fn list<T>(out: &mut String, values: impl Iterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(out, value);
    }
    out.push(']');
}

/// Values that stand several times; numbers among them stand one by one or packed together. Texts are never packed.
fn numbers(out: &mut String, form: Form, values: &[&Raw<'_>]) {
    out.push('[');
    let mut is_first = true;
    let mut each = |value: Raw<'_>| {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        if !scalar(out, form, &value) {
            out.push_str("null");
        }
    };
    for value in values {
        let _ = match (*value, form) {
            (Raw::Bytes(reader), Form::Fixed64 | Form::Double) => reader.clone().packed_fixed64(&mut each),
            (Raw::Bytes(reader), Form::Uint64) => reader.clone().packed_varints(&mut each),
            (value, _) => {
                each(value.clone());
                Ok(())
            }
        };
    }
    out.push(']');
}

/// Says whether the value has the type that the form needs. Numbers of 64 bits are texts, as JSON has them in OTLP.
fn scalar(out: &mut String, form: Form, value: &Raw<'_>) -> bool {
    let _ = match (form, value) {
        (Form::Text, Raw::Bytes(reader)) => {
            out.push_str(&serde_json::Value::from(String::from_utf8_lossy(reader.rest())).to_string());
            Ok(())
        }
        (Form::Hex, Raw::Bytes(reader)) => {
            out.push('"');
            reader.rest().iter().try_for_each(|byte| write!(out, "{byte:02x}")).ok();
            out.push('"');
            Ok(())
        }
        (Form::Base64, Raw::Bytes(reader)) => {
            base64(out, reader.rest());
            Ok(())
        }
        (Form::Bool, Raw::Varint(number)) => write!(out, "{}", *number != 0),
        (Form::Int32, Raw::Varint(number)) => write!(out, "{}", *number as i32),
        (Form::Uint32, Raw::Varint(number)) => write!(out, "{}", *number as u32),
        (Form::Sint32, Raw::Varint(number)) => {
            let number = *number as u32;
            write!(out, "{}", (number >> 1) as i32 ^ -((number & 1) as i32))
        }
        (Form::Int64, Raw::Varint(number)) | (Form::Sfixed64, Raw::Fixed64(number)) => {
            write!(out, "\"{}\"", *number as i64)
        }
        (Form::Uint64, Raw::Varint(number)) | (Form::Fixed64, Raw::Fixed64(number)) => {
            write!(out, "\"{number}\"")
        }
        (Form::Fixed32, Raw::Fixed32(number)) => write!(out, "{number}"),
        (Form::Double, Raw::Fixed64(bits)) => double(out, f64::from_bits(*bits)),
        _ => return false,
    };
    true
}

/// As text: not every reader of JSON takes a number to the last bit.
fn double(out: &mut String, number: f64) -> std::fmt::Result {
    match number {
        _ if number.is_nan() => write!(out, "\"NaN\""),
        f64::INFINITY => write!(out, "\"Infinity\""),
        f64::NEG_INFINITY => write!(out, "\"-Infinity\""),
        number => write!(out, "\"{number:?}\""),
    }
}

fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push('"');
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let is_filled = digit <= chunk.len();
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if is_filled { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out.push('"');
}
