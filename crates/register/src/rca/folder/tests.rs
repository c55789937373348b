//! Registers of a few documents, broken in one place: a case is a row of edits and what is said of them.

use model::Nanos;

use super::super::tests::cases::SOUND;
use super::{File, INDEX_NAME, Made};
use crate::guard::Guarding;
use crate::rca::PAGE_NAME;

const FIRST: &str = "2026-11-card-provider-outage";
const SECOND: &str = "2026-12-card-provider-again";

/// What the program hands in leaves fewer characters out.
fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn index(files: &[File<'_>]) -> String {
    super::index(files, inert)
}

/// Two sound documents; the second began a month later and is another failure.
fn register() -> [(String, String); 2] {
    let second = SOUND
        .replace(FIRST, SECOND)
        .replace("2026-12", "2027-01")
        .replace("2026-11", "2026-12")
        .replace("2027-01-card", "2026-12-card")
        .replace("POST /pay/timeout", "POST /pay/refused")
        .replace("deadline-on-providers", "deadline-on-refunds");
    [(format!("{FIRST}.md"), SOUND.to_owned()), (format!("{SECOND}.md"), second)]
}

fn files(register: &[(String, String)]) -> Vec<File<'_>> {
    register.iter().map(|(name, text)| File { name, bytes: text.as_bytes() }).collect()
}

/// Which document, what stands there, and what instead.
type Edit = (usize, &'static str, &'static str);

fn edited(edits: &[Edit]) -> [(String, String); 2] {
    let mut register = register();
    for (which, from, to) in edits {
        let text = &mut register[*which].1;
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands there once");
        *text = text.replacen(from, to, 1);
    }
    register
}

fn page(files: &[File<'_>]) -> String {
    crate::rca::page(files, &[], inert)
}

fn said(register: &[(String, String)], there: Made<'_>) -> String {
    let line = |name: &str, found: &crate::Finding| {
        format!("{name}:{}:{}: {}: {}\n", found.line, found.column, found.rule.id(), found.message)
    };
    let found = super::doctor(&files(register), &[], there, inert, Nanos(u64::MAX));
    found.iter().flat_map(|each| each.findings.iter().map(|found| line(&each.name, found))).collect()
}

const SUPERSEDED: Edit =
    (0, "status = \"closed\"", "status = \"superseded\"\nsuperseded_by = \"2026-12-card-provider-again\"");
const SUPERSEDES: Edit = (1, "domain", "supersedes = \"2026-11-card-provider-outage\"\ndomain");
const SUPERSEDED_BACK: Edit =
    (1, "status = \"closed\"", "status = \"superseded\"\nsuperseded_by = \"2026-11-card-provider-outage\"");
const SUPERSEDES_BACK: Edit = (0, "domain", "supersedes = \"2026-12-card-provider-again\"\ndomain");
const SAME_RULE: Edit = (1, "deadline-on-refunds", "deadline-on-providers");
const CAME_AGAIN: Edit = (1, "POST /pay/refused", "POST /pay/timeout");
const REOPENED: Edit = (0, "status = \"closed\"", "status = \"reopened\"");
const OPEN: Edit = (0, "status = \"declined\"", "status = \"open\"");

/// The mended twin, and what breaks it.
const CASES: &[(&[Edit], &[Edit], &str)] = &[
    (
        &[SUPERSEDED, SUPERSEDES],
        &[SUPERSEDED],
        "2026-11-card-provider-outage.md:5:17: superseded-one-sided: `2026-12-card-provider-again` does not name this one \
         in supersedes\n",
    ),
    (
        &[SUPERSEDED, SUPERSEDES],
        &[SUPERSEDES],
        "2026-12-card-provider-again.md:13:14: superseded-one-sided: `2026-11-card-provider-outage` does not name this one \
         in superseded_by\n",
    ),
    (
        &[SUPERSEDED, SUPERSEDES],
        &[SUPERSEDED, SUPERSEDES, SUPERSEDED_BACK, SUPERSEDES_BACK],
        "2026-11-card-provider-outage.md:5:17: superseded-circle: whoever follows superseded_by comes back here\n\
         2026-12-card-provider-again.md:5:17: superseded-circle: whoever follows superseded_by comes back here\n",
    ),
    (
        &[SUPERSEDED, SUPERSEDES, SAME_RULE],
        &[SAME_RULE],
        "2026-11-card-provider-outage.md:20:27: permanent-rule-twice: `deadline-on-providers` is a rule of \
         `2026-12-card-provider-again` already\n\
         2026-12-card-provider-again.md:20:27: permanent-rule-twice: `deadline-on-providers` is a rule of \
         `2026-11-card-provider-outage` already\n",
    ),
    (
        &[],
        &[(1, "domain", "supersedes = \"2026-11-gone\"\ndomain")],
        "2026-12-card-provider-again.md:13:14: link-broken: there is no document `2026-11-gone`\n",
    ),
    (
        &[SUPERSEDED, SUPERSEDES],
        &[(0, "status = \"closed\"", "status = \"superseded\"\nsuperseded_by = \"2026-12-gone\"")],
        "2026-11-card-provider-outage.md:5:17: link-broken: there is no document `2026-12-gone`\n",
    ),
    (
        &[(1, "Calls waited", "Calls (see [before](2026-11-card-provider-outage.md#impact)) waited")],
        &[(1, "Calls waited", "Calls (see [before](2026-11-gone.md#impact)) waited")],
        "2026-12-card-provider-again.md:43:48: link-broken: the link leads to no file `2026-11-gone.md`\n",
    ),
    (
        &[CAME_AGAIN, REOPENED, OPEN],
        &[CAME_AGAIN],
        "2026-12-card-provider-again.md:14:21: recurrence: the failure of `2026-11-card-provider-outage` came again, and \
         that document is closed\n",
    ),
];

#[test]
fn each_broken_register_is_found_out_and_its_twin_is_sound() {
    for (mended, broken, expected) in CASES {
        for (edits, expected) in [(mended, ""), (broken, *expected)] {
            let register = edited(edits);
            let (index, page) = (index(&files(&register)), page(&files(&register)));
            let there = Made { index: Some(&index), page: Some(&page) };
            assert_eq!(said(&register, there), expected, "{edits:?}");
        }
    }
}

#[test]
fn an_index_and_a_page_that_are_not_made_from_the_documents_are_stale() {
    let before = register();
    let (index, page) = (index(&files(&before)), page(&files(&before)));
    let missing = format!(
        "{INDEX_NAME}:1:1: index-stale: there is no {INDEX_NAME}\n{PAGE_NAME}:1:1: index-stale: there is no {PAGE_NAME}\n"
    );
    assert_eq!(said(&before, Made::default()), missing);
    // The summary of the first document, whose row is the second one.
    let after = edited(&[(0, "Nobody could pay", "Few could pay")]);
    let stale = |name: &str, line: usize| {
        format!("{name}:{line}:1: index-stale: {name} is not made from the documents as they are\n")
    };
    let row = page
        .lines()
        .position(|line| line.contains("Nobody could pay for 31") && line.contains(FIRST))
        .unwrap();
    let there = Made { index: Some(&index), page: Some(&page) };
    assert_eq!(said(&after, there), stale(INDEX_NAME, 8) + &stale(PAGE_NAME, row + 1));
}

#[test]
fn the_index_shows_text_and_acts_on_none() {
    let hostile = edited(&[
        (0, "Checkout failed", "a | <b>\\u001b[2J [x](y) `z` http://e.example www.e.example me@e.example"),
        (1, "Nobody could pay", "password=hunter2hunter:"),
    ]);
    insta::assert_snapshot!(index(&files(&hostile)));
}

/// What is edited, rules that guards keep, rules that are said to be unenforced, and what is told.
type Keeping<'c> = (&'c [Edit], &'c [&'c str], &'c [&'c str], &'c [&'c str]);

