//! OTLP traces: an `ExportTraceServiceRequest` as protobuf or as JSON, to events.
//!
//! Two decoders fill the same borrowed views, one mapping gives them their meaning. Nothing here builds a tree of
//! the request.

use crate::{Batch, Context, DecodeError};

pub(crate) mod json;
pub(crate) mod mapping;
pub(crate) mod protobuf;
pub(crate) mod semconv;
pub(crate) mod view;
pub(crate) mod wire;

pub fn traces_from_protobuf(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = mapping::Mapper::new(context);
    protobuf::decode(body, &mut mapper).map_err(|error| *error)?;
    Ok(mapper.finish())
}

pub fn traces_from_json(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = mapping::Mapper::new(context);
    json::decode(body, &mut mapper)?;
    Ok(mapper.finish())
}
