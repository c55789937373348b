//! Entries as lines, and what a line gives as input: the same as the entry.

use intake::record::{alerts_payload, decode, encode};
use intake::{Context, Limits};
use model::{AcceptBaseline, AlertProvider, Evidence, Input};

use super::*;
use crate::{LINE_BYTES_MAX, decode as decode_line};

const AT: Nanos = Nanos::from_secs(1_800_000_000);

fn line(kind: Kind, payload: &[u8]) -> InputLine {
    let line = line_of_entry(kind as u8, payload, AT).unwrap();
    let mut text = Vec::new();
    line.write(&mut text).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1, "{kind:?}");
    InputLine::read(text.trim_ascii_end()).unwrap()
}

#[test]
fn a_line_gives_the_input_of_its_entry() {
    let limits = Limits::default();
    let context = Context { received: AT, limits: &limits, user_salt: b"casebook-eval-00" };
    let event = |id: &str| {
        format!(
            r#"{{"schema_version":"2.0","event_id":"0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e8{id}","kind":"http",
               "service":"pay","ts_start":"2027-01-15T07:59:00Z","duration_ms":250.5,"status":"ok"}}"#
        )
    };
    let ndjson =
        format!("{}\n\nno json\n{}\r\n", event("a").replace('\n', " "), event("b").replace('\n', " "));
    let accepted = AcceptBaseline { actor: "a\nb".into(), until: AT, env: None, service: None };
    let (accept, accept_payload) = encode(&Input::AcceptBaseline(accepted));
    let (configure, configure_payload) = encode(&Input::Configure("{\"tick_ms\":100}".into()));
    let alert = br#"[{"title": "t",
        "status": "firing"}]"#;
    for (kind, payload) in [
        (Kind::WideJson, event("a").into_bytes()),
        (Kind::WideNdjson, ndjson.into_bytes()),
        (Kind::Alerts, alerts_payload(AlertProvider::Native, alert)),
        (Kind::Tick, Vec::new()),
        (accept, accept_payload),
        (configure, configure_payload),
    ] {
        let expected = decode(kind as u8, &payload, &context).unwrap();
        assert_ne!(expected, Input::Events(Vec::new()));
        assert_eq!(decode_line(&line(kind, &payload)).unwrap().input, expected, "{kind:?}");
    }
}

#[test]
fn evidence_is_news_without_a_body() {
    let (kind, payload) = encode(&Input::Evidence(Evidence { traces: Vec::new() }));
    assert_eq!(line(kind, &payload).kind, InputKind::Evidence);
    assert!(line_of_entry(200, b"", AT).is_err());
    assert!(line_of_entry(Kind::Alerts as u8, b"", AT).is_err());
}

#[test]
fn what_is_too_long_for_a_line_as_json_is_none() {
    // A control character has six bytes in JSON.
    let text = vec![1u8; LINE_BYTES_MAX / 6];
    let field = |number: u8, body: &[u8]| {
        let mut length = body.len();
        let mut bytes = vec![number << 3 | 2];
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        [&bytes[..], body].concat()
    };
    // Resource spans, of which the schema's address is such a text.
    let request = field(1, &field(3, &text));
    let error = line_of_entry(Kind::OtlpTracesProtobuf as u8, &request, AT).unwrap_err();
    assert!(matches!(error, EntryError::TooLong { bytes } if bytes > LINE_BYTES_MAX - 1024), "{error}");
    let short = field(1, &field(3, &text[..1_000]));
    assert!(line_of_entry(Kind::OtlpTracesProtobuf as u8, &short, AT).is_ok());
}
