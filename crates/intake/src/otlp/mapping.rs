//! From a borrowed span to an event: the one place where OTLP gets its meaning, for every encoding.
//!
//! `operation`, `outcome` and `peer` each answer one question from the attributes; what is checked, cut, shared
//! and counted is here. `doc/reference/intake.md` shows the same rules as tables.

use model::{Event, EventKind, Failure, Nanos, Outcome, SpanId, Str, TraceId};

use super::clerk::{Clerk, Refusal, Resource};
use super::further;
use super::semconv::Attr;
use super::view::{RawId, SpanView};
use super::wire::Malformed;
use crate::{Batch, Context, RejectReason, Warning, digest};

pub(crate) mod grpc;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod peer;

/// What a span takes that says little; most say more. Room is made for so many, instead of moving them as they come.
const SPAN_BYTES: usize = 384;
const STATUS_OK: i32 = 1;
const STATUS_ERROR: i32 = 2;

/// Maps the spans of one request.
#[derive(Debug)]
pub(crate) struct Mapper<'c> {
    pub(crate) clerk: Clerk<'c>,
    events: Vec<Event>,
}

impl<'c> Mapper<'c> {
    /// For a request of so many bytes.
    pub(crate) fn new(context: &'c Context<'c>, body_bytes: usize) -> Self {
        Self { clerk: Clerk::new(context, &[]), events: Vec::with_capacity(body_bytes / SPAN_BYTES) }
    }

    pub(crate) fn finish(mut self) -> Batch {
        // They may have to wait, and room that nobody uses is not counted.
        if self.events.len() < self.events.capacity() / 2 {
            self.events.shrink_to_fit();
        }
        let Clerk { rejected, warnings, .. } = self.clerk;
        Batch { events: self.events, rejected, warnings }
    }

    /// Takes one span, as an event or as a reject. Fails only where the request as a whole is too much.
    pub(crate) fn span(&mut self, resource: &Resource, view: &SpanView<'_>) -> Result<(), Malformed> {
        let index = self.clerk.next_item("spans")?;
        match self.event(resource, view) {
            Ok(event) => self.events.push(event),
            Err(refusal) => {
                let id = match view.span {
                    RawId::Bytes(id) => SpanId(id).to_string(),
                    _ => String::new(),
                };
                self.clerk.reject(index, id, refusal);
            }
        }
        Ok(())
    }

    fn event(&mut self, resource: &Resource, view: &SpanView<'_>) -> Result<Event, Refusal> {
        let (trace, span, parent) = ids(view)?;
        let (start, end) = self.times(view)?;
        let salt = self.clerk.context.user_salt;
        self.clerk.remark(view.facts.seen, view.texts_not_utf8);
        self.clerk.remark_unnamed(resource.named);
        self.clerk.warnings.add(Warning::ParentIsItself, u64::from(parent == Some(span)));
        let kind = kind(view.kind);
        let peer = if kind.is_outbound() { peer::peer(&view.facts) } else { "".into() };
        let operation = operation::operation(kind, &view.facts, &peer, &view.name);
        let user = view.facts.first(&[Attr::UserId, Attr::EnduserId]);
        Ok(Event {
            trace,
            span,
            parent: parent.filter(|parent| *parent != span),
            kind,
            env: resource.env.clone(),
            service: resource.service.clone(),
            operation: self.clerk.name_of(&operation),
            version: resource.version.clone(),
            instance: resource.instance.clone(),
            peer: self.clerk.name(&peer),
            start,
            end,
            outcome: self.outcome(kind, view),
            user: user.map(|id| digest::user(salt, &id)),
            attributes: self.attributes(resource, view),
        })
    }

    /// What the event keeps beside its fields; nothing, unless it is evidence.
    fn attributes(&mut self, resource: &Resource, view: &SpanView<'_>) -> Vec<(Str, Str)> {
        if view.facts.further.is_none() {
            return Vec::new();
        }
        let mut attributes = self.clerk.attributes(&view.facts, &resource.further);
        if let Some(state) = further::opentelemetry_state(&view.trace_state) {
            attributes.truncate(self.clerk.context.limits.attributes_kept_max.saturating_sub(1));
            attributes.push((Str::from(further::TRACE_STATE), self.clerk.name(state)));
            attributes.sort();
        }
        attributes
    }

    fn times(&self, view: &SpanView<'_>) -> Result<(Nanos, Nanos), Refusal> {
        let (start, end) = (Nanos(view.start_ns), Nanos(view.end_ns));
        let refuse = |reason, detail: String| Err((reason, detail));
        if start.0 == 0 {
            return refuse(RejectReason::MissingStartTime, "the span has no start time".to_owned());
        }
        if end.0 == 0 {
            return refuse(
                RejectReason::MissingEndTime,
                "the span has no end time, so it has not ended".to_owned(),
            );
        }
        if end < start {
            let detail = format!("the span ends at {end}, before its start at {start}");
            return refuse(RejectReason::EndBeforeStart, detail);
        }
        if self.clerk.is_future(end) {
            return refuse(RejectReason::InFuture, in_future(end, self.clerk.context));
        }
        Ok((start, end))
    }

    fn outcome(&mut self, kind: EventKind, view: &SpanView<'_>) -> Outcome {
        match outcome::outcome(kind, view) {
            outcome::Verdict::Ok => Outcome::Ok,
            outcome::Verdict::Suppressed => Outcome::Suppressed,
            outcome::Verdict::Failed { status, code, reason } => Outcome::Failed(Failure {
                status,
                code: self.clerk.name(&code),
                reason: self.clerk.text(&reason, self.clerk.context.limits.text_bytes_max),
            }),
        }
    }
}

pub(crate) fn in_future(end: Nanos, context: &Context<'_>) -> String {
    let minutes = context.limits.future_max_ns / 60_000_000_000;
    format!("it ends at {end}, more than {minutes} min after it was received at {}", context.received)
}

fn ids(view: &SpanView<'_>) -> Result<(TraceId, SpanId, Option<SpanId>), Refusal> {
    let trace = id(view.trace, "the trace id").map_err(|detail| (RejectReason::InvalidTraceId, detail))?;
    let span = id(view.span, "the span id").map_err(|detail| (RejectReason::InvalidSpanId, detail))?;
    let parent = match view.parent {
        // Some senders write a root's absent parent as zeros.
        RawId::Absent | RawId::Bytes([0, 0, 0, 0, 0, 0, 0, 0]) => None,
        parent => {
            let parent = id(parent, "the parent span id");
            Some(SpanId(parent.map_err(|detail| (RejectReason::InvalidParentSpanId, detail))?))
        }
    };
    Ok((TraceId(trace), SpanId(span), parent))
}

fn id<const N: usize>(id: RawId<N>, what: &str) -> Result<[u8; N], String> {
    match id {
        RawId::Bytes(bytes) if bytes != [0; N] => Ok(bytes),
        RawId::Bytes(_) => Err(format!("{what} is all zero, expected one that is not")),
        RawId::Absent => Err(format!("{what} is missing, expected {N} bytes")),
        RawId::WrongLength(found) => Err(format!("{what} has {found} bytes, expected {N}")),
        RawId::NotHex => Err(format!("{what} is not hexadecimal, expected {} hex digits", 2 * N)),
    }
}

fn kind(number: i32) -> EventKind {
    match number {
        2 => EventKind::Server,
        3 => EventKind::Client,
        4 => EventKind::Producer,
        5 => EventKind::Consumer,
        // Internal, unspecified (which the protocol equates with internal) and what later versions may add.
        _ => EventKind::Internal,
    }
}

#[cfg(test)]
mod tests;
