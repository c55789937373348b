//! Lines that say less: users, texts for people and values that nobody reads become words without meaning, the same word
//! for the same text within one bundle. What the core reads stays. What cannot be taken apart is left out.

mod words;

use intake::otlp::{AttributeUse, attribute_use, generalise, template};
use model::Nanos;
use serde_json::{Map, Value};

use crate::{InputKind, InputLine};

/// A log's template has no more.
const TEMPLATE_BYTES_MAX: usize = 1_024;
/// Where structured logs have what they say.
const MESSAGES: [&str; 5] = ["message", "msg", "log", "event", "error"];

/// Makes the words of one bundle.
#[derive(Debug, Clone)]
pub struct Redaction {
    salt: [u8; 16],
}

impl Redaction {
    /// The salt must be new for each bundle and is forgotten with it.
    pub fn new(salt: [u8; 16]) -> Self {
        Self { salt }
    }

    pub fn redact(&self, line: InputLine) -> Option<InputLine> {
        if line.body.is_empty() || line.kind == InputKind::Configure {
            return Some(line);
        }
        let mut body: Value = serde_json::from_slice(&line.body).ok()?;
        match line.kind {
            InputKind::OtlpTraces | InputKind::OtlpLogs => self.telemetry(&mut body, ""),
            InputKind::OtlpMetrics => self.metrics(&mut body, ""),
            kind => self.document(kind, &mut body, "", ""),
        }
        Some(InputLine { body: body.to_string().into_bytes(), ..line })
    }

