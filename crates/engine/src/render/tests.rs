//! What every rendering looks like, and that nothing which came from outside acts on any of them.

mod hostile;

use serde_json::Value;

use super::*;
use crate::report::Report;

const SAMPLE: &str = include_str!("tests/sample.json");
/// A report of today: what the sample does not have yet is taken from here, empty.
const CURRENT: &str = include_str!("../../../../doc/formats/vectors/bad-version.json");

fn sample_json() -> Value {
    let (mut sample, current) =
        (serde_json::from_str(SAMPLE).unwrap(), serde_json::from_str(CURRENT).unwrap());
    complete(&mut sample, &current);
    sample
}

fn sample() -> Report {
    serde_json::from_value(sample_json()).unwrap()
}

/// Members that reports have got since the sample was written.
fn complete(sample: &mut Value, current: &Value) {
    match (sample, current) {
        (Value::Object(sample), Value::Object(current)) => {
            for (name, value) in current {
                let part = sample.entry(name).or_insert_with(|| blank(value));
                complete(part, value);
            }
        }
        (Value::Array(sample), Value::Array(current)) => {
            if let Some(first) = current.first() {
                sample.iter_mut().for_each(|part| complete(part, first));
            }
        }
        _ => {}
    }
}

fn blank(value: &Value) -> Value {
    match value {
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), blank(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn markdown_looks_like_this() {
    insta::assert_snapshot!(markdown(&sample()));
}

#[test]
fn html_looks_like_this() {
    let page = html(&sample());
    // The style stands in a file of its own.
    let (start, end) = (page.find("<style>").unwrap(), page.find("</style>").unwrap());
    insta::assert_snapshot!(format!("{}{}", &page[..start], &page[end + "</style>".len()..]));
}

#[test]
fn slack_looks_like_this() {
    let message: Value = serde_json::from_str(&slack(&sample())).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&message).unwrap());
}

#[test]
fn a_pagerduty_note_looks_like_this() {
    insta::assert_snapshot!(pagerduty_note(&sample()));
}

#[test]
fn root_cause_critical_failure_and_impact_come_before_all_sections() {
    let report = sample();
    for text in [markdown(&report), html(&report), slack(&report), pagerduty_note(&report)] {
        let lower = text.to_lowercase();
        let at = |words: &str| lower.find(words).unwrap_or_else(|| panic!("{words} is not in {text}"));
        let places = [at("root cause"), at("critical failure"), at("impact"), at("origin and propagation")];
        assert!(places.is_sorted(), "{places:?} in {text}");
    }
}

#[test]
fn each_sign_is_said_in_its_own_words() {
    let mut report = sample();
    let of_sign = |sign: &str, report: &mut Report| {
        let origin = report.origin.as_mut().unwrap();
        origin.sign = sign.to_owned();
        (origin.charged_us, origin.charged_before_us) = (Some(190_000), Some(4_000));
        let page = markdown(report);
        page.lines().find(|line| line.starts_with("- **Critical failure**")).unwrap().to_owned()
    };
    for (sign, words) in [
        ("failure", "failed with PricingError"),
        ("latency", "takes 190 ms of a request, 4.0 ms before"),
        ("self_time", "takes 190 ms of a request, 4.0 ms before"),
        ("traffic", "gets another number of requests than ever"),
        ("silence", "fell silent"),
        ("saturation", "is at its limit on PricingError"),
        ("behaviour", "runs otherwise than ever"),
        ("metric", "does worse than ever by its own numbers"),
    ] {
        let line = of_sign(sign, &mut report);
        assert!(line.contains(words), "{sign}: {line}");
    }
}

#[test]
fn who_is_suspected_and_what_is_not_known_stand_on_every_surface() {
    let report = sample();
    for text in [markdown(&report), html(&report), slack(&report), pagerduty_note(&report)] {
        let lower = text.to_lowercase();
        for words in ["suspects", "score 100", "traces are sampled", "cloud.availability", "healthy sampled"]
        {
            assert!(lower.contains(words), "{words} is not in {text}");
        }
    }
}

#[test]
fn a_report_of_an_incident_that_nothing_is_known_of_is_rendered_too() {
    let mut report = sample();
    report.origin = None;
    report.change = None;
    report.propagation.clear();
    report.symptoms.clear();
    report.hypotheses.clear();
    report.evidence.clear();
    for text in [markdown(&report), html(&report), slack(&report), pagerduty_note(&report)] {
        assert!(text.contains("no failing trace could be read"), "{text}");
    }
}
