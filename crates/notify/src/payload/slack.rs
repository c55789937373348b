//! A message for an incoming webhook of Slack: the report's rendering under what happened.

use engine::render;
use serde_json::{Value, json};

use super::{Told, cut};

const HEADER_CHARS_MAX: usize = 150;
const TEXT_CHARS_MAX: usize = 3000;

pub(super) fn body(told: Told<'_>) -> String {
    let mut message = told.report.and_then(|report| serde_json::from_str(&render::slack(report)).ok());
    let message = message.get_or_insert_with(|| without_report(told));
    let before = |text: &Value, chars_max| {
        Value::from(cut(&format!("{}: {}", told.title(), text.as_str().unwrap_or_default()), chars_max))
    };
    message["text"] = before(&message["text"], TEXT_CHARS_MAX);
    if let Some(header) = message.pointer_mut("/blocks/0/text/text") {
        *header = before(header, HEADER_CHARS_MAX);
    }
    if let (Some(link), Some(blocks)) = (told.link(), message["blocks"].as_array_mut()) {
        // The address is of the configuration and has no character that could end it.
        let text = json!({ "type": "mrkdwn", "text": format!("<{link}|Read the report>"), "verbatim": true });
        blocks.insert(1, json!({ "type": "section", "text": text }));
    }
    message.to_string()
}

fn without_report(told: Told<'_>) -> Value {
    let incident = &told.notification.incident;
    let plain = |text: String, chars_max: usize| json!({ "type": "plain_text", "text": cut(&text, chars_max), "emoji": false });
    let title = format!("Incident {}: {}", incident.id, incident.state.as_str());
    let summary = render::slack_plain(&incident.summary);
    json!({
        "text": cut(&format!("{title}: {summary}"), TEXT_CHARS_MAX),
        "blocks": [
            { "type": "header", "text": plain(title, HEADER_CHARS_MAX) },
            { "type": "section", "text": plain(format!("{summary} "), 600) },
        ],
        "mrkdwn": false,
    })
}
