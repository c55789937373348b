//! The steps of a wide event, read and checked.

use model::{EventKind, Nanos, SpanId};

use super::event::{STATUSES, Status, hex_id};
use crate::otlp::mapping::in_future;
use crate::strict::fields::Fields;
use crate::strict::node::Node;
use crate::{Context, RejectReason, digest};

#[derive(Debug)]
pub(super) struct Step<'n> {
    /// Always there in a step of an accepted event.
    pub(super) name: Option<&'n str>,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    /// `None` where the event does not say; an anchor or an `error` may then tell.
    pub(super) status: Option<Status>,
    pub(super) span: SpanId,
    pub(super) downstream: Option<Downstream<'n>>,
    pub(super) error: Option<StepError<'n>>,
}

#[derive(Debug)]
pub(super) struct Downstream<'n> {
    pub(super) service: &'n str,
    pub(super) kind: EventKind,
}

#[derive(Debug, Default)]
pub(super) struct StepError<'n> {
    pub(super) code: Option<&'n str>,
    pub(super) reason: Option<&'n str>,
    pub(super) cause: Option<&'n str>,
}

impl Step<'_> {
    pub(super) fn failed(&self) -> bool {
        matches!(self.status, Some(Status::Failed(_)))
    }
}

/// `origin` is the start of the event; where that is unknown the event is rejected already.
pub(super) fn read_all<'n>(
    f: &mut Fields<'n, '_>,
    event_id: [u8; 16],
    origin: Option<Nanos>,
    context: &Context<'_>,
) -> Vec<Step<'n>> {
    let list = match f.get("steps") {
        None => return Vec::new(),
        Some(Node::Array(list)) => list,
        Some(other) => {
            f.invalid("steps", other, "an array of steps");
            return Vec::new();
        }
    };
    let max = context.limits.steps_per_event_max;
    if list.len() > max {
        f.problem("steps", RejectReason::TooLarge, format!("{} steps", list.len()), format!("at most {max}"));
        return Vec::new();
    }
    let origin = origin.unwrap_or(context.received);
    let mut steps = Vec::with_capacity(list.len());
    for (index, node) in list.iter().enumerate() {
        let path = format!("steps[{index}]");
        if let Some(mut f) = Fields::of(node, path, f.problems) {
            steps.push(read(&mut f, digest::span_of_event(&event_id, Some(index)), origin, context));
        }
    }
    steps
}

fn read<'n>(f: &mut Fields<'n, '_>, derived: SpanId, origin: Nanos, context: &Context<'_>) -> Step<'n> {
    let name_max = context.limits.name_bytes_max;
    let name = f.required("name", name_max, "the name of the step");
    for field in ["start_ms", "duration_ms"] {
        if f.get(field).is_none() {
            f.missing(field, "milliseconds as a number of at least 0");
        }
    }
    let start = origin.saturating_add(f.millis("start_ms").unwrap_or(0));
    let end = start.saturating_add(f.millis("duration_ms").unwrap_or(0));
    if end > context.future_from() {
        f.problem("duration_ms", RejectReason::InFuture, in_future(end, context), "a time that has come");
    }
    let error = error(f, name_max);
    let failed_by_error = error.is_some().then_some(Status::Failed(model::FailureStatus::Error));
    Step {
        name,
        start,
        end,
        status: f.one_of("status", &STATUSES).or(failed_by_error),
        span: hex_id::<8>(f, "span_id").map_or(derived, SpanId),
        downstream: downstream(f, name_max),
        error,
    }
}

fn downstream<'n>(f: &mut Fields<'n, '_>, name_max: usize) -> Option<Downstream<'n>> {
    let node = f.get("downstream")?;
    let mut f = Fields::of(node, f.path_of("downstream"), f.problems)?;
    f.text("endpoint", usize::MAX);
    let kind = match f.text("kind", name_max) {
        Some("message") => EventKind::Producer,
        _ => EventKind::Client,
    };
    f.required("service", name_max, "the service that the step called")
        .map(|service| Downstream { service, kind })
}

fn error<'n>(f: &mut Fields<'n, '_>, name_max: usize) -> Option<StepError<'n>> {
    let node = f.get("error")?;
    let mut f = Fields::of(node, f.path_of("error"), f.problems)?;
    Some(StepError {
        code: f.text("code", name_max),
        reason: f.text("reason", usize::MAX),
        cause: f.text("cause", usize::MAX),
    })
}
