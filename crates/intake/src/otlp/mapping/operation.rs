//! What an event was doing, as a name of low cardinality: the first rung of the ladder that the span stands on.

use std::borrow::Cow;

use model::EventKind;

use super::super::semconv::Attr;
use super::super::view::Facts;

pub(crate) const UNKNOWN_OPERATION: &str = "unknown";

/// A name of one part, or of two with something between them: put together only where it is looked up.
#[derive(Debug)]
pub(crate) struct Name<'f> {
    head: Cow<'f, str>,
    joint: &'static str,
    tail: Cow<'f, str>,
}

impl<'f> Name<'f> {
    fn one(head: Cow<'f, str>) -> Self {
        Self { head, joint: "", tail: Cow::Borrowed("") }
    }

    fn two(head: Cow<'f, str>, joint: &'static str, tail: Cow<'f, str>) -> Self {
        Self { head, joint, tail }
    }

    /// In itself, or in `room`.
    pub(crate) fn text<'a>(&'a self, room: &'a mut String) -> &'a str {
        if self.joint.is_empty() {
            return &self.head;
        }
        room.clear();
        [&*self.head, self.joint, &*self.tail].into_iter().for_each(|part| room.push_str(part));
        room
    }
}

/// `peer` is who an outbound event called; `name` is the span's own.
pub(crate) fn operation<'f>(kind: EventKind, facts: &'f Facts<'_>, peer: &'f str, name: &'f str) -> Name<'f> {
    facts
        .text(Attr::CasebookOperation)
        .map(Name::one)
        .or_else(|| http_route(kind, facts))
        .or_else(|| rpc(facts))
        .or_else(|| messaging(kind, facts))
        .or_else(|| db(facts))
        .or_else(|| http_call(kind, facts, peer))
        .unwrap_or_else(|| match name.trim() {
            "" => Name::one(Cow::Borrowed(UNKNOWN_OPERATION)),
            name => Name::one(generalise(name)),
        })
}

fn http_method<'f>(facts: &'f Facts<'_>) -> Option<Cow<'f, str>> {
    let method = facts.first(&[Attr::HttpRequestMethod, Attr::HttpMethod])?;
    Some(if method == "_OTHER" { Cow::Borrowed("HTTP") } else { method })
}

fn http_route<'f>(kind: EventKind, facts: &'f Facts<'_>) -> Option<Name<'f>> {
    let route = match kind {
        EventKind::Client => facts.text(Attr::UrlTemplate)?,
        _ => facts.text(Attr::HttpRoute)?,
    };
    match http_method(facts) {
        Some(method) => Some(Name::two(method, " ", route)),
        // Frameworks give their inner spans the route too; those are better known by their own name.
        None => (kind == EventKind::Server).then(|| Name::one(route)),
    }
}

/// A call without a template: after the other conventions, because SDKs of clouds and databases speak HTTP too.
fn http_call<'f>(kind: EventKind, facts: &'f Facts<'_>, peer: &'f str) -> Option<Name<'f>> {
    if kind != EventKind::Client || peer.is_empty() {
        return None;
    }
    http_method(facts).map(|method| Name::two(method, " ", Cow::Borrowed(peer)))
}

fn rpc<'f>(facts: &'f Facts<'_>) -> Option<Name<'f>> {
    match (facts.text(Attr::RpcService), facts.text(Attr::RpcMethod)) {
        // The current conventions hold the service in the method: `shop.Payment/Charge`.
        (_, Some(method)) if method.contains('/') => Some(Name::one(match method.strip_prefix('/') {
            Some(method) => Cow::Owned(method.to_owned()),
            None => method,
        })),
        (Some(service), Some(method)) => Some(Name::two(service, "/", method)),
        (service, method) => method.or(service).map(Name::one),
    }
}

fn messaging<'f>(kind: EventKind, facts: &'f Facts<'_>) -> Option<Name<'f>> {
    let destination = destination(facts);
    let operation =
        facts.first(&[Attr::MessagingOperationName, Attr::MessagingOperationType, Attr::MessagingOperation]);
    if destination.is_none() && operation.is_none() {
        return None;
    }
    let operation = operation.unwrap_or(Cow::Borrowed(match kind {
        EventKind::Producer | EventKind::Client => "send",
        _ => "process",
    }));
    Some(match destination {
        Some(destination) => Name::two(operation, " ", destination),
        None => Name::one(operation),
    })
}

/// Destinations that are made for one conversation have names without end, and are told as such.
pub(super) fn destination<'f>(facts: &'f Facts<'_>) -> Option<Cow<'f, str>> {
    if let Some(template) = facts.text(Attr::MessagingDestinationTemplate) {
        return Some(template);
    }
    let name = facts.first(&[Attr::MessagingDestinationName, Attr::MessagingDestination]);
    if facts.is_true(Attr::MessagingDestinationTemporary) {
        return Some(Cow::Borrowed("(temporary)"));
    }
    if facts.is_true(Attr::MessagingDestinationAnonymous) {
        return Some(Cow::Borrowed("(anonymous)"));
    }
    name
}

fn db<'f>(facts: &'f Facts<'_>) -> Option<Name<'f>> {
    let Some(operation) = facts.first(&[Attr::DbOperationName, Attr::DbOperation]) else {
        return facts.text(Attr::DbQuerySummary).map(Name::one);
    };
    let target = facts
        .first(&[Attr::DbCollectionName, Attr::DbSqlTable, Attr::DbMongodbCollection, Attr::DbCassandraTable])
        .or_else(|| db_namespace(facts));
    Some(match target {
        Some(target) => Name::two(operation, " ", target),
        None => Name::one(operation),
    })
}

pub(super) fn db_namespace<'f>(facts: &'f Facts<'_>) -> Option<Cow<'f, str>> {
    facts.first(&[Attr::DbNamespace, Attr::DbName, Attr::DbRedisDatabaseIndex])
}

/// Numbers, UUIDs and hexadecimal ids in a name become `{id}`: `GET /users/42` is `GET /users/{id}`.
///
/// A hexadecimal id has at least eight digits, one of them decimal, so that words stay words; after `0x` any length
/// will do. Letters joined to digits otherwise (`v1`, `s3`, `http2`) stay.
pub fn generalise(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if !first.is_alphanumeric() {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let word = match uuid_length(rest) {
            Some(length) => length,
            None => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at(word);
        out.push_str(if is_id(word) { "{id}" } else { word });
        rest = tail;
    }
    Cow::Owned(out)
}

fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(hex) = word.strip_prefix("0x")
        && is_hex(hex)
    {
        return true;
    }
    digits == word.len() || (digits > 0 && word.len() >= 8 && is_hex(word)) || word.contains('-')
}

/// 36, where a UUID stands at the beginning and ends there.
pub(crate) fn uuid_length(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let bytes = text.as_bytes();
    let head = bytes.get(..LENGTH)?;
    let fits = head.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    // Only where all of the head is ASCII is its end a character's.
    let ends = || text[LENGTH..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    (fits && ends()).then_some(LENGTH)
}
