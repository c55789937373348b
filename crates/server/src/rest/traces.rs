//! Traces: what the journal holds of one, or what an incident kept of it, and the explanation of its failure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Completeness, ErrorCode, ExplainedOrigin, Hop};
use axum::Json;
use axum::extract::State;
use model::{CapturedTrace, Event, IncidentId, Nanos, TraceId};
use tokio::sync::Semaphore;

use super::{NoQuery, Reading, StrictPath, store_failure};
use crate::evidence::read_traces;
use crate::http::Failure;

/// Traces that are read from the journal at once: each holds what a lookup gives (`journal::LOOKUP_BYTES_MAX`), and
/// what is decoded of it.
const PLACES: usize = 4;
/// How long a trace may wait for one. Most are read in a few milliseconds, and a page asks for several at once.
const WAIT_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct TracePlaces(Arc<Semaphore>);

impl Default for TracePlaces {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

impl TracePlaces {
    /// Does what reads a trace, in its turn. The place is free when it is done, whoever still waits for it.
    async fn read<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let Ok(Ok(place)) = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.0).acquire_owned()).await else {
            let detail = format!("{PLACES} traces are being read from the journal, and no more are at once");
            return Err(Failure::new(ErrorCode::Overloaded, detail));
        };
        let reading = tokio::task::spawn_blocking(move || {
            let read = work();
            drop(place);
            read
        });
        reading.await.map_err(|_| Failure::new(ErrorCode::Internal, "the trace could not be read"))
    }
}

pub(super) async fn one(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<TraceId>,
    _: NoQuery,
) -> Result<Json<api::Trace>, Failure> {
    let (trace, incidents) = reading.trace(id).await?;
    Ok(Json(api::Trace::new(&trace, &incidents)))
}

pub(super) async fn explanation(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<TraceId>,
    _: NoQuery,
) -> Result<Json<api::Explanation>, Failure> {
    let (trace, _) = reading.trace(id).await?;
    Ok(Json(explain(&trace)))
}

impl Reading {
    /// The fuller of what the journal still holds and what was kept with an incident.
    async fn trace(&self, id: TraceId) -> Result<(CapturedTrace, Vec<IncidentId>), Failure> {
        let kept = self.store.trace(id).await.map_err(store_failure)?;
        let journaled = self.journaled(id).await?;
        let (kept, incidents) = match kept {
            Some(stored) => (Some(stored.trace), stored.incidents),
            None => (None, Vec::new()),
        };
        let fullest = kept.into_iter().chain([journaled]).max_by_key(|trace| trace.events.len());
        match fullest.filter(|trace| !trace.events.is_empty()) {
            Some(trace) => Ok((trace, incidents)),
            None => Err(Failure::new(ErrorCode::TraceNotFound, format!("nothing is known of trace {id}"))),
        }
    }

    async fn journaled(&self, id: TraceId) -> Result<CapturedTrace, Failure> {
        let (journal, rules) = (self.journal.clone(), self.rules.clone());
        let end = journal.end();
        let work = move || read_traces(&journal, &rules, &BTreeSet::from([id]), end);
        let read = self.traces.read(work).await?;
        let mut traces = read.map_err(|error| Failure::new(ErrorCode::StorageFailed, error.to_string()))?;
        Ok(traces.pop().unwrap_or(CapturedTrace {
            trace: id,
            events: Vec::new(),
            events_cut: 0,
            logs: Vec::new(),
        }))
    }
}

/// The engine's explanation in the published form.
fn explain(trace: &CapturedTrace) -> api::Explanation {
    let explained = engine::explain(trace);
    let mut notes = Vec::new();
    if explained.missing_parents > 0 {
        let count = explained.missing_parents;
        notes.push(format!(
            "{count} events name a parent that is not in the trace: what lies between is not known."
        ));
    }
    if trace.events_cut > 0 {
        notes.push(format!("{} further events of the trace were left out.", trace.events_cut));
    }
    let hop = |hop: &engine::ExplainedEvent| Hop {
        span_id: hop.span_id.to_string(),
        service: hop.service.clone(),
        operation: hop.operation.clone(),
        code: hop.code.clone().unwrap_or_default(),
        started_at: hop.start.clone(),
        duration_ns: find(trace, hop).map_or(0, Event::duration_ns),
    };
    let unobserved_callee = explained.unobserved_callee.clone();
    api::Explanation {
        trace_id: trace.trace.to_string(),
        status: if notes.is_empty() { Completeness::Ok } else { Completeness::Partial },
        summary: explained.summary,
        origin: explained.origin.map(|origin| ExplainedOrigin {
            span_id: origin.span_id.to_string(),
            service: origin.service,
            operation: origin.operation,
            code: origin.code.unwrap_or_default(),
            reason: origin.reason.unwrap_or_default(),
            unobserved_callee,
        }),
        chain: explained.path.iter().map(hop).collect(),
        notes,
    }
}

fn find<'a>(trace: &'a CapturedTrace, explained: &engine::ExplainedEvent) -> Option<&'a Event> {
    let is_it =
        |event: &&Event| event.span == explained.span_id && Nanos::to_rfc3339(event.start) == explained.start;
    trace.events.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn a_few_traces_are_read_at_once_and_the_next_is_refused_until_one_is_done() {
        let places = TracePlaces::default();
        let (end, ends): (Vec<_>, Vec<_>) = (0..PLACES).map(|_| sync_channel::<()>(1)).unzip();
        let reading: Vec<_> = ends
            .into_iter()
            .map(|end| {
                let places = places.clone();
                tokio::spawn(async move { places.read(move || end.recv().is_err()).await.is_ok() })
            })
            .collect();
        let all_taken = async {
            while places.0.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all_taken).await.expect("places that are held");
        let refused = places.read(|| ()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        // Who asked goes away; what reads goes on, and holds its place.
        reading.iter().for_each(tokio::task::JoinHandle::abort);
        assert!(places.read(|| ()).await.is_err());
        drop(end);
        assert!(places.read(|| ()).await.is_ok());
    }
}
