//! OTLP/JSON, read as a stream into the same views as protobuf. Here is what requests of every kind have in common.
//!
//! The proto3 JSON mapping with OTLP's exceptions: ids are hexadecimal, 64-bit integers come as strings or
//! numbers, enums as numbers or names, names as lowerCamelCase or as in the proto file; unknown fields are ignored.
//! A resource may stand behind its items, so the resources are read in a pass of their own.

use serde::de::{DeserializeSeed, MapAccess};

use self::attributes::{Attributed, Attributes};
use self::seeds::{Many, Object, One, Refused, ignore};
use super::clerk::{Clerk, Resource};
use super::view::Facts;
use super::wire::Malformed;
use crate::DecodeError;

mod attributes;
pub(crate) mod logs;
pub(crate) mod metrics;
mod seeds;
pub(crate) mod spans;
pub(crate) mod trace_ids;
mod values;

/// What one kind of request calls its parts, and itself.
struct Parts {
    blocks: [&'static str; 2],
    scopes: [&'static str; 2],
    items: [&'static str; 2],
    expected: &'static str,
}

/// The state that items of one kind are read into, one after the other.
trait Item<'de>: Object<'de> {
    /// An item is read; `resource` is its resource.
    fn take(&mut self, resource: &Resource) -> Result<(), Malformed>;
}

/// The resource of each block, in order.
fn resources(parts: &Parts, body: &[u8], clerk: &mut Clerk<'_>) -> Result<Vec<Resource>, DecodeError> {
    let facts = clerk.facts();
    let mut resources = Resources { clerk, list: Vec::new(), facts, refused: None };
    let read = walk(body, &mut Request { parts, state: &mut resources });
    finish(parts, body, read, resources.refused.take())?;
    Ok(resources.list)
}

/// Each item into `item`.
fn items<'de>(
    parts: &Parts,
    body: &'de [u8],
    resources: &[Resource],
    item: &mut impl Item<'de>,
) -> Result<(), DecodeError> {
    let mut blocks = Blocks { parts, resources, block: 0, item, refused: None };
    let read = walk(body, &mut Request { parts, state: &mut blocks });
    finish(parts, body, read, blocks.refused)
}

fn walk<'de>(body: &'de [u8], request: &mut impl Object<'de>) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(body);
    One(request).deserialize(&mut json)?;
    json.end()
}

fn finish(
    parts: &Parts,
    body: &[u8],
    read: Result<(), serde_json::Error>,
    refused: Option<DecodeError>,
) -> Result<(), DecodeError> {
    match (refused, read) {
        (Some(refused), _) => Err(refused),
        (None, Err(error)) => Err(DecodeError::json(&error, body, parts.expected)),
        (None, Ok(())) => Ok(()),
    }
}

/// The request; what is made of a resource block is `T`'s.
struct Request<'p, T> {
    parts: &'p Parts,
    state: &'p mut T,
}

impl<'de, T: Object<'de>> Object<'de> for Request<'_, T> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.parts.blocks.contains(&name) {
            return map.next_value_seed(Many(self.state));
        }
        ignore(map)
    }
}

/// The first pass: the resource of each block.
struct Resources<'p, 'c, 'de> {
    clerk: &'p mut Clerk<'c>,
    list: Vec<Resource>,
    facts: Facts<'de>,
    refused: Option<DecodeError>,
}

impl<'de> Object<'de> for Resources<'_, '_, 'de> {
    fn begin(&mut self) {
        self.facts.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "resource" => {
                let max = self.clerk.attributes_max();
                map.next_value_seed(One(&mut Attributed(Attributes::new(&mut self.facts, max))))
            }
            _ => ignore(map),
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        match self.clerk.resource(&self.facts, 0) {
            Ok(resource) => self.list.push(resource),
            Err(refused) => {
                self.refused = Some(*refused);
                return Err(Refused);
            }
        }
        Ok(())
    }
}

/// The second pass: the items of each block.
struct Blocks<'p, T> {
    parts: &'p Parts,
    resources: &'p [Resource],
    block: usize,
    item: &'p mut T,
    refused: Option<DecodeError>,
}

impl<'de, T: Item<'de>> Object<'de> for Blocks<'_, T> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.parts.scopes.contains(&name) {
            return map.next_value_seed(Many(&mut Scope(self)));
        }
        ignore(map)
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.block += 1;
        Ok(())
    }
}

/// The items of one instrumentation scope.
struct Scope<'p, T>(&'p mut T);

impl<'de, T: Item<'de>> Object<'de> for Scope<'_, Blocks<'_, T>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.0.parts.items.contains(&name) {
            return map.next_value_seed(Many(&mut Taken(self.0)));
        }
        ignore(map)
    }
}

/// An item that is handed on with its resource once it is read.
struct Taken<'p, T>(&'p mut T);

impl<'de, T: Item<'de>> Object<'de> for Taken<'_, Blocks<'_, T>> {
    fn begin(&mut self) {
        self.0.item.begin();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.item.field(name, map)
    }

    fn end(&mut self) -> Result<(), Refused> {
        let blocks = &mut *self.0;
        let Some(resource) = blocks.resources.get(blocks.block) else { return Ok(()) };
        blocks.item.take(resource).map_err(|refused| {
            blocks.refused = Some(*refused);
            Refused
        })
    }
}