    /// Spans and log records.
    fn telemetry(&self, value: &mut Value, key: &str) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|item| self.telemetry(item, key)),
            Value::Object(map) => {
                let is_span = map.contains_key("spanId") || map.contains_key("span_id");
                for (key, value) in map.iter_mut() {
                    match key.as_str() {
                        "attributes" => self.attributes(value),
                        "body" => self.log_body(value),
                        "status" => self.status(value),
                        "name" if is_span => {
                            if let Value::String(name) = value {
                                *name = generalise(name).into_owned();
                            }
                        }
                        key => self.telemetry(value, key),
                    }
                }
            }
            Value::String(text) if !words::is_kept_of_telemetry(key) && !is_number(text) => {
                *text = self.word(text);
            }
            _ => {}
        }
    }

    /// Attributes of data points name the series, and stay.
    fn metrics(&self, value: &mut Value, key: &str) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|item| self.metrics(item, key)),
            Value::Object(map) => {
                map.remove("exemplars");
                map.remove("metadata");
                for (key, value) in map.iter_mut() {
                    match key.as_str() {
                        "resource" => self.telemetry(value, key),
                        "attributes" => self.users(value),
                        key => self.metrics(value, key),
                    }
                }
            }
            Value::String(text) if !words::is_kept_of_telemetry(key) && !is_number(text) => {
                *text = self.word(text);
            }
            _ => {}
        }
    }

    fn attributes(&self, list: &mut Value) {
        self.each_attribute(list, |name, value| match attribute_use(name) {
            AttributeUse::Read => {}
            AttributeUse::Message => self.in_place(value, |text| self.message(text)),
            AttributeUse::Address => self.in_place(value, |text| self.address(text)),
            AttributeUse::User | AttributeUse::Unread => *value = self.text_value(value),
        });
    }

    fn users(&self, list: &mut Value) {
        self.each_attribute(list, |name, value| {
            if attribute_use(name) == AttributeUse::User {
                *value = self.text_value(value);
            }
        });
    }

    /// Keys without values are as they were; a list that is none is emptied.
    fn each_attribute(&self, list: &mut Value, mut each: impl FnMut(&str, &mut Value)) {
        let Value::Array(items) = list else {
            *list = Value::Array(Vec::new());
            return;
        };
        for item in items {
            let name = item.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(value) = item.get_mut("value") {
                each(&name, value);
            }
        }
    }

    /// A value whatever its type as a word.
    fn text_value(&self, value: &Value) -> Value {
        let text = value.get("stringValue").or_else(|| value.get("string_value")).and_then(Value::as_str);
        let word = self.word(&text.map_or_else(|| value.to_string(), str::to_owned));
        serde_json::json!({ "stringValue": word })
    }

    /// Every text of a value.
    fn in_place(&self, value: &mut Value, change: impl Fn(&str) -> String + Copy) {
        match value {
            Value::String(text) => *text = change(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.in_place(item, change)),
            Value::Object(map) => map.values_mut().for_each(|item| self.in_place(item, change)),
            _ => {}
        }
    }

    fn status(&self, status: &mut Value) {
        if let Some(Value::String(message)) = status.get_mut("message") {
            *message = self.message(message);
        }
    }

    /// What the core knows of a log is its template.
    fn log_body(&self, body: &mut Value) {
        let text = body.get("stringValue").or_else(|| body.get("string_value")).and_then(Value::as_str);
        let said = match text.map(serde_json::from_str::<Map<String, Value>>) {
            Some(Ok(members)) => {
                MESSAGES.iter().find_map(|name| members.get(*name)?.as_str().map(str::to_owned))
            }
            Some(Err(_)) => text.map(str::to_owned),
            None => member_of(body),
        };
        let said = said.map_or_else(String::new, |said| template(&said, TEMPLATE_BYTES_MAX));
        *body = serde_json::json!({ "stringValue": said });
    }

    /// Wide events, signals, deployments, alerts and actions: documents of which some members are read.
    fn document(&self, kind: InputKind, value: &mut Value, parent: &str, key: &str) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|item| self.document(kind, item, parent, key)),
            Value::Object(map) => {
                for (name, value) in map.iter_mut() {
                    match (kind, name.as_str()) {
                        (InputKind::Events, "fields") => self.fields(value),
                        (InputKind::Alert, "labels" | "commonLabels" | "groupLabels") => {}
                        (_, name) => self.document(kind, value, key, name),
                    }
                }
            }
            Value::String(text) if words::is_kept(kind, parent, key) || is_time(text) => {}
            // What an alert measured; any other number in a text may be somebody's.
            Value::String(text) if kind == InputKind::Alert && key == "value" && is_number(text) => {}
            Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
                *text = format!("https://redacted.invalid/{}", self.word(text));
            }
            Value::String(text) => *text = self.message(text),
            _ => {}
        }
    }

    /// The fields of a wide event, by the names of attributes.
    fn fields(&self, fields: &mut Value) {
        let Value::Object(map) = fields else { return };
        for (name, value) in map.iter_mut() {
            match attribute_use(name) {
                AttributeUse::Read => {}
                AttributeUse::Message => self.in_place(value, |text| self.message(text)),
                AttributeUse::Address => self.in_place(value, |text| self.address(text)),
                AttributeUse::User | AttributeUse::Unread => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    *value = Value::String(self.word(&text));
                }
            }
        }
    }

    /// Of a text for people only that it speaks of a timeout is read.
    fn message(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let is_timeout = words::TIMEOUTS.iter().any(|word| lower.contains(word));
        let word = self.word(text);
        if is_timeout { format!("timeout {word}") } else { word }
    }

    /// Scheme, host and port.
    fn address(&self, text: &str) -> String {
        let Some((scheme, rest)) = text.split_once("://") else { return self.word(text) };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}")
    }

    fn word(&self, text: &str) -> String {
        words::word(&self.salt, text)
    }
}

/// What a body says that has members.
fn member_of(body: &Value) -> Option<String> {
    let list = body.get("kvlistValue").or_else(|| body.get("kvlist_value"))?;
    let members = list.get("values")?.as_array()?;
    MESSAGES.iter().find_map(|name| {
        let member = members.iter().find(|member| member.get("key").is_some_and(|key| key == name))?;
        let value = member.get("value")?;
        value.get("stringValue").or_else(|| value.get("string_value"))?.as_str().map(str::to_owned)
    })
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn is_time(text: &str) -> bool {
    Nanos::parse_rfc3339(text).is_ok()
}

#[cfg(test)]
mod tests;
