//! One wide event, read and checked.

use model::{EventKind, FailureStatus, Nanos, SpanId, TraceId};

use super::step::{self, Step};
use crate::otlp::mapping::in_future;
use crate::otlp::semconv::Attr;
use crate::otlp::view::{Facts, RawId, Value};
use crate::strict::fields::{Fields, Problems};
use crate::strict::items::text_field;
use crate::strict::node::{Node, quoted};
use crate::{Context, RejectReason, Warning, Warnings, digest};

const SCHEMA_VERSION: &str = "2.0";

const FIELDS: [&str; 19] = [
    "schema_version",
    "event_id",
    "ts_start",
    "ts_end",
    "duration_ms",
    "kind",
    "service",
    "env",
    "version",
    "instance",
    "trace_id",
    "span_id",
    "parent_span_id",
    "status",
    "anchor",
    "steps",
    "logs",
    "fields",
    "errors",
];

/// A wide event is work that came to its service, whatever it came by.
const KINDS: [(&str, (&str, EventKind)); 5] = [
    ("http", ("http", EventKind::Server)),
    ("rpc", ("rpc", EventKind::Server)),
    ("job", ("job", EventKind::Consumer)),
    ("message", ("message", EventKind::Consumer)),
    ("db", ("db", EventKind::Server)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Suppressed,
    Failed(FailureStatus),
}

pub(super) const STATUSES: [(&str, Status); 6] = [
    ("ok", Status::Ok),
    ("error", Status::Failed(FailureStatus::Error)),
    ("timeout", Status::Failed(FailureStatus::Timeout)),
    ("partial", Status::Failed(FailureStatus::Partial)),
    ("aborted", Status::Failed(FailureStatus::Aborted)),
    ("suppressed", Status::Suppressed),
];

#[derive(Debug)]
pub(super) struct Anchor<'n> {
    /// The place of the step that failed.
    pub(super) step: Option<usize>,
    pub(super) code: &'n str,
}

#[derive(Debug)]
pub(super) struct Wide<'n> {
    pub(super) id: [u8; 16],
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) kind: (&'static str, EventKind),
    pub(super) service: &'n str,
    pub(super) env: Option<&'n str>,
    pub(super) version: Option<&'n str>,
    pub(super) instance: Option<&'n str>,
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) status: Status,
    pub(super) anchor: Option<Anchor<'n>>,
    pub(super) steps: Vec<Step<'n>>,
    /// What `fields` says in the words of the semantic conventions.
    pub(super) facts: Facts<'n>,
    /// The first of `errors`.
    pub(super) error: Option<&'n str>,
    unknown_fields: usize,
}

impl Wide<'_> {
    pub(super) fn warn(&self, warnings: &mut Warnings) {
        warnings.add(Warning::UnknownField, self.unknown_fields as u64);
    }
}

/// The trace that an event belongs to, if its id and trace can be read.
pub(super) fn trace_id(node: &Node<'_>) -> Option<[u8; 16]> {
    let given = text_field(node, "trace_id");
    match RawId::from_hex(&given) {
        RawId::Bytes(id) => Some(id),
        _ => parse_uuid(&text_field(node, "event_id")).map(|id| digest::trace_of_event(&id).0),
    }
}

