//! The order of an answer.

use super::*;

#[test]
fn equal_scores_are_in_order_of_name() {
    let suspect = |service: &str, score| Suspect {
        service: service.to_owned(),
        operation: String::new(),
        instance: String::new(),
        change: String::new(),
        cause: CauseKind::App,
        score,
        evidence: Vec::new(),
    };
    let ranked = in_order(vec![suspect("b", 1), suspect("c", 2), suspect("a", 1)]);
    assert_eq!(ranked.iter().map(|s| s.service.as_str()).collect::<String>(), "cab");
}

#[test]
fn a_change_has_the_id_that_its_sender_gave() {
    assert_eq!(plain("deployment:dep-1"), "dep-1");
    assert_eq!(plain("dep-1"), "dep-1");
}
