//! A journal's entries as lines of a case, in the same order: what came as protobuf is written as JSON, the evidence that
//! was shown becomes the news that it was. Reads no journal.

use intake::record::{self, Kind, RecordError};
use intake::{Telemetry, otlp};
use model::Nanos;

use crate::inputs::BODY_BYTES_MAX;
use crate::{InputKind, InputLine};

/// Why no line stands for an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("as JSON it has {bytes} bytes, which is more than a line takes")]
    TooLong { bytes: usize },
}

/// The line that stands for an entry. `number` is left for who writes it.
pub fn line_of_entry(kind: u8, payload: &[u8], received: Nanos) -> Result<InputLine, EntryError> {
    let kind = Kind::from_u8(kind).ok_or(RecordError::UnknownKind { kind })?;
    let protobuf = |telemetry| otlp::json_of_protobuf(telemetry, payload).into_bytes();
    let damaged = |detail: &str| RecordError::Damaged { kind, detail: detail.to_owned() };
    let inside = || record::inside_json(payload).map(one_line).ok_or_else(|| damaged("no version byte"));
    let mut provider = None;
    let (kind, body) = match kind {
        Kind::OtlpTracesProtobuf => (InputKind::OtlpTraces, protobuf(Telemetry::Traces)),
        Kind::OtlpLogsProtobuf => (InputKind::OtlpLogs, protobuf(Telemetry::Logs)),
        Kind::OtlpMetricsProtobuf => (InputKind::OtlpMetrics, protobuf(Telemetry::Metrics)),
        Kind::OtlpTracesJson => (InputKind::OtlpTraces, one_line(payload)),
        Kind::OtlpLogsJson => (InputKind::OtlpLogs, one_line(payload)),
        Kind::OtlpMetricsJson => (InputKind::OtlpMetrics, one_line(payload)),
        Kind::WideJson => (InputKind::Events, one_line(payload)),
        Kind::WideNdjson => (InputKind::Events, array(payload)),
        Kind::Signals => (InputKind::Signal, one_line(payload)),
        Kind::Deployments => (InputKind::Deployment, one_line(payload)),
        Kind::Alerts => {
            let (from, body) = record::alerts_provider(payload).ok_or_else(|| damaged("no provider"))?;
            provider = Some(from);
            (InputKind::Alert, one_line(body))
        }
        Kind::Configure => (InputKind::Configure, inside()?),
        Kind::Operator => (InputKind::Operator, inside()?),
        Kind::AcceptBaseline => (InputKind::AcceptBaseline, inside()?),
        Kind::Shed => (InputKind::Shed, inside()?),
        Kind::Tick => (InputKind::Tick, Vec::new()),
        Kind::Evidence => (InputKind::Evidence, Vec::new()),
        Kind::Decoded => return Err(damaged("it was made inside and is no input of a server").into()),
    };
    if body.len() > BODY_BYTES_MAX {
        return Err(EntryError::TooLong { bytes: body.len() });
    }
    Ok(InputLine { number: 0, at: received, kind, provider, body })
}

/// Line ends stand between the parts of JSON only, never within its texts. Bytes that are no text cannot have been read.
fn one_line(json: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(json);
    text.trim().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

/// The lines as one array. A line that is no JSON was rejected when it came, and is left out.
fn array(ndjson: &[u8]) -> Vec<u8> {
    let lines = ndjson.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let is_json = |line: &&[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let items: Vec<Vec<u8>> = lines.filter(is_json).map(one_line).collect();
    [&b"["[..], &items.join(&b","[..]), b"]"].concat()
}

#[cfg(test)]
mod tests;