pub(super) fn read<'n>(
    node: &'n Node<'n>,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Wide<'n>> {
    let mut fields = Fields::of(node, String::new(), problems)?;
    let f = &mut fields;
    let name_max = context.limits.name_bytes_max;
    check_version(f);
    let id = event_id(f);
    let kind = required_word(f, "kind", &KINDS);
    let status = required_word(f, "status", &STATUSES);
    let times = times(f, context);
    let service = f.required("service", name_max, "the service that did the work");
    let (env, version, instance) =
        (f.text("env", name_max), f.text("version", name_max), f.text("instance", name_max));
    let trace = hex_id::<16>(f, "trace_id").map(TraceId);
    let span = hex_id::<8>(f, "span_id").map(SpanId);
    let parent = hex_id::<8>(f, "parent_span_id").map(SpanId);
    if parent.is_some() && f.get("trace_id").is_none() {
        f.missing("trace_id", "the trace in which parent_span_id stands");
    }
    let mut steps = step::read_all(f, id.unwrap_or_default(), times.map(|t| t.0), context);
    let anchor = anchor(f, status, &mut steps, name_max);
    check_list(f, "logs");
    check_list(f, "errors");
    let (facts, error) = (facts(f, context), first_error(f));
    let unknown_fields = f.unknown(&FIELDS).len();
    let (id, (start, end)) = (id?, times?);
    let wide = Wide {
        id,
        start,
        end,
        kind: kind?,
        service: service?,
        env,
        version,
        instance,
        trace: trace.unwrap_or_else(|| digest::trace_of_event(&id)),
        span: span.unwrap_or_else(|| digest::span_of_event(&id, None)),
        parent,
        status: status?,
        anchor,
        steps,
        facts,
        error,
        unknown_fields,
    };
    check_spans(&wide, f);
    Some(wide)
}

fn check_version(f: &mut Fields<'_, '_>) {
    let expected = format!("{SCHEMA_VERSION:?}");
    match f.get("schema_version") {
        Some(Node::Text(version)) if version == SCHEMA_VERSION => {}
        Some(other) => f.invalid("schema_version", other, expected),
        None => f.missing("schema_version", expected),
    }
}

fn event_id(f: &mut Fields<'_, '_>) -> Option<[u8; 16]> {
    const EXPECTED: &str = "a UUID such as 0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e8f";
    let text = f.required("event_id", 128, EXPECTED)?;
    let id = parse_uuid(text);
    if id.is_none() {
        f.problem("event_id", RejectReason::InvalidField, quoted(text), EXPECTED);
    }
    id
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let dashes = text.match_indices('-').map(|(at, _)| at);
    if text.len() != 36 || !dashes.eq([8, 13, 18, 23]) {
        return None;
    }
    match RawId::from_hex(&text.replace('-', "")) {
        RawId::Bytes(id) => Some(id),
        _ => None,
    }
}

/// One of a closed set of words, which must be there.
fn required_word<T: Copy>(f: &mut Fields<'_, '_>, name: &str, words: &[(&str, T)]) -> Option<T> {
    if f.get(name).is_none() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        f.missing(name, format!("one of {}", words.join(", ")));
        return None;
    }
    f.one_of(name, words)
}

/// The end is `ts_end`, or where that is missing the start and `duration_ms`.
fn times(f: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<(Nanos, Nanos)> {
    if f.get("ts_start").is_none() {
        f.missing("ts_start", "the RFC 3339 time at which the work began");
    }
    let duration = f.millis("duration_ms");
    let given_end = f.time("ts_end");
    if f.get("ts_end").is_none() && f.get("duration_ms").is_none() {
        f.missing("ts_end", "the RFC 3339 time at which the work ended, or duration_ms");
    }
    let start = f.time("ts_start")?;
    let end = given_end.or_else(|| duration.map(|duration| start.saturating_add(duration)))?;
    if end < start {
        f.problem(
            "ts_end",
            RejectReason::EndBeforeStart,
            end.to_rfc3339(),
            format!("a time from {start} on"),
        );
    }
    if end > context.future_from() {
        f.problem("ts_end", RejectReason::InFuture, in_future(end, context), "a time that has come");
    }
    Some((start, end))
}

pub(super) fn hex_id<const N: usize>(f: &mut Fields<'_, '_>, name: &str) -> Option<[u8; N]> {
    let text = f.text(name, 128)?;
    match RawId::<N>::from_hex(text) {
        RawId::Bytes(id) if id != [0; N] => Some(id),
        _ => {
            let expected = format!("{} hex digits that are not all 0", 2 * N);
            f.problem(name, RejectReason::InvalidField, quoted(text), expected);
            None
        }
    }
}

/// What failed, and with what code. Of the steps with the anchor's name the first that failed is meant.
fn anchor<'n>(
    f: &mut Fields<'n, '_>,
    status: Option<Status>,
    steps: &mut [Step<'n>],
    name_max: usize,
) -> Option<Anchor<'n>> {
    let Some(Status::Failed(failed)) = status else { return None };
    let Some(node) = f.get("anchor") else {
        f.missing("anchor", "step and error_code of what failed, because status says that it failed");
        return None;
    };
    let mut f = Fields::of(node, f.path_of("anchor"), f.problems)?;
    let code = f.required("error_code", name_max, "a short code of the error");
    f.text("kind", name_max);
    if steps.is_empty() {
        return code.map(|code| Anchor { step: None, code });
    }
    let name = f.required("step", name_max, "the name of the step that failed")?;
    let named = |step: &Step<'_>| step.name == Some(name);
    let found =
        steps.iter().position(|step| named(step) && step.failed()).or_else(|| steps.iter().position(named));
    let Some(at) = found else {
        f.problem("step", RejectReason::InvalidField, quoted(name), "the name of one of the steps");
        return None;
    };
    match steps[at].status {
        None => steps[at].status = Some(Status::Failed(failed)),
        Some(Status::Failed(_)) => {}
        Some(Status::Ok | Status::Suppressed) => {
            f.problem(
                "step",
                RejectReason::InvalidField,
                quoted(name),
                "a step that failed, by its own status",
            );
        }
    }
    code.map(|code| Anchor { step: Some(at), code })
}

