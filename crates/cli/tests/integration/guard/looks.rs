//! What guards look at: a guard that looks at nothing, or at less than the tree, is told.

use super::{GUARDS, commit, git, guard, scripted, tree, write};

#[test]
fn a_guard_without_files_has_not_run() {
    let dir = tree();
    let blind = GUARDS.replace("src/**/*.rs", "lib/**/*.rs");
    write(dir.path(), "guards.toml", &blind);
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(
        code == Some(4) && said.contains("the guard did not run: no file matches its paths"),
        "{code:?} {said}"
    );
    let (code, _, errors) = guard(dir.path(), &["baseline", "--start", "no-unwrap"]);
    assert!(code == Some(4) && errors.contains("nothing was changed"), "{code:?} {errors}");
    let waits = blind.replace("mode = \"block\"", "mode = \"block\"\nawaits_files = true");
    write(dir.path(), "guards.toml", &waits);
    let clean = "1 guard, 0 files: 0 errors, 0 warnings, 0 notes\n";
    assert_eq!(guard(dir.path(), &["run"]), (Some(0), clean.to_owned(), String::new()));
}

#[test]
fn no_file_is_looked_past_in_silence() {
    let dir = tree();
    // One byte, and the file is no text for Git.
    write(dir.path(), "src/a.rs", "// \0\nfn a() {\n    a.unwrap();\n}\n");
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(code == Some(4) && said.starts_with("src/a.rs:3:6: error"), "{code:?} {said}");
    write(dir.path(), "src/a.rs", &"// long\n".repeat(600_000));
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(code == Some(4) && said.contains("did not run: src/a.rs is too long"), "{code:?} {said}");
    assert!(said.ends_with("src/a.rs: too long, nobody looked at it\n"), "{said}");
}

#[test]
fn what_is_ignored_is_what_the_repository_ignores() {
    let outer = tree();
    let dir = outer.path().join("inner");
    write(&dir, "guards.toml", GUARDS);
    write(&dir, "src/a.rs", "a.unwrap();\n");
    // Above the tree: of the machine, and not of the repository.
    write(outer.path(), ".gitignore", "*\n");
    let (code, said, _) = guard(&dir, &["run"]);
    assert!(code == Some(4) && said.starts_with("src/a.rs:1:2: error"), "{code:?} {said}");
    git(&dir, &["init", "--quiet"]);
    write(&dir, ".gitignore", "made/\n/src/b.rs\n");
    write(&dir, ".git/info/exclude", "*.rs\n");
    write(&dir, "src/made/c.rs", "c.unwrap();\n");
    write(&dir, "src/b.rs", "b.unwrap();\n");
    let (_, said, _) = guard(&dir, &["run"]);
    assert!(said.starts_with("src/a.rs:1:2: error") && said.contains("1 guard, 1 file"), "{said}");
    // What is tracked is part of the tree, whatever .gitignore says of it.
    git(&dir, &["add", "--force", "src/b.rs"]);
    let (_, said, _) = guard(&dir, &["run"]);
    assert!(said.contains("src/b.rs:1:2: error") && said.contains("1 guard, 2 files"), "{said}");
    std::fs::remove_file(dir.join("src/b.rs")).unwrap();
    let (_, said, _) = guard(&dir, &["run"]);
    assert!(said.contains("1 guard, 1 file: 1 error"), "{said}");
    // A folder of a repository: what its top ignores, it ignores too.
    write(&dir, "part/guards.toml", GUARDS);
    write(&dir, "part/src/made/c.rs", "c.unwrap();\n");
    write(&dir, "part/src/d.rs", "d.unwrap();\n");
    let (_, said, _) = guard(&dir.join("part"), &["run"]);
    assert!(said.starts_with("src/d.rs:1:2: error") && said.contains("1 guard, 1 file"), "{said}");
}

/// As a hook of another repository sets them for what it starts.
#[test]
fn another_repository_in_the_environment_is_not_asked() {
    let dir = tree();
    git(dir.path(), &["init", "--quiet"]);
    commit(dir.path(), "a defect");
    let other = tempfile::tempdir().unwrap();
    git(other.path(), &["init", "--quiet"]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_casebook"))
        .args(["guard", "graduate", "--since", "HEAD"])
        .env("GIT_DIR", other.path().join(".git"))
        .env("GIT_WORK_TREE", other.path())
        .env("GIT_INDEX_FILE", other.path().join("index"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_waiver_past_its_day_or_without_end_lets_nothing_through() {
    let dir = tree();
    for (day, code, expected) in [
        ("2020-01-01", 4, "a waiver is over: no-unwrap: src/a.rs, until 2020-01-01, by Ana"),
        ("9999-12-31", 4, "a waiver ends more than a year from now, and does not count: no-unwrap: src/a.rs"),
    ] {
        let waiver = format!(
            "[[waiver]]\nguard = \"no-unwrap\"\npath = \"src/a.rs\"\nowner = \"Ana\"\nreason = \"x\"\nexpires = {day}\n"
        );
        write(dir.path(), "guards.toml", &format!("{GUARDS}\n{waiver}"));
        let (ended, said, _) = guard(dir.path(), &["run"]);
        assert!(ended == Some(code) && said.contains(expected), "{day}: {ended:?} {said}");
    }
}

#[test]
fn commands_find_nothing_in_fixtures_and_in_the_guards_themselves() {
    let dir = scripted("echo a/b.txt:1; echo guards.toml:1; echo fixtures/bad/c.txt:1; exit 1", "block");
    let guards = std::fs::read_to_string(dir.path().join("guards.toml")).unwrap();
    let fixtures = "[guard.fixtures]\nmust_fail = [{ folder = \"fixtures/bad\" }]\n";
    write(dir.path(), "guards.toml", &format!("{guards}\n{fixtures}"));
    write(dir.path(), "fixtures/bad/c.txt", "x\n");
    let (code, said, _) = guard(dir.path(), &["run"]);
    assert!(
        code == Some(4) && said.contains("a/b.txt:1:1: error") && said.contains(": 1 error,"),
        "{code:?} {said}"
    );
    assert_eq!(guard(dir.path(), &["test"]).0, Some(0));
}

/// A script without its `--check` is the one that mends.
#[test]
fn nothing_is_started_that_nobody_meant() {
    let dir = scripted("[ \"$1\" = --check ] || touch \"$MARK\"; echo a/b.txt:1; exit 1", "block");
    let guards = std::fs::read_to_string(dir.path().join("guards.toml")).unwrap();
    let guards = guards.replace("\"scripts/names.sh\"]", "\"scripts/names.sh\", \"--check\"]");
    let fixtures = "[guard.fixtures]\nmust_fail = [{ path = \"a/b.txt\", text = \"x\" }]\n";
    write(dir.path(), "guards.toml", &format!("{guards}\n{fixtures}"));
    let mark = dir.path().join("mark");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_casebook"))
        .args(["guard", "mutate"])
        .env("MARK", &mark)
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 noticed, 0 not\n");
    assert!(!mark.exists());
}

/// It looks at something else now: for the rule that it kept it is gone.
#[test]
fn a_guard_that_keeps_another_rule_is_told() {
    let dir = tree();
    git(dir.path(), &["init", "--quiet"]);
    commit(dir.path(), "guarded");
    write(dir.path(), "guards.toml", &GUARDS.replace("errors-are-told", "another-rule"));
    let (code, said, _) = guard(dir.path(), &["graduate", "--since", "HEAD"]);
    assert!(code == Some(4) && said.contains("no-unwrap was block at HEAD and is gone"), "{code:?} {said}");
}
