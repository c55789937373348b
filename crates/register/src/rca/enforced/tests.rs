//! Rules and who keeps them, of a few documents.

use super::*;

fn document(id: &str, status: &'static str, rules: &[&str]) -> Entry {
    let rule = |id: &&str| PermanentRule { id: (*id).to_owned(), kind: None, rule: String::new() };
    Entry { id: id.to_owned(), status, rules: rules.iter().map(rule).collect(), ..Entry::default() }
}

fn guard(guard: &str, rule: &str, mode: Mode) -> Guarding {
    let (rule, guard) = (rule.to_owned(), guard.to_owned());
    Guarding { rule, guard, mode, is_proved: true, defects: 0, runs: 0, catches: 0 }
}

#[test]
fn what_nobody_keeps_comes_first_and_the_strictest_guard_counts() {
    let register = [
        document("a", "published", &["kept", "unkept", "warned"]),
        document("b", "superseded", &["lapsed"]),
        document("c", "draft", &["another"]),
    ];
    let guards = [
        guard("loose", "kept", Mode::Report),
        guard("strict", "kept", Mode::Block),
        guard("w", "warned", Mode::Warn),
        guard("r", "another", Mode::Report),
        guard("l", "lapsed", Mode::Block),
        guard("none", "no-such-rule", Mode::Block),
    ];
    let all = enforced(&register, &guards);
    let told: Vec<(&str, String)> = all
        .iter()
        .map(|each| {
            let by = each.guards.iter().map(|guard| guard.guard.as_str()).collect::<Vec<_>>();
            (each.rule.id.as_str(), by.join(" "))
        })
        .collect();
    let expected = [("unkept", ""), ("another", "r"), ("warned", "w"), ("kept", "strict loose")];
    assert_eq!(told, expected.map(|(rule, by)| (rule, by.to_owned())));
    assert_eq!(by_mode(&all), "4 rules: 1 block, 1 warn, 1 report, 1 unenforced");
    assert_eq!(by_mode(&all[..1]), "1 rule: 0 block, 0 warn, 0 report, 1 unenforced");
}
