//! `casebook guard` on a tree of its own: what it prints, and how it ends.

mod defects;
mod looks;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const GUARDS: &str = r#"
[[guard]]
id = "no-unwrap"
rule = "errors-are-told"
kind = "regex"
mode = "block"
message = "an unwrap"
mend = "tell the error"
paths = ["src/**/*.rs"]
pattern = '\.unwrap\(\)'

[guard.fixtures]
must_fail = [{ path = "src/a.rs", text = "a.unwrap()" }, { folder = "fixtures/bad" }]
must_pass = [{ path = "src/a.rs", text = "a?" }, { path = "other.rs", text = "a.unwrap()" }]
"#;

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "guards.toml", GUARDS);
    write(dir.path(), "src/a.rs", "fn a() {\n    a.unwrap();\n}\n");
    write(dir.path(), "fixtures/bad/src/b.rs", "b.unwrap();\n");
    dir
}

fn write(dir: &Path, path: &str, text: &str) {
    let place = dir.join(path);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, text).unwrap();
}

fn guard(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    let Output { status, stdout, stderr } =
        command.arg("guard").args(arguments).current_dir(dir).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn scripted(script: &str, mode: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let guards = format!(
        "[[guard]]\nid = \"names\"\nrule = \"names-say-what\"\nkind = \"command\"\nmode = \"{mode}\"\n\
         message = \"an empty name\"\nmend = \"say what it is\"\ncommand = [\"scripts/names.sh\"]\nseconds_max = 1\n"
    );
    write(dir.path(), "guards.toml", &guards);
    write(dir.path(), "a/b.txt", "one\ntwo\n");
    write(dir.path(), "scripts/names.sh", &format!("#!/bin/sh\n{script}\n"));
    let place = dir.path().join("scripts/names.sh");
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn what_is_new_fails_the_run_and_what_git_ignores_is_not_looked_at() {
    let dir = tree();
    write(dir.path(), ".gitignore", "made/\n");
    write(dir.path(), "src/made/c.rs", "c.unwrap();\n");
    let (code, said, errors) = guard(dir.path(), &["run"]);
    let expected = "src/a.rs:2:6: error: an unwrap [no-unwrap]\n    mend: tell the error\n\
                    1 guard, 1 file: 1 error, 0 warnings, 0 notes\n";
    assert_eq!((code, said.as_str(), errors.as_str()), (Some(4), expected, ""));
    let (_, said, _) = guard(dir.path(), &["run", "--explain"]);
    assert!(said.contains("    rule: errors-are-told\n    looks for: regex \\.unwrap\\(\\)\n"), "{said}");
    assert!(said.contains("    stands there: a.unwrap();\n"), "{said}");
    write(dir.path(), "src/a.rs", "fn a() {}\n");
    let clean = "1 guard, 1 file: 0 errors, 0 warnings, 0 notes\n";
    assert_eq!(guard(dir.path(), &["run"]), (Some(0), clean.to_owned(), String::new()));
}

#[test]
fn a_baseline_takes_old_findings_in_once_and_one_fix_hides_no_new_one() {
    let dir = tree();
    let (code, said, _) = guard(dir.path(), &["baseline", "--start", "no-unwrap"]);
    assert_eq!((code, said.as_str()), (Some(0), "1 taken in, 1 in all\n"));
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(code == Some(0) && said.ends_with("0 notes, 1 old\n"), "{code:?} {said}");
    write(dir.path(), "src/a.rs", "fn a() {\n    b.unwrap();\n}\n");
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(code == Some(4) && said.contains("1 of the baseline mended"), "{code:?} {said}");
    let (code, _, errors) = guard(dir.path(), &["baseline", "--start", "no-unwrap"]);
    assert!(code == Some(1) && errors.contains("the baseline only shrinks"), "{code:?} {errors}");
    let (code, said, _) = guard(dir.path(), &["baseline", "--shrink"]);
    assert_eq!((code, said.as_str()), (Some(0), "1 taken out, 0 stay\n"));
}

#[test]
fn a_command_keeps_its_contract_or_has_not_run() {
    for (script, code, expected) in [
        ("exit 0", 0, "1 guard, 0 files: 0 errors"),
        ("echo ./a/b.txt:2:3: odd; exit 1", 4, "a/b.txt:2:3: error: an empty name: odd [names]\n"),
        ("echo fine", 4, "it ended with 0 and yet said `fine` [names]\n"),
        ("echo broken >&2; exit 3", 4, "it ended with 3 and named no file:line: broken [names]\n"),
        ("sleep 60", 4, "it took more than 1 seconds [names]\n"),
        ("(sleep 60) & sleep 60", 4, "it took more than 1 seconds [names]\n"),
        ("while :; do echo a/b.txt:1; done", 4, "it said more than 1048576 bytes [names]\n"),
        ("kill -9 $$", 4, "a signal ended it [names]\n"),
    ] {
        let dir = scripted(script, "block");
        let (ended, said, errors) = guard(dir.path(), &["run"]);
        assert!(ended == Some(code) && said.contains(expected), "{script}: {ended:?} {said} {errors}");
    }
    let dir = scripted("exit 3", "warn");
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(code == Some(0) && said.contains("warning: the guard did not run"), "{code:?} {said}");
    std::fs::remove_file(dir.path().join("scripts/names.sh")).unwrap();
    let (_, said, _) = guard(dir.path(), &["run"]);
    assert!(said.contains("it could not be started: No such file"), "{said}");
}

#[test]
fn other_forms_hold_the_same_findings_and_nothing_acts_in_them() {
    let dir = tree();
    write(dir.path(), "src/b,\u{202e}c.rs", "/* \u{1b}[2J */ b.unwrap();\n");
    let read = |form: &str| {
        let (code, said, _) = guard(dir.path(), &["run", "--format", form]);
        assert_eq!(code, Some(4), "{form}");
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{form}: {said}");
        said
    };
    let page = |form: &str| -> Value { serde_json::from_str(&read(form)).unwrap() };
    let json = page("json");
    assert_eq!((json["errors"].as_u64(), json["files"].as_u64()), (Some(2), Some(2)));
    let print = json["findings"][0]["fingerprint"].as_str().unwrap();
    let sarif = page("sarif");
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["partialFingerprints"]["casebookGuard/v1"], print);
    let place = &run["results"][1]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/b%2C%E2%80%AEc.rs");
    assert_eq!((&sarif["version"], &run["results"][0]["level"]), (&"2.1.0".into(), &"error".into()));
    let gitlab = page("gitlab");
    assert_eq!(
        (gitlab[0]["fingerprint"].as_str(), gitlab[0]["location"]["lines"]["begin"].as_u64()),
        (Some(print), Some(2))
    );
    let github = read("github");
    assert!(
        github.starts_with("::error file=src/a.rs,line=2,endLine=2,col=6,title=no-unwrap::an unwrap."),
        "{github}"
    );
    let text = read("text");
    assert!(text.contains("src/b,\\u{202e}c.rs:1:13: error"), "{text}");
}

#[test]
fn guards_are_held_to_their_fixtures() {
    let dir = tree();
    assert_eq!(guard(dir.path(), &["test"]), (Some(0), "4 held, 0 did not\n".to_owned(), String::new()));
    write(dir.path(), "guards.toml", &GUARDS.replace("src/**/*.rs", "**/*.rs"));
    let (code, said, _) = guard(dir.path(), &["test"]);
    assert!(code == Some(4) && said.contains("other.rs (must pass): it finds line 1"), "{code:?} {said}");
    write(dir.path(), "guards.toml", &GUARDS.replace("unwrap\\(", "expect\\("));
    let (code, said, _) = guard(dir.path(), &["test"]);
    assert!(
        code == Some(4) && said.contains("fixtures/bad (must fail): it finds nothing"),
        "{code:?} {said}"
    );
    write(dir.path(), "guards.toml", GUARDS);
    // No fixture lies deeper than src/.
    let (code, said, _) = guard(dir.path(), &["mutate"]);
    let expected =
        "no-unwrap: no fixture notices: with the path src/*.rs for src/**/*.rs\n0 noticed, 1 not\n";
    assert_eq!((code, said.as_str()), (Some(4), expected));
    write(dir.path(), "guards.toml", &GUARDS.replacen("src/a.rs", "src/b/a.rs", 1));
    assert_eq!(guard(dir.path(), &["mutate"]).1, "1 noticed, 0 not\n");
    let without = GUARDS.split("[guard.fixtures]").next().unwrap();
    write(dir.path(), "guards.toml", without);
    let (code, said, _) = guard(dir.path(), &["test"]);
    assert!(code == Some(4) && said.contains("no fixture under must_fail"), "{code:?} {said}");
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let dir = tree();
    write(dir.path(), "guards.toml", &GUARDS.replace("\"block\"", "\"\\u001b[2J\""));
    let (code, said, errors) = guard(dir.path(), &["run"]);
    assert!(code == Some(1) && said.is_empty(), "{code:?} {said}");
    assert!(errors.contains("guards.toml:6:8: error: guard.mode is `\\u{1b}[2J`"), "{errors}");
    write(dir.path(), "guards.toml", GUARDS);
    for (arguments, expected) in [
        (&["run", "no-unwarp"][..], "there is no guard no-unwarp in guards.toml: no-unwrap"),
        (
            &["run", "--file", "gone.toml"][..],
            "gone.toml: No such file or directory (os error 2); name the file",
        ),
        (&["run", "--format", "json", "--explain"][..], "--explain is for --format text"),
        (&["baseline"][..], "required"),
    ] {
        let (code, _, errors) = guard(dir.path(), arguments);
        assert!(code == Some(1) && errors.contains(expected), "{arguments:?}: {code:?} {errors}");
    }
    write(dir.path(), "guards.baseline", "something\n");
    let (code, _, errors) = guard(dir.path(), &["run"]);
    assert!(code == Some(1) && errors.contains("guards.baseline:1: the first line is not"), "{errors}");
}

/// Runs Git in a folder, as nobody in particular, and gives back what it said.
fn git(dir: &Path, arguments: &[&str]) -> String {
    let said = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn commit(dir: &Path, what: &str) -> String {
    git(dir, &["add", "--all"]);
    git(dir, &["commit", "--quiet", "--allow-empty", "-m", what]);
    git(dir, &["rev-parse", "HEAD"])
}

#[test]
fn a_guard_is_proved_on_the_commit_that_mended_the_defect() {
    let dir = tree();
    git(dir.path(), &["init", "--quiet"]);
    commit(dir.path(), "a defect");
    let other = commit(dir.path(), "something else");
    write(dir.path(), "src/a.rs", "fn a() {}\n");
    let fix = commit(dir.path(), "mended");
    for (arguments, expected) in [
        (&["prove", "errors-are-told", "--fix", &other][..], "is found before this commit and after it"),
        (&["prove", "errors-are-told", "--fix", &format!("{other}^")][..], "has no parent"),
        (&["prove", "errors-are-told", "--fix", "gone"][..], "gone: Git knows no such commit"),
        (&["prove", "errors", "--fix", &fix][..], "no guard keeps the rule errors"),
        (&["prove", "no-unwrap", "--fix", &fix][..], "is a guard, and no rule: it keeps errors-are-told"),
    ] {
        let (code, said, errors) = guard(dir.path(), arguments);
        assert!(
            code != Some(0) && format!("{said}{errors}").contains(expected),
            "{arguments:?}: {said} {errors}"
        );
    }
    let (code, said, errors) = guard(dir.path(), &["prove", "errors-are-told", "--fix", &fix]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.starts_with("no-unwrap: red before "), "{said}");
    let (code, said, _) = guard(dir.path(), &["prove", "--check"]);
    assert_eq!((code, said.as_str()), (Some(0), "1 proof holds, 0 do not\n"));
    let (code, said, _) = guard(dir.path(), &["run", "--record"]);
    assert!(code == Some(0), "{said}");
    let (code, said, _) = guard(dir.path(), &["graduate", "--check"]);
    assert!(
        code == Some(4) && said.contains("no-unwrap is in block and lacks 9 more runs"),
        "{code:?} {said}"
    );
    commit(dir.path(), "guarded");
    to_lower_it_takes_a_decision(dir.path());
    what_would_not_have_seen_the_defect_is_no_proof(dir.path());
}

fn to_lower_it_takes_a_decision(dir: &Path) {
    let warns = GUARDS.replace("\"block\"", "\"warn\"");
    write(dir, "guards.toml", &warns);
    let (code, said, _) = guard(dir, &["graduate", "--since", "HEAD"]);
    assert!(
        code == Some(4) && said.contains("no-unwrap was block at HEAD and is warn: no [[demotion]]"),
        "{said}"
    );
    let decided = "[[demotion]]\nguard = \"no-unwrap\"\nto = \"warn\"\ndecision = \"doc/0001.md\"\n";
    write(dir, "guards.toml", &format!("{warns}\n{decided}"));
    let (code, said, _) = guard(dir, &["graduate", "--since", "HEAD"]);
    assert!(code == Some(4) && said.contains("doc/0001.md is not there"), "{code:?} {said}");
    write(dir, "doc/0001.md", "It is too loud.\n");
    let (code, said, _) = guard(dir, &["graduate", "--since", "HEAD"]);
    assert!(code == Some(4) && said.contains("doc/0001.md does not name it"), "{code:?} {said}");
    write(dir, "doc/0001.md", "no-unwrap is too loud.\n");
    assert_eq!(guard(dir, &["graduate", "--since", "HEAD"]).0, Some(0));
}

/// It was changed, or it is gone.
fn what_would_not_have_seen_the_defect_is_no_proof(dir: &Path) {
    let decided = "[[demotion]]\nguard = \"no-unwrap\"\nto = \"warn\"\ndecision = \"doc/0001.md\"\n";
    write(dir, "guards.toml", &GUARDS.replace("src/**/*.rs", "lib/**/*.rs"));
    let (code, said, _) = guard(dir, &["prove", "--check"]);
    assert!(code == Some(4) && said.contains("is not found any more"), "{code:?} {said}");
    write(dir, "guards.toml", "");
    let (code, said, _) = guard(dir, &["prove", "--check"]);
    assert!(code == Some(4) && said.contains("there is no guard no-unwrap any more"), "{code:?} {said}");
    let (code, said, _) = guard(dir, &["run"]);
    assert!(
        code == Some(4) && said.contains("it is gone: no [[demotion]] names a decision record [no-unwrap]"),
        "{said}"
    );
    write(dir, "guards.toml", decided);
    let (code, said, _) = guard(dir, &["run"]);
    assert!(code == Some(4) && said.contains("its [[demotion]] is for another mode"), "{code:?} {said}");
    write(dir, "guards.toml", &decided.replace("\"warn\"", "\"gone\""));
    assert_eq!(guard(dir, &["run"]).0, Some(0));
    assert_eq!(
        guard(dir, &["prove", "--check"]),
        (Some(0), "0 proofs hold, 0 do not\n".to_owned(), String::new())
    );
}

#[test]
fn a_baseline_that_somebody_wrote_into_is_told() {
    let dir = tree();
    git(dir.path(), &["init", "--quiet"]);
    assert_eq!(guard(dir.path(), &["baseline", "--start", "no-unwrap"]).0, Some(0));
    commit(dir.path(), "started");
    let since = &["baseline", "--since", "HEAD"];
    assert_eq!(
        guard(dir.path(), since),
        (Some(0), "1 in the baseline, 1 at HEAD\n".to_owned(), String::new())
    );
    // One old violation for a new one, in the tree and in the file.
    let baseline = std::fs::read_to_string(dir.path().join("guards.baseline")).unwrap();
    write(dir.path(), "src/a.rs", "fn a() {\n    b.unwrap();\n}\n");
    let (_, page, _) = guard(dir.path(), &["run", "--format", "json"]);
    let page: Value = serde_json::from_str(&page).unwrap();
    let (old, new) = (&page["mended"][0]["fingerprint"], &page["findings"][0]["fingerprint"]);
    let swapped = baseline.replace(old.as_str().unwrap(), new.as_str().unwrap());
    write(dir.path(), "guards.baseline", &swapped);
    assert_eq!(guard(dir.path(), &["run"]).0, Some(0), "the file alone cannot tell");
    let (code, said, _) = guard(dir.path(), since);
    assert!(
        code == Some(4) && said.contains("guards.baseline: no-unwrap: src/a.rs was put in"),
        "{code:?} {said}"
    );
    let (code, _, errors) = guard(dir.path(), &["baseline", "--since", "gone"]);
    assert!(code == Some(1) && errors.contains("Git knows no such commit"), "{errors}");
}

#[test]
fn a_guard_is_proved_on_a_kept_fixture() {
    let dir = tree();
    let (_, said, _) = guard(dir.path(), &["prove", "errors-are-told", "--fix", "HEAD"]);
    assert!(said.contains("not a git repository"), "{said}");
    let (code, said, _) = guard(dir.path(), &["prove", "errors-are-told"]);
    assert!(code == Some(0) && said.contains("red on src/a.rs"), "{code:?} {said}");
    assert_eq!(guard(dir.path(), &["prove", "--check"]).1, "1 proof holds, 0 do not\n");
    write(dir.path(), "guards.toml", &GUARDS.replace("text = \"a.unwrap()\" }, {", "text = \"a\" }, {"));
    let (code, said, _) = guard(dir.path(), &["prove", "--check"]);
    assert!(code == Some(4) && said.contains("it finds nothing"), "{code:?} {said}");
}
