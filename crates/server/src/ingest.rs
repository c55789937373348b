//! One way in: decode, hand to the journal, answer once it is durable. Every surface goes through here.
//! It must never know what an event means, nor wait for the engine. (An operator's action is judged by the engine first.)

mod actions;
mod alerts;
mod decode;
mod form;
mod grpc;
mod otlp_http;
mod pagerduty_signature;
mod recent;
mod rest;

use std::sync::Arc;
use std::time::Instant;

use api::ErrorCode;
use axum::extract::Request;
use axum::response::Response;
use intake::{Encoding, Rejected, Telemetry, Warnings};
use journal::{CommitError, GroupCommit, Position, Record, SubmitError};
use model::{Input, Nanos};
use runtime::Hold;
use tokio::sync::oneshot;

pub(crate) use form::Form;
pub(crate) use grpc::routes as grpc_routes;
pub(crate) use otlp_http::routes as otlp_http_routes;
pub(crate) use pagerduty_signature::PagerdutySecrets;
pub(crate) use rest::router as rest_router;

use crate::clock;
use crate::decoders::DECODED_IN_PLACE_BYTES_MAX;
use crate::disk_room::DiskRoom;
use crate::http::{BodyReader, Failure, Framing, ReadBody, Routes};
use crate::metrics::{OutcomeLabels, ReasonLabels, ServerMetrics, SurfaceLabel};
use crate::overload::{Class, Scarce};
use crate::refusals::Refusals;
use decode::{Decoded, decode};
use recent::RecentIds;

/// Records and bytes that may wait for the journal.
pub(crate) const COMMIT_QUEUE_RECORDS: usize = 4096;
pub(crate) const COMMIT_QUEUE_BYTES: usize = 128 << 20;
/// What an event takes in memory beyond its names, which are shared.
pub(crate) const EVENT_BYTES: u64 = 320;
/// What a log record takes beyond its names, with what its cut body takes at least.
const LOG_BYTES: u64 = 320;
const POINT_BYTES: u64 = 160;
/// What an item takes at least of the bytes that it came as: the words that there is one, and how long it is.
const ITEM_BYTES_MIN: usize = 2;

/// What goes through the journal beside a record: the decoded input, and who waits for the record to be durable.
#[derive(Debug)]
pub(crate) struct Tag {
    pub input: Input,
    pub reply: Option<oneshot::Sender<Result<Position, CommitError>>>,
    /// The request's part of the memory budget, kept until the engine has taken the input.
    pub hold: Option<Hold>,
}

pub(crate) type Committer = GroupCommit<Tag>;

/// `POST` to each of these paths is an export of its telemetry.
fn exports<F: Future<Output = Result<Response, Failure>> + Send + 'static>(
    ingest: &Arc<Ingest>,
    paths: [(&'static str, Telemetry); 3],
    export: fn(Arc<Ingest>, Telemetry, Request) -> F,
) -> Routes {
    paths.into_iter().fold(Routes::default(), |routes, (path, telemetry)| {
        let ingest = Arc::clone(ingest);
        routes.straight(path, move |request| export(Arc::clone(&ingest), telemetry, request))
    })
}

/// Where a record goes once it is decoded.
#[derive(Debug)]
pub(crate) enum Destination {
    Journal(Arc<Committer>),
    /// Nothing is kept: what listeners and decoding cost alone is measured this way, and never served.
    Nowhere,
}

/// How a request's bytes are to be read, and under which name it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub surface: &'static str,
    pub form: Form,
    pub encoding: Encoding,
}

/// What became of a request that could be read.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: Vec<Rejected>,
    /// Of alerts only: what is none, and whose they are.
    pub ignored: Vec<intake::alerts::Ignored>,
    pub provider: Option<model::AlertProvider>,
    pub warnings: Warnings,
}

/// What decoding goes by, the same live and on replay.
#[derive(Debug, Clone)]
pub(crate) struct DecodeRules {
    pub limits: Arc<intake::Limits>,
    pub user_salt: [u8; 16],
}