fn check_list(f: &mut Fields<'_, '_>, name: &str) {
    match f.get(name) {
        None | Some(Node::Array(_)) => {}
        Some(other) => f.invalid(name, other, "an array"),
    }
}

fn facts<'n>(f: &mut Fields<'n, '_>, context: &Context<'_>) -> Facts<'n> {
    let mut facts = Facts::new().with_further(context.limits.attributes_kept_max > 0);
    let entries = match f.get("fields") {
        None => return facts,
        Some(Node::Object(entries)) => entries,
        Some(other) => {
            f.invalid("fields", other, "an object");
            return facts;
        }
    };
    for (name, node) in entries.iter().take(context.limits.attributes_per_event_max) {
        let value = match node {
            Node::Text(text) => Value::Text((&**text).into()),
            Node::Int(number) => Value::Int(*number),
            Node::Float(number) => Value::Double(*number),
            Node::Bool(flag) => Value::Bool(*flag),
            _ => continue,
        };
        match (Attr::named(name.as_bytes()), &mut facts.further) {
            (Some(attr), _) => facts.set(attr, value),
            (None, Some(further)) => further.push(((&**name).into(), value)),
            (None, None) => {}
        }
    }
    facts
}

/// The text of the first of `errors`: itself, or its `message` or `reason`.
fn first_error<'n>(f: &mut Fields<'n, '_>) -> Option<&'n str> {
    let Some(Node::Array(errors)) = f.get("errors") else { return None };
    let text = |node: &'n Node<'n>| match node {
        Node::Text(text) => Some(&**text),
        _ => None,
    };
    match errors.first()? {
        Node::Object(entries) => {
            let named =
                |name: &str| entries.iter().find(|(key, _)| key == name).and_then(|(_, node)| text(node));
            named("message").or_else(|| named("reason"))
        }
        other => text(other),
    }
}

/// Each span once, and none its own parent.
fn check_spans(wide: &Wide<'_>, f: &mut Fields<'_, '_>) {
    if wide.parent == Some(wide.span) {
        let found = wide.span.to_string();
        f.problem("parent_span_id", RejectReason::InvalidParentSpanId, found, "another span than span_id");
    }
    let mut seen = std::collections::BTreeSet::from([wide.span]);
    for (index, step) in wide.steps.iter().enumerate() {
        if !seen.insert(step.span) {
            let path = format!("steps[{index}].span_id");
            let expected = "a span that stands nowhere else in the event";
            f.problems.add(path, RejectReason::InvalidSpanId, step.span.to_string(), expected);
        }
    }
}
