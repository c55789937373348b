//! Only the trace ids of a request, for the journal's index.

use serde::de::MapAccess;

use super::super::view::RawId;
use super::seeds::{Many, Object, Text, ignore};
use super::{Parts, Request, logs, spans, walk};

/// Those of a request's spans, as far as it can be read.
pub(crate) fn of_spans(body: &[u8], found: &mut Vec<[u8; 16]>) {
    collect(&spans::PARTS, body, found);
}

/// Those of a request's log records, as far as it can be read.
pub(crate) fn of_logs(body: &[u8], found: &mut Vec<[u8; 16]>) {
    collect(&logs::PARTS, body, found);
}

fn collect(parts: &Parts, body: &[u8], found: &mut Vec<[u8; 16]>) {
    // What cannot be read has no keys; whoever decodes it says what is wrong.
    let _ = walk(body, &mut Request { parts, state: &mut TraceIds { parts, found } });
}

struct TraceIds<'p> {
    parts: &'p Parts,
    found: &'p mut Vec<[u8; 16]>,
}

impl<'de> Object<'de> for TraceIds<'_> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.parts.scopes.contains(&name) {
            return map.next_value_seed(Many(&mut Scope(self)));
        }
        ignore(map)
    }
}

struct Scope<'p, 'i>(&'p mut TraceIds<'i>);

impl<'de> Object<'de> for Scope<'_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.0.parts.items.contains(&name) {
            return map.next_value_seed(Many(&mut Item(self.0.found)));
        }
        ignore(map)
    }
}

struct Item<'p>(&'p mut Vec<[u8; 16]>);

impl<'de> Object<'de> for Item<'_> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "traceId" | "trace_id" => {
                if let RawId::Bytes(id) = RawId::from_hex(&map.next_value_seed(Text)?)
                    && self.0.last() != Some(&id)
                {
                    self.0.push(id);
                }
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}
