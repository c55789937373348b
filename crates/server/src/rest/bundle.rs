//! The inputs around an incident, streamed from the journal as lines of the case format. Nothing is held but the line
//! that is being sent; what a line means, and which are wanted, is for who asks.

use std::io;
use std::sync::Arc;

use api::{BundleEnd, BundleFrame, BundleHead, BundleQuery, ErrorCode};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use intake::record::Kind;
use journal::{Position, ReadError, Reader};
use model::{IncidentId, Nanos};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::wrappers::ReceiverStream;

use super::{Reading, StrictPath, StrictQuery};
use crate::http::Failure;

/// Bundles that are streamed at once: each reads the journal from the disk that it is written to.
const PLACES: usize = 2;
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for the client.
const CHUNKS_AHEAD: usize = 8;

#[derive(Debug, Clone)]
pub(crate) struct BundlePlaces(Arc<Semaphore>);

impl Default for BundlePlaces {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

pub(super) async fn of_incident(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<IncidentId>,
    StrictQuery(query): StrictQuery<BundleQuery>,
) -> Result<Response, Failure> {
    let (from, to) = query.check()?;
    reading.require_incident(id).await?;
    let place = Arc::clone(&reading.bundles.0).try_acquire_owned().map_err(|_| {
        Failure::new(ErrorCode::Overloaded, format!("{PLACES} bundles are being made; no more at once"))
    })?;
    let (sender, receiver) = channel(CHUNKS_AHEAD);
    let source = Source { journal: reading.journal.clone(), from, to, place };
    let head = Head {
        user_salt: model::TraceId(reading.rules.user_salt).to_string(),
        configuration: reading.configuration.to_string(),
    };
    tokio::task::spawn_blocking(move || source.send(head, &sender));
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

struct Source {
    journal: Reader,
    from: Nanos,
    to: Nanos,
    /// Free again when all is sent, or the client is gone.
    place: OwnedSemaphorePermit,
}

/// What the head says beside the journal's own facts.
struct Head {
    user_salt: String,
    configuration: String,
}

/// Why the stream ends early.
enum Broken {
    /// Nobody reads any more.
    Gone,
    Journal(ReadError),
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        Self::Journal(error)
    }
}

struct Chunks<'a> {
    sender: &'a Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl Source {
    fn send(self, head: Head, sender: &Sender<io::Result<Bytes>>) {
        let mut chunks = Chunks { sender, chunk: Vec::new() };
        if let Err(Broken::Journal(error)) = self.lines(head, &mut chunks) {
            tracing::warn!(%error, "a bundle was broken off");
            // The client sees that the end is missing.
            let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
        }
        drop(self.place);
    }

    fn lines(&self, head: Head, chunks: &mut Chunks<'_>) -> Result<(), Broken> {
        let first = self.journal.scan(self.journal.first()).next().transpose()?;
        let mut entries = self.journal.scan(self.journal.since(self.from.0));
        let mut end = BundleEnd::default();
        let mut has_begun = false;
        for entry in entries.by_ref() {
            let entry = entry?;
            let received = Nanos(entry.received_ns);
            if !has_begun && received < self.from {
                continue;
            }
            if entry.kind == Kind::Tick as u8 && received > self.to {
                break;
            }
            if !has_begun {
                has_begun = true;
                let is_first = first.as_ref().is_some_and(|first| first.position == entry.position);
                self.head(&head, first.as_ref(), is_first, chunks)?;
            }
            match cases::line_of_entry(entry.kind, &entry.payload, received) {
                Ok(line) => {
                    end.lines += 1;
                    // Writing to memory does not fail.
                    let _ = line.write(&mut chunks.chunk);
                    chunks.flush(CHUNK_BYTES)?;
                }
                Err(error) => {
                    end.unreadable += 1;
                    tracing::warn!(position = entry.position.0, %error, "an entry is left out of a bundle");
                }
            }
        }
        if !has_begun {
            self.head(&head, first.as_ref(), false, chunks)?;
        }
        end.damaged = entries.corrupt_frames();
        chunks.frame(&BundleFrame::End(end))?;
        chunks.flush(0)
    }

    fn head(
        &self,
        head: &Head,
        first: Option<&journal::Entry>,
        is_first: bool,
        chunks: &mut Chunks<'_>,
    ) -> Result<(), Broken> {
        chunks.frame(&BundleFrame::Head(BundleHead {
            journal_from: first.map(|entry| Nanos(entry.received_ns).to_rfc3339()),
            is_whole: is_first && self.journal.first() == Position::START,
            user_salt: head.user_salt.clone(),
            engine: engine::VERSION.to_owned(),
            configuration: head.configuration.clone(),
        }))
    }
}

impl Chunks<'_> {
    fn frame(&mut self, frame: &BundleFrame) -> Result<(), Broken> {
        // Its parts are texts and numbers, which can be written.
        let _ = serde_json::to_writer(&mut self.chunk, frame);
        self.chunk.push(b'\n');
        self.flush(CHUNK_BYTES)
    }

    /// Sends what there is if it is more than so much; waits while the client is behind.
    fn flush(&mut self, more_than: usize) -> Result<(), Broken> {
        if self.chunk.len() <= more_than {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| Broken::Gone)
    }
}
