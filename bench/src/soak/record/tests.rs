//! What a soak is judged by.

use super::*;
use crate::soak::watch::Seen;

fn row(kind: Kind) -> Row {
    Row {
        kind,
        offered: 1_000,
        not_sent: 0,
        accepted: 1_000,
        shed: 0,
        limited: 0,
        failed: 0,
        p50_ms: 1.0,
        p99_ms: 5.0,
        max_ms: 9.0,
    }
}

/// Half of the traces were shed, all else was taken, for an hour.
fn fine() -> Record {
    let traces = Row { accepted: 500, shed: 500, ..row(Kind::TracesHttp) };
    let totals = vec![traces, row(Kind::Alerts)];
    let accepted = totals.iter().map(|row| row.accepted * row.kind.items()).sum();
    let samples = (1..=360).map(|at| Sample {
        seen: Seen {
            at_s: f64::from(at) * 10.0,
            shed_by_server: [("traces".to_owned(), 500)].into(),
            resident_bytes_max: 100 << 20,
            journal_bytes: 1 << 30,
            is_ready: true,
            ..Seen::default()
        },
        rows: vec![row(Kind::TracesHttp), row(Kind::Alerts)],
    });
    Record {
        casebook_version: "0".to_owned(),
        machine: Machine {
            processor: "p".to_owned(),
            cores: 2,
            memory_gib: 1,
            kernel: "k".to_owned(),
            load_before: 0.0,
            sync_ms: 1.0,
        },
        serve: Vec::new(),
        sustainable_spans_per_s: 14.0,
        offered_spans_per_s: 28.0,
        seconds: 3_600.0,
        bounds: Bounds { p99_ms: 100.0, journal_bytes: 1 << 30 },
        totals,
        retention_removed_bytes: 0,
        counted: Counted { accepted, rejected: 0, duplicate: 0, late: 0, overflowed: 0, incidents: 0 },
        wrong: Vec::new(),
        samples: samples.collect(),
    }
}

/// What is said when one thing is not as it should be.
fn wrong(change: impl FnOnce(&mut Record)) -> String {
    let mut record = fine();
    change(&mut record);
    record.judge(Vec::new());
    record.wrong.join("; ")
}

#[test]
fn a_soak_that_is_fine_has_nothing_wrong() {
    assert_eq!(wrong(|_| {}), "");
}

#[test]
fn whatever_does_not_hold_is_said() {
    assert!(wrong(|r| r.totals[1].accepted -= 1).contains("Alerts: not every request was taken"));
    assert!(wrong(|r| r.totals[0].failed = 1).contains("TracesHttp: 1 requests failed"));
    assert!(wrong(|r| r.totals[0].limited = 1).contains("a limit of rates"));
    assert!(wrong(|r| r.totals[1].p99_ms = 101.0).contains("Alerts: p99 of 101 ms is beyond 100 ms"));
    assert!(wrong(|r| r.totals[0].not_sent = 200).contains("only 22 spans/s of 28 were offered"));
    assert!(wrong(|r| r.counted.accepted -= 1).contains("the server counted"));
    assert!(wrong(|r| r.counted.late = 1).contains("late: 1"));
    let shed = wrong(|r| r.samples[359].seen.shed_by_server.clear());
    assert!(shed.contains("traces: 500 requests were shed, the server counted 0"), "{shed}");
    assert!(wrong(|r| r.samples[7].seen.is_ready = false).contains("/readyz was off at 1 samples of 360"));
    assert!(wrong(|r| r.samples[9].seen.journal_bytes = 2 << 30).contains("the journal grew to 2048 MiB"));
    let grown = wrong(|r| r.samples[350].seen.resident_bytes_max = 111 << 20);
    assert!(grown.contains("memory grows: 100 MiB in the second quarter, 111 in the last"), "{grown}");
    let nothing = wrong(|r| {
        r.totals[0] = row(Kind::TracesHttp);
        r.counted.accepted += 500 * 100;
        r.samples[359].seen.shed_by_server.clear();
    });
    assert_eq!(nothing, "nothing was shed, so this was no overload");
}

#[test]
fn the_record_is_json_with_a_sample_a_line() {
    let text = fine().to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["samples"].as_array().unwrap().len(), 360);
    assert_eq!(text.lines().filter(|line| line.contains("resident_bytes_max")).count(), 360);
    assert!(fine().chart().contains("<polyline"));
}
