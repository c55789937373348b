//! OTLP in both encodings, against the generated types and against our own other encoding: whoever reads a request
//! reads the same. Knows nothing of how a request travels.

use std::fmt::Debug;

use intake::otlp::{
    json_of_protobuf, logs_from_json, logs_from_protobuf, metrics_from_json, metrics_from_protobuf,
    traces_from_json, traces_from_protobuf,
};
use intake::record::{self, Kind};
use intake::{Batch, Context, DecodeError, LogBatch, MetricBatch, Telemetry};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::bounds::{self, Bounded};
use crate::{as_evidence, with_context};

type Read<B> = fn(&[u8], &Context<'_>) -> Result<B, DecodeError>;

/// One signal: our two decoders of it, and what its records are.
struct Signal<B> {
    telemetry: Telemetry,
    protobuf: (Kind, Read<B>),
    json: (Kind, Read<B>),
}

const TRACES: Signal<Batch> = Signal {
    telemetry: Telemetry::Traces,
    protobuf: (Kind::OtlpTracesProtobuf, traces_from_protobuf),
    json: (Kind::OtlpTracesJson, traces_from_json),
};
const LOGS: Signal<LogBatch> = Signal {
    telemetry: Telemetry::Logs,
    protobuf: (Kind::OtlpLogsProtobuf, logs_from_protobuf),
    json: (Kind::OtlpLogsJson, logs_from_json),
};
const METRICS: Signal<MetricBatch> = Signal {
    telemetry: Telemetry::Metrics,
    protobuf: (Kind::OtlpMetricsProtobuf, metrics_from_protobuf),
    json: (Kind::OtlpMetricsJson, metrics_from_json),
};

pub fn traces_protobuf(data: &[u8]) {
    protobuf::<ExportTraceServiceRequest, _>(data, &TRACES);
}

pub fn logs_protobuf(data: &[u8]) {
    protobuf::<ExportLogsServiceRequest, _>(data, &LOGS);
}

pub fn metrics_protobuf(data: &[u8]) {
    protobuf::<ExportMetricsServiceRequest, _>(data, &METRICS);
}

pub fn traces_json(data: &[u8]) {
    let read = json(data, &TRACES);
    json_again(data, &read, &TRACES, |data| serde_json::from_slice::<ExportTraceServiceRequest>(data).ok());
}

pub fn logs_json(data: &[u8]) {
    let read = json(data, &LOGS);
    json_again(data, &read, &LOGS, |data| serde_json::from_slice::<ExportLogsServiceRequest>(data).ok());
}

pub fn metrics_json(data: &[u8]) {
    let read = json(data, &METRICS);
    json_again(data, &read, &METRICS, |data| {
        serde_json::from_slice::<ExportMetricsServiceRequest>(data).ok()
    });
}

fn protobuf<M: Message + Default, B: Bounded + Debug + PartialEq>(data: &[u8], signal: &Signal<B>) {
    let (kind, ours) = signal.protobuf;
    with_context(|context| {
        let read = ours(data, context);
        if let Ok(batch) = &read {
            holds(data, kind, batch, context);
            as_json(data, signal, context);
        }
        let Ok(theirs) = M::decode(data) else { return };
        as_evidence(|context| as_json(data, signal, context));
        let written = theirs.encode_to_vec();
        let read = match read {
            Err(error) if is_limit(&error) => return,
            read => read.expect("what the generated decoder reads, ours reads"),
        };
        let again = ours(&written, context).expect("what the generated encoder writes is readable");
        assert_eq!(read.facts(), again.facts(), "the same request, written again");
    });
}

/// Ours takes less of what is in no request: groups in groups, which nobody has written for years.
fn is_limit(error: &DecodeError) -> bool {
    match error {
        DecodeError::TooMany { .. } => true,
        DecodeError::Malformed { expected, .. } => expected.contains("groups"),
        _ => false,
    }
}

/// What all of it has to do: be within the bounds, be found by its traces, and be the same when read as evidence is.
fn holds<B: Bounded + Debug + PartialEq>(data: &[u8], kind: Kind, batch: &B, context: &Context<'_>) {
    batch.check(context.limits);
    let mut keys = Vec::new();
    record::keys(kind as u8, data, &mut keys);
    for trace in batch.traces() {
        assert!(keys.contains(&trace), "a record is found by each of its traces");
    }
    bounds::reads_back(kind, data, batch, context);
}

/// Our own JSON of a request means what the request means; attributes included, where all of it is protobuf.
fn as_json<B: Bounded + Debug + PartialEq>(data: &[u8], signal: &Signal<B>, context: &Context<'_>) {
    let Ok(read) = signal.protobuf.1(data, context) else { return };
    read.check(context.limits);
    let json = json_of_protobuf(signal.telemetry, data);
    assert!(!json.contains('\n'), "it is one line");
    let again = signal.json.1(json.as_bytes(), context);
    assert_eq!(again.as_ref().ok().map(B::facts), Some(read.facts()), "{json}");
}

fn json<B: Bounded + Debug + PartialEq>(data: &[u8], signal: &Signal<B>) -> Option<B> {
    let (kind, ours) = signal.json;
    with_context(|context| {
        let read = ours(data, context).ok()?;
        holds(data, kind, &read, context);
        Some(read)
    })
}

/// What the generated types accept as JSON they also write as protobuf, and that is a request too. They know other
/// spellings of some fields, so only what they wrote is compared: in protobuf, and in our JSON of it.
fn json_again<M: Message, B: Bounded + Debug + PartialEq>(
    data: &[u8],
    read: &Option<B>,
    signal: &Signal<B>,
    theirs: impl FnOnce(&[u8]) -> Option<M>,
) {
    if read.is_none() {
        return;
    }
    let Some(theirs) = theirs(data) else { return };
    let written = theirs.encode_to_vec();
    match with_context(|context| signal.protobuf.1(&written, context)) {
        Ok(_) => as_evidence(|context| as_json(&written, signal, context)),
        Err(error) => assert!(is_limit(&error), "the generated encoder writes what is readable: {error}"),
    }
}
