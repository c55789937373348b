//! A whole attribute value or log body, nested ones included, within bounds: what lies deeper or comes after the
//! bound is left out. Both encodings fill it, in the same order.

use std::borrow::Cow;
use std::fmt::Write;

use super::view::Value;

/// Of lists and maps within each other.
const DEPTH_MAX: usize = 8;
/// Values in lists and maps, in all.
const NODES_MAX: usize = 512;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum AnyValue<'a> {
    #[default]
    Empty,
    Scalar(Value<'a>),
    Bytes,
    List(Vec<AnyValue<'a>>),
    Map(Vec<(Cow<'a, str>, AnyValue<'a>)>),
}

/// How much more of a value is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    nodes: usize,
    depth: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { nodes: NODES_MAX, depth: DEPTH_MAX }
    }

    /// Room for one more value.
    pub(crate) fn take(&mut self) -> bool {
        let is_room = self.nodes > 0;
        self.nodes = self.nodes.saturating_sub(1);
        is_room
    }

    /// Goes into a list or a map; `None` where that is too deep.
    pub(crate) fn enter(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        Some(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth += 1;
    }
}

impl<'a> AnyValue<'a> {
    /// The members, if it is a list; they are taken out.
    pub(crate) fn take_list(&mut self) -> Vec<AnyValue<'a>> {
        match std::mem::take(self) {
            Self::List(list) => list,
            _ => Vec::new(),
        }
    }

    /// The members, if it is a map; they are taken out.
    pub(crate) fn take_map(&mut self) -> Vec<(Cow<'a, str>, AnyValue<'a>)> {
        match std::mem::take(self) {
            Self::Map(map) => map,
            _ => Vec::new(),
        }
    }

    /// What a map holds under a key; the last one, where the key stands there twice.
    pub(crate) fn member(&self, key: &str) -> Option<&AnyValue<'a>> {
        let Self::Map(map) = self else { return None };
        map.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a scalar that is not blank.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Scalar(value) => value.text(),
            _ => None,
        }
    }

    /// One compact line, of little more than `max` bytes at most.
    pub(crate) fn compact(&self, max: usize) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Scalar(value) => value.text().unwrap_or_default(),
            Self::Bytes => Cow::Borrowed("(bytes)"),
            Self::List(_) | Self::Map(_) => {
                let mut out = String::new();
                self.write(&mut out, max, true);
                Cow::Owned(out)
            }
        }
    }

    fn write(&self, out: &mut String, max: usize, outermost: bool) {
        match self {
            Self::Empty | Self::Scalar(_) | Self::Bytes => out.push_str(&self.compact(max)),
            Self::List(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if out.len() > max {
                        break;
                    }
                    out.push_str(if at == 0 { "" } else { ", " });
                    value.write(out, max, false);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push_str(if outermost { "" } else { "{" });
                for (at, (key, value)) in map.iter().enumerate() {
                    if out.len() > max {
                        break;
                    }
                    let _ = write!(out, "{}{key}=", if at == 0 { "" } else { " " }); // Writing to a text does not fail.
                    value.write(out, max, false);
                }
                out.push_str(if outermost { "" } else { "}" });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AnyValue<'_> {
        AnyValue::Scalar(Value::Text(Cow::Borrowed(text)))
    }

    #[test]
    fn nested_values_are_one_compact_line_within_the_bound() {
        let list = AnyValue::List(vec![text("a"), AnyValue::Scalar(Value::Int(2)), AnyValue::Empty]);
        let inner = AnyValue::Map(vec![("k".into(), AnyValue::Scalar(Value::Bool(true)))]);
        let map =
            AnyValue::Map(vec![("list".into(), list), ("in".into(), inner), ("b".into(), AnyValue::Bytes)]);
        assert_eq!(map.compact(100), "list=[a, 2, ] in={k=true} b=(bytes)");
        assert_eq!(map.member("list").unwrap().compact(100), "[a, 2, ]");
        let long = AnyValue::List(vec![text("xxxxxxxxxx"); 1000]);
        assert!(long.compact(64).len() < 80, "{}", long.compact(64).len());
        assert_eq!(AnyValue::Scalar(Value::Double(f64::NAN)).compact(10), "");
    }
}
