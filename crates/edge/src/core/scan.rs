//! JSON-RPC found in bytes: where the id, the method and the parameters stand, and nothing copied. It must never know
//! what a method means, nor change a byte of what it found.

pub(in crate::core) mod json;
mod request;
mod response;

use std::ops::Range;

pub use request::scan_request;
pub use response::{scan_response, scan_upstream};

/// One request, or a notification, which has no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// As it was written: a number of any length, a string with its quotes, or null.
    pub id: Option<&'a [u8]>,
    /// Without quotes. A name that is written with escapes is refused, so these bytes are the name.
    pub method: &'a [u8],
    /// As they were written: an array, an object or null.
    pub params: Option<&'a [u8]>,
    /// From brace to brace.
    pub whole: &'a [u8],
    /// Where the id stands in `whole`; empty for a notification.
    pub id_range: Range<usize>,
}

/// What one HTTP body or one WebSocket message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned<'a> {
    Single(Request<'a>),
    /// At least one.
    Batch(Vec<Result<Request<'a>, Invalid<'a>>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKind {
    /// No JSON. Nothing in it can be trusted, so no id is known.
    Parse,
    /// JSON, but no request.
    Request,
    /// More of them than are taken at once.
    TooMany,
}

/// What cannot be taken, and what its sender is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid<'a> {
    pub kind: InvalidKind,
    /// As it was written, where it could be read.
    pub id: Option<&'a [u8]>,
    pub message: &'static str,
}

/// An answer of a node: places in the message that was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub id_range: Range<usize>,
    pub kind: ResponseKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseKind {
    Result {
        range: Range<usize>,
        is_null: bool,
    },
    Error {
        range: Range<usize>,
        /// 0 where the node gave none that is an integer.
        code: i64,
        /// The inside of the string, as it was written; empty where there is none.
        message: Range<usize>,
    },
}

/// What a subscription delivers. Both are JSON as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification<'a> {
    pub subscription: &'a [u8],
    pub result: &'a [u8],
}

/// A message of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream<'a> {
    Response(Response),
    Notification(Notification<'a>),
}

impl InvalidKind {
    /// Of the JSON-RPC error.
    pub fn code(self) -> i64 {
        match self {
            Self::Parse => -32700,
            Self::Request | Self::TooMany => -32600,
        }
    }
}

/// The same message with another id.
pub fn splice(whole: &[u8], id_range: Range<usize>, new_id: &[u8]) -> Vec<u8> {
    let before = whole.get(..id_range.start).unwrap_or_default();
    let behind = whole.get(id_range.end..).unwrap_or_default();
    [before, new_id, behind].concat()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::core) mod texts;
