//! From a borrowed log record to the model's: the one place where OTLP logs get their meaning, for every encoding.
//! `doc/reference/intake.md` shows the same rules as tables.

use std::borrow::Cow;

use model::{LogRecord, LogSeverity, Nanos, SpanId, Str, TraceId};
use serde_json::{Map, Value as Json};

use super::clerk::{Clerk, Refusal, Resource};
use super::kubernetes::{KubernetesEvent, workload_of};
use super::mapping::in_future;
use super::semconv::Attr;
use super::template::template;
use super::value::AnyValue;
use super::view::{Facts, RawId};
use super::wire::Malformed;
use crate::names::cut;
use crate::{Context, LogBatch, RejectReason};

/// What of a resource is needed for events of Kubernetes.
const KEPT: &[Attr] = &[Attr::K8sObjectKind, Attr::K8sObjectName];
/// Larger texts are not looked into for a JSON object.
const JSON_BYTES_MAX: usize = 16 * 1024;
/// Where structured logs have what they say.
const MESSAGE_MEMBERS: [&str; 5] = ["message", "msg", "log", "event", "error"];

/// One log record as a decoder found it, borrowed from the body.
#[derive(Debug)]
pub(crate) struct LogView<'a> {
    pub(crate) time_ns: u64,
    pub(crate) observed_ns: u64,
    pub(crate) severity: i32,
    pub(crate) severity_text: Cow<'a, str>,
    pub(crate) body: AnyValue<'a>,
    pub(crate) event_name: Cow<'a, str>,
    pub(crate) trace: RawId<16>,
    pub(crate) span: RawId<8>,
    pub(crate) facts: Facts<'a>,
    /// Kept texts that were not UTF-8.
    pub(crate) texts_not_utf8: u64,
}

impl<'a> LogView<'a> {
    pub(crate) fn new() -> Self {
        Self {
            time_ns: 0,
            observed_ns: 0,
            severity: 0,
            severity_text: Cow::Borrowed(""),
            body: AnyValue::Empty,
            event_name: Cow::Borrowed(""),
            trace: RawId::Absent,
            span: RawId::Absent,
            facts: Facts::new(),
            texts_not_utf8: 0,
        }
    }

    /// Empties the view for the next record without touching the slots that are empty already.
    pub(crate) fn clear(&mut self) {
        self.facts.clear();
        (self.time_ns, self.observed_ns, self.severity) = (0, 0, 0);
        (self.severity_text, self.event_name) = (Cow::Borrowed(""), Cow::Borrowed(""));
        self.body = AnyValue::Empty;
        (self.trace, self.span) = (RawId::Absent, RawId::Absent);
        self.texts_not_utf8 = 0;
    }
}

/// Maps the log records of one request.
#[derive(Debug)]
pub(crate) struct LogMapper<'c> {
    pub(crate) clerk: Clerk<'c>,
    logs: Vec<LogRecord>,
}

impl<'c> LogMapper<'c> {
    pub(crate) fn new(context: &'c Context<'c>) -> Self {
        Self { clerk: Clerk::new(context, KEPT), logs: Vec::new() }
    }

    pub(crate) fn finish(self) -> LogBatch {
        let Clerk { rejected, warnings, .. } = self.clerk;
        LogBatch { logs: self.logs, rejected, warnings }
    }

    /// Takes one record, or rejects it. Fails only where the request as a whole is too much.
    pub(crate) fn record(&mut self, resource: &Resource, view: &LogView<'_>) -> Result<(), Malformed> {
        let index = self.clerk.next_item("log records")?;
        match self.time(view) {
            Ok(at) => {
                self.clerk.remark(view.facts.seen, view.texts_not_utf8);
                let record = match kubernetes_event(resource, view) {
                    Some(event) => self.kubernetes(resource, view, at, &event),
                    None => self.plain(resource, view, at),
                };
                self.logs.push(record);
            }
            Err(refusal) => self.clerk.reject(index, String::new(), refusal),
        }
        Ok(())
    }

    /// When it happened, else when it was observed, else when it was received.
    fn time(&self, view: &LogView<'_>) -> Result<Nanos, Refusal> {
        let given = [view.time_ns, view.observed_ns].into_iter().find(|ns| *ns != 0).map(Nanos);
        let at = given.unwrap_or(self.clerk.context.received);
        if self.clerk.is_future(at) {
            let detail = in_future(at, self.clerk.context).replacen("it ends at", "it is of", 1);
            return Err((RejectReason::InFuture, detail));
        }
        Ok(at)
    }

