//! An audit that somebody has written to, in the store of a real server, and what `casebook doctor` says of it.

use std::path::Path;
use std::process::Command;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::serve::Served;

const AND_THE_LAST: &str =
    "UPDATE audit_head SET sequence = 3, hash = (SELECT hash FROM audit WHERE sequence = 3);";

fn doctor(data: &Path) -> (Option<i32>, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_casebook")).arg("doctor").arg("--data").arg(data).output();
    let output = command.unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Whoever may write the file can take the triggers away as well.
async fn write(data: &Path, statements: &str) {
    let options = SqliteConnectOptions::new().filename(data.join("casebook.sqlite"));
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    let all = format!("DROP TRIGGER audit_never_changes; DROP TRIGGER audit_never_forgets; {statements}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(from, to).unwrap()),
        }
    }
}

#[tokio::test]
async fn doctor_tells_an_audit_that_was_changed_cut_or_put_in_another_order() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // Each start is an entry.
    for _ in 0..4 {
        assert_eq!(Served::start(&data).terminate(), Some(0));
    }
    let (code, said) = doctor(&data);
    assert!(code == Some(0) && said.contains("4 entries in an unbroken chain"), "{code:?} {said}");
    let cut = format!("DELETE FROM audit WHERE sequence = 4; {AND_THE_LAST}");
    for (name, statements, expected) in [
        ("changed", "UPDATE audit SET actor = 'eve' WHERE sequence = 2;", "entry 2 was changed"),
        (
            "rewritten",
            "UPDATE audit SET form = replace(form, 'version', 'Version') WHERE sequence = 3;",
            "entry 3 was changed",
        ),
        ("deleted", "DELETE FROM audit WHERE sequence = 2;", "entry 2 is missing"),
        (
            "moved up",
            "DELETE FROM audit WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3;",
            "entry 2 was changed",
        ),
        (
            "swapped",
            "UPDATE audit SET sequence = 99 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3; \
             UPDATE audit SET sequence = 3 WHERE sequence = 99;",
            "entry 2 was changed",
        ),
        ("cut", "DELETE FROM audit WHERE sequence = 4;", "entry 4 is missing"),
        (
            "put in",
            "INSERT INTO audit SELECT 5, position, incident, other, actor, action, outcome, form, hash FROM audit WHERE sequence = 4;",
            "entry 5 was put in",
        ),
    ] {
        let tampered = dir.path().join(name);
        copy(&data, &tampered);
        write(&tampered, statements).await;
        let (code, said) = doctor(&tampered);
        assert_eq!(code, Some(4), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    // What the guide says of it: a chain that is cut together with its note of the last is whole, and shorter.
    let tampered = dir.path().join("cut with its note");
    copy(&data, &tampered);
    write(&tampered, &cut).await;
    let (code, said) = doctor(&tampered);
    assert!(code == Some(0) && said.contains("3 entries"), "{said}");
}
