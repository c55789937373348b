//! From a rule's id to its story.

use super::*;

fn document(id: &str, status: &'static str, signature: &str, rules: &[&str]) -> Entry {
    let rule = |id: &&str| PermanentRule { id: (*id).to_owned(), kind: None, rule: "It holds.".to_owned() };
    Entry {
        id: id.to_owned(),
        status,
        failure_signature: signature.to_owned(),
        rules: rules.iter().map(rule).collect(),
        ..Entry::default()
    }
}

fn register() -> Vec<Entry> {
    let mut new = document("2026-12-new", "closed", "a/b", &["deadline-on-providers"]);
    let mut old = document("2026-10-old", "superseded", "c/d", &["deadline-on-providers", "old-rule"]);
    new.supersedes = Some(old.id.clone());
    old.superseded_by = Some(new.id.clone());
    // Documents stand in the order of their names, and not in that in which they were written.
    let same = document("2026-11-same", "closed", "a/b", &["clock-after-wait"]);
    vec![old, new, same, document("2026-09-x", "closed", "", &[])]
}

#[test]
fn a_rule_leads_to_its_document_and_those_that_belong_to_it() {
    let register = register();
    let story = |id: &str| {
        let story = why(&register, id).unwrap();
        let related: Vec<&str> = story.related.iter().map(|entry| entry.id.as_str()).collect();
        (story.document.id.clone(), story.is_lapsed, related.join(" "))
    };
    let told = |id: &str, lapsed, related: &str| (id.to_owned(), lapsed, related.to_owned());
    assert_eq!(story("deadline-on-providers"), told("2026-12-new", false, "2026-10-old 2026-11-same"));
    assert_eq!(story("clock-after-wait"), told("2026-11-same", false, "2026-12-new"));
    assert_eq!(story("old-rule"), told("2026-10-old", true, "2026-12-new"));
}

#[test]
fn who_asks_for_another_name_is_told_which_there_are() {
    let register = register();
    let offered = |id: &str| why(&register, id).map(|story| story.rule.id.clone()).unwrap_err().join(" ");
    assert_eq!(offered("deadlines-of-providers"), "deadline-on-providers");
    assert_eq!(offered("x"), "clock-after-wait deadline-on-providers old-rule");
}
