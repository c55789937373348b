//! `POST /v1/signals`: to be filled.

use model::Signal;

use crate::{Context, DecodeError, Rejected};

/// A single object, an array, or `{"signals": [..]}`.
pub fn from_json(body: &[u8], context: &Context<'_>) -> Result<(Vec<Signal>, Vec<Rejected>), DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok((Vec::new(), Vec::new()))
}
