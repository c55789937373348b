//! Broken documents with their mended twins, each rule at least once; and that no bytes disturb the reader.

pub(super) mod cases;

use std::fmt::Write;

use model::Nanos;
use proptest::prelude::*;

use self::cases::{CASES, Case, SOUND, State};
use super::DOCUMENT_BYTES_MAX;
use crate::{Finding, Level, Rule};

/// After everything in the documents.
fn lint(name: &str, bytes: &[u8]) -> Vec<Finding> {
    super::lint(name, bytes, Nanos(u64::MAX))
}

const NAME: &str = "2026-11-card-provider-outage.md";
/// These need another file, or several, and not another text.
const OF_FILES: [Rule; 11] = [
    Rule::RuleUnkept,
    Rule::NotYet,
    Rule::FileName,
    Rule::NotText,
    Rule::TooLarge,
    Rule::TooMany,
    Rule::LinkBroken,
    Rule::SupersededOneSided,
    Rule::SupersededCircle,
    Rule::Recurrence,
    Rule::IndexStale,
];

fn told(findings: &[Finding]) -> String {
    let line = |found: &Finding| {
        format!(
            "{}:{}: {} {}: {}\n",
            found.line,
            found.column,
            found.level.as_str(),
            found.rule.id(),
            found.message
        )
    };
    findings.iter().map(line).collect()
}

fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands there once");
    text.replacen(from, to, 1)
}

/// The sound document in this state.
fn document(state: State) -> String {
    state.edits().iter().fold(SOUND.to_owned(), |text, (from, to)| edited(&text, from, to))
}

#[test]
fn a_sound_document_is_sound_in_every_state() {
    for state in State::ALL {
        assert_eq!(told(&lint(NAME, document(*state).as_bytes())), "", "{state:?}");
    }
}

#[test]
fn each_broken_document_is_found_out_for_its_rule_alone_and_its_twin_is_sound() {
    let (mut page, mut wrong) = (String::new(), String::new());
    for Case { rule, state, mended, broken } in CASES {
        let twin = document(*state);
        assert_eq!(told(&lint(NAME, twin.as_bytes())), "", "the twin of {rule:?}");
        let findings = lint(NAME, edited(&twin, mended, broken).as_bytes());
        let said = told(&findings);
        if findings.is_empty() || findings.iter().any(|found| found.rule != *rule) {
            wrong.push_str(&format!("{rule:?}, {broken:?}:\n{said}"));
        }
        page.push_str(&said);
    }
    assert_eq!(wrong, "");
    insta::assert_snapshot!(page);
}

#[test]
fn evidence_and_fixes_of_a_time_to_come_close_nothing() {
    let at = |text: &str| Nanos::parse_rfc3339(text).unwrap();
    for (now, lines) in [
        ("2026-11-24T09:55:00Z", 0),
        // The evidence is of ten o'clock, and the fix of two days earlier.
        ("2026-11-24T09:54:00Z", 1),
        ("2026-11-22T08:54:00Z", 2),
    ] {
        let findings = super::lint(NAME, SOUND.as_bytes(), at(now));
        assert!(findings.iter().all(|found| found.rule == Rule::NotYet), "{now}: {}", told(&findings));
        assert_eq!(findings.len(), lines, "{now}: {}", told(&findings));
    }
}

#[test]
fn every_rule_has_a_case() {
    // Those of guards have theirs beside them.
    for rule in Rule::ALL.iter().filter(|rule| !rule.id().starts_with("guard-")) {
        let is_shown = CASES.iter().any(|case| case.rule == *rule) || OF_FILES.contains(rule);
        assert!(is_shown, "{rule:?}: add a line to CASES");
    }
}

#[test]
fn files_with_other_names_are_found_out() {
    let names = ["2026-11-a.md", "2026-12-card-2-outage.md"];
    for name in names {
        let text = SOUND.replace("2026-11-card-provider-outage", name.trim_end_matches(".md"));
        let text = if name.contains("2026-12") { text.replace("2026-11-2", "2026-12-2") } else { text };
        let text = text.replace("2026-12-05", "2026-12-31").replace("2026-12-12", "2026-12-31");
        assert_eq!(told(&lint(name, text.as_bytes())), "", "{name}");
    }
    for name in [
        "a.md",
        "2026-13-a.md",
        "2026-11.md",
        "2026-11-A.md",
        "2026-11-a--b.md",
        "2026-11-a.txt",
        "26-11-a.md",
        "\u{1b}",
    ] {
        let findings = lint(name, SOUND.as_bytes());
        assert_eq!(findings.iter().map(|found| found.rule).collect::<Vec<_>>(), [Rule::FileName], "{name}");
    }
}

#[test]
fn what_is_no_text_or_too_long_is_not_read() {
    let mut bytes = SOUND.as_bytes().to_vec();
    bytes[10] = 0xff;
    assert_eq!(told(&lint(NAME, &bytes)), "2:7: error not-text: a byte that is no UTF-8\n");
    let long = " ".repeat(DOCUMENT_BYTES_MAX + 1);
    assert_eq!(told(&lint(NAME, long.as_bytes())), "1:1: error too-large: more than 262144 bytes\n");
    let full = format!("{SOUND}{}", " ".repeat(DOCUMENT_BYTES_MAX - SOUND.len()));
    assert_eq!(told(&lint(NAME, full.as_bytes())), "");
}

