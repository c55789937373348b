//! What clients send beside OTLP, compressed bodies, and the records that the journal keeps of all of it.

use std::borrow::Cow;
use std::io::Write;

use intake::record::{self, Kind};
use intake::wide::WideBatch;
use intake::{Batch, Context, DecodeError, DecompressError, Encoding, deployments, signals, wide};
use model::AlertProvider;

use crate::bounds::{self, Bounded};
use crate::with_context;

const BODY_BYTES_MAX: usize = 1 << 16;

pub fn wide_events(data: &[u8]) {
    type Read = fn(&[u8], &Context<'_>) -> Result<WideBatch, DecodeError>;
    let forms: [(Kind, Read); 2] = [(Kind::WideJson, wide::from_json), (Kind::WideNdjson, wide::from_ndjson)];
    with_context(|context| {
        for (kind, read) in forms {
            let Ok(batch) = read(data, context) else { continue };
            assert!(batch.events.len() >= batch.accepted.len(), "what is accepted is an event at least");
            let events = Batch { events: batch.events, rejected: batch.rejected, warnings: batch.warnings };
            events.check(context.limits);
            bounds::reads_back(kind, data, &events, context);
            let mut keys = Vec::new();
            record::keys(kind as u8, data, &mut keys);
            assert!(
                events.traces().iter().all(|trace| keys.contains(trace)),
                "a record is found by its traces"
            );
        }
    });
}

/// Each provider, whatever the shape says, and the one that the shape says; then the record of it.
pub fn alerts(data: &[u8]) {
    with_context(|context| {
        let providers = AlertProvider::ALL.into_iter().map(Some).chain([None]);
        for asked in providers {
            let Ok(batch) = intake::alerts::from_json(data, asked, context) else { continue };
            assert!(asked.is_none_or(|asked| asked == batch.provider), "it is read as what was asked for");
            let payload = record::alerts_payload(batch.provider, data);
            let kept = record::decode(Kind::Alerts as u8, &payload, context).expect("it was read before");
            assert_eq!(kept, model::Input::Alerts(batch.alerts), "the journal's record is the same alerts");
        }
    });
}

/// Signals and deployments.
pub fn facts(data: &[u8]) {
    with_context(|context| {
        if let Ok(read) = signals::from_json(data, context) {
            let kept = record::decode(Kind::Signals as u8, data, context).expect("it was read before");
            assert_eq!(kept, model::Input::Signals(read.0));
        }
        if let Ok(read) = deployments::from_json(data, context) {
            let kept = record::decode(Kind::Deployments as u8, data, context).expect("it was read before");
            assert_eq!(kept, model::Input::Deployments(read.0));
        }
    });
}

/// Never more than the bound comes out, whatever the bytes promise, and what was compressed comes out as it was. The
/// run's limit on memory holds the rest.
pub fn decompress(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let encoding = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd][usize::from(*first) % 3];
    if let Ok(bytes) = intake::decompress(encoding, Cow::Borrowed(body), BODY_BYTES_MAX) {
        assert!(bytes.len() <= BODY_BYTES_MAX, "{} bytes", bytes.len());
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body).expect("memory can be written");
    let gzip = gzip.finish().expect("memory can be written");
    let zstd = zstd::bulk::compress(body, 1).expect("memory can be written");
    for (encoding, packed) in [(Encoding::Gzip, gzip), (Encoding::Zstd, zstd)] {
        let read = |max| intake::decompress(encoding, Cow::Borrowed(&packed), max);
        assert_eq!(read(body.len()).as_deref(), Ok(body), "the bound itself is taken");
        if let Some(less) = body.len().checked_sub(1) {
            assert_eq!(read(less), Err(DecompressError::TooLarge { max: less }));
        }
    }
}

/// The first byte is the kind of the record.
pub fn record(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    with_context(|context| {
        let mut keys = Vec::new();
        record::keys(*kind, payload, &mut keys);
        let _ = record::decode_evidence(*kind, payload, context);
        let Ok(input) = record::decode(*kind, payload, context) else { return };
        let (written_kind, written) = record::encode(&input);
        let Some(first) = Kind::from_u8(*kind) else { return };
        let made_inside = !matches!(
            first,
            Kind::OtlpTracesProtobuf
                | Kind::OtlpTracesJson
                | Kind::OtlpLogsProtobuf
                | Kind::OtlpLogsJson
                | Kind::OtlpMetricsProtobuf
                | Kind::OtlpMetricsJson
                | Kind::WideJson
                | Kind::WideNdjson
                | Kind::Signals
                | Kind::Deployments
                | Kind::Alerts
        );
        if made_inside {
            let again = record::decode(written_kind as u8, &written, context).expect("what we write we read");
            assert_eq!(again, input);
        }
    });
}
