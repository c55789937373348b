//! What only the store in a file can show: opening, schema versions, damage, crashes, and the pinned form.

use std::path::PathBuf;
use std::task::Poll;

use model::{IncidentId, TraceId};
use tempfile::TempDir;

use super::schema::known_version;
use super::{OpenError, SqliteStore};
use crate::conformance::sample::{
    Whole, action, apply, deployment, incident, incident_id, outage, report, signal, trace, trace_id,
};
use crate::{
    Applied, AuditFilter, AuditHead, BrokenLink, Change, IncidentFilter, ReadError, Store, TimeRange,
    WriteError,
};

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SqliteStore::FILE_NAME);
    (dir, path)
}

async fn damage(store: &SqliteStore, statement: &'static str) {
    assert!(sqlx::query(statement).execute(&store.writer).await.unwrap().rows_affected() > 0, "{statement}");
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    for (position, changes) in outage() {
        apply(&store, position, &changes).await;
    }
    let whole = Whole::of(&store).await;
    store.close().await;
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(Whole::of(&again).await, whole);
    assert_eq!(again.apply(20, &[]).await.unwrap(), Applied::Before);
}

/// The files as a killed process leaves them: copied while the store is open, log and all.
#[tokio::test]
async fn what_was_applied_outlives_a_crash() {
    let (dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    for (position, changes) in outage() {
        apply(&store, position, &changes).await;
        let crashed = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap();
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
            }
        }
        let again = SqliteStore::open(&crashed.path().join(SqliteStore::FILE_NAME)).await.unwrap();
        assert_eq!(Whole::of(&again).await, Whole::of(&store).await, "after {position}");
    }
}