#[derive(Debug)]
pub(crate) struct Ingest {
    destination: Destination,
    pub(crate) bodies: BodyReader,
    rules: DecodeRules,
    recent: RecentIds,
    room: Arc<DiskRoom>,
    pagerduty: PagerdutySecrets,
    metrics: Arc<ServerMetrics>,
    refusals: Arc<Refusals>,
}

impl DecodeRules {
    pub(crate) fn new(user_salt: [u8; 16], body_bytes_max: usize) -> Self {
        let limits = intake::Limits { body_bytes_max, ..intake::Limits::default() };
        Self { limits: Arc::new(limits), user_salt }
    }

    pub(crate) fn context(&self, received: Nanos) -> intake::Context<'_> {
        intake::Context { received, limits: &self.limits, user_salt: &self.user_salt }
    }
}

impl Ingest {
    pub(crate) fn new(
        destination: Destination,
        bodies: BodyReader,
        rules: DecodeRules,
        room: Arc<DiskRoom>,
        pagerduty: PagerdutySecrets,
        metrics: Arc<ServerMetrics>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { destination, bodies, rules, recent: RecentIds::default(), room, pagerduty, metrics, refusals }
    }

    /// Takes in a request's body. Comes back once what was accepted is durable.
    pub(crate) async fn take_in(&self, source: Source, body: ReadBody) -> Result<Receipt, Failure> {
        let outcome = self.take_in_uncounted(source, body).await;
        match &outcome {
            Ok(receipt) => self.count_receipt(source.surface, receipt),
            Err(failure) => self.refusals.request(source.surface, failure),
        }
        outcome
    }

    /// Reads a body to be taken in, and counts the request if that fails.
    pub(crate) async fn read_body(
        &self,
        surface: &'static str,
        parts: &::http::request::Parts,
        body: axum::body::Body,
        framing: Framing,
    ) -> Result<ReadBody, Failure> {
        let outcome = self.bodies.read(parts, body, framing).await;
        if let Err(failure) = &outcome {
            self.refusals.request(surface, failure);
        }
        outcome
    }

    /// What would become of a body. Nothing is kept.
    pub(crate) async fn dry_run(&self, source: Source, body: ReadBody) -> Result<Receipt, Failure> {
        let (decoded, _hold) = self.decode(source, body).await?;
        Ok(decoded.receipt)
    }

    /// Counts a request that is not understood, whether its body was read or nobody will.
    pub(crate) fn refused(&self, surface: &'static str, failure: Failure) -> Failure {
        self.refusals.request(surface, &failure);
        failure
    }

    async fn take_in_uncounted(&self, source: Source, body: ReadBody) -> Result<Receipt, Failure> {
        let class = body.client.class;
        let (decoded, mut hold) = self.decode(source, body).await?;
        let Decoded { kind, payload, received, input, mut receipt, keys, event_ids } = decoded;
        let known = self.recent.count_known(&event_ids);
        receipt.duplicate += known;
        receipt.accepted -= known;
        if receipt.accepted == 0 {
            return Ok(receipt);
        }
        let room = match class {
            Class::Vital => None,
            _ => Some(self.room.take(payload.len() as u64)?),
        };
        hold.resize(payload.len() as u64 + decoded_bytes(&input))
            .map_err(|_| self.bodies.shedding.shed(class, Scarce::Memory))?;
        let label = SurfaceLabel { surface: source.surface };
        self.metrics.payload_bytes.get_or_create(&label).inc_by(payload.len() as u64);
        let record = Record { kind: kind as u8, received_ns: received.0, keys, payload };
        self.commit(class, record, input, Some(hold)).await?;
        if let Some(room) = room {
            room.keep();
        }
        self.recent.remember(&event_ids);
        Ok(receipt)
    }

