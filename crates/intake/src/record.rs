//! The journal's record format: what each kind of entry holds, and how it reads back.
//!
//! Outside bytes are kept as they came, after decompression. What arises inside is one version byte and JSON.
//! Reading is total: a payload that does not decode is an error to report, never a panic.

use model::Input;

use crate::{Context, DecodeError, Limits, deployments, otlp, signals, wide};

mod alerts;
mod internal;
mod keys;

pub use alerts::{alerts_payload, alerts_provider};
pub use internal::{inside_json, inside_payload};
pub use keys::keys;

/// What a journal entry holds. The numbers are part of the format and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    OtlpTracesProtobuf = 1,
    OtlpTracesJson = 2,
    WideJson = 3,
    WideNdjson = 4,
    Signals = 5,
    Deployments = 6,
    Evidence = 7,
    Operator = 8,
    Configure = 9,
    Tick = 10,
    /// Events, signals or deployments that were made inside (tests, simulation), as the model has them.
    Decoded = 11,
    OtlpLogsProtobuf = 12,
    OtlpLogsJson = 13,
    OtlpMetricsProtobuf = 14,
    OtlpMetricsJson = 15,
    /// Alerts as their provider sent them; the provider stands in the payload's first byte.
    Alerts = 16,
    AcceptBaseline = 17,
    /// What there was no room for.
    Shed = 18,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("kind {kind} is not a kind of record that this version knows")]
    UnknownKind { kind: u8 },
    #[error("version {found} of a {kind:?} record is not one that this version reads (it reads {expected})")]
    UnknownVersion { kind: Kind, found: u8, expected: u8 },
    #[error("a {kind:?} record is damaged: {detail}")]
    Damaged { kind: Kind, detail: String },
    #[error("a {kind:?} record does not decode: {error}")]
    Decode { kind: Kind, error: DecodeError },
}

impl Kind {
    pub const ALL: [Self; 18] = [
        Self::OtlpTracesProtobuf,
        Self::OtlpTracesJson,
        Self::WideJson,
        Self::WideNdjson,
        Self::Signals,
        Self::Deployments,
        Self::Evidence,
        Self::Operator,
        Self::Configure,
        Self::Tick,
        Self::Decoded,
        Self::OtlpLogsProtobuf,
        Self::OtlpLogsJson,
        Self::OtlpMetricsProtobuf,
        Self::OtlpMetricsJson,
        Self::Alerts,
        Self::AcceptBaseline,
        Self::Shed,
    ];

    pub fn from_u8(kind: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == kind)
    }
}

/// The written form of an input that did not come as outside bytes. (For one that did, the bytes are the record.)
pub fn encode(input: &Input) -> (Kind, Vec<u8>) {
    internal::encode(input)
}

/// As [`decode`], but events keep their attributes: for traces that are captured as evidence. On the way in nobody
/// looked at those attributes; where one of them turns out to be unreadable, the events come without any, because a
/// trace is worth more than what it is compared by.
pub fn decode_evidence(kind: u8, payload: &[u8], context: &Context<'_>) -> Result<Input, RecordError> {
    let limits = context.limits.for_evidence();
    decode(kind, payload, &Context { limits: &limits, ..*context })
        .or_else(|_| decode(kind, payload, context))
}

/// The input that a record stands for. The same kind, payload and context give the same input, always.
pub fn decode(kind: u8, payload: &[u8], context: &Context<'_>) -> Result<Input, RecordError> {
    let kind = Kind::from_u8(kind).ok_or(RecordError::UnknownKind { kind })?;
    // What was once let in is read whatever the size limit of today.
    let limits = Limits { body_bytes_max: usize::MAX, ..context.limits.clone() };
    let context = &Context { limits: &limits, ..*context };
    let outside = |error| RecordError::Decode { kind, error };
    Ok(match kind {
        Kind::OtlpTracesProtobuf => {
            Input::Events(otlp::traces_from_protobuf(payload, context).map_err(outside)?.events)
        }
        Kind::OtlpTracesJson => {
            Input::Events(otlp::traces_from_json(payload, context).map_err(outside)?.events)
        }
        Kind::WideJson => Input::Events(wide::from_json(payload, context).map_err(outside)?.events),
        Kind::WideNdjson => Input::Events(wide::from_ndjson(payload, context).map_err(outside)?.events),
        Kind::Signals => Input::Signals(signals::from_json(payload, context).map_err(outside)?.0),
        Kind::Deployments => Input::Deployments(deployments::from_json(payload, context).map_err(outside)?.0),
        Kind::Alerts => Input::Alerts(alerts::decode(payload, context)?),
        Kind::OtlpLogsProtobuf => {
            Input::Logs(otlp::logs_from_protobuf(payload, context).map_err(outside)?.logs)
        }
        Kind::OtlpLogsJson => Input::Logs(otlp::logs_from_json(payload, context).map_err(outside)?.logs),
        Kind::OtlpMetricsProtobuf => {
            Input::Metrics(otlp::metrics_from_protobuf(payload, context).map_err(outside)?.points)
        }
        Kind::OtlpMetricsJson => {
            Input::Metrics(otlp::metrics_from_json(payload, context).map_err(outside)?.points)
        }
        Kind::Evidence
        | Kind::Operator
        | Kind::Configure
        | Kind::Tick
        | Kind::Decoded
        | Kind::AcceptBaseline
        | Kind::Shed => internal::decode(kind, payload)?,
    })
}
