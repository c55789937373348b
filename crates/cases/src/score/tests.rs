//! Answers made by hand, and what they are worth.

use model::CauseKind;

use super::*;
use crate::{CaseKind, Decoys, Suspect, Tally};

fn suspect(service: &str, operation: &str, score: i64) -> Suspect {
    Suspect {
        service: service.to_owned(),
        operation: operation.to_owned(),
        instance: String::new(),
        change: String::new(),
        cause: CauseKind::App,
        score,
        evidence: Vec::new(),
    }
}

fn answer(cause: CauseKind, change: &str, ranked: Vec<Suspect>) -> Answer {
    Answer { cause, cause_subject: None, change: change.to_owned(), ranked }
}

fn case(change: &str) -> Case {
    Case {
        name: "x".to_owned(),
        kind: CaseKind::Fault,
        start: Nanos::from_secs(0),
        end: Nanos::from_secs(7_200),
        baseline_until: None,
        note: None,
        truth: Some(Truth {
            at: Nanos::from_secs(3_600),
            services: vec!["payment".to_owned(), "ledger".to_owned()],
            operations: vec!["POST /charges".to_owned()],
            instances: Vec::new(),
            change: change.to_owned(),
            causes: vec![CauseKind::Deploy],
        }),
        decoys: Decoys { changes: vec!["dep-2".to_owned()] },
        bundle: None,
    }
}

fn scored(case: &Case, answer: Option<&Answer>) -> Score {
    let onset = case.truth.as_ref().map(|truth| truth.at);
    let opened = answer.map(|_| Opened { at: Nanos::from_secs(3_630) });
    let chosen = Chosen { id: None, extra: 0, outside: 2 };
    score_with(case, onset, opened, answer, &chosen)
}

#[test]
fn ranks_are_counted_over_distinct_names() {
    let ranked = vec![
        suspect("gateway", "GET /", 9),
        suspect("gateway", "POST /charges", 8),
        suspect("checkout", "", 7),
        suspect("ledger", "append", 6),
    ];
    let score = scored(&case("dep-1"), Some(&answer(CauseKind::Deploy, "dep-1", ranked)));
    assert_eq!(score.service_rank, Some(3));
    assert_eq!(score.operation, Some(Some(2)));
    assert_eq!((score.cause_right, score.change_right), (true, Some(true)));
    assert_eq!(score.seconds_to_open, Some(30.0));
    assert_eq!((score.outside_incidents, score.quiet_seconds), (2, 3_600.0));
    assert!(!score.abstained && !score.decoy_hit);
}

#[test]
fn a_decoy_is_wrong_and_said_to_be_one() {
    let answer = answer(CauseKind::Deploy, "dep-2", vec![suspect("payment", "", 1)]);
    let score = scored(&case("dep-1"), Some(&answer));
    assert_eq!((score.service_rank, score.change_right, score.decoy_hit), (Some(1), Some(false), true));
    assert_eq!(scored(&case("none"), Some(&answer)).change_right, Some(false));
    assert_eq!(scored(&case(""), Some(&answer)).change_right, None);
}

#[test]
fn none_is_right_where_no_change_is_guilty() {
    let answer = answer(CauseKind::App, "", vec![suspect("payment", "", 1)]);
    assert_eq!(scored(&case("none"), Some(&answer)).change_right, Some(true));
    assert_eq!(scored(&case("dep-1"), Some(&answer)).change_right, Some(false));
}

#[test]
fn silence_and_unknown_are_abstentions() {
    let unknown = answer(CauseKind::Unknown, "", vec![suspect("payment", "", 1)]);
    let score = scored(&case("dep-1"), Some(&unknown));
    assert!(score.abstained && score.opened && !score.cause_right);
    let score = scored(&case("none"), None);
    assert!(score.abstained && !score.opened);
    assert_eq!((score.service_rank, score.change_right, score.seconds_to_open), (None, Some(false), None));
}

#[test]
fn figures_add_up() {
    let right = answer(CauseKind::Deploy, "dep-1", vec![suspect("payment", "", 1)]);
    let second = answer(CauseKind::App, "", vec![suspect("a", "", 2), suspect("ledger", "", 1)]);
    let case = case("dep-1");
    let mut halves = [Tally::default(), Tally::default()];
    halves[0].add(&scored(&case, Some(&right)));
    halves[0].add(&scored(&case, Some(&second)));
    halves[1].add(&scored(&case, None));
    halves[1].add(&Score {
        fault: false,
        outside_incidents: 1,
        quiet_seconds: 7_200.0,
        ..scored(&case, None)
    });
    let [mut all, second_half] = halves;
    all.merge(&second_half);
    assert_eq!((all.cases, all.faults, all.quiet, all.opened), (4, 3, 1, 2));
    assert_eq!((all.top1, all.top3), (1, 2));
    assert_eq!(all.mean_reciprocal_rank(), Some(0.5));
    assert_eq!((all.causes_right, all.abstentions, all.changes_right, all.changes), (1, 1, 1, 3));
    assert_eq!((all.outside_incidents, all.quiet_hours()), (7, 5.0));
    assert_eq!(all.outside_per_hour(), Some(1.4));
}
