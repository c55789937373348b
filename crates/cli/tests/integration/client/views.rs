//! What the commands show, and that programs get what the server said.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answers::{HOSTILE, errors, explanation, hostile_incident, incident, incidents, trace};
use super::fake::Fake;
use super::{ask, casebook, code, shown, stderr, stdout};

const INCIDENT: &str = "inc_4f0c2a9d1b7e6358";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn incidents_are_a_table() {
    let fake = Fake::json(&incidents());
    insta::assert_snapshot!(shown(&fake, &["incidents"]));
    assert_eq!(fake.asked().line, "GET /v1/incidents?state=open");
}

#[test]
fn filters_are_sent_as_they_were_given() {
    let fake = Fake::json(&incidents());
    let filters =
        ["--state", "all", "--env", "a&b=c ü", "--service", "pay/ment", "--limit", "2", "--cursor", "i1"];
    shown(&fake, &[&["incidents"][..], &filters].concat());
    let expected = "GET /v1/incidents?state=all&env=a%26b%3Dc+%C3%BC&service=pay%2Fment&limit=2&cursor=i1";
    assert_eq!(fake.asked().line, expected);
}

#[test]
fn no_incident_is_said_in_words() {
    let none = api::IncidentsPage { incidents: vec![], next_cursor: None };
    assert_eq!(shown(&Fake::json(&none), &["incidents"]), "No incident is open.\n");
    assert_eq!(shown(&Fake::json(&none), &["incidents", "--state", "all"]), "No incidents.\n");
    let none = api::ErrorsPage { errors: vec![], total: 0 };
    assert_eq!(shown(&Fake::json(&none), &["errors"]), "No failures.\n");
}

#[test]
fn an_incident_is_a_list_of_fields() {
    let fake = Fake::json(&incident());
    insta::assert_snapshot!(shown(&fake, &["incident", INCIDENT]));
    assert_eq!(fake.asked().line, format!("GET /v1/incidents/{INCIDENT}"));
    insta::assert_snapshot!(shown(&Fake::json(&hostile_incident()), &["incident", INCIDENT]));
}

#[test]
fn errors_are_a_table() {
    let fake = Fake::json(&errors());
    insta::assert_snapshot!(shown(&fake, &["errors", "--limit", "3"]));
    assert_eq!(fake.asked().line, "GET /v1/errors?limit=3");
}

#[test]
fn a_trace_is_a_tree() {
    let fake = Fake::json(&trace());
    insta::assert_snapshot!(shown(&fake, &["trace", TRACE]));
    assert_eq!(fake.asked().line, format!("GET /v1/traces/{TRACE}"));
}

#[test]
fn an_explanation_leads_from_the_origin_outwards() {
    let fake = Fake::json(&explanation());
    insta::assert_snapshot!(shown(&fake, &["explain", TRACE]));
    assert_eq!(fake.asked().line, format!("GET /v1/traces/{TRACE}/explanation"));
}

#[test]
fn nothing_that_acts_on_a_terminal_is_printed() {
    let markdown = Fake::new(200, &[], format!("# Report\n\n{HOSTILE}\n"));
    let shown = [
        shown(&Fake::json(&incidents()), &["incidents"]),
        shown(&Fake::json(&incidents()), &["incidents", "--json"]),
        shown(&Fake::json(&hostile_incident()), &["incident", INCIDENT]),
        shown(&Fake::json(&errors()), &["errors"]),
        shown(&Fake::json(&errors()), &["errors", "--json"]),
        shown(&Fake::json(&trace()), &["trace", TRACE]),
        shown(&Fake::json(&trace()), &["trace", TRACE, "--json"]),
        shown(&Fake::json(&explanation()), &["explain", TRACE]),
        shown(&markdown, &["report", INCIDENT]),
    ];
    for text in shown {
        let acts = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
        assert!(!text.chars().any(acts), "{text:?}");
        assert!(text.contains("alert"), "{text}");
    }
}