    fn plain(&mut self, resource: &Resource, view: &LogView<'_>, at: Nanos) -> LogRecord {
        self.clerk.remark_unnamed(resource.named);
        let limits = self.clerk.context.limits;
        let body = view.body.compact(limits.text_bytes_max);
        let body = match body.trim() {
            "" => view.facts.text(Attr::ExceptionMessage).unwrap_or_default(),
            _ => body,
        };
        let named =
            view.facts.first(&[Attr::LogTemplate, Attr::MessageTemplateText, Attr::LogRecordTemplate]);
        let pattern = match template(&message(&view.body, &body), limits.name_bytes_max) {
            masked if masked.is_empty() => self.clerk.name(&event_name(view)),
            masked => self.clerk.shared(&masked),
        };
        let template = named.map_or_else(|| pattern.clone(), |named| self.clerk.name(&named));
        let exception = view.facts.text(Attr::ExceptionType).unwrap_or_default();
        LogRecord {
            env: resource.env.clone(),
            service: resource.service.clone(),
            version: resource.version.clone(),
            instance: resource.instance.clone(),
            at,
            severity: severity(view.severity, &view.severity_text),
            template,
            pattern,
            body: Str::from(cut(&body, limits.text_bytes_max)),
            exception: self.clerk.name(&exception),
            trace: id(view.trace).map(TraceId),
            span: id(view.span).map(SpanId),
        }
    }

    /// An event of Kubernetes is about an object, which is seldom what sent it.
    fn kubernetes(
        &mut self,
        resource: &Resource,
        view: &LogView<'_>,
        at: Nanos,
        event: &KubernetesEvent<'_>,
    ) -> LogRecord {
        let workload = workload_of(&event.object_kind, &event.object_name).filter(|name| !name.is_empty());
        let service = match workload {
            Some(workload) if !resource.named => self.clerk.name(workload),
            _ => resource.service.clone(),
        };
        let instance = match &*event.object_kind {
            "Pod" | "Node" => self.clerk.name(&event.object_name),
            _ => resource.instance.clone(),
        };
        let severity_text = if view.severity_text.is_empty() { &event.kind } else { &view.severity_text };
        let template = self.clerk.name(&format!("{}{}", LogRecord::KUBERNETES_EVENT, event.reason));
        LogRecord {
            env: resource.env.clone(),
            service,
            version: resource.version.clone(),
            instance,
            at,
            severity: severity(view.severity, severity_text),
            pattern: template.clone(),
            template,
            body: Str::from(cut(&event.message, self.clerk.context.limits.text_bytes_max)),
            exception: self.clerk.name(""),
            trace: None,
            span: None,
        }
    }
}

fn event_name<'v>(view: &'v LogView<'_>) -> Cow<'v, str> {
    match view.event_name.trim() {
        "" => view.facts.text(Attr::EventName).unwrap_or_default(),
        name => Cow::Borrowed(name),
    }
}

/// As `k8s_events` writes it, in attributes, or as `k8sobjects` does, in the body.
fn kubernetes_event<'v>(resource: &'v Resource, view: &'v LogView<'_>) -> Option<KubernetesEvent<'v>> {
    let Some(reason) = view.facts.text(Attr::K8sEventReason) else {
        return KubernetesEvent::from_body(&view.body);
    };
    let of_resource = |attr| resource.kept(attr).map(|text| Cow::Borrowed(&**text));
    let object = |attr| view.facts.text(attr).or_else(|| of_resource(attr)).unwrap_or_default();
    Some(KubernetesEvent {
        reason,
        message: view.body.compact(usize::MAX),
        kind: Cow::Borrowed(""),
        object_kind: object(Attr::K8sObjectKind),
        object_name: object(Attr::K8sObjectName),
    })
}

/// What a structured record says, apart from what it says it with.
fn message<'v>(body: &'v AnyValue<'_>, text: &'v str) -> Cow<'v, str> {
    let member = MESSAGE_MEMBERS.iter().find_map(|name| body.member(name)?.text());
    member.or_else(|| json_message(text).map(Cow::Owned)).unwrap_or(Cow::Borrowed(text))
}

/// The message of a line that is a JSON object.
fn json_message(text: &str) -> Option<String> {
    let text = text.trim();
    if !(text.starts_with('{') && text.ends_with('}') && text.len() <= JSON_BYTES_MAX) {
        return None;
    }
    let mut object: Map<String, Json> = serde_json::from_str(text).ok()?;
    MESSAGE_MEMBERS.iter().find_map(|name| match object.remove(*name) {
        Some(Json::String(message)) if !message.trim().is_empty() => Some(message),
        _ => None,
    })
}

/// Of the number, else of the text as the usual programs write it.
fn severity(number: i32, text: &str) -> LogSeverity {
    let of_number = LogSeverity::from_number(number);
    if of_number != LogSeverity::Unset {
        return of_number;
    }
    let text = text.trim();
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    match () {
        () if is(&["trace", "finest", "verbose"]) => LogSeverity::Trace,
        () if is(&["debug", "fine", "config"]) => LogSeverity::Debug,
        () if is(&["info", "information", "informational", "notice", "normal"]) => LogSeverity::Info,
        () if is(&["warn", "warning"]) => LogSeverity::Warn,
        () if is(&["error", "err", "severe"]) => LogSeverity::Error,
        () if is(&["fatal", "critical", "crit", "alert", "emerg", "emergency", "panic"]) => {
            LogSeverity::Fatal
        }
        () => LogSeverity::Unset,
    }
}

/// The protocol has it that a record with an invalid id is of no trace.
fn id<const N: usize>(id: RawId<N>) -> Option<[u8; N]> {
    match id {
        RawId::Bytes(bytes) if bytes != [0; N] => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
