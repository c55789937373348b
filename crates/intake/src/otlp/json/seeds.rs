//! Pieces of the proto3 JSON mapping for serde: objects that are read field by field into a state that outlives
//! them, borrowed texts, and numbers and enums in each of their permitted forms.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The state that an object is read into.
pub(super) trait Object<'de> {
    /// Before each element of an array of such objects.
    fn begin(&mut self) {}

    /// Must take the value of `name` from `map`.
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;

    /// After each element of an array; the state keeps the reason of a refusal.
    fn end(&mut self) -> Result<(), Refused> {
        Ok(())
    }
}

/// The request as a whole is not taken.
pub(super) struct Refused;

pub(super) fn ignore<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// One object, or null for none.
pub(super) struct One<'s, T>(pub(super) &'s mut T);

/// An array of objects, or null for an empty one.
pub(super) struct Many<'s, T>(pub(super) &'s mut T);

struct Element<'s, T>(&'s mut T);

macro_rules! seed {
    ($name:ident) => {
        impl<'de, T: Object<'de>> DeserializeSeed<'de> for $name<'_, T> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }
    };
}

seed!(One);
seed!(Many);
seed!(Element);

fn read_fields<'de, T: Object<'de>, A: MapAccess<'de>>(state: &mut T, map: &mut A) -> Result<(), A::Error> {
    while let Some(name) = map.next_key_seed(Text)? {
        state.field(&name, map)?;
    }
    Ok(())
}

impl<'de, T: Object<'de>> Visitor<'de> for One<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        read_fields(self.0, &mut map)
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Element<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.begin();
        read_fields(self.0, &mut map)?;
        self.0.end().map_err(|Refused| A::Error::custom("the request is refused"))
    }
}

impl<'de, T: Object<'de>> Visitor<'de> for Many<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Element(self.0))?.is_some() {}
        Ok(())
    }
}

/// A scalar: what it gives, what would be right, and what it makes of each JSON form.
macro_rules! scalar {
    ($name:ident -> $value:ty, $expected:literal, { $($methods:tt)* }) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name;

        impl<'de> DeserializeSeed<'de> for $name {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expected)
            }

            $($methods)*
        }
    };
}

/// A text; null is an empty one. A surrogate without its other half, which senders make by cutting texts, is replaced: the
/// span is worth more than the character.
#[derive(Clone, Copy)]
pub(super) struct Text;

/// The same, with null as none.
#[derive(Clone, Copy)]
pub(super) struct OptionalText;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        OptionalText.deserialize(deserializer).map(Option::unwrap_or_default)
    }
}

impl<'de> DeserializeSeed<'de> for OptionalText {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for OptionalText {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    /// As bytes: as a text a half surrogate would be an error of the whole request.
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        std::str::from_utf8(bytes).map(|text| Some(Cow::Borrowed(text))).or_else(|_| self.visit_bytes(bytes))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        let whole = String::from_utf8(bytes.to_vec()).or_else(|_| String::from_utf8(without_halves(bytes)));
        whole.map(|text| Some(Cow::Owned(text))).map_err(|_| E::custom("a string is not UTF-8"))
    }
}

/// An escaped half of a surrogate pair comes as three bytes, as if it were a character.
fn without_halves(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                after
            }
            _ => {
                out.push(*first);
                after
            }
        };
    }
    out
}

scalar!(Nanoseconds -> u64, "nanoseconds since 1970 as a string or a number", {
    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let fits = number >= 0.0 && number.fract() == 0.0 && number < u64::MAX as f64;
        if fits { Ok(number as u64) } else { Err(E::invalid_value(serde::de::Unexpected::Float(number), &self)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
});

scalar!(Integer -> Option<i64>, "a 64-bit integer as a string or a number", {
    fn visit_unit<E: Error>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<i64>, E> {
        Ok(Some(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<i64>, E> {
        let fits = i64::try_from(number).map(Some);
        fits.map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<i64>, E> {
        let fits = number.fract() == 0.0 && number.abs() < i64::MAX as f64;
        if fits { Ok(Some(number as i64)) } else { Err(E::invalid_value(serde::de::Unexpected::Float(number), &self)) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<i64>, E> {
        text.parse().map(Some).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
});

scalar!(Float -> Option<f64>, "a number, or one as a string", {
    fn visit_unit<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<f64>, E> {
        Ok(Some(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        text.parse().map(Some).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
});

scalar!(Flag -> Option<bool>, "true or false", {
    fn visit_unit<E: Error>(self) -> Result<Option<bool>, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Option<bool>, E> {
        Ok(Some(flag))
    }
});

/// The number of an enum's value, which may also come as its name; a name of a later version is 0.
#[derive(Clone, Copy)]
pub(super) struct Enum(pub(super) &'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Enum {
    type Value = i32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Enum {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number or a name such as {}", self.0.last().copied().unwrap_or_default())
    }

    fn visit_unit<E: Error>(self) -> Result<i32, E> {
        Ok(0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        Ok(number as i32)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        Ok(number as i32)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<i32, E> {
        let position = self.0.iter().position(|known| *known == name);
        Ok(position.map_or_else(|| name.parse().unwrap_or(0), |number| number as i32))
    }
}
