//! Of a line of telemetry, what the named services sent. Facts (signals, deployments, alerts, what people did) stay
//! whatever they are about, and so does telemetry that names no service: of nodes and workloads.

use std::collections::BTreeSet;

use engine::report::Report;
use serde_json::Value;

use crate::{InputKind, InputLine};

/// The services whose telemetry stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    services: BTreeSet<String>,
}

impl Selection {
    /// Every service that a report names: on the chain, in the blast radius, among symptoms and suspects, and those
    /// that causes are about.
    pub fn of(report: &Report) -> Self {
        let mut services: BTreeSet<String> = report.blast_radius.services.iter().cloned().collect();
        services.extend(report.blast_radius.operations.iter().map(|operation| operation.service.clone()));
        services.extend(report.propagation.iter().map(|hop| hop.service.clone()));
        services.extend(report.symptoms.iter().map(|symptom| symptom.service.clone()));
        services.extend(report.suspects.iter().map(|suspect| suspect.service.clone()));
        services.extend(report.hypotheses.iter().filter_map(|hypothesis| hypothesis.subject.clone()));
        services.extend(report.change.iter().map(|change| change.service.clone()));
        services.extend(report.signals.iter().filter_map(|signal| signal.service.clone()));
        services.extend(report.runtime.iter().filter_map(|signal| signal.service.clone()));
        services.extend(report.alerts.iter().filter_map(|alert| alert.service.clone()));
        if let Some(origin) = &report.origin {
            services.insert(origin.service.clone());
            services.extend(origin.callee.clone());
        }
        services.remove("");
        Self { services }
    }

    pub fn add(&mut self, service: &str) {
        self.services.insert(service.to_owned());
    }

    /// The line with what stays; `None` where nothing does.
    pub fn keep(&self, line: InputLine) -> Option<InputLine> {
        let blocks = match line.kind {
            InputKind::OtlpTraces => ["resourceSpans", "resource_spans"],
            InputKind::OtlpLogs => ["resourceLogs", "resource_logs"],
            InputKind::OtlpMetrics => ["resourceMetrics", "resource_metrics"],
            InputKind::Events => return self.keep_events(line),
            _ => return Some(line),
        };
        // What cannot be taken apart stays whole.
        let Ok(mut body) = serde_json::from_slice::<Value>(&line.body) else { return Some(line) };
        let lists = blocks.iter().filter_map(|name| name_of_list(&body, name)).collect::<Vec<_>>();
        for name in &lists {
            if let Some(list) = body.get_mut(name).and_then(Value::as_array_mut) {
                list.retain(|block| service_of(block).is_none_or(|service| self.services.contains(service)));
            }
        }
        let is_empty =
            lists.iter().all(|name| body.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty));
        (!is_empty).then(|| InputLine { body: body.to_string().into_bytes(), ..line })
    }

    fn keep_events(&self, line: InputLine) -> Option<InputLine> {
        let Ok(mut body) = serde_json::from_slice::<Value>(&line.body) else { return Some(line) };
        let stays = |event: &Value| {
            let service = event.get("service").and_then(Value::as_str);
            service.is_none_or(|service| self.services.contains(service))
        };
        let list = match &mut body {
            Value::Array(list) => Some(list),
            Value::Object(map) => map.get_mut("events").and_then(Value::as_array_mut),
            _ => None,
        };
        let is_kept = match list {
            Some(list) => {
                list.retain(stays);
                !list.is_empty()
            }
            None => stays(&body),
        };
        is_kept.then(|| InputLine { body: body.to_string().into_bytes(), ..line })
    }
}

fn name_of_list<'n>(body: &Value, name: &&'n str) -> Option<&'n str> {
    body.get(name).map(|_| *name)
}

/// What a resource's `service.name` says.
fn service_of(block: &Value) -> Option<&str> {
    let attributes = block.get("resource")?.get("attributes")?.as_array()?;
    let named =
        attributes.iter().find(|attribute| attribute.get("key").is_some_and(|key| key == "service.name"))?;
    let value = named.get("value")?;
    value.get("stringValue").or_else(|| value.get("string_value"))?.as_str()
}

#[cfg(test)]
mod tests;
