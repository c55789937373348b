//! `POST /v1/deployments`: to be filled.

use model::Deployment;

use crate::{Context, DecodeError, Rejected};

/// A single object, an array, or `{"deployments": [..]}`.
pub fn from_json(
    body: &[u8],
    context: &Context<'_>,
) -> Result<(Vec<Deployment>, Vec<Rejected>), DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok((Vec::new(), Vec::new()))
}
