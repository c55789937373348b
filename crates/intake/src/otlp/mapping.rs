//! From a borrowed span to an event: the one place where OTLP gets its meaning, for every encoding.
//!
//! `operation`, `outcome` and `peer` each answer one question from the attributes; what is checked, cut, shared
//! and counted is here. `doc/reference/intake.md` shows the same rules as tables.

use model::{Event, EventKind, Failure, Nanos, Outcome, SpanId, Str, TraceId};

use super::semconv::Attr;
use super::view::{Facts, RawId, SpanView};
use super::wire::Malformed;
use crate::names::{Names, cut};
use crate::{Batch, Context, DecodeError, RejectReason, Rejected, Warning, digest};

pub(crate) mod grpc;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod peer;

const STATUS_OK: i32 = 1;
const STATUS_ERROR: i32 = 2;

/// What every event of one resource shares.
#[derive(Debug)]
pub(crate) struct Resource {
    env: Str,
    service: Str,
    version: Str,
    instance: Str,
    named: bool,
}

/// Maps the spans of one request.
#[derive(Debug)]
pub(crate) struct Mapper<'c> {
    context: &'c Context<'c>,
    future_from: Nanos,
    names: Names,
    resources: usize,
    spans: usize,
    batch: Batch,
}

type Refusal = (RejectReason, String);

impl<'c> Mapper<'c> {
    pub(crate) fn new(context: &'c Context<'c>) -> Self {
        Self {
            context,
            future_from: context.future_from(),
            names: Names::new(context.limits.shared_names_max, context.user_salt),
            resources: 0,
            spans: 0,
            batch: Batch::default(),
        }
    }

    pub(crate) fn finish(self) -> Batch {
        self.batch
    }

    pub(crate) fn attributes_max(&self) -> usize {
        self.context.limits.attributes_per_event_max
    }

    pub(crate) fn resource(&mut self, facts: &Facts<'_>, texts_not_utf8: u64) -> Result<Resource, Malformed> {
        let max = self.context.limits.resources_per_request_max;
        self.resources += 1;
        if self.resources > max {
            return Err(Box::new(DecodeError::TooMany { what: "resources", max }));
        }
        self.remark(facts, texts_not_utf8);
        let service = facts.text(Attr::ServiceName);
        let named = service.as_ref().is_some_and(|name| !name.starts_with(Event::UNKNOWN_SERVICE));
        let env = facts.first(&[Attr::DeploymentEnvironmentName, Attr::DeploymentEnvironment]);
        let instance = facts.first(&[Attr::ServiceInstanceId, Attr::K8sPodName, Attr::HostName]);
        Ok(Resource {
            env: self.name(env.as_deref().unwrap_or(Event::UNSET_ENV)),
            service: self.name(service.as_deref().unwrap_or(Event::UNKNOWN_SERVICE)),
            version: self.name(facts.text(Attr::ServiceVersion).as_deref().unwrap_or("")),
            instance: self.name(instance.as_deref().unwrap_or("")),
            named,
        })
    }

    /// Takes one span, as an event or as a reject. Fails only where the request as a whole is too much.
    pub(crate) fn span(&mut self, resource: &Resource, view: &SpanView<'_>) -> Result<(), Malformed> {
        let max = self.context.limits.events_per_request_max;
        let index = self.spans;
        self.spans += 1;
        if self.spans > max {
            return Err(Box::new(DecodeError::TooMany { what: "spans", max }));
        }
        match self.event(resource, view) {
            Ok(event) => self.batch.events.push(event),
            Err((reason, detail)) => {
                let id = match view.span {
                    RawId::Bytes(id) => SpanId(id).to_string(),
                    _ => String::new(),
                };
                self.batch.rejected.push(Rejected { index, id, reason, detail, problems: Vec::new() });
            }
        }
        Ok(())
    }

    fn event(&mut self, resource: &Resource, view: &SpanView<'_>) -> Result<Event, Refusal> {
        let (trace, span, parent) = ids(view)?;
        let (start, end) = self.times(view)?;
        self.remark(&view.facts, view.texts_not_utf8);
        self.batch.warnings.add(Warning::MissingServiceName, u64::from(!resource.named));
        self.batch.warnings.add(Warning::ParentIsItself, u64::from(parent == Some(span)));
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
            operation: self.name(&operation),
            version: resource.version.clone(),
            instance: resource.instance.clone(),
            peer: self.name(&peer),
            start,
            end,
            outcome: self.outcome(kind, view),
            user: user.map(|id| digest::user(self.context.user_salt, &id)),
            attributes: Vec::new(),
        })
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
        if end > self.future_from {
            return refuse(RejectReason::InFuture, in_future(end, self.context));
        }
        Ok((start, end))
    }

    fn outcome(&mut self, kind: EventKind, view: &SpanView<'_>) -> Outcome {
        match outcome::outcome(kind, view) {
            outcome::Verdict::Ok => Outcome::Ok,
            outcome::Verdict::Suppressed => Outcome::Suppressed,
            outcome::Verdict::Failed { status, code, reason } => Outcome::Failed(Failure {
                status,
                code: self.name(&code),
                reason: self.text(&reason, self.context.limits.text_bytes_max),
            }),
        }
    }

    /// Counts what was accepted but not as it came.
    fn remark(&mut self, facts: &Facts<'_>, texts_not_utf8: u64) {
        self.batch.warnings.add(Warning::InvalidUtf8, texts_not_utf8);
        self.batch.warnings.add(Warning::AttributesCut, u64::from(facts.seen > self.attributes_max()));
    }

    fn name(&mut self, text: &str) -> Str {
        self.text(text, self.context.limits.name_bytes_max)
    }

    fn text(&mut self, text: &str, max: usize) -> Str {
        let text = text.trim();
        self.batch.warnings.add(Warning::TextCut, u64::from(text.len() > max));
        self.names.get(cut(text, max))
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
