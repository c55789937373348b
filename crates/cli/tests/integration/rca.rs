//! `casebook rca` on files: what it prints, and how it ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const NAME: &str = "2026-11-card-provider-outage.md";
const FENCE: &str = "````";

/// The document that the guide shows.
fn example() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/guide/register.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let shown = guide.split(FENCE).nth(1).unwrap();
    shown.split_once('\n').unwrap().1.to_owned()
}

fn file(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join(NAME);
    std::fs::write(&path, text).unwrap();
    path
}

fn lint(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    rca(dir, &[&["lint"], arguments].concat())
}

fn rca(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    let Output { status, stdout, stderr } =
        command.arg("rca").args(arguments).current_dir(dir).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_guides_example_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), &example());
    let said = (Some(0), "1 document, 0 errors, 0 warnings\n".to_owned(), String::new());
    assert_eq!(lint(dir.path(), &[NAME]), said);
}

#[test]
fn a_broken_document_is_told_with_its_place_and_how_to_mend_it() {
    let dir = tempfile::tempdir().unwrap();
    let broken = example()
        .replace("severity = \"SEV-2\"", "severity = \"\\u001b[2J\"")
        .replace("## Recovery\n", "## \u{202e}Recovery\n");
    file(dir.path(), &broken);
    let (code, said, errors) = lint(dir.path(), &[NAME]);
    assert_eq!((code, errors.as_str()), (Some(4), ""));
    insta::assert_snapshot!(said);
    let (code, said, _) = lint(dir.path(), &[NAME, "--json"]);
    assert_eq!(code, Some(4));
    assert!(!said.contains('\u{202e}') && !said.contains('\u{1b}'), "{said}");
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((page["errors"].as_u64(), page["warnings"].as_u64()), (Some(3), Some(0)));
    let first = &page["documents"][0]["findings"][0];
    assert_eq!(
        (first["rule"].as_str(), first["line"].as_u64(), first["column"].as_u64()),
        (Some("word"), Some(5), Some(12))
    );
    assert_eq!(page["documents"][0]["path"], NAME);
}

#[test]
fn the_index_is_no_document_and_is_not_written_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("rca");
    std::fs::create_dir(&folder).unwrap();
    file(&folder, &example());
    let outside = dir.path().join("outside");
    std::fs::write(&outside, "mine").unwrap();
    for link in ["README.md", "README.partial", "register.html.partial"] {
        std::os::unix::fs::symlink(&outside, folder.join(link)).unwrap();
    }
    assert_eq!(rca(dir.path(), &["register", "--dir", "rca"]).0, Some(0));
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "mine");
    let (code, said, errors) = lint(&folder, &[NAME, "README.md"]);
    assert_eq!((code, said.as_str()), (Some(0), "1 document, 0 errors, 0 warnings\n"), "{errors}");
    let (code, _, errors) = lint(&folder, &["README.md"]);
    assert!(code == Some(1) && errors.contains("it is the index"), "{errors}");
}

#[test]
fn warnings_of_a_draft_are_no_reason_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let draft = example().replace("status = \"follow_ups_open\"", "status = \"draft\"");
    let draft = draft.replace("domain = \"checkout\"", "domain = \"TBD\"");
    file(dir.path(), &draft);
    let (code, said, _) = lint(dir.path(), &[NAME]);
    assert!(code == Some(0) && said.ends_with("1 document, 0 errors, 1 warning\n"), "{code:?} {said}");
}

#[test]
fn what_cannot_be_read_is_a_wrong_argument() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), &example());
    for (arguments, expected) in [
        (&[NAME, "gone.md"][..], "casebook: gone.md: No such file"),
        (&["."][..], "casebook: .: it is no file"),
        (&[][..], "error: the following required arguments"),
    ] {
        let (code, said, errors) = lint(dir.path(), arguments);
        assert!(
            code == Some(1) && said.is_empty() && errors.starts_with(expected),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn a_file_that_is_too_long_is_told_and_not_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "");
    // A hole of 64 GiB: whoever reads it all fills the memory.
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 36).unwrap();
    let (code, said, _) = lint(dir.path(), &[NAME]);
    assert!(code == Some(4) && said.contains("error: more than 262144 bytes [too-large]"), "{code:?} {said}");
}

#[test]
fn a_summary_that_is_edited_without_its_index_is_red() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("doc/rca")).unwrap();
    let folder = dir.path().join("doc/rca");
    file(&folder, &example());
    let code = |arguments: &[&str]| rca(dir.path(), arguments).0;
    assert_eq!((code(&["register", "--check"]), code(&["doctor"])), (Some(4), Some(4)), "there is no index");
    let written = "doc/rca/README.md: written\ndoc/rca/register.html: written\n1 document\n\
                   1 rule: 0 block, 0 warn, 0 report, 1 unenforced\n"
        .to_owned();
    assert_eq!(rca(dir.path(), &["register"]), (Some(0), written, String::new()));
    assert_eq!((code(&["register", "--check"]), code(&["doctor"])), (Some(0), Some(0)));
    file(&folder, &example().replace("Nobody could pay", "Few could pay"));
    let (code, said, errors) = rca(dir.path(), &["register", "--check"]);
    let asked = "casebook: doc/rca/README.md is not made from the documents as they are: run `casebook rca register`\n";
    assert_eq!((code, said.as_str(), errors.as_str()), (Some(4), "", asked));
    let (code, said, _) = rca(dir.path(), &["doctor"]);
    assert!(code == Some(4) && said.starts_with("doc/rca/README.md:7:1: error: "), "{code:?} {said}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3, "nothing else was left there");
}

