//! A checked wide event to the model's events: a root, and a child for each step in the order of the steps.

use model::{Event, EventKind, Failure, Outcome, Str};

use super::event::{Status, Wide};
use super::step::Step;
use crate::Context;
use crate::digest;
use crate::names::{Names, cut};
use crate::otlp::further;
use crate::otlp::mapping::operation;
use crate::otlp::semconv::Attr;

/// The code of a failed step that names none.
const UNKNOWN_CODE: &str = "ERROR";

pub(super) fn events(wide: &Wide<'_>, context: &Context<'_>, names: &mut Names, out: &mut Vec<Event>) {
    let root = root(wide, context, names);
    out.reserve(1 + wide.steps.len());
    let steps =
        wide.steps.iter().enumerate().map(|(index, step)| child(wide, index, step, &root, context, names));
    let steps: Vec<Event> = steps.collect();
    out.push(root);
    out.extend(steps);
}

fn root(wide: &Wide<'_>, context: &Context<'_>, names: &mut Names) -> Event {
    let (word, kind) = wide.kind;
    let operation = operation::operation(kind, &wide.facts, "", word);
    let user = wide.facts.first(&[Attr::UserId, Attr::EnduserId]);
    let anchored = wide.anchor.as_ref().and_then(|anchor| wide.steps.get(anchor.step?));
    let reason = anchored.map(reason).filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| wide.error.unwrap_or_default().to_owned());
    let code = wide.anchor.as_ref().map_or(UNKNOWN_CODE, |anchor| anchor.code);
    Event {
        trace: wide.trace,
        span: wide.span,
        parent: wide.parent,
        kind,
        env: names.get(wide.env.unwrap_or(Event::UNSET_ENV)),
        service: names.get(wide.service),
        operation: names.get(cut(operation.text(&mut String::new()), context.limits.name_bytes_max)),
        version: names.get(wide.version.unwrap_or_default()),
        instance: names.get(wide.instance.unwrap_or_default()),
        peer: names.get(""),
        start: wide.start,
        end: wide.end,
        outcome: outcome(wide.status, code, &reason, context, names),
        user: user.map(|id| digest::user(context.user_salt, &id)),
        attributes: further::attributes(&wide.facts, &[], context.limits.attributes_kept_max, names),
    }
}

fn child(
    wide: &Wide<'_>,
    index: usize,
    step: &Step<'_>,
    root: &Event,
    context: &Context<'_>,
    names: &mut Names,
) -> Event {
    let anchor = wide.anchor.as_ref().filter(|anchor| anchor.step == Some(index)).map(|anchor| anchor.code);
    let own = step.error.as_ref().and_then(|error| error.code);
    let code = anchor.or(own).unwrap_or(UNKNOWN_CODE);
    let status = step.status.unwrap_or(Status::Ok);
    let downstream = step.downstream.as_ref();
    Event {
        trace: root.trace,
        span: step.span,
        parent: Some(root.span),
        kind: downstream.map_or(EventKind::Internal, |downstream| downstream.kind),
        env: root.env.clone(),
        service: root.service.clone(),
        operation: names.get(step.name.unwrap_or(operation::UNKNOWN_OPERATION)),
        version: root.version.clone(),
        instance: root.instance.clone(),
        peer: names.get(downstream.map_or("", |downstream| downstream.service)),
        start: step.start,
        end: step.end,
        outcome: outcome(status, code, &reason(step), context, names),
        user: root.user,
        attributes: root.attributes.clone(),
    }
}

fn outcome(status: Status, code: &str, reason: &str, context: &Context<'_>, names: &mut Names) -> Outcome {
    match status {
        Status::Ok => Outcome::Ok,
        Status::Suppressed => Outcome::Suppressed,
        Status::Failed(status) => Outcome::Failed(Failure {
            status,
            code: names.get(code),
            reason: Str::from(cut(reason, context.limits.text_bytes_max)),
        }),
    }
}

/// The step's reason, and what it says of the cause.
fn reason(step: &Step<'_>) -> String {
    let Some(error) = &step.error else { return String::new() };
    match (error.reason, error.cause) {
        (Some(reason), Some(cause)) => format!("{reason}: {cause}"),
        (reason, cause) => reason.or(cause).unwrap_or_default().to_owned(),
    }
}