/// Put together from halves, so that nobody who looks for such words finds this file.
#[test]
fn every_word_of_a_template_is_found_and_words_like_it_are_not() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        "TBD",
        "???",
        "<WHO>",
        "<what failed>",
    ];
    for (text, is_found) in words.map(|word| (word, true)).into_iter().chain([
        ("5XX", false),
        ("todos", false),
        ("<br>", false),
        ("<https://example.com/a b>", false),
        ("1 < 2 and 3 > 2", false),
    ]) {
        let findings = lint(NAME, edited(SOUND, "Calls waited", &format!("Calls {text} waited")).as_bytes());
        let rules: Vec<Rule> = findings.iter().map(|found| found.rule).collect();
        assert_eq!(rules, vec![Rule::Placeholder; usize::from(is_found)], "{text}");
    }
}

#[test]
fn findings_end_somewhere() {
    let many = edited(SOUND, "Calls waited", &"TBD ".repeat(1_000));
    let findings = lint(NAME, many.as_bytes());
    assert_eq!(findings.len(), 201);
    assert_eq!(findings.iter().filter(|found| found.rule == Rule::TooMany).count(), 1);
}

#[test]
fn a_draft_may_lack_what_is_not_known_yet() {
    let draft = "+++\nid = \"2026-11-x\"\ntitle = \"x\"\nstatus = \"draft\"\nseverity = \"SEV-1\"\n\
                 started = 2026-11-21T18:00:00Z\nauthors = [\"Ana\"]\n+++\n## Summary\n## Impact\nTBD\n## Symptoms\n\
                 ## Root Cause\n## Why Detection Was Weak\n## Recovery\n## Follow-ups\n";
    let findings = lint("2026-11-x.md", draft.as_bytes());
    assert!(
        !findings.is_empty() && findings.iter().all(|found| found.level == Level::Warning),
        "{}",
        told(&findings)
    );
    let reviewed = lint("2026-11-x.md", draft.replace("draft", "in_review").as_bytes());
    assert_eq!(reviewed.len(), findings.len());
    assert!(reviewed.iter().all(|found| found.level == Level::Error), "{}", told(&reviewed));
}

#[test]
fn line_ends_of_other_systems_are_the_same_to_it() {
    assert_eq!(told(&lint(NAME, SOUND.replace('\n', "\r\n").as_bytes())), "");
}

/// Made here, so that nobody who looks for leaked keys finds this file.
fn secrets() -> Vec<String> {
    let run = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    let large = run.to_uppercase();
    vec![
        format!("-----BEGIN RSA {} KEY-----", "PRIVATE"),
        format!("casebook_read_{run}"),
        format!("AKIA{}", &large[..16]),
        format!("ghp_{}", &run[..36]),
        format!("github_pat_{run}"),
        format!("glpat-{run}"),
        format!("xoxb-{run}"),
        format!("https://hooks.slack.com/services/T{run}"),
        format!("AIza{}", &run[..35]),
        format!("sk_live_{run}"),
        format!("eyJ{run}.eyJ{run}"),
        format!("Authorization: Bearer {run}"),
        format!("postgres://app:{}@db/shop", "hunter"),
        format!("DB_PASSWORD={run}"),
        format!("\"api_key\": \"{run}\""),
    ]
}

#[test]
fn every_kind_of_secret_is_found_and_none_is_said() {
    for secret in secrets() {
        let text = edited(SOUND, "Calls waited", &format!("Calls {secret} waited"));
        let findings = lint(NAME, text.as_bytes());
        assert!(!findings.is_empty() && findings.iter().all(|found| found.rule == Rule::Secret), "{secret}");
        assert!(!told(&findings).contains(&secret[8..]), "{secret}");
    }
    for plain in [
        "basic authentication and bearer authorization-headers",
        "the token: authentication failed",
        "password = [redacted]",
        "postgres://app:[redacted]@db/shop",
        "https://example.com/a:b",
        "at 18:04:00Z",
    ] {
        let text = edited(SOUND, "Calls waited", &format!("Calls {plain} waited"));
        assert_eq!(told(&lint(NAME, text.as_bytes())), "", "{plain}");
    }
}

fn holds(name: &str, bytes: &[u8]) {
    let findings = lint(name, bytes);
    assert!(findings.len() <= 202);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(findings.iter().all(|found| (1..=lines).contains(&found.line) && found.column >= 1));
    assert!(findings.is_sorted_by_key(|found| (found.line, found.column)));
}

fn cut(at: usize, text: &str) -> usize {
    (0..=at % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

proptest! {
    #[test]
    fn no_bytes_disturb_it(name in ".{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        holds(&name, &bytes);
    }

    #[test]
    fn no_damage_to_a_document_disturbs_it(
        at in any::<usize>(), end in any::<usize>(),
        put in r"(\+\+\+|```toml|```|\[\[|\{|\}|##|# |>|<|=|\x22\x22\x22|\n|\r|\t|[0-9]|\PC|-|é|\\u001b){0,8}",
    ) {
        let (one, other) = (cut(at, SOUND), cut(end, SOUND));
        let from = one.min(other);
        let mut text = SOUND.to_owned();
        text.replace_range(from..one.max(other).min(from + 64), "");
        holds(NAME, text.as_bytes());
        let at = cut(at, &text);
        text.insert_str(at, &put);
        holds(NAME, text.as_bytes());
    }

    #[test]
    fn no_message_holds_a_secret(at in any::<usize>(), which in any::<prop::sample::Index>()) {
        let all = secrets();
        let secret = which.get(&all);
        let mut text = SOUND.to_owned();
        text.insert_str(cut(at, SOUND), &format!(" {secret} "));
        let mut said = String::new();
        lint(NAME, text.as_bytes()).iter().for_each(|found| said.write_str(&found.message).unwrap());
        prop_assert!(!said.contains(secret.as_str()), "{}", said);
    }
}
