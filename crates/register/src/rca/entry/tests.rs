//! What is taken over from a document, and what is not.

use super::super::tests::cases::SOUND;
use super::{File, RuleKind, WITHHELD, entries};

const FIRST: &str = "2026-11-card-provider-outage.md";

#[test]
fn an_entry_says_what_its_document_says() {
    let files = [File { name: FIRST, bytes: SOUND.as_bytes() }];
    let [entry] = entries(&files).try_into().unwrap();
    assert_eq!(
        (entry.id.as_str(), entry.status, entry.severity),
        ("2026-11-card-provider-outage", "closed", "SEV-2")
    );
    assert_eq!((entry.owner_layer.as_str(), entry.layers_crossed.len()), ("payments", 2));
    assert_eq!(entry.incidents, ["inc_4f0c2a9d1b7e6358"]);
    assert_eq!(entry.times.mitigated.unwrap().to_rfc3339(), "2026-11-21T18:31:00Z");
    let rule = &entry.rules[0];
    assert_eq!((rule.id.as_str(), rule.kind), ("deadline-on-providers", Some(RuleKind::CodingStandard)));
    assert_eq!(rule.kind.unwrap().as_str(), "coding-standard");
    assert_eq!((entry.follow_ups.len(), entry.open_follow_ups().count()), (2, 0));
    assert!(entry.root_cause.starts_with("In payments no call"), "{}", entry.root_cause);
}

#[test]
fn the_newest_is_first_and_what_cannot_be_read_is_left_out() {
    let later = SOUND.replace("2026-11", "2026-12");
    let files = [
        File { name: FIRST, bytes: SOUND.as_bytes() },
        File { name: "notes.md", bytes: b"# Notes" },
        File { name: "2026-10-binary.md", bytes: &[0xff] },
        File { name: "2026-12-card-provider-outage.md", bytes: later.as_bytes() },
    ];
    let ids: Vec<String> = entries(&files).into_iter().map(|entry| entry.id).collect();
    assert_eq!(ids, ["2026-12-card-provider-outage", "2026-11-card-provider-outage"]);
}

#[test]
fn a_text_that_holds_a_secret_is_withheld() {
    let hostile = SOUND.replace("Nobody could pay", "With password=hunter2hunter nobody could pay");
    let [entry] = entries(&[File { name: FIRST, bytes: hostile.as_bytes() }]).try_into().unwrap();
    assert_eq!(entry.summary, WITHHELD);
}
