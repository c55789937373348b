//! The reference page names every reason, warning, kind of record and limit, with its value.

use intake::record::Kind;
use intake::{Limits, RejectReason, Warning};

const PAGE: &str = include_str!("../../../../doc/reference/intake.md");

fn must_say(what: &str) {
    assert!(PAGE.contains(what), "doc/reference/intake.md does not say {what}");
}

#[test]
fn reasons_warnings_and_kinds_are_on_the_page() {
    RejectReason::ALL.iter().for_each(|reason| must_say(&format!("| `{reason}` |")));
    Warning::ALL.iter().for_each(|warning| must_say(&format!("| `{warning}` |")));
    Kind::ALL.iter().for_each(|kind| must_say(&format!("| {} | `{kind:?}` |", *kind as u8)));
}

#[test]
fn limits_are_on_the_page_with_their_values() {
    // As the derived text has them, so that a new limit cannot be forgotten.
    let text = format!("{:?}", Limits::default());
    let limits = text.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
    for limit in limits {
        let (name, value) = limit.split_once(": ").unwrap();
        must_say(&format!("| `{name}` | {value} |"));
    }
}
