//! What every batch has to keep, whatever encoding it came in: the bounds of intake, and that the journal's record of
//! a request gives the same again. Knows nothing of the encodings.

use std::fmt::Debug;

use intake::record::{self, Kind};
use intake::{Batch, Context, Limits, LogBatch, MetricBatch};
use model::{Event, Input, Nanos, Outcome, Str};

/// Names are put together of two parts at most, with something between them.
const PARTS_OF_A_NAME: usize = 2;

pub(crate) trait Bounded {
    /// Panics where a bound is not kept.
    fn check(&self, limits: &Limits);
    /// The traces that it speaks of, as keys.
    fn traces(&self) -> Vec<[u8; 16]>;
    /// What two encodings of one request have in common.
    fn facts(&self) -> (Input, usize);
}

impl Bounded for Batch {
    fn check(&self, limits: &Limits) {
        assert!(self.events.len() + self.rejected.len() <= limits.events_per_request_max, "too many events");
        self.events.iter().for_each(|event| check_event(event, limits));
        check_problems(&self.rejected, limits);
    }

    fn traces(&self) -> Vec<[u8; 16]> {
        self.events.iter().map(|event| event.trace.0).collect()
    }

    fn facts(&self) -> (Input, usize) {
        (Input::Events(self.events.clone()), self.rejected.len())
    }
}

impl Bounded for LogBatch {
    fn check(&self, limits: &Limits) {
        assert!(self.logs.len() + self.rejected.len() <= limits.events_per_request_max, "too many logs");
        for log in &self.logs {
            [&log.env, &log.service, &log.version, &log.instance]
                .into_iter()
                .for_each(|name| is_name(name, limits));
            [&log.template, &log.pattern, &log.body, &log.exception]
                .into_iter()
                .for_each(|text| is_text(text, limits));
            not_in_future(log.at, limits);
        }
        check_problems(&self.rejected, limits);
    }

    fn traces(&self) -> Vec<[u8; 16]> {
        self.logs.iter().filter_map(|log| log.trace).map(|trace| trace.0).collect()
    }

    fn facts(&self) -> (Input, usize) {
        (Input::Logs(self.logs.clone()), self.rejected.len())
    }
}

impl Bounded for MetricBatch {
    fn check(&self, limits: &Limits) {
        for point in &self.points {
            [&point.env, &point.service, &point.instance].into_iter().for_each(|name| is_name(name, limits));
            [&point.name, &point.unit, &point.series].into_iter().for_each(|text| is_text(text, limits));
            not_in_future(point.at, limits);
        }
        assert!(self.data_points as usize <= limits.events_per_request_max, "too many points");
        check_problems(&self.rejected, limits);
    }

    fn traces(&self) -> Vec<[u8; 16]> {
        Vec::new()
    }

    fn facts(&self) -> (Input, usize) {
        (Input::Metrics(self.points.clone()), self.rejected.len())
    }
}

/// The record of a request gives what the request gave, and as evidence the same with attributes.
pub(crate) fn reads_back<B: Bounded + Debug>(kind: Kind, data: &[u8], batch: &B, context: &Context<'_>) {
    let kept = record::decode(kind as u8, data, context).expect("it was read before");
    let (input, _) = batch.facts();
    assert_eq!(kept, input, "the journal's record is the same");
    let evidence = record::decode_evidence(kind as u8, data, context).expect("it was read before");
    let without = match evidence {
        Input::Events(events) => {
            Input::Events(events.into_iter().map(|event| Event { attributes: Vec::new(), ..event }).collect())
        }
        other => other,
    };
    assert_eq!(without, input, "evidence is the same, but for its attributes");
}

fn check_event(event: &Event, limits: &Limits) {
    let names = [&event.env, &event.service, &event.operation, &event.version, &event.instance, &event.peer];
    names.into_iter().for_each(|name| is_name(name, limits));
    assert!(!event.service.is_empty() && !event.env.is_empty(), "what is unknown has a name for that");
    assert!(event.start <= event.end, "an event ends after it starts");
    assert_ne!(event.trace.0, [0; 16]);
    assert_ne!(event.parent, Some(event.span), "no event is its own parent");
    not_in_future(event.end, limits);
    if let Outcome::Failed(failure) = &event.outcome {
        is_name(&failure.code, limits);
        is_text(&failure.reason, limits);
    }
    assert!(event.attributes.len() <= limits.attributes_kept_max, "too many attributes");
    for (key, value) in &event.attributes {
        is_name(key, limits);
        is_text(value, limits);
    }
    assert!(event.attributes.is_sorted_by(|a, b| a.0 <= b.0), "attributes stand in order");
}

fn check_problems(rejected: &[intake::Rejected], limits: &Limits) {
    for one in rejected {
        assert!(one.problems.len() <= limits.problems_per_item_max, "too many problems");
    }
}

fn is_name(name: &Str, limits: &Limits) {
    let most = PARTS_OF_A_NAME * limits.name_bytes_max + 1;
    assert!(name.len() <= most, "a name of {} bytes", name.len());
}

fn is_text(text: &Str, limits: &Limits) {
    assert!(text.len() <= limits.text_bytes_max, "a text of {} bytes", text.len());
}

fn not_in_future(at: Nanos, limits: &Limits) {
    assert!(at <= crate::RECEIVED.saturating_add(limits.future_max_ns), "{at:?} has not come yet");
}
