//! What nodes say: answers, and what subscriptions deliver. It must never know what was asked.

use std::ops::Range;

use super::json::{Cursor, Step, members as members_of};
use super::{Notification, Response, ResponseKind, Upstream};

#[derive(Debug, Default)]
struct Members {
    id: Option<Range<usize>>,
    method: Option<Range<usize>>,
    params: Option<Range<usize>>,
    result: Option<Range<usize>>,
    error: Option<Range<usize>>,
}

/// An answer with an id; `None` for anything else, which includes what is cut short or no JSON. The id may stand
/// anywhere, so the whole message is read.
pub fn scan_response(message: &[u8]) -> Option<Response> {
    match scan_upstream(message)? {
        Upstream::Response(response) => Some(response),
        Upstream::Notification(_) => None,
    }
}

/// The same, or what a subscription delivers. Of members that stand twice the last counts, as nodes and clients read.
pub fn scan_upstream(message: &[u8]) -> Option<Upstream<'_>> {
    std::str::from_utf8(message).ok()?;
    let members = read(message).ok()?;
    if members.method.is_some() {
        return notification(message, members).map(Upstream::Notification);
    }
    let id_range = members.id?;
    let error = members.error.filter(|range| message.get(range.clone()) != Some(b"null".as_slice()));
    let kind = match (error, members.result) {
        (Some(range), _) => error_kind(message, range)?,
        (None, Some(range)) => {
            let is_null = message.get(range.clone()) == Some(b"null".as_slice());
            ResponseKind::Result { range, is_null }
        }
        (None, None) => return None,
    };
    Some(Upstream::Response(Response { id_range, kind }))
}

fn read(message: &[u8]) -> Step<Members> {
    let (mut cursor, mut members, mut is_first) = (Cursor::of_node(message), Members::default(), true);
    cursor.enter(b'{')?;
    while cursor.next(&mut is_first)? {
        let name = cursor.key()?;
        let value = cursor.value()?;
        let place = match name.raw {
            b"id" => &mut members.id,
            b"method" => &mut members.method,
            b"params" => &mut members.params,
            b"result" => &mut members.result,
            b"error" => &mut members.error,
            _ => continue,
        };
        *place = Some(value);
    }
    cursor.end()?;
    Ok(members)
}

fn notification(message: &[u8], members: Members) -> Option<Notification<'_>> {
    let params = message.get(members.params?)?;
    let [subscription, result] = members_of(params, [b"subscription", b"result"]);
    Some(Notification { subscription: params.get(subscription?)?, result: params.get(result?)? })
}

/// An error is an object, or the node speaks another language.
fn error_kind(message: &[u8], range: Range<usize>) -> Option<ResponseKind> {
    let error = message.get(range.clone()).filter(|error| error.first() == Some(&b'{'))?;
    let [code, said] = members_of(error, [b"code", b"message"]);
    let code = code.and_then(|range| error.get(range));
    let code = code.and_then(|code| std::str::from_utf8(code).ok()?.parse().ok()).unwrap_or(0);
    let said = said.filter(|said| error.get(said.start) == Some(&b'"'));
    let inside = |said: Range<usize>| range.start + said.start + 1..range.start + said.end - 1;
    let empty = range.end..range.end;
    Some(ResponseKind::Error { message: said.map_or(empty, inside), range, code })
}
