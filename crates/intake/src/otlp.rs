//! OTLP: export requests of traces, logs and metrics, as protobuf or as JSON, to the model's words.
//!
//! For each kind two decoders fill the same borrowed views, and one mapping gives them their meaning. Nothing here builds a tree of
//! the request.

use crate::{Batch, Context, DecodeError, LogBatch, MetricBatch};

pub use mapping::operation::generalise;
pub use semconv::{AttributeUse, attribute_use};
pub use template::template;
pub use transcode::json_of_protobuf;

pub(crate) mod clerk;
pub(crate) mod further;
pub(crate) mod json;
pub(crate) mod kubernetes;
pub(crate) mod logs;
pub(crate) mod mapping;
pub(crate) mod metrics;
pub(crate) mod protobuf;
pub(crate) mod semconv;
pub(crate) mod template;
mod transcode;
pub(crate) mod value;
pub(crate) mod view;
pub(crate) mod wire;

pub fn traces_from_protobuf(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = mapping::Mapper::new(context, body.len());
    protobuf::spans::decode(body, &mut mapper).map_err(|error| *error)?;
    Ok(mapper.finish())
}

pub fn traces_from_json(body: &[u8], context: &Context<'_>) -> Result<Batch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = mapping::Mapper::new(context, body.len());
    json::spans::decode(body, &mut mapper)?;
    Ok(mapper.finish())
}

pub fn logs_from_protobuf(body: &[u8], context: &Context<'_>) -> Result<LogBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = logs::LogMapper::new(context);
    protobuf::logs::decode(body, &mut mapper).map_err(|error| *error)?;
    Ok(mapper.finish())
}

pub fn logs_from_json(body: &[u8], context: &Context<'_>) -> Result<LogBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = logs::LogMapper::new(context);
    json::logs::decode(body, &mut mapper)?;
    Ok(mapper.finish())
}

pub fn metrics_from_protobuf(body: &[u8], context: &Context<'_>) -> Result<MetricBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = metrics::MetricMapper::new(context);
    protobuf::metrics::decode(body, &mut mapper).map_err(|error| *error)?;
    Ok(mapper.finish())
}

pub fn metrics_from_json(body: &[u8], context: &Context<'_>) -> Result<MetricBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut mapper = metrics::MetricMapper::new(context);
    json::metrics::decode(body, &mut mapper)?;
    Ok(mapper.finish())
}
