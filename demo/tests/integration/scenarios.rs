//! Every scenario, with all of its telemetry, with half of the spans lost, and with one trace in a hundred.

use demo::script::{Loss, Script, Settings};
use demo::{Scenario, Verdict};
use model::Nanos;

use super::one;
use super::virtual_time::{incidents, play, play_late, play_together};

/// 2026-01-05T12:00:00Z.
const START_S: u64 = 1_767_614_400;

pub(crate) fn settings(scenario: Scenario, loss: Loss) -> Settings {
    Settings {
        scenario,
        env: "demo".into(),
        seed: 1,
        start: Nanos::from_secs(START_S),
        healthy_s: 75,
        // A hundredth of the traces has to be something to go by.
        faulty_s: if loss.samples_heads() { 90 } else { 30 },
        rate: if loss.samples_heads() { 500 } else { 15 },
        loss,
        innocent_deployments: false,
    }
}

/// All scenarios, one after the other; what is wrong is told at the end, so that a failure shows them all.
fn all_right(loss: &Loss) {
    let mut wrong = Vec::new();
    for scenario in Scenario::ALL {
        let settings = settings(scenario, loss.clone());
        let (verdict, replica) = play(settings.clone());
        println!("{}", verdict.row().join(" | "));
        if !verdict.right() {
            println!("{}", incidents(&replica));
            wrong.push(format!("{}\n  {}", verdict.row().join(" | "), one::command(&settings)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_is_told_by_all_of_its_telemetry() {
    all_right(&Loss::NONE);
}

#[test]
fn each_is_told_by_half_of_its_spans() {
    all_right(&Loss::drop_spans(500));
}

#[test]
fn each_is_told_by_one_trace_in_a_hundred() {
    all_right(&Loss::head_sampling(10));
}

/// As `casebook demo --all` plays them: one engine, an environment for each, part of the healthy traffic in the past.
#[test]
fn all_at_once_are_told_as_each_alone() {
    for loss in [Loss::NONE, Loss::drop_spans(500), Loss::head_sampling(10)] {
        let env = |scenario: Scenario| format!("demo-{scenario}");
        let all =
            Scenario::ALL.map(|scenario| Settings { env: env(scenario), ..settings(scenario, loss.clone()) });
        let (verdicts, replica) = play_together(all.to_vec());
        verdicts.iter().for_each(|verdict| println!("{}", verdict.row().join(" | ")));
        assert!(verdicts.iter().all(Verdict::right), "{loss:?}\n{}", incidents(&replica));
    }
}

#[test]
fn incidents_that_opened_before_their_evidence_came_are_merged() {
    let replica = play_late(&settings(Scenario::SlowDatabase, Loss::NONE), 20);
    let merged = replica.incidents.values().filter(|incident| incident.merged_into.is_some());
    assert!(merged.count() > 0, "nothing to merge\n{}", incidents(&replica));
    let left: Vec<_> = replica.incidents.values().filter(|i| i.merged_into.is_none()).collect();
    assert_eq!(left.len(), 1, "{}", incidents(&replica));
    assert_eq!(left[0].origin_service.as_deref(), Some("store"));
    let said = replica.reports.iter().map(|report| String::from_utf8_lossy(&report.bytes));
    assert!(said.clone().any(|text| text.contains("is slow; no trace of it could be read")));
    assert!(said.into_iter().all(|text| !text.contains("no failing trace")), "nothing fails");
}

#[test]
fn three_innocent_deployments_right_before_an_outage_are_not_its_cause() {
    for scenario in [Scenario::DependencyOutage, Scenario::RetryStorm] {
        let (verdict, _) = play(Settings { innocent_deployments: true, ..settings(scenario, Loss::NONE) });
        let (answer, truth) = (&verdict.answer, scenario.truth());
        assert!(truth.causes.contains(&answer.cause.as_str()), "{scenario}: {answer:?}");
        assert!(truth.origins.contains(&answer.origin.as_str()), "{scenario}: {answer:?}");
    }
}

#[test]
fn where_nothing_fails_no_span_and_no_line_says_so() {
    for scenario in Scenario::ALL.into_iter().filter(|scenario| scenario.truth().without_errors) {
        let mut script = Script::new(settings(scenario, Loss::NONE));
        for given in std::iter::from_fn(|| script.play_second()).flatten() {
            let text = String::from_utf8(given.body).unwrap();
            let failed = [r#""code":2"#, "error.type", "exception", "ERROR"];
            assert!(failed.iter().all(|sign| !text.contains(sign)), "{scenario}: {text}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_other_bytes() {
    let short =
        |seed| Settings { seed, healthy_s: 3, faulty_s: 3, ..settings(Scenario::OomLoop, Loss::NONE) };
    let told = |seed| {
        let mut script = Script::new(short(seed));
        std::iter::from_fn(move || script.play_second()).flatten().collect::<Vec<_>>()
    };
    assert_eq!(told(1), told(1));
    assert_ne!(told(1), told(2));
}
