//! Guards from their text to what a run shows.

mod file;

use super::baseline::{Baseline, Grown, Refused};
use super::*;

const GUARDS: &str = r#"
[[guard]]
id = "no-unwrap"
rule = "errors-are-told"
kind = "regex"
mode = "block"
message = "an unwrap"
mend = "tell the error"
paths = ["src/**/*.rs"]
exclude = ["src/tests/**"]
pattern = '\.unwrap\(\)'

[[guard]]
id = "no-todo"
rule = "work-has-an-owner"
kind = "regex"
mode = "warn"
message = "work without an owner"
mend = "name one"
paths = ["**"]
pattern = '\bLATER\b'
"#;

pub(crate) fn guards(text: &str) -> Guards {
    let (guards, findings) = read(text.as_bytes());
    assert_eq!(findings, [], "{text}");
    guards
}

/// All guards over these files.
fn looked(guards: &Guards, files: &[(&str, &str)]) -> Vec<Looked> {
    let find = |guard: &Guard| {
        let covered = files.iter().filter(|(path, _)| guard.covers(path));
        covered.flat_map(|(path, text)| guard.find(path, text)).collect()
    };
    guards.guards.iter().enumerate().map(|(index, guard)| (index, Ok(find(guard)))).collect()
}

fn run(guards: &Guards, files: &[(&str, &str)], baseline: &Baseline, today: &str) -> Outcome {
    judge(guards, looked(guards, files), baseline, today)
}

fn places(outcome: &Outcome) -> Vec<(&str, &str, usize, usize)> {
    let place = |found: &'_ Finding| (found.line, found.column);
    outcome
        .findings
        .iter()
        .filter(|found| found.standing == Standing::New)
        .map(|found| (found.guard.as_str(), found.path.as_str(), place(found).0, place(found).1))
        .collect()
}

#[test]
fn what_is_found_has_its_place_and_its_mode() {
    let guards = guards(GUARDS);
    let files = [
        ("src/b.rs", "fn b() {\n    é.unwrap(); // LATER\n}\n"),
        ("src/a.rs", "a.unwrap().unwrap();\n"),
        ("src/tests/a.rs", "a.unwrap();\n"),
        ("doc/a.md", "x.unwrap()\n"),
    ];
    let outcome = run(&guards, &files, &Baseline::default(), "2026-11-22");
    let expected = [
        ("no-unwrap", "src/a.rs", 1, 2),
        ("no-unwrap", "src/a.rs", 1, 11),
        ("no-unwrap", "src/b.rs", 2, 6),
        ("no-todo", "src/b.rs", 2, 20),
    ];
    assert_eq!(places(&outcome), expected);
    assert_eq!((outcome.new_of(Mode::Block), outcome.new_of(Mode::Warn)), (3, 1));
    assert!(outcome.fails());
    assert_eq!(outcome.findings[2].excerpt, "é.unwrap(); // LATER");
    let warned = run(&guards, &[("a.rs", "LATER")], &Baseline::default(), "2026-11-22");
    assert!(!warned.fails() && warned.findings.len() == 1);
}

/// A change of a tree with one old finding, and what is new in it.
#[test]
fn a_fix_hides_nothing_new_and_a_move_makes_nothing_new() {
    let guards = guards(GUARDS);
    let old = "fn a() {\n    one.unwrap();\n    same.unwrap();\n    same.unwrap();\n}\n";
    let mut baseline = Baseline::default();
    let found = run(&guards, &[("src/a.rs", old)], &baseline, "2026-11-22").findings;
    assert_eq!(baseline.start("no-unwrap", &found), Ok(3));
    for (what, path, text, new, mended) in [
        ("nothing", "src/a.rs", old.to_owned(), 0, 0),
        ("lines before it", "src/a.rs", format!("// more\n\n{old}"), 0, 0),
        ("its layout", "src/a.rs", old.replace("    ", "\t\t"), 0, 0),
        ("it is mended", "src/a.rs", old.replace("one.unwrap()", "one?"), 0, 1),
        ("one for another", "src/a.rs", old.replace("one", "two"), 1, 1),
        ("the same text once more", "src/a.rs", old.replace('}', "same.unwrap();}"), 1, 0),
        ("a third of the same", "src/a.rs", old.replace('}', "same.unwrap();\n}"), 1, 0),
        ("the same text once less", "src/a.rs", old.replacen("same.unwrap();", "", 1), 0, 1),
        ("another file", "src/b.rs", old.to_owned(), 3, 3),
    ] {
        let outcome = run(&guards, &[(path, &text)], &baseline, "2026-11-22");
        assert_eq!((outcome.new_of(Mode::Block), outcome.mended.len()), (new, mended), "{what}");
    }
}