#[test]
fn a_rule_that_holds_is_kept_or_said_to_be_unenforced() {
    let guard = |rule: &str| Guarding {
        rule: rule.to_owned(),
        guard: "a-guard".to_owned(),
        mode: crate::guard::Mode::Report,
        is_proved: false,
        defects: 0,
        runs: 0,
        catches: 0,
    };
    let providers = "2026-11-card-provider-outage.md: no guard keeps `deadline-on-providers`";
    let refunds = "2026-12-card-provider-again.md: no guard keeps `deadline-on-refunds`";
    let both = "2026-11-card-provider-outage.md: `deadline-on-providers` is unenforced, as is said, and a-guard keeps it";
    let cases: &[Keeping<'_>] = &[
        (&[], &["deadline-on-providers", "deadline-on-refunds"], &[], &[]),
        (&[], &["deadline-on-refunds"], &[], &[providers]),
        (&[], &["deadline-on-refunds"], &["deadline-on-providers"], &[]),
        (&[], &["deadline-on-refunds", "another-rule"], &[], &[providers]),
        (&[], &[], &[], &[providers, refunds]),
        (&[], &["deadline-on-providers"], &["deadline-on-providers"], &[both, refunds]),
        (&[SUPERSEDED, SUPERSEDES], &["deadline-on-refunds"], &[], &[]),
    ];
    for (edits, guards, unenforced, expected) in cases {
        let (register, guards) = (edited(edits), guards.iter().map(|rule| guard(rule)).collect::<Vec<_>>());
        let unenforced: Vec<String> = unenforced.iter().map(|rule| (*rule).to_owned()).collect();
        let found = super::unkept(&files(&register), &guards, &unenforced);
        let told = found
            .iter()
            .flat_map(|each| each.findings.iter().map(|found| format!("{}: {}", each.name, found.message)));
        assert_eq!(told.collect::<Vec<_>>(), *expected, "{guards:?} {unenforced:?}");
    }
}