    /// Journals an input that arises inside, such as an operator's action.
    pub(crate) async fn commit_input(&self, input: Input) -> Result<Position, Failure> {
        let (kind, payload) = intake::record::encode(&input);
        let record = Record { kind: kind as u8, received_ns: clock::now().0, keys: Vec::new(), payload };
        self.commit(Class::Vital, record, input, None).await
    }

    async fn commit(
        &self,
        class: Class,
        record: Record,
        input: Input,
        hold: Option<Hold>,
    ) -> Result<Position, Failure> {
        let Destination::Journal(committer) = &self.destination else { return Ok(Position(0)) };
        let begun = Instant::now();
        let (reply, done) = oneshot::channel();
        let waiting = committer.depth();
        let fits = |waiting: usize, max: usize| (waiting as u64) < class.share(max as u64);
        if !fits(waiting.records, COMMIT_QUEUE_RECORDS) || !fits(waiting.bytes, COMMIT_QUEUE_BYTES) {
            return Err(self.bodies.shedding.shed(class, Scarce::Journal));
        }
        committer.submit(record, Tag { input, reply: Some(reply), hold }).map_err(|error| match error {
            SubmitError::Full(_) => self.bodies.shedding.shed(class, Scarce::Journal),
            SubmitError::Closed(_) => {
                Failure::new(ErrorCode::JournalFailed, "the journal does not take entries any more")
            }
        })?;
        let committed =
            done.await.map_err(|_| Failure::new(ErrorCode::NotReady, "the server is stopping"))?;
        self.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        committed.map_err(|error| Failure::new(ErrorCode::JournalFailed, error.to_string()))
    }

    async fn decode(&self, source: Source, body: ReadBody) -> Result<(Decoded, Hold), Failure> {
        let received = clock::now();
        if source.encoding == Encoding::Identity && body.bytes.len() <= DECODED_IN_PLACE_BYTES_MAX {
            return Ok((decode(source, body.bytes, &self.rules.context(received))?, body.hold));
        }
        let internal = |_| Failure::new(ErrorCode::Internal, "the request could not be decoded");
        let shedding = &self.bodies.shedding;
        let turn = shedding.decoders.turn(&body.client).await;
        let turn = turn.ok_or_else(|| shedding.shed(body.client.class, Scarce::Decoders))?;
        let rules = self.rules.clone();
        let work = move || {
            let decoded = decode(source, body.bytes, &rules.context(received));
            drop(turn);
            decoded.map(|decoded| (decoded, body.hold))
        };
        tokio::task::spawn_blocking(work).await.map_err(internal)?
    }

    fn count_receipt(&self, surface: &'static str, receipt: &Receipt) {
        let label = SurfaceLabel { surface };
        self.metrics.requests.get_or_create(&OutcomeLabels { surface, outcome: "ok" }).inc();
        self.metrics.events_accepted.get_or_create(&label).inc_by(receipt.accepted);
        self.metrics.events_duplicate.get_or_create(&label).inc_by(receipt.duplicate);
        self.refusals.items(surface, &receipt.rejected);
        for (warning, count) in receipt.warnings.iter() {
            let labels = ReasonLabels { surface, reason: warning.as_str() };
            self.metrics.events_warned.get_or_create(&labels).inc_by(count);
        }
    }
}

/// What a payload and all that it may decode to take in memory at most.
pub(crate) fn read_bytes_max(payload_bytes: usize, limits: &intake::Limits) -> u64 {
    let items = (payload_bytes / ITEM_BYTES_MIN).min(limits.events_per_request_max);
    payload_bytes as u64 + items as u64 * EVENT_BYTES.max(LOG_BYTES).max(POINT_BYTES)
}

/// What a decoded input takes in memory beyond the bytes that it came as.
fn decoded_bytes(input: &Input) -> u64 {
    match input {
        Input::Events(events) => events.len() as u64 * EVENT_BYTES,
        Input::Logs(logs) => logs.len() as u64 * LOG_BYTES,
        Input::Metrics(points) => points.len() as u64 * POINT_BYTES,
        _ => 0,
    }
}
