//! What a client is shown of an answer: providers repeat keys and addresses where they say what went wrong, and in headers of
//! any answer. What cannot be looked through is not shown, and a node that was sent secrets is asked for nothing that could
//! not be. It must never touch the body of an answer that went well.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::flight::HELD_BYTES_MAX;
use crate::redact::{Secrets, scrub_error};

/// What becomes of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    AsItCame,
    /// Without the secrets that were in it, and not encoded.
    Without(String),
    Nothing,
}

/// Of an answer of which so much came, and whether that is all of it.
pub(super) fn shown(head: &mut Parts, held: &[u8], is_whole: bool, secrets: &Secrets) -> Shown {
    if secrets.is_empty() {
        return Shown::AsItCame;
    }
    remove_telling(&mut head.headers, secrets);
    if head.status.is_success() || head.status.is_informational() {
        return Shown::AsItCame;
    }
    let body = if is_whole { body(&head.headers, held, secrets) } else { Shown::Nothing };
    if body != Shown::AsItCame {
        head.headers.remove(CONTENT_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
    }
    body
}

/// What a node may answer in, of what the client can read.
pub(super) fn ask_readable(headers: &mut HeaderMap) {
    if headers.contains_key(ACCEPT_ENCODING) {
        let readable = if takes_gzip(headers) { "gzip" } else { "identity" };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(readable));
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|said| said.split(',')).any(|part| {
        let part = part.to_ascii_lowercase();
        let (name, weight) = part.split_once(';').unwrap_or((&part, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
        matches!(name.trim(), "gzip" | "x-gzip" | "*") && weight.is_ok_and(|weight: f32| weight > 0.0)
    })
}

/// How the body is to be read is no secret, but for what may stand beside it.
fn remove_telling(headers: &mut HeaderMap, secrets: &Secrets) {
    let tells = |value: &HeaderValue| secrets.are_told_in(value.as_bytes());
    if let Some((essence, beside)) =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split_once(';'))
        && secrets.are_told_in(beside.as_bytes())
        && let Ok(essence) = HeaderValue::from_str(essence)
    {
        headers.insert(CONTENT_TYPE, essence);
    }
    let telling: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| ![CONTENT_TYPE, CONTENT_ENCODING].contains(name) && tells(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in telling {
        headers.remove(name);
    }
}

fn body(headers: &HeaderMap, held: &[u8], secrets: &Secrets) -> Shown {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let encoding = encodings.next().map_or("identity", |value| value.to_str().unwrap_or_default().trim());
    let decoded = match encoding.to_ascii_lowercase().as_str() {
        // To HEAD.
        _ if held.is_empty() => return Shown::AsItCame,
        _ if encodings.next().is_some() => None,
        "identity" => Some(None),
        "gzip" | "x-gzip" => gunzipped(held).map(Some),
        _ => None,
    };
    match decoded {
        None => Shown::Nothing,
        Some(decoded) => match without(decoded.as_deref().unwrap_or(held), secrets) {
            Some(scrubbed) => Shown::Without(scrubbed),
            None => Shown::AsItCame,
        },
    }
}

/// `None` for what is broken, or longer than anything that is held.
fn gunzipped(held: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    MultiGzDecoder::new(held).take(HELD_BYTES_MAX as u64 + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() <= HELD_BYTES_MAX).then_some(decoded)
}

/// As it stands, and as JSON means it; `None` where there is no secret in it.
fn without(body: &[u8], secrets: &Secrets) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let plain = secrets.leave_out(&text);
    scrub_error(plain.as_deref().unwrap_or(&text).as_bytes(), secrets).or(plain)
}

#[cfg(test)]
mod tests;