/// Dropped at its first wait, its second, and so on, until one comes through: in the queue for the connection,
/// and amid the transaction.
#[tokio::test]
async fn an_abandoned_change_is_in_whole_or_not_at_all() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let changes: Vec<Change> = (0..50).map(|n| Change::Incident(incident(n))).collect();
    for waits in 1.. {
        let mut applying = std::pin::pin!(store.apply(1, &changes));
        let mut left = waits;
        let done = std::future::poll_fn(|context| {
            left -= 1;
            match applying.as_mut().poll(context) {
                Poll::Ready(applied) => Poll::Ready(Some(applied)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let done = done.await.transpose().unwrap();
        // Dropped while the commit ran, the change may be in after all; but never by halves.
        let listed = store.incidents(&IncidentFilter::all(), None, 100).await.unwrap().len();
        match store.applied_position().await.unwrap() {
            None => assert_eq!((done, listed), (None, 0)),
            Some(_) => {
                assert_eq!(listed, 50);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    damage(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of tomorrow', 1, x'00', 0)",
    )
    .await;
    store.close().await;
    for opened in [SqliteStore::open(&path).await, SqliteStore::open_read_only(&path).await] {
        match opened {
            Err(error @ OpenError::NewerSchema { found: 9999, .. }) => {
                assert!(error.to_string().contains("newer casebook"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reader_changes_nothing_and_needs_the_schema_of_today() {
    let (_dir, path) = place();
    assert!(matches!(SqliteStore::open_read_only(&path).await, Err(OpenError::Unavailable { .. })));
    assert!(!path.exists());
    std::fs::write(&path, b"").unwrap();
    match SqliteStore::open_read_only(&path).await {
        Err(OpenError::OlderSchema { found: 0, known, .. }) => assert_eq!(known, known_version()),
        other => panic!("{other:?}"),
    }
    let store = SqliteStore::open(&path).await.unwrap();
    apply(&store, 1, &[Change::Incident(incident(1))]).await;
    let reader = SqliteStore::open_read_only(&path).await.unwrap();
    assert_eq!(reader.incident(incident_id(1)).await.unwrap(), Some(incident(1)));
    assert!(matches!(reader.apply(2, &[]).await, Err(WriteError::Unavailable { .. })));
    apply(&store, 2, &[Change::Incident(incident(2))]).await;
    assert_eq!(reader.incident(incident_id(2)).await.unwrap(), Some(incident(2)));
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let (_dir, path) = place();
    let letter = b"Dear reader, this is a letter and no database. ".repeat(100);
    std::fs::write(&path, &letter).unwrap();
    let refused = SqliteStore::open(&path).await;
    let Err(error) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("casebook.sqlite"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), letter);
}

#[tokio::test]
async fn damaged_report_bytes_are_an_error_that_names_the_hash() {
    for statement in [
        "UPDATE report SET zstd = x'00112233'",
        "UPDATE report SET length = length + 1",
        "UPDATE report SET length = -1",
        "UPDATE report SET length = 9223372036854775807",
        "UPDATE report SET zstd = (SELECT zstd FROM report WHERE sequence = 2), length = 9 WHERE sequence = 1",
    ] {
        let (_dir, path) = place();
        let store = SqliteStore::open(&path).await.unwrap();
        let sound = report(1, 1, b"{\"one\":1}");
        let reports = [Change::Report(sound.clone()), Change::Report(report(2, 1, b"{\"two\":2}"))];
        apply(&store, 1, &reports).await;
        damage(&store, statement).await;
        for found in [store.report_by_hash(&sound.hash).await, store.report_latest(incident_id(1)).await] {
            match found {
                Err(error @ ReadError::CorruptReport { .. }) => {
                    assert!(error.to_string().contains(&sound.hash), "{error}");
                }
                other => panic!("{statement}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn damaged_rows_are_errors_that_name_the_thing() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    for (position, changes) in outage() {
        apply(&store, position, &changes).await;
    }
    damage(&store, "UPDATE incident SET form = '{}'").await;
    damage(&store, "UPDATE trace SET zstd = x'00'").await;
    damage(&store, "UPDATE signal SET form = 'x'").await;
    damage(&store, "UPDATE applied SET position = -1").await;
    let id: IncidentId = incident_id(7);
    let trace: TraceId = trace_id(1);
    let errors = [
        (store.incident(id).await.map(drop), id.to_string()),
        (store.incidents(&IncidentFilter::all(), None, 9).await.map(drop), "inc_".to_owned()),
        (store.trace(trace).await.map(drop), trace.to_string()),
        (store.signals(TimeRange::ALL, 9).await.map(drop), "s1".to_owned()),
        (store.applied_position().await.map(drop), "position".to_owned()),
    ];
    for (found, named) in errors {
        match found {
            Err(ReadError::CorruptRow { what, .. }) => assert!(what.contains(&named), "{what}"),
            other => panic!("{named}: {other:?}"),
        }
    }
}

/// Five actions; then somebody with another program, who takes the triggers away first.
async fn tampered(statement: &'static str) -> Result<AuditHead, BrokenLink> {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    for position in 1..=5 {
        apply(&store, position, &[Change::Audit(action(position, position, "ada"))]).await;
    }
    let head = store.check_audit().await.unwrap().unwrap();
    assert_eq!(head.sequence, 5);
    for trigger in ["DROP TRIGGER audit_never_changes", "DROP TRIGGER audit_never_forgets"] {
        sqlx::query(trigger).execute(&store.writer).await.unwrap();
    }
    damage(&store, statement).await;
    let reader = SqliteStore::open_read_only(&path).await.unwrap();
    reader.check_audit().await.unwrap()
}

#[tokio::test]
async fn the_first_broken_link_of_the_audit_is_found() {
    let wrong = |sequence| Err(BrokenLink::WrongHash { sequence });
    let missing = |sequence| Err(BrokenLink::Missing { sequence });
    for (statement, expected) in [
        ("UPDATE audit SET actor = 'eve' WHERE sequence = 3", wrong(3)),
        ("UPDATE audit SET position = 77 WHERE sequence = 1", wrong(1)),
        ("UPDATE audit SET outcome = 'refused' WHERE sequence = 5", wrong(5)),
        ("UPDATE audit SET form = replace(form, 'ada', 'eve') WHERE sequence = 2", wrong(2)),
        ("UPDATE audit SET hash = lower(hex(zeroblob(32))) WHERE sequence = 4", wrong(4)),
        ("UPDATE audit SET sequence = sequence + 10 WHERE sequence = 4", missing(4)),
        ("DELETE FROM audit WHERE sequence = 1", missing(1)),
        ("DELETE FROM audit WHERE sequence = 3", missing(3)),
        ("DELETE FROM audit WHERE sequence = 5", missing(5)),
        ("DELETE FROM audit", missing(1)),
        (
            "INSERT INTO audit SELECT 0, 99, incident, other, actor, action, outcome, form, hash FROM audit WHERE sequence = 5",
            wrong(0),
        ),
        (
            "INSERT INTO audit SELECT -7, 99, incident, other, actor, action, outcome, form, hash FROM audit WHERE sequence = 5",
            wrong(7),
        ),
        (
            "INSERT INTO audit SELECT 6, 99, incident, other, actor, action, outcome, form, hash FROM audit WHERE sequence = 5",
            Err(BrokenLink::BehindTheLast { sequence: 6, last: 5 }),
        ),
        ("UPDATE audit_head SET sequence = 4", Err(BrokenLink::BehindTheLast { sequence: 5, last: 4 })),
        ("UPDATE audit_head SET hash = 'x'", Err(BrokenLink::WrongHead { sequence: 5 })),
        ("DELETE FROM audit_head", Err(BrokenLink::BehindTheLast { sequence: 1, last: 0 })),
    ] {
        assert_eq!(tampered(statement).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn programs_cannot_change_the_audit_by_mistake() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    apply(&store, 1, &[Change::Audit(action(1, 1, "ada"))]).await;
    for statement in ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"] {
        let refused = sqlx::query(statement).execute(&store.writer).await.unwrap_err();
        assert!(refused.to_string().contains("only added to"), "{refused}");
    }
}

/// A store from before the chain: its rows come into it in their order, once.
#[tokio::test]
async fn rows_of_an_earlier_version_are_chained_at_opening() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    for position in [9, 4] {
        let form = serde_json::to_string(&action(position, 1, "ada")).unwrap();
        sqlx::query(
            "INSERT INTO audit_unchained (position, incident, other, actor, action, refused, form)
             VALUES (?1, 'i', NULL, 'ada', 'acknowledge', 0, ?2)",
        )
        .bind(position as i64)
        .bind(form)
        .execute(&store.writer)
        .await
        .unwrap();
    }
    store.close().await;
    for _ in 0..2 {
        let store = SqliteStore::open(&path).await.unwrap();
        let found = store.audit(&AuditFilter::default(), None, 9).await.unwrap();
        let positions: Vec<_> = found.iter().map(|record| record.entry.position()).collect();
        assert_eq!(positions, [Some(9), Some(4)]);
        assert_eq!(store.check_audit().await.unwrap().unwrap().sequence, 2);
        store.close().await;
    }
}

/// Rows that were written by an earlier version must stay readable. If this test fails because the model's form
/// changed, do not correct the text: write a migration, or give the new field a default.
#[tokio::test]
async fn the_stored_form_is_pinned() {
    let (_dir, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let traced = Change::Trace { incident: incident_id(1), trace: trace(1, 1) };
    let signal = signal("s", 3);
    let changes = [
        Change::Incident(incident(1)),
        Change::Signal(signal),
        Change::Deployment(deployment("d", 4)),
        traced,
        Change::Audit(action(1, 1, "ada")),
    ];
    apply(&store, 1, &changes).await;
    let text = |statement: &'static str| sqlx::query_scalar::<_, String>(statement).fetch_one(&store.writer);
    let packed: Vec<u8> =
        sqlx::query_scalar("SELECT zstd FROM trace").fetch_one(&store.writer).await.unwrap();
    let unpacked = String::from_utf8(zstd::bulk::decompress(&packed, 10_000).unwrap()).unwrap();
    let pinned = [
        text("SELECT form FROM incident").await.unwrap(),
        text("SELECT form FROM signal").await.unwrap(),
        text("SELECT form FROM deployment").await.unwrap(),
        text("SELECT form || ' ' || hash FROM audit").await.unwrap(),
        unpacked,
    ];
    insta::assert_snapshot!(pinned.join("\n"));
}
