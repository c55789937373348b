//! The four reasons, each on both sides of its limit, and what is not known.

use super::super::entry::Times;
use super::*;

fn minute(minute: u64) -> Option<Nanos> {
    Some(Nanos::from_secs(1_000_000 + minute * 60))
}

fn document(id: &str, owner: &str, started: u64, incident: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        owner_layer: owner.to_owned(),
        times: Times { started: minute(started), ..Times::default() },
        incidents: vec![incident.to_owned()],
        ..Entry::default()
    }
}

fn register() -> Vec<Entry> {
    vec![document("2026-11-later", "edge", 900, "inc_b"), document("2026-10-before", "payments", 10, "inc_a")]
}

fn layers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Everything is known, and nothing asks for an RCA.
fn calm(layers: &[String]) -> Known<'_> {
    Known {
        incident: Some("inc_c"),
        severity: Some("SEV-3"),
        owner_layer: Some("shop"),
        layers_crossed: layers,
        started: minute(100),
        detected: minute(110),
        owner_identified: minute(140),
        ended: minute(160),
    }
}

fn of(known: &Known<'_>, criterion: Criterion) -> Answer {
    let answers = required(known, &register()).answers;
    answers.into_iter().find(|(each, _)| *each == criterion).unwrap().1
}

#[test]
fn each_reason_is_enough_and_none_is_not() {
    let (one, two) = (layers(&["shop", "shop"]), layers(&["shop", "payments"]));
    let calm = calm(&one);
    // Half of the outage, to the minute, is not more than half.
    assert_eq!(required(&calm, &register()).verdict, Verdict::NotRequired);
    for (known, criterion, why) in [
        (Known { severity: Some("SEV-1"), ..calm.clone() }, Criterion::Severity, "it was SEV-1"),
        (
            Known { owner_layer: Some("payments"), ..calm.clone() },
            Criterion::SameOwner,
            "payments broke before: 2026-10-before",
        ),
        (
            Known { layers_crossed: &two, ..calm.clone() },
            Criterion::ManyLayers,
            "recovery needed payments, shop",
        ),
        (
            Known { owner_identified: minute(141), ..calm.clone() },
            Criterion::SlowOwner,
            "finding the owner took 31 min of 1 h 00 min",
        ),
    ] {
        let found = required(&known, &register());
        assert_eq!(found.verdict, Verdict::Required, "{criterion:?}");
        assert_eq!(of(&known, criterion), Answer::Yes(why.to_owned()));
        let others = found.answers.iter().filter(|(each, _)| *each != criterion);
        assert!(others.clone().all(|(_, answer)| matches!(answer, Answer::No(_))), "{criterion:?}");
    }
}

#[test]
fn what_is_not_known_is_neither_yes_nor_no() {
    let one = layers(&["shop"]);
    let calm = calm(&one);
    for (known, criterion) in [
        (Known { severity: None, ..calm.clone() }, Criterion::Severity),
        (Known { owner_layer: None, ..calm.clone() }, Criterion::SameOwner),
        (Known { layers_crossed: &[], ..calm.clone() }, Criterion::ManyLayers),
        (Known { started: None, ..calm.clone() }, Criterion::SlowOwner),
        (Known { detected: None, ..calm.clone() }, Criterion::SlowOwner),
        (Known { owner_identified: None, ..calm.clone() }, Criterion::SlowOwner),
        (Known { ended: None, ..calm.clone() }, Criterion::SlowOwner),
    ] {
        assert_eq!(required(&known, &register()).verdict, Verdict::Unknown, "{criterion:?}");
        assert!(matches!(of(&known, criterion), Answer::Unknown(_)), "{criterion:?}");
        let worst = Known { severity: Some("SEV-1"), ..known };
        assert_eq!(required(&worst, &register()).verdict, Verdict::Required, "one reason is enough");
    }
}

#[test]
fn a_layer_broke_before_only_if_it_was_before_and_another_incident() {
    let one = layers(&["shop"]);
    let later = Known { owner_layer: Some("edge"), ..calm(&one) };
    assert!(matches!(of(&later, Criterion::SameOwner), Answer::No(_)), "that was later");
    let itself = Known { owner_layer: Some("payments"), incident: Some("inc_a"), ..calm(&one) };
    let found = required(&itself, &register());
    assert_eq!((found.verdict, found.written), (Verdict::NotRequired, vec!["2026-10-before".to_owned()]));
}

#[test]
fn spans_are_written_for_people() {
    for (secs, said) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 01 s"),
        (3_840, "1 h 04 min"),
        (90_000, "1 d 01 h"),
    ] {
        assert_eq!(span(secs * model::SECOND_NS), said);
    }
}
