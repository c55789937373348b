//! SQL whose trees are deep, and what a function's body sets: nothing ends the process or is passed over in silence.

use super::*;

fn found(text: &str) -> Vec<String> {
    let columns = [At { value: "*_at".to_owned(), at: 0 }];
    let columns = Columns::new(&columns, &[], &mut Findings::default()).unwrap();
    columns.find("a.sql", text).into_iter().map(|hit| format!("{} {}", hit.column, hit.note)).collect()
}

/// Left-deep trees come from loops of the parser: its own bound does not see them.
#[test]
fn what_would_be_a_deep_tree_is_told_and_not_read() {
    for (one, count) in [
        ("a OR ", 200_000),
        ("1 + ", 200_000),
        ("'x' || ", 200_000),
        ("a IS NULL AND ", 100_000),
        ("a = 1 AND (b) AND ", 100_000),
        ("- ", 200_000),
    ] {
        let text = format!("UPDATE t SET name = {}now(), sent_at = now()", one.repeat(count));
        assert_eq!(found(&text), [format!("1 {TOO_DEEP}")], "{one}");
    }
    for text in [
        format!("SELECT 1 {} WHERE sent_at < now()", "UNION SELECT 1, 2 ".repeat(100_000)),
        format!("SELECT now(){}", "::text".repeat(100_000)),
        format!("SELECT now(){}", " IS NULL".repeat(100_000)),
        format!("SELECT now(){}", "[1]".repeat(100_000)),
        format!("DELETE FROM t WHERE sent_at < {}now(){}", "(".repeat(50), ")".repeat(50)),
    ] {
        assert_eq!(found(&text), [format!("1 {TOO_DEEP}")], "{}", text.get(..40).unwrap_or_default());
    }
    // No clock is named: nothing is missed.
    assert_eq!(found(&format!("SELECT {}1; SELECT now()", "1 + ".repeat(1000))), [""; 0]);
    for value in
        [format!("{}now()", "1 + ".repeat(100_000)), format!("{}now(){}", "(".repeat(50), ")".repeat(50))]
    {
        assert_eq!(found(&format!("NEW.sent_at := {value};")), [format!("13 {TOO_DEEP}")]);
    }
}

#[test]
fn what_people_write_is_not_deep() {
    let terms = "kind = 3 OR ".repeat(150);
    let text = format!("SELECT id FROM t WHERE ({terms}kind = 4) AND sent_at < now()");
    assert!(found(&text)[0].ends_with(" now() is compared with sent_at"), "{:?}", found(&text));
    let rows = "(1, 2 + 3, now() - interval '1 day', (4)), ".repeat(5_000);
    let text = format!("INSERT INTO t (id, n, sent_at, m) VALUES {rows}(1, 2, now(), 3)");
    assert_eq!(found(&text).len(), 1001);
}

/// A line of a very long file may be all of it. Were each place counted from its beginning, this would take hours.
#[test]
fn one_long_line_of_statements_has_its_places() {
    let text = format!("SELECT 'é'; {}", "UPDATE t SET sent_at = now(); ".repeat(20_000));
    assert_eq!(found(&text)[1], "66 now() is written to sent_at");
}

#[test]
fn fields_that_a_function_sets_are_written_to() {
    for (body, expected) in [
        ("BEGIN NEW.sent_at := now(); RETURN NEW; END", Some("22 now() is written to sent_at")),
        ("BEGIN\n  NEW.sent_at = now();\nEND", Some("17 now() is written to sent_at")),
        ("NEW.sent_at := coalesce(NEW.sent_at, now());", Some("38 now() is written to sent_at")),
        ("IF x THEN NEW.sent_at := now(); END IF;", Some("26 now() is written to sent_at")),
        ("IF x THEN y; ELSE NEW.sent_at := now(); END IF;", Some("34 now() is written to sent_at")),
        ("NEW.sent_at := clock_timestamp();", None),
        ("NEW.name := now();", None),
        ("sent_at := now();", None),
    ] {
        let text = format!("CREATE FUNCTION f() AS $$\n{body}\n$$ LANGUAGE plpgsql; CREATE TRIGGER t");
        assert_eq!(found(&text).first().map(String::as_str), expected, "{body}");
    }
}
