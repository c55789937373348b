//! Requests and batches of them. Stricter than JSON-RPC where two readers could understand two things: members that
//! stand twice, and names or methods that are written with escapes. It must never know which methods there are.

use std::ops::Range;

use memchr::memchr;

use super::json::{Cursor, Malformed, Step, Text};
use super::{Invalid, InvalidKind, Request, Scanned};

/// What was said of each member that counts. The first thing that is wrong is what is told.
#[derive(Debug, Default)]
struct Members {
    id: Option<Range<usize>>,
    method: Option<Range<usize>>,
    params: Option<Range<usize>>,
    version: Option<Range<usize>>,
    id_is_ambiguous: bool,
    wrong: Option<&'static str>,
}

type Items<'a> = Vec<Result<Request<'a>, Invalid<'a>>>;

/// Everything in the body, which must be strict JSON to its last byte. A batch of more than `batch_max` is refused as a
/// whole, and what follows is not looked at.
pub fn scan_request(body: &[u8], batch_max: usize) -> Result<Scanned<'_>, Invalid<'_>> {
    if std::str::from_utf8(body).is_err() {
        return Err(parse_error());
    }
    let mut cursor = Cursor::new(body);
    if cursor.peek() != Some(b'[') {
        let single = request(&mut cursor).map_err(|Malformed| parse_error())?;
        cursor.end().map_err(|Malformed| parse_error())?;
        return single.map(Scanned::Single);
    }
    let requests = batch(&mut cursor, batch_max).map_err(|Malformed| parse_error())??;
    cursor.end().map_err(|Malformed| parse_error())?;
    if requests.is_empty() {
        return Err(invalid(None, "the batch is empty"));
    }
    Ok(Scanned::Batch(requests))
}

fn batch<'a>(cursor: &mut Cursor<'a>, batch_max: usize) -> Step<Result<Items<'a>, Invalid<'a>>> {
    cursor.enter(b'[')?;
    let (mut requests, mut is_first) = (Vec::new(), true);
    while cursor.next(&mut is_first)? {
        if requests.len() == batch_max {
            let message = "the batch holds more requests than are taken at once";
            return Ok(Err(Invalid { kind: InvalidKind::TooMany, id: None, message }));
        }
        requests.push(request(cursor)?);
    }
    Ok(Ok(requests))
}

fn request<'a>(cursor: &mut Cursor<'a>) -> Step<Result<Request<'a>, Invalid<'a>>> {
    if cursor.peek() != Some(b'{') {
        cursor.value()?;
        return Ok(Err(invalid(None, "a request is an object")));
    }
    let start = cursor.at();
    let (mut members, mut is_first) = (Members::default(), true);
    cursor.enter(b'{')?;
    while cursor.next(&mut is_first)? {
        let name = cursor.key()?;
        let value = cursor.value()?;
        members.put(name, value);
    }
    Ok(members.read(cursor, start..cursor.at()))
}

impl Members {
    #[inline]
    fn put(&mut self, name: Text<'_>, value: Range<usize>) {
        let place = match name.raw {
            b"id" => &mut self.id,
            b"method" => &mut self.method,
            b"params" => &mut self.params,
            b"jsonrpc" => &mut self.version,
            _ => {
                if name.has_escapes {
                    self.id_is_ambiguous = true;
                    self.wrong.get_or_insert("the name of a member is written with escapes");
                }
                return;
            }
        };
        if place.replace(value).is_some() {
            self.id_is_ambiguous |= name.raw == b"id";
            self.wrong.get_or_insert("a member stands twice");
        }
    }

    fn read<'a>(self, cursor: &Cursor<'a>, whole: Range<usize>) -> Result<Request<'a>, Invalid<'a>> {
        let id = self.id.filter(|_| !self.id_is_ambiguous).map(|range| (cursor.slice(range.clone()), range));
        let id_is_wrong = matches!(id, Some(([b'{' | b'[' | b't' | b'f', ..], _)));
        let id = id.filter(|_| !id_is_wrong);
        let raw_id = id.as_ref().map(|(raw, _)| *raw);
        if let Some(wrong) = self.wrong {
            return Err(invalid(raw_id, wrong));
        }
        if id_is_wrong {
            return Err(invalid(None, "an id is a string, a number or null"));
        }
        let method = match self.method.map(|range| cursor.slice(range)) {
            Some([b'"', method @ .., b'"']) if !method.is_empty() => method,
            Some(_) => return Err(invalid(raw_id, "a method is a string that is not empty")),
            None => return Err(invalid(raw_id, "the method is missing")),
        };
        if memchr(b'\\', method).is_some() {
            return Err(invalid(raw_id, "the method is written with escapes"));
        }
        let params = self.params.map(|range| cursor.slice(range));
        if !matches!(params, None | Some([b'[' | b'{' | b'n', ..])) {
            return Err(invalid(raw_id, "params are an array or an object"));
        }
        let id_range = id.map_or(0..0, |(_, range)| range.start - whole.start..range.end - whole.start);
        Ok(Request { id: raw_id, method, params, whole: cursor.slice(whole), id_range })
    }
}

fn parse_error() -> Invalid<'static> {
    Invalid { kind: InvalidKind::Parse, id: None, message: "the text is not JSON" }
}

fn invalid<'a>(id: Option<&'a [u8]>, message: &'static str) -> Invalid<'a> {
    Invalid { kind: InvalidKind::Request, id, message }
}