#[test]
fn doctor_reads_every_document_of_the_folder_that_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let broken = example().replace("domain =", "supersedes = \"2026-10-gone\"\ndomain =");
    file(dir.path(), &broken);
    std::fs::write(dir.path().join("notes.md"), "no document").unwrap();
    std::fs::write(dir.path().join("capture.txt"), "not looked at").unwrap();
    assert_eq!(rca(dir.path(), &["register", "--dir", "."]).0, Some(0));
    let (code, said, _) = rca(dir.path(), &["doctor", "--dir", ".", "--json"]);
    assert_eq!(code, Some(4));
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rules: Vec<_> = page["documents"].as_array().unwrap().iter().map(|each| &each["findings"]).collect();
    let rules: Vec<_> =
        rules.iter().flat_map(|all| all.as_array().unwrap()).map(|found| &found["rule"]).collect();
    assert_eq!(rules, ["link-broken", "file-name", "front-matter"]);
    let (code, _, errors) = rca(dir.path(), &["doctor"]);
    assert!(code == Some(1) && errors.starts_with("casebook: doc/rca: No such file"), "{errors}");
}

/// A register of the guide's example.
fn register(dir: &Path) -> PathBuf {
    let folder = dir.join("doc/rca");
    std::fs::create_dir_all(&folder).unwrap();
    file(&folder, &example())
}

#[test]
fn a_rule_tells_its_story() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path());
    let (code, said, errors) = rca(dir.path(), &["why", "deadline-on-providers"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    insta::assert_snapshot!(said);
    let (code, said, errors) = rca(dir.path(), &["why", "deadlines"]);
    let offered =
        "casebook: doc/rca: there is no permanent rule deadlines; there are deadline-on-providers\n";
    assert_eq!((code, said.as_str(), errors.as_str()), (Some(1), "", offered));
}

#[test]
fn what_is_overdue_is_told_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path());
    let (code, said, _) = rca(dir.path(), &["overdue", "--on", "2026-12-12"]);
    assert_eq!((code, said.as_str()), (Some(0), "no follow-up is overdue on 2026-12-12\n"));
    let (code, said, _) = rca(dir.path(), &["overdue", "--on", "2026-12-15"]);
    assert_eq!(code, Some(4));
    insta::assert_snapshot!(said);
    let (_, said, _) = rca(dir.path(), &["overdue", "--on", "2026-12-15", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (page["overdue"][0]["days_late"].as_u64(), page["overdue"][0]["owner"].as_str()),
        (Some(3), Some("Ben"))
    );
    let (code, _, errors) = rca(dir.path(), &["overdue", "--on", "2026-13-01"]);
    assert!(code == Some(1) && errors.contains("expected a date such as 2026-12-05"), "{errors}");
}

#[test]
fn stats_show_median_and_worst_by_layer() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path());
    let (code, said, errors) = rca(dir.path(), &["stats"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    insta::assert_snapshot!(said);
    let (_, said, _) = rca(dir.path(), &["stats", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(page["layers"][0]["owner"]["median_seconds"], 16 * 60);
}

/// The first guard that the guide shows, which keeps the rule of the document that it shows.
fn guards() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/guide/register.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let shown = guide.split("```toml\n[[guard]]").nth(1).unwrap();
    format!("[[guard]]{}", shown.split("```").next().unwrap())
}

#[test]
fn a_rule_is_shown_with_the_guard_that_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path());
    assert_eq!(rca(dir.path(), &["register"]).0, Some(0));
    std::fs::write(
        dir.path().join("guards.toml"),
        guards().replace("id = \"deadline-", "id = \"a-deadline-"),
    )
    .unwrap();
    assert_eq!(rca(dir.path(), &["register", "--check"]).0, Some(4), "the page shows no guard");
    let (code, said, errors) = rca(dir.path(), &["register"]);
    assert!(
        code == Some(0) && said.ends_with("1 rule: 1 block, 0 warn, 0 report, 0 unenforced\n"),
        "{said}{errors}"
    );
    let page = std::fs::read_to_string(dir.path().join("doc/rca/register.html")).unwrap();
    assert!(page.contains("<td>a-deadline-on-providers (block)</td><td>never seen to fail</td>"), "{page}");
    let (_, stats, _) = rca(dir.path(), &["stats"]);
    assert!(stats.ends_with("1 rule: 1 block, 0 warn, 0 report, 0 unenforced\n"), "{stats}");
    for name in ["a-deadline-on-providers", "deadline-on-providers"] {
        let (code, said, _) = rca(dir.path(), &["why", name]);
        assert!(
            code == Some(0) && said.contains("Kept by      a-deadline-on-providers (block)\n"),
            "{name}: {said}"
        );
    }
    assert_eq!(rca(dir.path(), &["doctor"]).0, Some(0));
    // The guard is gone, and the rule still holds.
    std::fs::write(dir.path().join("guards.toml"), "").unwrap();
    assert_eq!(rca(dir.path(), &["register"]).0, Some(0));
    let (code, said, _) = rca(dir.path(), &["doctor"]);
    assert!(code == Some(4) && said.contains("no guard keeps `deadline-on-providers`"), "{code:?} {said}");
    for (arguments, expected) in [
        (&["stats", "--guards", "gone.toml"][..], "gone.toml: No such file"),
        (&["doctor", "--guards", "doc/rca/README.md"][..], "cannot be used as it is"),
    ] {
        let (code, _, errors) = rca(dir.path(), arguments);
        assert!(code == Some(1) && errors.contains(expected), "{arguments:?}: {errors}");
    }
}
