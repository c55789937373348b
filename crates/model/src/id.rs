//! Identifiers and their text forms. Knows nothing of who hands them out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A W3C trace id; never all zero in an accepted event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span id; never all zero in an accepted event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

/// `inc_` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub [u8; 8]);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    /// What would be right.
    pub expected: &'static str,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for ParseIdError {}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
}

fn read_hex<const N: usize>(text: &str, expected: &'static str) -> Result<[u8; N], ParseIdError> {
    let err = || ParseIdError { expected };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(err());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = (pair[0] as char).to_digit(16).ok_or_else(err)?;
        let low = (pair[1] as char).to_digit(16).ok_or_else(err)?;
        *byte = (high * 16 + low) as u8;
    }
    Ok(bytes)
}

/// The text form, its reading, and a serde form: text where the format is for people, bytes where it is not.
macro_rules! hex_id {
    ($name:ident, $size:literal, $prefix:literal, $expected:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let digits = text.strip_prefix($prefix).ok_or(ParseIdError { expected: $expected })?;
                read_hex(digits, $expected).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; $size]>::deserialize(deserializer).map($name)
                }
            }
        }
    };
}

hex_id!(TraceId, 16, "", "a trace id of 32 hex digits");
hex_id!(SpanId, 8, "", "a span id of 16 hex digits");
hex_id!(IncidentId, 8, "inc_", "an incident id: inc_ and 16 hex digits");

impl TraceId {
    pub fn is_zero(self) -> bool {
        self.0 == [0; 16]
    }
}

impl SpanId {
    pub fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace.parse::<TraceId>().unwrap().to_string(), trace);
        let incident = "inc_00ff00ff00ff00ff";
        assert_eq!(incident.parse::<IncidentId>().unwrap().to_string(), incident);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "inc_",
            "00ff00ff00ff00ff",
            "inc_00ff00ff00ff00fg",
            "inc_00ff00ff00ff00ff0",
            "inc_é0ff00ff00ff00f",
        ] {
            assert!(text.parse::<IncidentId>().is_err(), "{text:?}");
        }
    }
}
