//! Which follow-ups are late, and by how much.

use super::super::entry::FollowUpEntry;
use super::*;

fn follow_up(id: &str, due: Option<&str>, is_open: bool) -> FollowUpEntry {
    let (what, owner) = ("an alert".to_owned(), "Ana".to_owned());
    let (class, intent) = ("test", "prevent");
    FollowUpEntry { id: id.to_owned(), what, class, intent, owner, due: due.map(str::to_owned), is_open }
}

#[test]
fn what_is_open_past_its_day_is_overdue_and_the_longest_is_first() {
    let document = |id: &str, follow_ups| Entry { id: id.to_owned(), follow_ups, ..Entry::default() };
    let register = [
        document("2026-12-b", vec![follow_up("F1", Some("2026-12-04"), true), follow_up("F2", None, true)]),
        document(
            "2026-11-a",
            vec![
                follow_up("F1", Some("2026-11-30"), true),
                follow_up("F2", Some("2026-11-01"), false),
                follow_up("F3", Some("2026-12-05"), true),
                follow_up("F4", Some("2027-01-01"), true),
            ],
        ),
    ];
    let said = |on: &str| -> Vec<String> {
        let late = overdue(&register, &Day::parse(on).unwrap());
        late.iter().map(|late| format!("{} {} {}", late.document, late.follow_up, late.days_late)).collect()
    };
    assert_eq!(said("2026-12-05"), ["2026-11-a F1 5", "2026-12-b F1 1"]);
    assert_eq!(said("2026-12-06"), ["2026-11-a F1 6", "2026-12-b F1 2", "2026-11-a F3 1"]);
    assert_eq!(said("2026-11-30"), Vec::<String>::new());
}

#[test]
fn what_another_document_took_over_is_not_overdue_here() {
    let follow_ups = vec![follow_up("F1", Some("2026-12-04"), true)];
    for (status, count) in [("superseded", 0), ("published", 1)] {
        let register = [Entry { status, follow_ups: follow_ups.clone(), ..Entry::default() }];
        assert_eq!(overdue(&register, &Day::parse("2026-12-05").unwrap()).len(), count, "{status}");
        assert_eq!(register[0].open_follow_ups().count(), count, "{status}");
    }
}

#[test]
fn days_are_those_of_utc() {
    let last = Nanos::parse_rfc3339("2026-12-05T23:59:59.999Z").unwrap();
    assert_eq!(Day::of(last).as_str(), "2026-12-05");
    assert_eq!(Day::of(Nanos(last.0 + 1_000_000)), Day::parse("2026-12-06").unwrap());
    for wrong in ["", "2026-02-30", "2026-12", "tomorrow", "2026-12-05T00:00:00Z", "\u{e9}"] {
        assert_eq!(Day::parse(wrong), None, "{wrong}");
    }
}
