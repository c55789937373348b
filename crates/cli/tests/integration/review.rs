//! `casebook review` in a repository: a whole review, and what was done to a ledger behind its back.

mod desk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use desk::{Desk, FIND};
use register::review::{Record, SecretKey, Step, Text, Veto, VetoId, file_name, key_from_file, seal};

#[test]
fn a_review_from_plan_to_done() {
    let desk = Desk::new();
    desk.refuses(&["plan"], "ana", "ana is a builder [verifier-only]");
    desk.refuses(
        &["claim", "api", "--says", "a", "--check", "b", "--expected", "c"],
        "ana",
        "there is no plan yet [no-plan]",
    );
    desk.takes(&["plan"], "ben");
    desk.commit("plan", &[]);
    claimed(&desk);
    judged(&desk);
    let (code, said, _) = desk.review(&["status"]);
    assert!(code == Some(0) && said.starts_with("Names: DONE\n"), "{said}");
    found_and_fixed(&desk);
    desk.commit("records", &[]);
    let (code, said, errors) = desk.review(&["verify", "--base", "HEAD~1", "--done"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    assert!(said.starts_with("11 records, 0 faults, DONE, last "), "{said}");
    // A later commit in the gate's scope voids the pass.
    desk.commit("more", &[("src/api.rs", "3")]);
    let (code, said, _) = desk.review(&["verify", "--done"]);
    assert!(code == Some(4) && said.contains("0 faults, not done"), "{said}");
    let (_, said, _) = desk.review(&["status", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (page["gates"][0]["state"].as_str(), page["done"].as_bool()),
        (Some("stale"), Some(false)),
        "{said}"
    );
    assert_eq!(page["findings"][0]["prediction"], "met");
}

fn claimed(desk: &Desk) {
    let claim =
        ["claim", "api", "--says", "Names are checked", "--check", "make check", "--expected", "0 failed"];
    let claim = [claim.as_slice(), &["--reasoning", "../why.md"]].concat();
    desk.write("scratch", "x");
    desk.refuses(&claim, "ana", "what is in the tree is not what the commit holds [tree-not-clean]");
    fs::remove_file(desk.path("scratch")).unwrap();
    desk.refuses(&claim, "ana", "[not-pushed]");
    desk.git(&["push", "-q", "origin", "main"]);
    desk.takes(&claim, "ana");
    let record = fs::read_to_string(desk.record(2)).unwrap();
    assert!(!record.contains("Because") && !desk.payload(2).contains("Because"));
    desk.refuses(&["reveal", "api", "--reasoning", "../why.md"], "ana", "[hidden-yet]");
}

fn judged(desk: &Desk) {
    let verdict = |outcome: &str, more: &[&str]| {
        let first = ["verdict", "api", outcome, "--commit", "HEAD"];
        first.iter().chain(more).map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let refuses = |by: &str, more: &[&str], said: &str| {
        let verdict = verdict("pass", more);
        desk.refuses(&verdict.iter().map(String::as_str).collect::<Vec<_>>(), by, said);
    };
    let evidence = ["--evidence", "now make check: 0 failed"];
    let control = ["--control", "now without the length check: 1 failed"];
    let old = ["--evidence", "2001-01-01T00:00:00Z make check: 0 failed"];
    refuses("ana", &[evidence, control].concat(), "ana claimed gate api [self-review]");
    refuses("ben", &evidence, "no negative control is cited [no-control]");
    refuses("ben", &control, "no evidence is cited [no-evidence]");
    refuses("ben", &[old, control].concat(), "[evidence-old]");
    let other = ["verdict", "api", "pass", "--commit", "HEAD~1"];
    desk.refuses(&[other.as_slice(), &evidence, &control].concat(), "ben", "[evidence-commit]");
    desk.refuses(&["verdict", "none", "pass", "--commit", "HEAD"], "ben", "there is no gate none [unknown]");
    let pass = verdict("pass", &[evidence, control].concat());
    desk.takes(&pass.iter().map(String::as_str).collect::<Vec<_>>(), "ben");
    desk.takes(&["reveal", "api", "--reasoning", "../why.md"], "ana");
    assert!(desk.payload(4).contains("Because the length is looked at."));
}

fn found_and_fixed(desk: &Desk) {
    desk.takes(FIND, "ben");
    assert_eq!(desk.review(&["verify", "--done"]).0, Some(4));
    desk.takes(&["observe", "F1", "--symptom", "200", "--duration-s", "2", "--as-predicted", "yes"], "ben");
    desk.refuses(&["fix", "F1", "--what", "Looked at"], "ana", "[fix-old]");
    desk.commit("fix", &[("src/api.rs", "2")]);
    desk.git(&["push", "-q", "origin", "main"]);
    desk.takes(&["fix", "F1", "--what", "The length is looked at"], "ana");
    desk.refuses(&["close", "F1"], "ana", "ana is a builder [verifier-only]");
    desk.refuses(&["close", "F1"], "ben", "F1 is fix claimed [finding-state]");
    // Evidence is newer than the fix: of a later second.
    let until = Instant::now() + Duration::from_secs(20);
    let retest = ["retest", "F1", "pass", "--commit", "HEAD", "--evidence", "now curl: 400"];
    while desk.signed(&retest, "ben").0 != Some(0) {
        assert!(Instant::now() < until, "{:?}", desk.signed(&retest, "ben"));
    }
    desk.refuses(&["close", "F1"], "ana", "[verifier-only]");
    desk.takes(&["close", "F1"], "ben");
    let again = ["claim", "api", "--says", "Still", "--check", "make check", "--expected", "0 failed"];
    desk.takes(&again, "ana");
    let verdict = [
        "verdict",
        "api",
        "pass",
        "--commit",
        "HEAD",
        "--evidence",
        "now 0 failed",
        "--control",
        "now 1 failed",
    ];
    desk.takes(&verdict, "ben");
    desk.refuses(&again, "ana", "gate api is passed [gate-state]");
}

#[test]
fn what_was_done_to_a_ledger_is_found_by_verify() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.takes(FIND, "ben");
    desk.takes(&["veto", "--why", "Not yet"], "cleo");
    desk.commit("records", &[]);
    assert_eq!(desk.review(&["verify"]).0, Some(0));
    let second = fs::read(desk.record(2)).unwrap();

    desk.found(
        "a tampered record",
        || {
            let text = String::from_utf8(second.clone()).unwrap();
            fs::write(desk.record(2), text.replacen("\"sig\":\"", "\"sig\":\"A", 1)).unwrap();
        },
        &["records/000002.json", "[form]"],
    );
    desk.found(
        "a word in a record",
        || fs::write(desk.record(3), desk.reworded(3, "Not yet", "Not now")).unwrap(),
        &["000003.json", "[signature]", "[rewritten]"],
    );
    desk.found(
        "the last record signed by somebody else",
        || {
            fs::write(desk.record(3), desk.sealed(3, "ben", "cleo")).unwrap();
        },
        &["000003.json: it says that cleo signed, and ben did [signature]"],
    );
    desk.found(
        "a record in between by its own signer",
        || {
            fs::write(desk.record(2), desk.sealed_later(2, "ben")).unwrap();
        },
        &["000003.json: it names another file", "[chain]"],
    );
    desk.found(
        "a signer that nobody recorded",
        || {
            let signers = desk.path("doc/review/signers.toml");
            fs::write(&signers, fs::read_to_string(&signers).unwrap().replace("\"builder\"", "\"verifier\""))
                .unwrap();
        },
        &["doc/review/signers.toml: it says something else than the last plan [signers-file]"],
    );
    desk.found(
        "the last record taken out",
        || fs::remove_file(desk.record(3)).unwrap(),
        &["took it out [rewritten]"],
    );

    desk.found(
        "all of it taken out",
        || fs::remove_dir_all(desk.path("doc/review/records")).unwrap(),
        &[
            "000001.json: the tree, beside what is checked out, took it out [rewritten]",
            "0 records, 3 faults",
        ],
    );

    in_the_history_of_git(&desk);
}

fn in_the_history_of_git(desk: &Desk) {
    let third = fs::read(desk.record(3)).unwrap();
    fs::remove_file(desk.record(3)).unwrap();
    desk.commit("without the veto", &[]);
    let (code, said, _) = desk.review(&["verify"]);
    assert!(
        code == Some(4) && said.contains("000003.json: commit ") && said.contains("took it out [rewritten]"),
        "{said}"
    );
    fs::write(desk.record(3), &third).unwrap();
    // Even a history of Git that was written anew does not hold what the base has.
    desk.git(&["branch", "-q", "published", "HEAD~1"]);
    desk.git(&["reset", "-q", "--hard", "HEAD~2"]);
    fs::create_dir_all(desk.path("doc/review/records")).unwrap();
    fs::write(desk.record(1), desk.git(&["show", "published:doc/review/records/000001.json"])).unwrap();
    let (code, said, _) = desk.review(&["verify", "--base", "published"]);
    assert!(code == Some(4) && said.contains("beside the base, took it out [rewritten]"), "{said}");
}

#[test]
fn what_a_merge_did_behind_the_ledgers_back_is_found() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.commit("plan", &[]);
    desk.git(&["branch", "-q", "old"]);
    desk.commit("later", &[("src/api.rs", "2")]);
    desk.git(&["push", "-q", "origin", "main"]);
    desk.takes(&["claim", "api", "--says", "a", "--check", "b", "--expected", "c"], "ana");
    let verdict = ["verdict", "api", "pass", "--commit", "HEAD", "--evidence", "now 0", "--control", "now 1"];
    desk.takes(&verdict, "ben");
    desk.commit("records", &[]);
    assert_eq!(desk.review(&["verify", "--done"]).0, Some(0));
    // A merge that takes nothing of one side takes its code and its records away, and says of neither that it did.
    desk.git(&["checkout", "-q", "old"]);
    desk.commit("elsewhere", &[("other", "x")]);
    desk.git(&["merge", "-q", "-s", "ours", "-m", "merge", "main"]);
    let (code, said, _) = desk.review(&["verify"]);
    assert!(code == Some(4) && said.contains("records/000002.json: commit "), "{said}");
    assert!(said.contains("added it, claim by ana, and it is not there [dropped]"), "{said}");
    // With the records, but with the old code.
    desk.git(&["checkout", "-q", "main", "--", "doc"]);
    desk.git(&["commit", "-q", "--amend", "--no-edit"]);
    let (code, said, errors) = desk.review(&["verify"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    let (_, said, _) = desk.review(&["status"]);
    assert!(said.contains("gate api is stale") && said.contains("touched its scope"), "{said}");
    assert_eq!(desk.review(&["verify", "--done"]).0, Some(4));
    // A merge that keeps both is none of that.
    desk.git(&["checkout", "-q", "main"]);
    desk.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    desk.commit("side", &[("other", "y")]);
    desk.git(&["merge", "-q", "-m", "merge", "main"]);
    let (code, said, _) = desk.review(&["verify", "--done"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn records_and_pages_are_not_reached_through_links() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.commit("records", &[]);
    let record = fs::read_to_string(desk.record(1)).unwrap();
    fs::write(desk.record(1), format!("{record}\n")).unwrap();
    desk.commit("changed", &[]);
    fs::write(desk.record(1), &record).unwrap();
    desk.commit("restored", &[]);
    let (code, said, _) = desk.review(&["verify"]);
    assert!(code == Some(4) && said.contains("changed it [rewritten]"), "{said}");
    let outside = desk.path("../outside");
    fs::write(&outside, "mine").unwrap();
    std::os::unix::fs::symlink(&outside, desk.path("doc/review/status.md")).unwrap();
    assert_eq!(desk.review(&["render", "--check"]).0, Some(4));
    assert_eq!(desk.review(&["render"]).0, Some(0));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
    assert_eq!(desk.review(&["render", "--check"]).0, Some(0));
    fs::rename(desk.path("doc/review/records"), desk.path("../records")).unwrap();
    std::os::unix::fs::symlink("../../../records", desk.path("doc/review/records")).unwrap();
    for arguments in [&["verify"][..], &["status"]] {
        let (code, _, errors) = desk.review(arguments);
        assert!(code == Some(1) && errors.contains("it is no folder of the repository"), "{errors}");
    }
    assert_eq!(desk.signed(FIND, "ben").0, Some(1));
}

#[test]
fn what_people_write_of_a_ledger_is_not_read_through_links() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.commit("records", &[]);
    for (name, new) in [("signers.toml", "eve"), ("plan.toml", "eva")] {
        let (inside, outside) = (desk.path("doc/review").join(name), desk.path("..").join(name));
        let text = fs::read_to_string(&inside).unwrap();
        fs::rename(&inside, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        for (arguments, by) in [(&["verify"][..], None), (&["plan"], Some("ben"))] {
            let (code, said, errors) =
                by.map_or_else(|| desk.review(arguments), |by| desk.signed(arguments, by));
            assert_eq!((code, said.as_str()), (Some(1), ""), "{name} {arguments:?}: {errors}");
            assert!(errors.contains(&format!("{name}: it is a link, and what it leads to")), "{errors}");
        }
        // Nor is it written into.
        let out = format!("../keys/{new}.key");
        let key = ["key", "new", "--name", new, "--role", "verifier", "--out", &out, "--add-to"];
        let (code, _, errors) = desk.review(&[key.as_slice(), &[inside.to_str().unwrap()]].concat());
        assert!(code == Some(1) && errors.contains("it is a link") && !desk.key(new).exists(), "{errors}");
        assert_eq!(fs::read_to_string(&outside).unwrap(), text);
        fs::remove_file(&inside).unwrap();
        fs::rename(&outside, &inside).unwrap();
    }
    assert_eq!(desk.review(&["verify"]).0, Some(0));
    assert_eq!(fs::read_dir(desk.path("doc/review/records")).unwrap().count(), 1);
    // A record that is one is no record.
    fs::rename(desk.record(1), desk.path("../000001.json")).unwrap();
    std::os::unix::fs::symlink("../../../../000001.json", desk.record(1)).unwrap();
    let (code, said, _) = desk.review(&["verify"]);
    assert!(code == Some(4) && said.contains("000001.json") && said.contains("[form]"), "{said}");
}

#[test]
fn a_commit_that_was_rewritten_away_is_told() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.git(&["commit", "-q", "--amend", "-m", "another first"]);
    let (code, said, errors) = desk.review(&["verify"]);
    assert!(code == Some(4) && said.contains("is not in the history [commit]"), "{said} {errors}");
    let (code, _, errors) = desk.signed(FIND, "ben");
    assert!(code == Some(4) && errors.contains("the ledger does not hold: 000001.json"), "{errors}");
}

#[test]
fn a_key_is_for_its_signer_alone() {
    let desk = Desk::new();
    let mode = fs::metadata(desk.key("ana")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let new = |out: &str| desk.review(&["key", "new", "--name", "eve", "--role", "verifier", "--out", out]);
    let (code, _, errors) = new("new/eve.key");
    assert!(code == Some(1) && errors.contains("it is in a repository"), "{errors}");
    let (code, said, _) = new("../keys/eve.key");
    assert!(
        code == Some(0) && said.starts_with("[[signer]]\nname = \"eve\"\nrole = \"verifier\"\nkey = "),
        "{said}"
    );
    assert_eq!(new("../keys/eve.key").0, Some(1), "a key was overwritten");
    // Eve says that she is Ben.
    let eve = fs::read_to_string(desk.key("eve")).unwrap();
    fs::write(desk.key("eve"), eve.replace("name = \"eve\"", "name = \"ben\"")).unwrap();
    let (code, _, errors) = desk.signed(&["plan"], "eve");
    assert!(
        code == Some(1) && errors.contains("the key is not the one that signers.toml has for ben"),
        "{errors}"
    );
    fs::set_permissions(desk.key("eve"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, errors) = desk.signed(&["plan"], "eve");
    assert!(code == Some(1) && errors.contains("others can read it"), "{errors}");
    let secret = eve.lines().last().unwrap().split('"').nth(1).unwrap();
    fs::write(desk.key("eve"), format!("name = 1\nsecret = \"{secret}\"\n")).unwrap();
    fs::set_permissions(desk.key("eve"), fs::Permissions::from_mode(0o600)).unwrap();
    let (code, _, errors) = desk.signed(&["plan"], "eve");
    assert!(code == Some(1) && errors.contains("it is no key file") && !errors.contains(secret), "{errors}");
}

#[test]
fn what_comes_from_a_ledger_is_shown_escaped() {
    let desk = Desk::new();
    desk.takes(&["plan"], "ben");
    desk.takes(&["veto", "--why", "\u{1b}[2J\u{202e}no"], "ben");
    for arguments in [&["status"][..], &["status", "--json"], &["verify"]] {
        let (code, said, _) = desk.review(arguments);
        assert!(code == Some(0) && !said.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {said}");
    }
}

impl Desk {
    /// Verify tells what `tamper` did, and nothing of it after the tree is put back.
    fn found(&self, what: &str, tamper: impl FnOnce(), expected: &[&str]) {
        tamper();
        let (code, said, errors) = self.review(&["verify"]);
        assert_eq!((code, errors.as_str()), (Some(4), ""), "{what}: {said}");
        expected.iter().for_each(|expected| assert!(said.contains(expected), "{what}: {said}"));
        self.git(&["checkout", "-q", "."]);
        assert_eq!(self.review(&["verify"]).0, Some(0), "after {what}");
    }

    /// The third record as it was, signed with somebody else's key.
    fn sealed(&self, seq: u64, with: &str, by: &str) -> Vec<u8> {
        let step = Step::Veto(Veto { id: VetoId(1), gate: None, why: "Not yet".parse::<Text>().unwrap() });
        let record = Record { by: by.parse().unwrap(), step, ..self.read(seq) };
        seal(&record, &self.secret(with))
    }

    fn sealed_later(&self, seq: u64, with: &str) -> Vec<u8> {
        let record = self.read(seq);
        seal(&Record { at: record.at.plus(1), ..record }, &self.secret(with))
    }

    fn secret(&self, name: &str) -> SecretKey {
        key_from_file(&fs::read_to_string(self.key(name)).unwrap()).unwrap().1
    }

    fn record(&self, seq: u64) -> std::path::PathBuf {
        self.path("doc/review/records").join(file_name(seq))
    }
}
