//! Which clocks are found in which SQL, and which are left alone.

use super::*;

fn columns() -> Columns {
    let list = |names: &[&str]| -> Vec<At<String>> {
        names.iter().map(|name| At { value: (*name).to_owned(), at: 0 }).collect()
    };
    let mut findings = Findings::default();
    Columns::new(&list(&["*_at", "lease_until"]), &list(&["created_at"]), &mut findings).unwrap()
}

/// Line, column, and what is said of it.
type Told = (usize, usize, &'static str);

/// A text, and what is found in it.
const IN_SQL: &[(&str, &[Told])] = &[
    // Written.
    ("UPDATE t SET finished_at = now() WHERE id = 1", &[(1, 28, "now() is written to finished_at")]),
    ("update t set FINISHED_AT = Now()", &[(1, 28, "Now() is written to FINISHED_AT")]),
    (
        "UPDATE t SET\n  state = 'done',\n  finished_at = CURRENT_TIMESTAMP",
        &[(3, 17, "CURRENT_TIMESTAMP is written to finished_at")],
    ),
    (
        "UPDATE t SET finished_at = transaction_timestamp()",
        &[(1, 28, "transaction_timestamp() is written to finished_at")],
    ),
    ("UPDATE t SET finished_at = LOCALTIMESTAMP", &[(1, 28, "LOCALTIMESTAMP is written to finished_at")]),
    (
        "UPDATE t SET finished_at = CURRENT_TIMESTAMP(3)",
        &[(1, 28, "CURRENT_TIMESTAMP() is written to finished_at")],
    ),
    (
        "UPDATE t SET finished_at = CURRENT_DATE + CURRENT_TIME",
        &[
            (1, 28, "CURRENT_DATE is written to finished_at"),
            (1, 43, "CURRENT_TIME is written to finished_at"),
        ],
    ),
    ("UPDATE t SET finished_at = pg_catalog.now()", &[(1, 39, "now() is written to finished_at")]),
    (
        "UPDATE t SET lease_until = now() + interval '30 seconds'",
        &[(1, 28, "now() is written to lease_until")],
    ),
    ("UPDATE t SET finished_at = CASE WHEN ok THEN now() END", &[(1, 46, "now() is written to finished_at")]),
    ("UPDATE t SET (state, finished_at) = ('done', now())", &[(1, 46, "now() is written to finished_at")]),
    ("UPDATE t SET finished_at = 'now'::timestamptz", &[(1, 28, "'now' is written to finished_at")]),
    ("UPDATE t SET finished_at = timestamp 'now'", &[(1, 38, "'now' is written to finished_at")]),
    // Inserted.
    ("INSERT INTO t (id, finished_at) VALUES ($1, now())", &[(1, 45, "now() is inserted into finished_at")]),
    (
        "INSERT INTO t (id, finished_at) VALUES (1, $1), (2, now())",
        &[(1, 53, "now() is inserted into finished_at")],
    ),
    (
        "INSERT INTO t (id, finished_at) SELECT id, now() FROM u",
        &[(1, 44, "now() is inserted into finished_at")],
    ),
    (
        "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET finished_at = now()",
        &[(1, 76, "now() is written to finished_at")],
    ),
    (
        "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET finished_at = now()",
        &[(1, 80, "now() is written to finished_at")],
    ),
    (
        "WITH done AS (UPDATE t SET finished_at = now() RETURNING id) SELECT * FROM done",
        &[(1, 42, "now() is written to finished_at")],
    ),
    // Defaults.
    (
        "CREATE TABLE t (id int, claimed_at timestamptz NOT NULL DEFAULT now())",
        &[(1, 65, "now() is the default of claimed_at")],
    ),
    (
        "ALTER TABLE t ALTER COLUMN claimed_at SET DEFAULT CURRENT_TIMESTAMP",
        &[(1, 51, "CURRENT_TIMESTAMP is the default of claimed_at")],
    ),
    (
        "ALTER TABLE t ADD COLUMN claimed_at timestamptz DEFAULT now()",
        &[(1, 57, "now() is the default of claimed_at")],
    ),
    // Compared.
    (
        "SELECT id FROM t WHERE lease_until < now() FOR UPDATE SKIP LOCKED",
        &[(1, 38, "now() is compared with lease_until")],
    ),
    (
        "SELECT id FROM t WHERE now() - t.claimed_at > interval '1 minute'",
        &[(1, 24, "now() is compared with claimed_at")],
    ),
    (
        "DELETE FROM t WHERE lease_until BETWEEN now() - interval '1 day' AND now()",
        &[(1, 41, "now() is compared with lease_until"), (1, 70, "now() is compared with lease_until")],
    ),
    (
        "SELECT 1 FROM t JOIN u ON u.sent_at >= CURRENT_TIMESTAMP",
        &[(1, 40, "CURRENT_TIMESTAMP is compared with sent_at")],
    ),
    ("SELECT id FROM t WHERE age(sent_at) > interval '1 hour'", &[(1, 24, "age() is compared with sent_at")]),
    // More than one statement, and bodies of functions.
    (
        "this is no SQL;\nUPDATE t SET finished_at = now();\nneither is this",
        &[(2, 28, "now() is written to finished_at")],
    ),
    (
        "CREATE FUNCTION f() RETURNS void AS $b$\nBEGIN\n  UPDATE t SET finished_at = now();\nEND\n$b$ LANGUAGE plpgsql",
        &[(3, 30, "now() is written to finished_at")],
    ),
    (
        "-- ä now()\nUPDATE t SET name = 'ä', finished_at = now()",
        &[(2, 40, "now() is written to finished_at")],
    ),
    // Left alone.
    ("UPDATE t SET finished_at = clock_timestamp()", &[]),
    ("UPDATE t SET finished_at = statement_timestamp()", &[]),
    ("UPDATE t SET created_at = now()", &[]),
    ("INSERT INTO t (created_at, finished_at) VALUES (now(), clock_timestamp())", &[]),
    ("CREATE TABLE t (created_at timestamptz DEFAULT now())", &[]),
    ("SELECT id FROM t WHERE created_at < now()", &[]),
    ("SELECT finished_at, now() FROM t", &[]),
    ("SELECT now() - finished_at FROM t", &[]),
    ("UPDATE t SET finished_at = app.now()", &[]),
    ("UPDATE t SET note = 'finished_at = now()', finished_at = $1", &[]),
    ("SELECT id FROM t WHERE lease_until < clock_timestamp()", &[]),
    ("SELECT age(finished_at, started_at) FROM t", &[]),
    ("UPDATE t SET finished_at = 'now'", &[]),
    ("finished_at is set to now()", &[]),
];

const IN_RUST: &[(&str, &[Told])] = &[
    ("query(\"UPDATE t SET finished_at = now()\")", &[(1, 35, "now() is written to finished_at")]),
    (
        "query(r#\"\n    UPDATE \"t\"\n    SET finished_at = now()\n\"#)",
        &[(3, 23, "now() is written to finished_at")],
    ),
    ("query(\"UPDATE t \\\n       SET finished_at = now()\")", &[(2, 26, "now() is written to finished_at")]),
    (
        "format!(\"UPDATE {table} SET finished_at = now() WHERE {}\", x)",
        &[(1, 43, "now() is written to finished_at")],
    ),
    (
        "query(\"UPDATE t SET finished_at = now() WHERE id = ?1 AND n = ?\")",
        &[(1, 35, "now() is written to finished_at")],
    ),
    ("// UPDATE t SET finished_at = now()\nquery(\"UPDATE t SET finished_at = clock_timestamp()\")", &[]),
    ("let finished_at = now();", &[]),
    ("panic!(\"finished_at is now() for {t}\")", &[]),
];

fn found(path: &str, text: &str) -> Vec<(usize, usize, String)> {
    columns().find(path, text).into_iter().map(|hit| (hit.line, hit.column, hit.note)).collect()
}

#[test]
fn clocks_of_the_transaction_are_found_where_they_reach_a_column() {
    assert!(IN_SQL.len() + IN_RUST.len() >= 40);
    let mut wrong = Vec::new();
    for (path, cases) in [("a.sql", IN_SQL), ("a.rs", IN_RUST)] {
        for (text, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|(line, column, said)| (*line, *column, (*said).to_owned())).collect();
            let found = found(path, text);
            if found != expected {
                wrong.push(format!("{text}\n  {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_was_made_to_hurt_ends_soon() {
    let deep = format!("UPDATE t SET finished_at = {}now(){}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(found("a.sql", &deep).len(), 1);
    let bodies = format!("{}UPDATE t SET finished_at = now(){}", "$a$".repeat(50), "$a$".repeat(50));
    found("a.sql", &bodies);
    found("a.sql", &"SELECT now() ".repeat(20_000));
    found("a.rs", &"\"UPDATE t SET finished_at = now( \"".repeat(2_000));
}

#[test]
fn a_column_is_a_name() {
    for (name, is_sound) in
        [("finished_at", true), ("*_at", true), ("", false), ("a b", false), ("t.x", false)]
    {
        let mut findings = Findings::default();
        let read = Columns::new(&[At { value: name.to_owned(), at: 0 }], &[], &mut findings);
        assert_eq!(read.is_some(), is_sound, "{name}");
    }
}
