//! `POST /v1/signals`: facts from outside the request path. Strict: a signal that is misspelt would be a fact lost.

use std::collections::BTreeMap;

use model::{Nanos, Signal, SignalKind, Str};

use crate::otlp::mapping::in_future;
use crate::strict::fields::{Fields, Problems};
use crate::strict::items::{self, Item, Shape};
use crate::strict::node::{Node, quoted};
use crate::{Context, DecodeError, RejectReason, Rejected, digest};

const SHAPE: Shape =
    Shape { member: "signals", expected: "a signal, an array of signals or {\"signals\": [..]}" };

const FIELDS: [&str; 11] = [
    "id",
    "kind",
    "subtype",
    "at",
    "env",
    "service",
    "instance",
    "subject",
    "status",
    "message",
    "attributes",
];

const KINDS: [(&str, SignalKind); 6] = [
    (SignalKind::Deploy.as_str(), SignalKind::Deploy),
    (SignalKind::Config.as_str(), SignalKind::Config),
    (SignalKind::Runtime.as_str(), SignalKind::Runtime),
    (SignalKind::Dependency.as_str(), SignalKind::Dependency),
    (SignalKind::Healthcheck.as_str(), SignalKind::Healthcheck),
    (SignalKind::Alert.as_str(), SignalKind::Alert),
];

const RUNTIME_SUBTYPES: [&str; 8] = [
    "oom_killed",
    "crashloop",
    "readiness_fail",
    "liveness_fail",
    "panic",
    "uncaught_exception",
    "unhandled_rejection",
    "node_pressure",
];

/// What a change of configuration is of, where it is said.
const CONFIG_SUBTYPES: [&str; 2] = ["feature_flag", "setting"];

/// A single object, an array, or `{"signals": [..]}`.
pub fn from_json(body: &[u8], context: &Context<'_>) -> Result<(Vec<Signal>, Vec<Rejected>), DecodeError> {
    let limits = context.limits;
    DecodeError::check_size(body, limits.body_bytes_max)?;
    let (mut signals, mut rejected) = (Vec::new(), Vec::new());
    items::read(body, SHAPE, limits, &mut |item| {
        if item.index == limits.facts_per_request_max {
            return Err(DecodeError::TooMany { what: SHAPE.member, max: limits.facts_per_request_max });
        }
        match signal(&item, context) {
            Ok(signal) => signals.push(signal),
            Err(refused) => rejected.push(refused),
        }
        Ok(())
    })?;
    Ok((signals, rejected))
}

fn signal(item: &Item<'_>, context: &Context<'_>) -> Result<Signal, Rejected> {
    let mut problems = Problems::new(context.limits.problems_per_item_max);
    items::check_bound(item, context.limits, &mut problems);
    let id = items::text_field(&item.node, "id");
    let signal = Fields::of(&item.node, String::new(), &mut problems).and_then(|mut f| read(&mut f, context));
    match signal {
        Some(signal) if problems.found == 0 => Ok(signal),
        _ => Err(Rejected::from_problems(item.index, id, problems.into_list())),
    }
}

fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Signal> {
    let limits = context.limits;
    fields.refuse_unknown(&FIELDS);
    let id = fields.name("id", limits.id_bytes_max);
    let kind = fields.one_of("kind", &KINDS);
    if kind.is_none() && fields.get("kind").is_none() {
        fields.missing("kind", format!("one of {}", SignalKind::ALL.map(SignalKind::as_str).join(", ")));
    }
    let mut signal = Signal {
        id: Str::from(""),
        kind: kind.unwrap_or(SignalKind::Alert),
        subtype: fields.name("subtype", limits.name_bytes_max).unwrap_or_default(),
        at: time(fields, context),
        env: fields.name("env", limits.name_bytes_max),
        service: fields.name("service", limits.name_bytes_max),
        instance: fields.name("instance", limits.name_bytes_max),
        subject: fields.name("subject", limits.name_bytes_max),
        status: fields.name("status", limits.name_bytes_max).unwrap_or_default(),
        message: fields.name("message", limits.text_bytes_max).unwrap_or_default(),
        attributes: attributes(fields, context),
    };
    check_kind(kind?, &signal, fields);
    signal.id = id.unwrap_or_else(|| derived_id(&signal));
    Some(signal)
}

