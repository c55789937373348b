//! What makes a whole request unreadable. Says what was found, where, and what would be right.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Protobuf,
    Json,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protobuf => "protobuf",
            Self::Json => "JSON",
        })
    }
}

/// The request cannot be taken, not even in part. The sender's fault; sending the same again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("malformed {format} at byte {offset}: {found}; expected {expected}")]
    Malformed { format: Format, offset: usize, found: String, expected: &'static str },
    #[error("the request holds more than {max} {what}; send it in parts")]
    TooMany { what: &'static str, max: usize },
    #[error("the request has {bytes} bytes; at most {max} are taken, send it in parts")]
    TooLarge { bytes: usize, max: usize },
    /// Readable, but not what is expected here.
    #[error("{found}; expected {expected}")]
    Shape { found: String, expected: &'static str },
}

impl DecodeError {
    /// A stable name for metrics and replies.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { format: Format::Protobuf, .. } => "malformed_protobuf",
            Self::Malformed { format: Format::Json, .. } => "malformed_json",
            Self::TooMany { .. } => "too_many_items",
            Self::TooLarge { .. } => "body_too_large",
            Self::Shape { .. } => "unknown_shape",
        }
    }

    pub(crate) fn check_size(body: &[u8], max: usize) -> Result<(), Self> {
        if body.len() > max { Err(Self::TooLarge { bytes: body.len(), max }) } else { Ok(()) }
    }

    /// From what the JSON parser says; `expected` names the document as a whole.
    pub(crate) fn json(error: &serde_json::Error, body: &[u8], expected: &'static str) -> Self {
        let found = json_found(error);
        let offset = offset_of(body, error.line(), error.column());
        Self::Malformed { format: Format::Json, offset, found, expected }
    }
}

/// What the JSON parser found, without its place. What it expected there reads "instead of", because what is expected
/// of the document as a whole follows.
pub(crate) fn json_found(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let found = text.strip_suffix(&position).unwrap_or(&text);
    let found = match found.strip_prefix("expected ") {
        Some(wanted) => format!("something else than {wanted}"),
        None => found.replacen(", expected ", " instead of ", 1),
    };
    found.chars().take(300).collect()
}

/// The parser counts lines from 1 and bytes in the line from 1, or 0 for the break before it.
fn offset_of(body: &[u8], line: usize, column: usize) -> usize {
    let breaks = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let line_start = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or(body.len());
    (line_start + column.saturating_sub(1)).min(body.len())
}
