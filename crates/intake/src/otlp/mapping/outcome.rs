//! Whether an event failed, and if so how and with what code.

use std::borrow::Cow;

use model::{EventKind, FailureStatus};

use super::super::semconv::Attr;
use super::super::view::{Facts, SpanView, Value};
use super::grpc::GrpcStatus;
use super::{STATUS_ERROR, STATUS_OK};
use crate::names::cut;

/// The code where nothing better is known.
const UNKNOWN_CODE: &str = "ERROR";
/// What the conventions write into `error.type` where nothing better is known.
const OTHER: &str = "_OTHER";
/// So much of a status message is searched for what it says.
const MESSAGE_SEARCHED_BYTES: usize = 512;

#[derive(Debug)]
pub(crate) enum Verdict<'f> {
    Ok,
    Suppressed,
    Failed { status: FailureStatus, code: Cow<'f, str>, reason: Cow<'f, str> },
}

/// What the protocols' own status attributes say.
#[derive(Clone, Copy)]
struct Statuses {
    http: Option<i64>,
    grpc: Option<GrpcStatus>,
}

pub(crate) fn outcome<'f>(kind: EventKind, view: &'f SpanView<'_>) -> Verdict<'f> {
    let facts = &view.facts;
    if facts.is_true(Attr::CasebookSuppressed) {
        return Verdict::Suppressed;
    }
    let statuses = Statuses {
        http: facts.int(Attr::HttpResponseStatusCode).or_else(|| facts.int(Attr::HttpStatusCode)),
        grpc: GrpcStatus::of(facts),
    };
    if !failed(kind, view.status, statuses) {
        return Verdict::Ok;
    }
    let exception = exception_type(view);
    let code = code(facts, exception.as_deref(), statuses);
    Verdict::Failed {
        status: failure_status(&code, exception.as_deref(), &view.status_message, statuses),
        code,
        reason: reason(view),
    }
}

/// A caller may have declared an answer of 5xx to be what it wanted; a server may not.
fn failed(kind: EventKind, status: i32, statuses: Statuses) -> bool {
    let server_error = statuses.http.is_some_and(|s| (500..600).contains(&s))
        || statuses.grpc.is_some_and(GrpcStatus::is_server_error);
    match kind {
        _ if status == STATUS_ERROR => true,
        EventKind::Server => server_error,
        EventKind::Client => server_error && status != STATUS_OK,
        EventKind::Producer | EventKind::Consumer | EventKind::Internal => false,
    }
}

fn code<'f>(facts: &'f Facts<'_>, exception: Option<&str>, statuses: Statuses) -> Cow<'f, str> {
    facts
        .text(Attr::CasebookErrorCode)
        .or_else(|| facts.text(Attr::ErrorType).filter(|code| code != OTHER && !restates(code, statuses)))
        .or_else(|| exception.map(|kind| Cow::Owned(kind.to_owned())))
        .or_else(|| statuses.grpc.filter(|s| *s != GrpcStatus::OK).map(|s| Cow::Borrowed(s.name())))
        .or_else(|| statuses.http.filter(|s| *s >= 400).map(|s| Cow::Owned(format!("HTTP_{s}"))))
        .unwrap_or(Cow::Borrowed(UNKNOWN_CODE))
}

/// The current conventions repeat the protocol's status in `error.type`; it stays on its own rung of the ladder, so
/// that a service that changes its conventions keeps its error families.
fn restates(code: &str, statuses: Statuses) -> bool {
    let number = code.parse::<i64>().ok();
    let http = number.is_some() && number == statuses.http;
    let grpc =
        statuses.grpc.is_some_and(|s| number == Some(s.number()) || code.eq_ignore_ascii_case(s.name()));
    http || grpc
}

fn exception_type<'f>(view: &'f SpanView<'_>) -> Option<Cow<'f, str>> {
    let of_event = view.exception.kind.as_ref().and_then(Value::text);
    of_event.or_else(|| view.facts.text(Attr::ExceptionType))
}

fn reason<'f>(view: &'f SpanView<'_>) -> Cow<'f, str> {
    let message = view.status_message.trim();
    if !message.is_empty() {
        return Cow::Borrowed(message);
    }
    let of_event = view.exception.message.as_ref().and_then(Value::text);
    of_event
        .or_else(|| view.facts.first(&[Attr::ExceptionMessage, Attr::ErrorMessage]))
        .unwrap_or(Cow::Borrowed(""))
}

fn failure_status(code: &str, exception: Option<&str>, message: &str, statuses: Statuses) -> FailureStatus {
    match (statuses.http, statuses.grpc) {
        (Some(408 | 504), _) | (_, Some(GrpcStatus::DEADLINE_EXCEEDED)) => return FailureStatus::Timeout,
        (Some(499), _) | (_, Some(GrpcStatus::CANCELLED)) => return FailureStatus::Aborted,
        _ => {}
    }
    let said = said_by(code).or_else(|| exception.and_then(said_by));
    // A message speaks of many things, so only of a timeout is it believed.
    said.or_else(|| said_by(message).filter(|said| *said == FailureStatus::Timeout))
        .unwrap_or(FailureStatus::Error)
}

/// What a code, a type or a message says by its words.
pub(crate) fn said_by(text: &str) -> Option<FailureStatus> {
    const TIMEOUT: [&str; 6] =
        ["timeout", "timed out", "timedout", "deadline exceeded", "deadline_exceeded", "deadlineexceeded"];
    const ABORTED: [&str; 4] = ["cancelled", "canceled", "cancellation", "aborterror"];
    let text = cut(text, MESSAGE_SEARCHED_BYTES).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&TIMEOUT) {
        Some(FailureStatus::Timeout)
    } else {
        says(&ABORTED).then_some(FailureStatus::Aborted)
    }
}
