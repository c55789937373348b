//! Whole values in OTLP/JSON, nested ones included, within the bounds of `value`.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::super::value::{AnyValue, Budget};
use super::super::view::Value;
use super::seeds::{Flag, Float, Integer, Many, Object, One, OptionalText, Refused, Text, ignore};

/// The members of an `AnyValue`, which are at most one.
pub(super) struct Whole<'p, 'de> {
    pub(super) value: &'p mut AnyValue<'de>,
    pub(super) budget: &'p mut Budget,
}

impl<'de> Object<'de> for Whole<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let scalar = match name {
            "stringValue" | "string_value" => map.next_value_seed(OptionalText)?.map(Value::Text),
            "boolValue" | "bool_value" => map.next_value_seed(Flag)?.map(Value::Bool),
            "intValue" | "int_value" => map.next_value_seed(Integer)?.map(Value::Int),
            "doubleValue" | "double_value" => map.next_value_seed(Float)?.map(Value::Double),
            "bytesValue" | "bytes_value" => {
                ignore(map)?;
                *self.value = AnyValue::Bytes;
                None
            }
            "arrayValue" | "array_value" => {
                let mut list =
                    Elements { list: self.value.take_list(), budget: &mut *self.budget, last: None };
                nested(&mut list, map)?;
                *self.value = AnyValue::List(list.list);
                None
            }
            "kvlistValue" | "kvlist_value" => {
                let mut members =
                    Members { map: self.value.take_map(), budget: &mut *self.budget, last: None };
                nested(&mut members, map)?;
                *self.value = AnyValue::Map(members.map);
                None
            }
            _ => {
                ignore(map)?;
                None
            }
        };
        if let Some(scalar) = scalar {
            *self.value = AnyValue::Scalar(scalar);
        }
        Ok(())
    }
}

/// A list or a map, unless it lies too deep.
fn nested<'de, T: Nested<'de>, A: MapAccess<'de>>(state: &mut T, map: &mut A) -> Result<(), A::Error> {
    if state.budget().enter().is_none() {
        return ignore(map);
    }
    map.next_value_seed(One(&mut Values(state)))?;
    state.budget().leave();
    Ok(())
}

trait Nested<'de>: Object<'de> {
    fn budget(&mut self) -> &mut Budget;
}

/// The object around the elements.
struct Values<'p, T>(&'p mut T);

impl<'de, T: Nested<'de>> Object<'de> for Values<'_, T> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "values" => map.next_value_seed(Many(self.0)),
            _ => ignore(map),
        }
    }
}

struct Elements<'p, 'de> {
    list: Vec<AnyValue<'de>>,
    budget: &'p mut Budget,
    /// `None` where there is no more room.
    last: Option<AnyValue<'de>>,
}

impl<'de> Nested<'de> for Elements<'_, 'de> {
    fn budget(&mut self) -> &mut Budget {
        self.budget
    }
}

impl<'de> Object<'de> for Elements<'_, 'de> {
    fn begin(&mut self) {
        self.last = self.budget.take().then_some(AnyValue::Empty);
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match &mut self.last {
            Some(value) => Whole { value, budget: &mut *self.budget }.field(name, map),
            None => ignore(map),
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.list.extend(self.last.take());
        Ok(())
    }
}

struct Members<'p, 'de> {
    map: Vec<(Cow<'de, str>, AnyValue<'de>)>,
    budget: &'p mut Budget,
    /// `None` where there is no more room.
    last: Option<(Cow<'de, str>, AnyValue<'de>)>,
}

impl<'de> Nested<'de> for Members<'_, 'de> {
    fn budget(&mut self) -> &mut Budget {
        self.budget
    }
}

impl<'de> Object<'de> for Members<'_, 'de> {
    fn begin(&mut self) {
        self.last = self.budget.take().then_some((Cow::Borrowed(""), AnyValue::Empty));
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match (&mut self.last, name) {
            (Some((key, _)), "key") => *key = map.next_value_seed(Text)?,
            (Some((_, value)), "value") => {
                map.next_value_seed(One(&mut Whole { value, budget: &mut *self.budget }))?;
            }
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.map.extend(self.last.take());
        Ok(())
    }
}
