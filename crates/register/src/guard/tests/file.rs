//! What is wrong in `guards.toml`, each with its place.

use super::super::read;
use crate::Rule;

const SOUND: &str = r#"[[guard]]
id = "no-unwrap"
rule = "errors-are-told"
kind = "regex"
mode = "block"
message = "an unwrap"
mend = "tell the error"
paths = ["src/**/*.rs"]
pattern = '\.unwrap\(\)'

[guard.fixtures]
must_fail = [{ path = "src/a.rs", text = "a.unwrap()" }]

[[guard]]
id = "names"
rule = "names-say-what"
kind = "command"
mode = "report"
message = "an empty name"
mend = "say what it is"
command = ["scripts/names.sh", "--all"]
seconds_max = 5

[[waiver]]
guard = "names"
path = "src/old/**"
owner = "Ana"
reason = "goes away"
expires = 2026-12-05
"#;

/// A rule, a line and a column.
type Told = (&'static str, usize, usize);

/// What is replaced by what, then all that is told.
const CASES: &[(&str, &str, &[Told])] = &[
    ("", "", &[]),
    ("kind = \"regex\"", "kind = \"words\"", &[("word", 4, 8)]),
    ("kind = \"regex\"", "", &[("guard-key", 1, 1)]),
    ("kind = \"regex\"", "kind = 3", &[("key-type", 4, 8)]),
    ("mode = \"block\"", "mode = \"fatal\"", &[("word", 5, 8)]),
    ("id = \"no-unwrap\"", "id = \"No Unwrap\"", &[("guard-id", 2, 6)]),
    ("id = \"no-unwrap\"", "id = \"no--unwrap\"", &[("guard-id", 2, 6)]),
    ("id = \"no-unwrap\"", "id = \"names\"", &[("guard-id", 15, 6)]),
    ("rule = \"errors-are-told\"", "", &[("guard-key", 1, 1)]),
    ("rule = \"errors-are-told\"", "rule = \"\"", &[("guard-key", 3, 8)]),
    ("mend = \"tell the error\"", "mends = \"x\"", &[("guard-key", 1, 1), ("key-unknown", 7, 1)]),
    ("paths = [\"src/**/*.rs\"]", "paths = [\"/src/**\"]", &[("guard-path", 8, 10)]),
    ("paths = [\"src/**/*.rs\"]", "paths = []", &[("guard-key", 8, 9)]),
    ("paths = [\"src/**/*.rs\"]", "paths = [\"a\", \"b/\"]", &[("guard-path", 8, 15)]),
    ("pattern = '\\.unwrap\\(\\)'", "pattern = '('", &[("guard-pattern", 9, 11)]),
    ("pattern = '\\.unwrap\\(\\)'", "pattern = 'x*'", &[("guard-pattern", 9, 11)]),
    ("pattern = '\\.unwrap\\(\\)'", "pattern = '(?:\\w{500}){500}'", &[("guard-pattern", 9, 11)]),
    ("pattern = '\\.unwrap\\(\\)'", "command = [\"x\"]", &[("guard-key", 1, 1), ("key-unknown", 9, 1)]),
    ("text = \"a.unwrap()\"", "folder = \"x\"", &[("guard-fixture", 12, 14)]),
    ("path = \"src/a.rs\", text = \"a.unwrap()\"", "folder = \"../x\"", &[("guard-path", 12, 25)]),
    ("must_fail = [", "must_fall = [", &[("key-unknown", 12, 1)]),
    ("command = [\"scripts/names.sh\", \"--all\"]", "command = []", &[("guard-key", 21, 11)]),
    ("command = [\"scripts/names.sh\", \"--all\"]", "command = \"x\"", &[("key-type", 21, 11)]),
    ("command = [\"scripts/names.sh\", \"--all\"]", "command = [\"\"]", &[("guard-command", 14, 1)]),
    ("seconds_max = 5", "seconds_max = 0", &[("guard-command", 22, 15)]),
    ("seconds_max = 5", "seconds_max = 601", &[("guard-command", 22, 15)]),
    ("seconds_max = 5", "seconds_max = -1", &[("key-type", 22, 15)]),
    ("guard = \"names\"", "guard = \"gone\"", &[("guard-waiver", 25, 9)]),
    ("owner = \"Ana\"", "", &[("guard-key", 24, 1)]),
    ("reason = \"goes away\"", "reason = \" \"", &[("guard-key", 28, 10)]),
    ("expires = 2026-12-05", "", &[("guard-key", 24, 1)]),
    ("expires = 2026-12-05", "expires = 2026-12-05T00:00:00Z", &[("time", 29, 11)]),
    ("expires = 2026-12-05", "expires = \"soon\"", &[("key-type", 29, 11)]),
    ("expires = 2026-12-05", "expires = 2026-12-05\nfingerprint = \"x\"", &[("guard-waiver", 30, 15)]),
    ("path = \"src/old/**\"", "path = \"src/[\"", &[("guard-path", 26, 8)]),
    ("kind = \"regex\"", "kind = \"boot\"", &[("key-unknown", 9, 1)]),
    ("kind = \"regex\"", "kind = \"both\"", &[("word", 4, 8)]),
    ("kind = \"regex\"", "kind = \"ast\"\nlanguage = \"cobol\"", &[("word", 5, 12)]),
    ("kind = \"regex\"", "kind = \"ast\"\nlanguage = \"rust\"", &[("guard-pattern", 10, 11)]),
    (
        "kind = \"regex\"",
        "kind = \"sql\"\ncolumns = [\"a.b\"]",
        &[("guard-pattern", 5, 12), ("key-unknown", 10, 1)],
    ),
    ("kind = \"regex\"", "kind = \"test-tag\"\nrca = \"A B\"", &[("guard-id", 5, 7), ("key-unknown", 10, 1)]),
    (
        "kind = \"regex\"",
        "kind = \"link\"",
        &[("guard-key", 1, 1), ("guard-key", 1, 1), ("key-unknown", 9, 1)],
    ),
    ("[[waiver]]", "[[demotion]]\nguard = \"gone\"\nto = \"gone\"\ndecision = \"doc/x.md\"\n[[waiver]]", &[]),
    (
        "[[waiver]]",
        "[[demotion]]\nguard = \"gone\"\nto = \"warn\"\ndecision = \"/x\"\n[[waiver]]",
        &[("guard-path", 27, 12)],
    ),
    ("[[waiver]]", "[[demotion]]\nguard = \"gone\"\ndecision = \"x\"\n[[waiver]]", &[("guard-key", 24, 1)]),
    ("mode = \"block\"", "mode = \"block\"\nawaits_files = true", &[]),
    ("[[waiver]]", "[[unenforced]]\nrule = \"x\"\nreason = \"y\"\n[[waiver]]", &[]),
    ("[[waiver]]", "[[unenforced]]\nrule = \"x\"\n[[waiver]]", &[("guard-key", 24, 1)]),
    ("mode = \"report\"", "mode = \"report\"\nawaits_files = true", &[("key-unknown", 19, 1)]),
    ("mode = \"block\"", "mode = \"block\"\nawaits_files = \"x\"", &[("key-type", 6, 16)]),
    ("[[waiver]]", "[[waivers]]", &[("key-unknown", 24, 3)]),
    ("[[waiver]]", "[[waiver]", &[("toml", 24, 10)]),
];

#[test]
fn what_is_wrong_in_guards_is_told_with_its_place() {
    for (what, with, expected) in CASES {
        assert!(SOUND.contains(what), "{what}");
        let text = if what.is_empty() { SOUND.to_owned() } else { SOUND.replacen(what, with, 1) };
        let (_, findings) = read(text.as_bytes());
        let told: Vec<_> = findings.iter().map(|found| (found.rule.id(), found.line, found.column)).collect();
        assert_eq!(told, *expected, "{with}: {findings:#?}");
    }
}

#[test]
fn what_is_wrong_costs_the_guard_and_nothing_else() {
    let (guards, findings) = read(SOUND.replacen("mode = \"block\"", "mode = \"fatal\"", 1).as_bytes());
    let ids: Vec<&str> = guards.guards.iter().map(|guard| guard.id.as_str()).collect();
    assert_eq!((findings.len(), ids, guards.waivers.len()), (1, vec!["names"], 1));
}

#[test]
fn bytes_that_are_no_such_file_are_a_finding() {
    let told = |bytes: &[u8]| read(bytes).1.iter().map(|found| found.rule.id()).collect::<Vec<_>>();
    assert_eq!(told(b"\xff"), ["not-text"]);
    assert_eq!(told(&vec![b'#'; super::super::GUARDS_BYTES_MAX + 1]), ["too-large"]);
    assert_eq!(told(b""), [""; 0]);
}

#[test]
fn every_rule_for_guards_has_a_case() {
    for rule in Rule::ALL.iter().filter(|rule| rule.id().starts_with("guard-")) {
        let is_shown = CASES.iter().any(|(_, _, told)| told.iter().any(|(id, ..)| *id == rule.id()));
        assert!(is_shown, "{rule:?}: add a line to CASES");
    }
}
