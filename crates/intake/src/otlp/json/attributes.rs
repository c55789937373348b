//! Lists of key-value pairs in OTLP/JSON, of which only what the mapping looks at is kept.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::super::semconv::Attr;
use super::super::view::{Exception, Facts, Value};
use super::seeds::{Flag, Float, Integer, Many, Object, One, OptionalText, Refused, Text, ignore};

/// Where kept attributes go.
pub(super) trait Keep<'de> {
    /// Whether the value under a key is worth reading.
    fn wants(&self, key: &str) -> bool;
    /// Counts one attribute and keeps it if it is wanted and among the first `max`.
    fn keep(&mut self, key: Cow<'de, str>, value: Option<Kept<'de>>, max: usize);
}

impl<'de> Keep<'de> for Facts<'de> {
    fn wants(&self, key: &str) -> bool {
        Facts::wants(self, key.as_bytes())
    }

    fn keep(&mut self, key: Cow<'de, str>, value: Option<Kept<'de>>, max: usize) {
        self.seen += 1;
        let Some(Kept::Scalar(value)) = value.filter(|_| self.seen <= max) else { return };
        match (Attr::named(key.as_bytes()), &mut self.further) {
            (Some(attr), _) => self.set(attr, value),
            (None, Some(further)) => further.push((key, value)),
            (None, None) => {}
        }
    }
}

impl<'de> Keep<'de> for Exception<'de> {
    fn wants(&self, key: &str) -> bool {
        matches!(Attr::named(key.as_bytes()), Some(Attr::ExceptionType | Attr::ExceptionMessage))
    }

    fn keep(&mut self, key: Cow<'de, str>, value: Option<Kept<'de>>, _: usize) {
        let value = value.and_then(|value| match value {
            Kept::Scalar(value) => Some(value),
            Kept::Other => None,
        });
        match Attr::named(key.as_bytes()) {
            Some(Attr::ExceptionType) => self.kind = value,
            Some(Attr::ExceptionMessage) => self.message = value,
            _ => {}
        }
    }
}

pub(super) enum Kept<'de> {
    Scalar(Value<'de>),
    /// An array, a map or bytes.
    Other,
}

/// A list of key-value pairs.
pub(super) struct Attributes<'p, 'de, K> {
    kept: &'p mut K,
    max: usize,
    key: Option<Cow<'de, str>>,
    value: Option<Kept<'de>>,
}

impl<'p, 'de, K: Keep<'de>> Attributes<'p, 'de, K> {
    pub(super) fn new(kept: &'p mut K, max: usize) -> Self {
        Self { kept, max, key: None, value: None }
    }
}

impl<'de, K: Keep<'de>> Object<'de> for Attributes<'_, 'de, K> {
    fn begin(&mut self) {
        (self.key, self.value) = (None, None);
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "key" => self.key = Some(map.next_value_seed(Text)?),
            // The key stands first nearly always; then a value that is not kept is stepped over.
            "value" if self.key.as_deref().is_some_and(|key| !self.kept.wants(key)) => ignore(map)?,
            "value" => map.next_value_seed(One(&mut AnyValue(&mut self.value)))?,
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        let (key, value) = (self.key.take().unwrap_or_default(), self.value.take());
        self.kept.keep(key, value, self.max);
        Ok(())
    }
}

/// An object with attributes of which nothing else is kept: a resource.
pub(super) struct Attributed<T>(pub(super) T);

impl<'de, K: Keep<'de>> Object<'de> for Attributed<Attributes<'_, 'de, K>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "attributes" => map.next_value_seed(Many(&mut self.0)),
            _ => ignore(map),
        }
    }
}

struct AnyValue<'p, 'de>(&'p mut Option<Kept<'de>>);

impl<'de> Object<'de> for AnyValue<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let value = match name {
            "stringValue" | "string_value" => map.next_value_seed(OptionalText)?.map(Value::Text),
            "boolValue" | "bool_value" => map.next_value_seed(Flag)?.map(Value::Bool),
            "intValue" | "int_value" => map.next_value_seed(Integer)?.map(Value::Int),
            "doubleValue" | "double_value" => map.next_value_seed(Float)?.map(Value::Double),
            "arrayValue" | "array_value" | "kvlistValue" | "kvlist_value" | "bytesValue" | "bytes_value" => {
                ignore(map)?;
                *self.0 = Some(Kept::Other);
                None
            }
            _ => {
                ignore(map)?;
                None
            }
        };
        if let Some(value) = value {
            *self.0 = Some(Kept::Scalar(value));
        }
        Ok(())
    }
}
