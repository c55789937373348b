//! Drafts of the report that the renderings are tested with, and of reports in which everything is hostile.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{Level, Rule};

fn lint(name: &str, bytes: &[u8]) -> Vec<crate::Finding> {
    super::super::lint(name, bytes, Nanos(u64::MAX))
}

const SAMPLE: &[u8] = include_bytes!("../../../../engine/src/render/tests/sample.json");
const HASH: &str = "abababababababababababababababababababababababababababababababab";

/// What the program hands in leaves fewer characters out.
fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn made(report: &Report, owner_layer: Option<&str>) -> Draft {
    let authors = ["Ana \"A\" Novak".to_owned()];
    let people = People { authors: &authors, title: None, severity: None, owner_layer };
    draft(report, HASH, people, inert)
}

#[test]
fn a_draft_of_the_sample_looks_like_this() {
    let draft = made(&Report::read(SAMPLE).unwrap(), None);
    assert_eq!(draft.file_name, "2026-01-post-orders-failed-in-checkout-with-pricingerror.md");
    insta::assert_snapshot!(draft.text);
}

#[test]
fn what_people_said_already_is_no_question() {
    let report = Report::read(SAMPLE).unwrap();
    let authors = ["Ana".to_owned()];
    let people = People {
        authors: &authors,
        title: Some("Orders: none for a minute"),
        severity: Some("SEV-1"),
        owner_layer: Some("pricing"),
    };
    let told = draft(&report, HASH, people, inert);
    assert_eq!(told.file_name, "2026-01-orders-none-for-a-minute.md");
    assert!(
        told.text.contains("\nseverity = \"SEV-1\"\n") && told.text.contains("\nowner_layer = \"pricing\"\n")
    );
    assert_eq!(made(&report, None).questions - told.questions, 2, "severity, and the owner layer");
}

/// Every sentence that is made from the report names evidence, and every question stops a review.
#[test]
fn sentences_cite_and_questions_stand_out() {
    let draft = made(&Report::read(SAMPLE).unwrap(), None);
    let body = draft.text.split("+++\n").nth(2).unwrap();
    for line in body.lines().filter(|line| line.starts_with("- ")) {
        assert!(line.ends_with("`)") && line.contains(" (`"), "{line}");
    }
    let questions = draft.text.lines().filter(|line| line.contains("???")).count();
    assert_eq!(questions, draft.questions);
    let reviewed = draft.text.replace("status = \"draft\"", "status = \"in_review\"");
    let found = lint(&draft.file_name, reviewed.as_bytes());
    let in_text = draft.text.lines().filter(|line| line.starts_with(QUESTION)).count();
    let stopping =
        found.iter().filter(|found| found.rule == Rule::Placeholder && found.level == Level::Error);
    assert_eq!((in_text, stopping.count()), (7, 7));
}

fn holds(draft: &Draft) {
    let errors: Vec<_> = lint(&draft.file_name, draft.text.as_bytes());
    let errors: Vec<_> = errors.iter().filter(|found| found.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{}\n{}", draft.file_name, draft.text);
    assert!(!draft.text.contains(|c: char| c.is_control() && c != '\n'));
}

/// The sample with this text wherever a report has text from outside.
fn poisoned(with: &str) -> Report {
    let mut value: Value = serde_json::from_slice(SAMPLE).unwrap();
    fn poison(value: &mut Value, with: &str) {
        const KEPT: [&str; 4] = ["schema", "incident", "severity", "kind"];
        match value {
            Value::String(text) => *text = with.to_owned(),
            Value::Array(all) => all.iter_mut().for_each(|each| poison(each, with)),
            Value::Object(all) => {
                let outside = all.iter_mut().filter(|(key, _)| !KEPT.contains(&key.as_str()));
                outside.for_each(|(_, each)| poison(each, with));
            }
            _ => {}
        }
    }
    poison(&mut value, with);
    Report::read(&serde_json::to_vec(&value).unwrap()).unwrap()
}

#[test]
fn a_fresh_draft_has_no_errors_whatever_the_report_holds() {
    holds(&made(&Report::read(SAMPLE).unwrap(), None));
    let long = "|_`<".repeat(500);
    let run = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    for hostile in [
        "",
        " ",
        "+++",
        "```",
        "# a",
        "## Follow-ups",
        "1. a",
        "- a",
        "+++\n\n## Timeline\n```toml\n[[follow_up]]\n```",
        "\u{1b}[2J\u{202e}\r\n\"\"\"\\",
        "[x](http://e.example) <script>",
        "TBD ???",
        "password=hunter2hunter",
        "token:",
        "https://me:hunter2@e.example",
        "`````",
        "漢字漢字",
        &format!("Bearer {run}"),
        &format!("ghp_{run}"),
        &long,
    ] {
        holds(&made(&poisoned(hostile), None));
    }
}

#[test]
fn a_long_report_makes_a_draft_of_bounded_length() {
    let mut report = poisoned(&"é|".repeat(5_000));
    for list in [&mut report.said.next_checks, &mut report.said.blast_radius.cohorts] {
        *list = vec![list.first().cloned().unwrap_or_else(|| report.said.summary.clone()); 5_000];
    }
    report.said.timeline = vec![report.said.timeline[0].clone(); 5_000];
    report.said.symptoms = vec![report.said.symptoms[0].clone(); 5_000];
    let draft = made(&report, None);
    holds(&draft);
    assert!(draft.text.len() < crate::rca::DOCUMENT_BYTES_MAX / 2, "{}", draft.text.len());
    assert!(draft.text.contains("4940 later moments stand in the report."));
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    let sample = String::from_utf8(SAMPLE.to_vec()).unwrap();
    for (text, why) in [
        (String::new(), "EOF while parsing"),
        ("{}".to_owned(), "missing field `schema`"),
        (
            sample.replace("casebook.triage/v1", "casebook.triage/v9"),
            "its schema is `casebook.triage/v9`, not",
        ),
        (
            sample.replace("\"started_at\": \"2026-01-05T12", "\"started_at\": \"2026-01-05 at 12"),
            "incident.started_at is no time",
        ),
    ] {
        let said = Report::read(text.as_bytes()).unwrap_err();
        assert!(said.starts_with(why), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_text_of_a_report_breaks_its_draft(text in r"(\+\+\+|```|toml|\[\[|\{|\}|##|# |>|<|=|\x22|\\|\n|\PC|[0-9]|: |token|://|@){0,12}") {
        holds(&made(&poisoned(&text), None));
    }
}