/// The time that the caller gives, else that of receipt.
pub(crate) fn time(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Nanos {
    let at = fields.time("at").unwrap_or(context.received);
    if at > context.future_from() {
        let found = in_future(at, context).replacen("it ends at", "a time of", 1);
        fields.problem("at", RejectReason::InFuture, found, "a time that has come");
    }
    at
}

/// What a signal of this kind must say to be of use.
fn check_kind(kind: SignalKind, signal: &Signal, fields: &mut Fields<'_, '_>) {
    let subtype = &*signal.subtype;
    if kind == SignalKind::Runtime && !RUNTIME_SUBTYPES.contains(&subtype) {
        let expected = format!("one of {}", RUNTIME_SUBTYPES.join(", "));
        match subtype {
            "" => fields.missing("subtype", expected),
            _ => fields.problem("subtype", RejectReason::InvalidField, quoted(subtype), expected),
        }
    }
    if kind == SignalKind::Config && !subtype.is_empty() && !CONFIG_SUBTYPES.contains(&subtype) {
        let expected = format!("one of {}, or none", CONFIG_SUBTYPES.join(", "));
        fields.problem("subtype", RejectReason::InvalidField, quoted(subtype), expected);
    }
    let statuses: &[&str] = match kind {
        SignalKind::Dependency | SignalKind::Healthcheck => &["down", "degraded", "up"],
        SignalKind::Alert => &["firing", "resolved"],
        SignalKind::Deploy | SignalKind::Config | SignalKind::Runtime => &[""],
    };
    if !statuses.contains(&&*signal.status) {
        let expected = format!("one of {}", statuses.join(", "));
        match (&*signal.status, statuses) {
            ("", _) => fields.missing("status", expected),
            (status, [""]) => {
                let expected = format!("no status for {}", kind.as_str());
                fields.problem("status", RejectReason::InvalidField, quoted(status), expected);
            }
            (status, _) => fields.problem("status", RejectReason::InvalidField, quoted(status), expected),
        }
    }
    check_about(kind, signal, fields);
}

fn check_about(kind: SignalKind, signal: &Signal, fields: &mut Fields<'_, '_>) {
    let (service, subject) = (signal.service.is_some(), signal.subject.is_some());
    let (missing, expected) = match kind {
        SignalKind::Deploy => (!service, ("service", "the service that was deployed")),
        SignalKind::Config if !signal.subtype.is_empty() => {
            (!subject, ("subject", "the flag or setting that changed"))
        }
        SignalKind::Config => (!service && !subject, ("subject", "the setting that changed, or a service")),
        SignalKind::Runtime => (
            !service && !subject && signal.instance.is_none(),
            ("service", "a service, an instance or a subject"),
        ),
        SignalKind::Dependency => (!subject, ("subject", "the dependency that it speaks of")),
        SignalKind::Healthcheck => {
            (!service && !subject, ("service", "the service that was checked, or a subject"))
        }
        SignalKind::Alert => (false, ("", "")),
    };
    if missing {
        fields.missing(expected.0, expected.1);
    }
}

fn attributes(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> BTreeMap<Str, Str> {
    let limits = context.limits;
    let mut attributes = BTreeMap::new();
    let entries = match fields.get("attributes") {
        None => return attributes,
        Some(Node::Object(entries)) => entries,
        Some(other) => {
            fields.invalid("attributes", other, "an object of texts, numbers and booleans");
            return attributes;
        }
    };
    if entries.len() > limits.signal_attributes_max {
        let found = format!("{} attributes", entries.len());
        fields.problem(
            "attributes",
            RejectReason::TooLarge,
            found,
            format!("at most {}", limits.signal_attributes_max),
        );
        return attributes;
    }
    for (name, value) in entries {
        let text = match value {
            Node::Text(text) => text.to_string(),
            Node::Bool(_) | Node::Int(_) | Node::Float(_) => value.describe(),
            Node::Null => continue,
            Node::Array(_) | Node::Object(_) | Node::Cut => {
                fields.invalid("attributes", value, format!("a text, number or boolean as {}", quoted(name)));
                continue;
            }
        };
        if name.len() > limits.name_bytes_max || text.len() > limits.text_bytes_max {
            let found = format!("{} of {} and {} bytes", quoted(name), name.len(), text.len());
            let expected =
                format!("a name of {} and a value of {} bytes", limits.name_bytes_max, limits.text_bytes_max);
            fields.problem("attributes", RejectReason::TooLarge, found, format!("at most {expected}"));
            continue;
        }
        attributes.insert(Str::from(&**name), Str::from(text));
    }
    attributes
}

/// The same content has the same id. Where the caller gave no time, the time of receipt is part of it.
fn derived_id(signal: &Signal) -> Str {
    let at = signal.at.0.to_be_bytes();
    let optional =
        |text: &Option<Str>| text.as_ref().map_or_else(|| vec![0], |text| [b"+", text.as_bytes()].concat());
    let mut parts: Vec<Vec<u8>> = vec![
        signal.kind.as_str().into(),
        signal.subtype.as_bytes().into(),
        at.into(),
        optional(&signal.env),
        optional(&signal.service),
        optional(&signal.instance),
        optional(&signal.subject),
        signal.status.as_bytes().into(),
        signal.message.as_bytes().into(),
    ];
    for (name, value) in &signal.attributes {
        parts.extend([name.as_bytes().into(), value.as_bytes().into()]);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    digest::content_id("sig_", &parts).into()
}

#[cfg(test)]
mod tests;
