//! Folders are found at each level, and what is written is found again.

use model::Nanos;

use super::*;
use crate::{CaseKind, Decoys, InputKind, Inputs};

fn quiet(name: &str) -> Case {
    Case {
        name: name.to_owned(),
        kind: CaseKind::Quiet,
        start: Nanos::from_secs(100),
        end: Nanos::from_secs(200),
        baseline_until: None,
        note: None,
        truth: None,
        decoys: Decoys::default(),
        bundle: None,
    }
}

fn line(at: u64) -> InputLine {
    InputLine {
        number: 1,
        at: Nanos::from_secs(at),
        kind: InputKind::OtlpTraces,
        provider: None,
        body: b"{\"resourceSpans\":[]}".to_vec(),
    }
}

#[test]
fn a_case_a_set_and_a_folder_of_sets_are_found() {
    let root = tempfile::tempdir().unwrap();
    for (set, name) in [("b", "2"), ("b", "1"), ("a", "3")] {
        write_case(&root.path().join(set).join(name), &quiet(name), [line(101), line(102)]).unwrap();
    }
    fs::write(root.path().join("b/set.toml"), "name = \"the second\"\ncases = 2\nheld_out = false\n")
        .unwrap();
    let names = |dir: &Path| {
        let sets = discover(dir).unwrap();
        let cases = |set: &Set| set.cases.iter().map(CaseDir::name).collect::<Vec<_>>().join(" ");
        sets.iter().map(|set| format!("{}: {}", set.name, cases(set))).collect::<Vec<_>>()
    };
    assert_eq!(names(root.path()), ["a: 3", "the second: 1 2"]);
    assert_eq!(names(&root.path().join("b")), ["the second: 1 2"]);
    assert_eq!(names(&root.path().join("b/1")), ["the second: 1"]);

    let [set] = discover(&root.path().join("b/1")).unwrap().try_into().unwrap();
    let case = &set.cases[0];
    assert_eq!(case.read().unwrap(), (quiet("1"), Vec::new()));
    assert_eq!(Inputs::open(&case.inputs().unwrap()).unwrap().count(), 2);
}

#[test]
fn the_same_case_is_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let bytes = |name: &str| {
        let dir = root.path().join(name);
        write_case(&dir, &quiet("x"), [line(101), line(102)]).unwrap();
        (fs::read(dir.join("case.toml")).unwrap(), fs::read(dir.join("inputs.ndjson.zst")).unwrap())
    };
    assert_eq!(bytes("one"), bytes("two"));
}

#[test]
fn a_folder_without_cases_and_a_case_with_two_inputs_are_refused() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(discover(root.path()), Err(CaseError::NothingFound(_))));
    assert!(matches!(discover(&root.path().join("none")), Err(CaseError::Io { .. })));
    let dir = root.path().join("x");
    write_case(&dir, &quiet("x"), [line(101)]).unwrap();
    fs::write(dir.join("inputs.ndjson"), "").unwrap();
    assert!(CaseDir(dir).inputs().unwrap_err().to_string().contains("both"));
}