#[test]
fn a_baseline_takes_in_once_and_only_shrinks_then() {
    let guards = guards(GUARDS);
    let mut baseline = Baseline::default();
    let found = run(&guards, &[("src/a.rs", "a.unwrap();\nb.unwrap();\n")], &baseline, "2026-11-22").findings;
    assert_eq!(baseline.start("no-unwrap", &found), Ok(2));
    assert_eq!(baseline.start("no-unwrap", &found), Err(Refused::StartedBefore));
    let outcome = run(&guards, &[("src/a.rs", "a.unwrap();\n")], &baseline, "2026-11-22");
    baseline.shrink(&outcome.mended);
    assert_eq!((baseline.entries.len(), outcome.mended.len()), (1, 1));
    // What was mended and comes back is new.
    let outcome = run(&guards, &[("src/a.rs", "a.unwrap();\nb.unwrap();\n")], &baseline, "2026-11-22");
    assert_eq!(places(&outcome), [("no-unwrap", "src/a.rs", 2, 2)]);
    assert_eq!(Baseline::read(baseline.text().as_bytes()), Ok(baseline));
}

#[test]
fn what_is_written_into_a_baseline_by_hand_is_told() {
    let text = |lines: &str| format!("casebook.guard-baseline/v1\n{lines}");
    let (a, b) = ("a".repeat(32), "b".repeat(32));
    let before = Baseline::read(text(&format!("started x\nstarted y\n{a} x a.rs\n")).as_bytes()).unwrap();
    for (now, expected) in [
        (format!("started x\nstarted y\n{a} x a.rs\n"), ""),
        ("started x\nstarted y\n".to_owned(), ""),
        (format!("started x\nstarted y\nstarted z\n{b} z b.rs\n"), ""),
        (format!("started x\nstarted y\n{b} x b.rs\n"), "x b.rs"),
        (format!("started x\nstarted y\n{a} x a.rs\n{a} y a.rs\n"), "y a.rs"),
        (format!("started x\n{a} x a.rs\n"), "y"),
    ] {
        let baseline = Baseline::read(text(&now).as_bytes()).unwrap();
        let grown = baseline.grown_since(&before).into_iter().map(|grown| match grown {
            Grown::Entry(entry) => format!("{} {}", entry.guard, entry.path),
            Grown::Forgotten(guard) => guard.to_owned(),
        });
        assert_eq!(grown.collect::<Vec<_>>().join(", "), expected, "{now}");
    }
}

#[test]
fn a_guard_that_crashed_or_did_not_run_has_mended_nothing() {
    let guards = guards(GUARDS);
    let mut baseline = Baseline::default();
    let found = run(&guards, &[("src/a.rs", "a.unwrap();\n")], &baseline, "2026-11-22").findings;
    baseline.start("no-unwrap", &found).unwrap();
    let crashed = judge(&guards, vec![(0, Err("it took too long".to_owned()))], &baseline, "2026-11-22");
    assert!(crashed.fails() && crashed.mended.is_empty());
    assert_eq!(crashed.crashes[0].why, "it took too long");
    let warns = judge(&guards, vec![(1, Err("gone".to_owned()))], &baseline, "2026-11-22");
    assert!(!warns.fails() && warns.mended.is_empty());
    // Of a guard that is gone nothing stays.
    let none = judge(&Guards::default(), Vec::new(), &baseline, "2026-11-22");
    assert_eq!(none.mended.len(), 1);
}

#[test]
fn a_waiver_counts_until_its_day_and_no_longer() {
    let waiver = "[[waiver]]\nguard = \"no-unwrap\"\npath = \"src/a.rs\"\nowner = \"Ana\"\n\
                  reason = \"rewritten next week\"\nexpires = 2026-12-05\n";
    let guards = guards(&format!("{GUARDS}\n{waiver}"));
    for (path, today, is_new, lapsed, idle) in [
        ("src/a.rs", "2026-11-22", 0, 0, 0),
        ("src/a.rs", "2026-12-05", 0, 0, 0),
        ("src/a.rs", "2026-12-06", 1, 1, 0),
        ("src/b.rs", "2026-11-22", 1, 0, 1),
        ("src/a.rs", "2025-12-05", 0, 0, 0),
    ] {
        let outcome = run(&guards, &[(path, "a.unwrap();\n")], &Baseline::default(), today);
        assert_eq!(outcome.new_of(Mode::Block), is_new, "{path} {today}");
        assert_eq!((outcome.lapsed.len(), outcome.idle.len()), (lapsed, idle), "{path} {today}");
    }
    // More than a year ahead it counts for nothing, and says so.
    let outcome = run(&guards, &[("src/a.rs", "a.unwrap();\n")], &Baseline::default(), "2025-12-04");
    let told = (outcome.new_of(Mode::Block), outcome.endless.as_slice(), outcome.idle.len());
    assert_eq!(told, (1, &["no-unwrap: src/a.rs, until 2026-12-05, by Ana".to_owned()][..], 0));
    let outcome = run(&guards, &[("src/a.rs", "a.unwrap();\n")], &Baseline::default(), "2026-11-22");
    let print = outcome.findings[0].fingerprint.clone();
    let narrow = self::guards(&format!("{GUARDS}\n{waiver}fingerprint = \"{print}\"\n"));
    let files = [("src/a.rs", "b.unwrap();\na.unwrap();\n")];
    let outcome = run(&narrow, &files, &Baseline::default(), "2026-11-22");
    assert_eq!(places(&outcome), [("no-unwrap", "src/a.rs", 1, 2)]);
}

