//! The log records of an `ExportLogsServiceRequest` in OTLP/JSON.

use serde::de::MapAccess;

use super::super::clerk::Resource;
use super::super::logs::{LogMapper, LogView};
use super::super::value::Budget;
use super::super::view::RawId;
use super::super::wire::Malformed;
use super::attributes::Attributes;
use super::seeds::{Enum, Many, Nanoseconds, Object, One, Text, ignore};
use super::values::Whole;
use super::{Item, Parts, items, resources};
use crate::DecodeError;

pub(super) const PARTS: Parts = Parts {
    blocks: ["resourceLogs", "resource_logs"],
    scopes: ["scopeLogs", "scope_logs"],
    items: ["logRecords", "log_records"],
    expected: "an ExportLogsServiceRequest in OTLP/JSON",
};
const SEVERITIES: Enum = Enum(&[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
]);

pub(crate) fn decode(body: &[u8], mapper: &mut LogMapper<'_>) -> Result<(), DecodeError> {
    let resources = resources(&PARTS, body, &mut mapper.clerk)?;
    items(&PARTS, body, &resources, &mut Record { mapper, view: LogView::new() })
}

struct Record<'p, 'c, 'de> {
    mapper: &'p mut LogMapper<'c>,
    view: LogView<'de>,
}

impl<'de> Object<'de> for Record<'_, '_, 'de> {
    fn begin(&mut self) {
        self.view.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let max = self.mapper.clerk.attributes_max();
        let view = &mut self.view;
        match name {
            "timeUnixNano" | "time_unix_nano" => view.time_ns = map.next_value_seed(Nanoseconds)?,
            "observedTimeUnixNano" | "observed_time_unix_nano" => {
                view.observed_ns = map.next_value_seed(Nanoseconds)?;
            }
            "severityNumber" | "severity_number" => view.severity = map.next_value_seed(SEVERITIES)?,
            "severityText" | "severity_text" => view.severity_text = map.next_value_seed(Text)?,
            "body" => {
                let mut body = Whole { value: &mut view.body, budget: &mut Budget::new() };
                map.next_value_seed(One(&mut body))?;
            }
            "attributes" => map.next_value_seed(Many(&mut Attributes::new(&mut view.facts, max)))?,
            "traceId" | "trace_id" => view.trace = RawId::from_hex(&map.next_value_seed(Text)?),
            "spanId" | "span_id" => view.span = RawId::from_hex(&map.next_value_seed(Text)?),
            "eventName" | "event_name" => view.event_name = map.next_value_seed(Text)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'de> Item<'de> for Record<'_, '_, 'de> {
    fn take(&mut self, resource: &Resource) -> Result<(), Malformed> {
        self.mapper.record(resource, &self.view)
    }
}
