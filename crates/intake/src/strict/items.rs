//! The three shapes in which items come: one object, an array, or an object with the array as its one member.
//! Items are handed on one by one, so the memory in use is that of the largest, not that of the request.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fields::Problems;
use super::node::{Budget, KeySeed, Node, NodeSeed};
use crate::names::cut;
use crate::{DecodeError, Limits, RejectReason};

/// One item, and whether it was within the bound on values and depth.
#[derive(Debug)]
pub(crate) struct Item<'de> {
    pub(crate) index: usize,
    pub(crate) node: Node<'de>,
    pub(crate) exceeded: bool,
}

/// What a kind of item is called, in its envelope and in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// The member that holds the array, and what the items are called.
    pub(crate) member: &'static str,
    /// The document as a whole, for messages.
    pub(crate) expected: &'static str,
}

/// Calls `take` with each item of `body`; its error ends the reading.
pub(crate) fn read<'de>(
    body: &'de [u8],
    shape: Shape,
    limits: &Limits,
    take: &mut dyn FnMut(Item<'de>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut document = Document { shape, limits, take, count: 0, refused: None };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = DocumentSeed(&mut document).deserialize(&mut json).and_then(|()| json.end());
    match (document.refused, read) {
        (Some(refused), _) => Err(refused),
        (None, read) => read.map_err(|error| DecodeError::json(&error, body, shape.expected)),
    }
}

struct Document<'t, 'de> {
    shape: Shape,
    limits: &'t Limits,
    take: &'t mut dyn FnMut(Item<'de>) -> Result<(), DecodeError>,
    count: usize,
    refused: Option<DecodeError>,
}

impl<'de> Document<'_, 'de> {
    fn hand_on<E: Error>(&mut self, node: Node<'de>, exceeded: bool) -> Result<(), E> {
        let index = self.count;
        self.count += 1;
        (self.take)(Item { index, node, exceeded }).map_err(|refused| {
            self.refused = Some(refused);
            E::custom("the request is refused")
        })
    }

    fn read_list<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut budget = Budget::new(self.limits);
            let Some(node) = seq.next_element_seed(NodeSeed(&mut budget))? else { return Ok(()) };
            self.hand_on(node, budget.exceeded)?;
        }
    }
}

struct DocumentSeed<'d, 't, 'de>(&'d mut Document<'t, 'de>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.shape.expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.0.read_list(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let document = self.0;
        let mut budget = Budget::new(document.limits);
        let mut entries = Vec::new();
        let mut is_envelope = false;
        while let Some(name) = map.next_key_seed(KeySeed)? {
            if name == document.shape.member {
                is_envelope = true;
                map.next_value_seed(ListSeed(document))?;
            } else {
                let value = map.next_value_seed(NodeSeed(&mut budget))?;
                if !budget.exceeded {
                    entries.push((name, value));
                }
            }
        }
        match entries.first() {
            Some((name, _)) if is_envelope => Err(A::Error::custom(format!(
                "{} beside {:?}: an envelope has no other field",
                super::node::quoted(name),
                document.shape.member
            ))),
            _ if is_envelope => Ok(()),
            _ => document.hand_on(Node::Object(entries), budget.exceeded),
        }
    }
}

struct ListSeed<'d, 't, 'de>(&'d mut Document<'t, 'de>);

impl<'de> DeserializeSeed<'de> for ListSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", self.0.shape.member)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.0.read_list(seq)
    }
}

/// Notes an item that was not read to its end because of its size.
pub(crate) fn check_bound(item: &Item<'_>, limits: &Limits, problems: &mut Problems) {
    if item.exceeded {
        let expected =
            format!("at most {} in at most {} levels", limits.values_per_item_max, limits.item_depth_max);
        problems.add(
            String::new(),
            RejectReason::TooLarge,
            "too many or too deep values".to_owned(),
            expected,
        );
    }
}

/// A text among the fields of an item that may be no valid one, for naming it in a reject; cut to a bound.
pub(crate) fn text_field(node: &Node<'_>, name: &str) -> String {
    const BYTES_MAX: usize = 128;
    let Node::Object(entries) = node else { return String::new() };
    let found = entries.iter().find_map(|(key, value)| match value {
        Node::Text(text) if key == name => Some(text),
        _ => None,
    });
    found.map_or_else(String::new, |text| cut(text, BYTES_MAX).to_owned())
}