#[test]
fn json_is_what_the_server_said() {
    for (arguments, said) in [
        (&["incidents", "--json"][..], serde_json::to_value(incidents()).unwrap()),
        (&["incident", INCIDENT, "--json"], serde_json::to_value(hostile_incident()).unwrap()),
        (&["errors", "--json"], serde_json::to_value(errors()).unwrap()),
        (&["trace", TRACE, "--json"], serde_json::to_value(trace()).unwrap()),
        (&["explain", TRACE, "--json"], serde_json::to_value(explanation()).unwrap()),
    ] {
        let text = shown(&Fake::json(&said), arguments);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), said, "{arguments:?}");
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_report_in_json_is_printed_byte_for_byte() {
    let bytes = "{\"a\":\"\u{9b}é\u{202e}\",\"b\":1}".as_bytes();
    let etag = format!("\"{}\"", hash(bytes));
    let fake = Fake::new(200, &[("etag", &etag)], bytes);
    let output = ask(&fake, &["report", INCIDENT, "--format", "json"]);
    assert_eq!((code(&output), output.stdout.as_slice()), (0, bytes));
    let asked = fake.asked();
    assert_eq!(asked.line, format!("GET /v1/incidents/{INCIDENT}/report?format=json"));
    assert_eq!(asked.headers["accept"], "application/json");

    let fake = Fake::new(200, &[], bytes);
    let output = ask(&fake, &["report", &hash(bytes).to_uppercase(), "--format", "json"]);
    assert_eq!((code(&output), output.stdout.as_slice()), (0, bytes));
    assert_eq!(fake.asked().line, format!("GET /v1/reports/{}?format=json", hash(bytes)));
}

#[test]
fn a_report_that_lost_its_hash_is_not_printed() {
    let wrong = hash(b"{}");
    let etag = format!("\"{wrong}\"");
    let by_incident =
        ask(&Fake::new(200, &[("etag", &etag)], "{ }"), &["report", INCIDENT, "--format", "json"]);
    let by_hash = ask(&Fake::new(200, &[("etag", &etag)], "{ }"), &["report", &wrong, "--format", "json"]);
    let unnamed = ask(&Fake::new(200, &[], "{}"), &["report", INCIDENT, "--format", "json"]);
    for output in [by_incident, by_hash, unnamed] {
        assert_eq!((code(&output), stdout(&output).as_str()), (4, ""));
        assert!(stderr(&output).contains("hash"), "{}", stderr(&output));
    }
}

#[test]
fn a_report_is_markdown_unless_asked_otherwise() {
    let fake = Fake::new(200, &[], "# inc\n\nBody\n");
    assert_eq!(shown(&fake, &["report", INCIDENT]), "# inc\n\nBody\n");
    let asked = fake.asked();
    assert_eq!(asked.line, format!("GET /v1/incidents/{INCIDENT}/report?format=markdown"));
    assert_eq!(asked.headers["accept"], "text/markdown");
    for (format, accept) in
        [("html", "text/html"), ("slack", "application/json"), ("pagerduty", "text/plain")]
    {
        let fake = Fake::new(200, &[], "as it came\n");
        assert_eq!(shown(&fake, &["report", INCIDENT, "--format", format]), "as it came\n");
        let asked = fake.asked();
        assert_eq!(asked.line, format!("GET /v1/incidents/{INCIDENT}/report?format={format}"));
        assert_eq!(asked.headers["accept"], accept);
    }
}

#[test]
fn server_and_key_may_come_from_the_environment() {
    let fake = Fake::json(&errors());
    let output = casebook(&["errors"])
        .env("CASEBOOK_SERVER", format!("{}/behind/a/prefix/", fake.url()))
        .env("CASEBOOK_KEY", "cb_secret")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let asked = fake.asked();
    assert_eq!(asked.line, "GET /behind/a/prefix/v1/errors");
    assert_eq!(asked.headers["authorization"], "Bearer cb_secret");
}

#[test]
fn no_key_sends_none() {
    let fake = Fake::json(&errors());
    shown(&fake, &["errors"]);
    assert!(!fake.asked().headers.contains_key("authorization"));
}