#[test]
fn a_baseline_that_is_no_such_file_is_refused_with_its_line() {
    let head = "casebook.guard-baseline/v1\n";
    let print = "0123456789abcdef0123456789abcdef";
    for (text, line, expected) in [
        (String::new(), 0, ""),
        ("something\n".to_owned(), 1, "first line"),
        (format!("{head}started no-unwrap\n{print} no-unwrap a b.rs\n"), 0, ""),
        (format!("{head}{print} no-unwrap a.rs\n"), 1, "not started"),
        (format!("{head}\n# x\nstarted Odd\n"), 4, "a line is"),
        (format!("{head}started x\n{} x a.rs\n", &print[1..]), 3, "a line is"),
        (format!("{head}started x\n{print} x\n"), 3, "a line is"),
    ] {
        match Baseline::read(text.as_bytes()) {
            Ok(_) => assert_eq!(line, 0, "{text}"),
            Err(fault) => {
                assert!(fault.line == line && fault.message.contains(expected), "{text}: {fault:?}")
            }
        }
    }
    assert_eq!(Baseline::read(b"\xff").unwrap_err().line, 1);
}

#[test]
fn a_file_with_very_many_findings_is_cut_short_and_says_so() {
    let guards = guards(GUARDS);
    let text = "a.unwrap();\n".repeat(5000);
    let outcome = run(&guards, &[("src/a.rs", &text)], &Baseline::default(), "2026-11-22");
    assert_eq!(outcome.findings.len(), 1001);
    assert!(outcome.findings[1000].message.contains("and more"));
}

#[test]
fn fixtures_in_the_tree_are_not_part_of_it() {
    let fixtures = "[guard.fixtures]\nmust_fail = [{ path = \"src/x.rs\", \
                    file = \"guards/bad.rs\" }, { folder = \"guards/tree\" }]\n";
    let guards = guards(&format!("{GUARDS}\n{fixtures}"));
    for (path, expected) in [
        ("guards/bad.rs", true),
        ("guards/bad.rs.txt", false),
        ("guards/tree/src/a.rs", true),
        ("guards/trees/a.rs", false),
        ("src/x.rs", false),
    ] {
        assert_eq!(guards.is_fixture(path), expected, "{path}");
    }
}

#[test]
fn a_demotion_counts_for_what_it_says_and_once() {
    let with =
        |to: &str| guards(&format!("[[demotion]]\nguard = \"a\"\nto = \"{to}\"\ndecision = \"d.md\"\n"));
    for (said, to, counts) in [
        ("warn", Some(Mode::Warn), true),
        ("warn", Some(Mode::Report), false),
        ("warn", None, false),
        ("report", Some(Mode::Report), true),
        ("report", Some(Mode::Warn), true),
        ("report", None, false),
        ("gone", None, true),
    ] {
        assert_eq!(with(said).demotion("a", to, &[]).is_some(), counts, "{said} {to:?}");
        assert!(with(said).demotion("b", to, &[]).is_none());
        // It stood there before: that was another time.
        assert!(with(said).demotion("a", to, &with(said).demotions).is_none());
    }
}

#[test]
fn ends_of_lines_of_another_kind_are_ends_too() {
    let guards = guards(&GUARDS.replace(r"\.unwrap\(\)", "unwrap\\(\\)$"));
    let outcome = run(&guards, &[("src/a.rs", "a.unwrap()\r\nb\r\n")], &Baseline::default(), "2026-11-22");
    assert_eq!(places(&outcome), [("no-unwrap", "src/a.rs", 1, 3)]);
}
