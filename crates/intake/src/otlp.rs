//! OTLP traces: an `ExportTraceServiceRequest` as protobuf or as JSON, to events.

use crate::{Batch, Context, DecodeError};

pub fn traces_from_protobuf(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok(Batch::default())
}

pub fn traces_from_json(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok(Batch::default())
}
