//! A borrowed JSON tree of one item, of bounded size and depth: beyond the bound values are stepped over and the
//! tree says so.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::Limits;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    /// A value beyond the bound.
    Cut,
}

/// How much more one item may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    values: usize,
    depth: usize,
    pub(crate) exceeded: bool,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { values: limits.values_per_item_max, depth: limits.item_depth_max, exceeded: false }
    }
}

impl<'de> Node<'de> {
    /// A whole document as one tree of at most so many values and levels, and whether it had more.
    pub(crate) fn read(
        body: &'de [u8],
        values: usize,
        depth: usize,
    ) -> Result<(Self, bool), serde_json::Error> {
        let mut budget = Budget { values, depth, exceeded: false };
        let mut json = serde_json::Deserializer::from_slice(body);
        let node = NodeSeed(&mut budget).deserialize(&mut json)?;
        json.end()?;
        Ok((node, budget.exceeded))
    }
}

impl Node<'_> {
    /// The value of a field where this is an object that has it.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// What it is, for people; text from outside is quoted and cut.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => quoted(text),
            Self::Array(_) => "an array".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            Self::Cut => "a value beyond the bound".to_owned(),
        }
    }
}

/// Text from outside as it may stand in a message.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut head: String = text.chars().take(CHARS_MAX).collect();
    if head.len() < text.len() {
        head.push('…');
    }
    format!("{head:?}")
}

#[derive(Debug)]
pub(crate) struct NodeSeed<'b>(pub(crate) &'b mut Budget);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        if self.0.values == 0 || self.0.depth == 0 {
            self.0.exceeded = true;
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Cut);
        }
        self.0.values -= 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(number).map_or(Node::Float(number as f64), Node::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        self.0.depth -= 1;
        while !self.0.exceeded {
            match seq.next_element_seed(NodeSeed(&mut *self.0))? {
                Some(node) => list.push(node),
                None => break,
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.0.depth += 1;
        Ok(Node::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut entries = Vec::new();
        self.0.depth -= 1;
        while !self.0.exceeded {
            match map.next_key_seed(KeySeed)? {
                Some(key) => entries.push((key, map.next_value_seed(NodeSeed(&mut *self.0))?)),
                None => break,
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.0.depth += 1;
        Ok(Node::Object(entries))
    }
}

/// The name of a field, borrowed where it holds no escapes.
#[derive(Debug)]
pub(crate) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
