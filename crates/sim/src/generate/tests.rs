//! A seed is a case, as inputs and as files; what is generated is what the labels say.

use std::collections::{BTreeMap, BTreeSet};

use cases::{CaseDir, CaseKind, Options, Runner, evaluate_case, judge};
use engine::report::Report;
use intake::{Context, Limits};
use model::EventKind;

use super::*;

const OPTIONS: Options = Options { onset_shift_s: 0, jobs: 1 };

/// The first seed of a small system in which something of that kind goes wrong.
fn small(kind: FaultKind) -> u64 {
    let fits = |seed: &u64| {
        let (topology, plan, _) = system(*seed, 1.0);
        topology.services.len() <= 8 && plan.kind == kind && plan.faults.len() == 1 && plan.sampling == 1.0
    };
    (0..2_000).find(fits).unwrap()
}

fn written(generated: &Generated) -> Vec<u8> {
    let mut bytes = Vec::new();
    let some = &generated.inputs[..40];
    lines(some).iter().for_each(|line| line.write(&mut bytes).unwrap());
    bytes.extend(generated.case.to_toml().unwrap().into_bytes());
    bytes
}

#[test]
fn a_seed_gives_the_same_bytes_each_time_and_another_seed_others() {
    let seed = small(FaultKind::Cpu);
    let (one, again) = (generate(seed, 1.0), generate(seed, 1.0));
    assert!(one.inputs == again.inputs && written(&one) == written(&again));
    assert!(written(&one) != written(&generate(seed, 2.0)));
    assert!(written(&one) != written(&generate(small(FaultKind::Surge), 1.0)));
}

#[test]
fn events_logs_and_metrics_read_back_as_they_were() {
    let generated = generate(small(FaultKind::ConfigError), 1.0);
    let limits = Limits::default().for_evidence();
    let mut kinds = BTreeSet::new();
    let some = &generated.inputs[..80];
    for (line, (at, input)) in lines(some).iter().zip(some) {
        let context = Context { received: *at, limits: &limits, user_salt: &[0; 16] };
        match input {
            Input::Events(events) => {
                let batch = intake::otlp::traces_from_json(&line.body, &context).unwrap();
                assert!(batch.rejected.is_empty() && batch.warnings.is_empty());
                let by_span = |events: &[model::Event]| -> BTreeMap<_, _> {
                    events.iter().map(|event| (event.span, event.clone())).collect()
                };
                assert_eq!(by_span(events), by_span(&batch.events));
                kinds.extend(events.iter().map(|event| event.kind));
            }
            Input::Logs(logs) => {
                let batch = intake::otlp::logs_from_json(&line.body, &context).unwrap();
                let templates = |logs: &[model::LogRecord]| -> BTreeMap<_, _> {
                    logs.iter().map(|log| ((log.span, log.at), log.clone())).collect()
                };
                assert_eq!(templates(logs), templates(&batch.logs));
            }
            Input::Metrics(points) => {
                let batch = intake::otlp::metrics_from_json(&line.body, &context).unwrap();
                let values = |points: &[model::MetricPoint]| -> BTreeMap<_, _> {
                    points
                        .iter()
                        .map(|point| ((point.instance.clone(), point.name.clone()), point.value))
                        .collect()
                };
                assert_eq!(values(points), values(&batch.points));
            }
            _ => {}
        }
    }
    assert!(kinds.contains(&EventKind::Server) && kinds.contains(&EventKind::Client));
}

#[test]
fn files_and_memory_give_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let generated = generate(small(FaultKind::DependencyOutage), 1.0);
    let path = dir.path().join(&generated.case.name);
    cases::write_case(&path, &generated.case, lines(&generated.inputs)).unwrap();
    let from_files = evaluate_case(&CaseDir(path), OPTIONS).unwrap();
    assert_eq!(from_files.warnings, [""; 0]);

    let mut runner = Runner::new(generated.case.start).baseline_until(generated.case.baseline_until);
    generated.inputs.into_iter().for_each(|(at, input)| runner.feed(at, input));
    let run = runner.finish(generated.case.end);
    let in_memory = judge(generated.case, &run, OPTIONS);
    assert!(!in_memory.incidents.is_empty());
    let told = |outcome: &cases::Outcome| -> Vec<_> {
        let incidents = outcome.incidents.iter();
        incidents.map(|incident| (incident.id, incident.report_hash.clone())).collect()
    };
    assert_eq!(told(&from_files), told(&in_memory));
    assert_eq!(from_files.answer.map(|answer| answer.ranked), in_memory.answer.map(|answer| answer.ranked));
}

/// The cohorts of the newest report, as `dimension value`, after a case whose one fault strikes as `change` says.
fn cohorts(seed: u64, change: impl Fn(&mut plan::Fault)) -> Vec<String> {
    let (topology, mut plan, dice) = system(seed, 1.0);
    plan.faults.iter_mut().for_each(change);
    let generated = case_of(seed, 1.0, &topology, &plan, dice);
    let mut runner = Runner::new(generated.case.start).baseline_until(generated.case.baseline_until);
    generated.inputs.into_iter().for_each(|(at, input)| runner.feed(at, input));
    let run = runner.finish(generated.case.end);
    let service = &topology.services[plan.faults[0].service].name;
    let documents = run.incidents.values().filter_map(|incident| incident.report.as_ref());
    let reports = documents.map(|document| serde_json::from_slice::<Report>(&document.bytes).unwrap());
    let at_fault = reports.filter(|report| report.origin.as_ref().is_some_and(|o| *o.service == **service));
    let cohorts = at_fault.flat_map(|report| report.blast_radius.cohorts);
    cohorts.map(|cohort| format!("{} {}", cohort.dimension, cohort.value)).collect()
}

#[test]
fn a_fault_in_one_region_is_told_from_one_everywhere() {
    let fits = |seed: &u64| {
        let (topology, plan, _) = system(*seed, 1.0);
        let instances = plan.faults.first().map(|fault| topology.services[fault.service].instances);
        topology.services.len() <= 12
            && plan.kind == FaultKind::AppError
            && plan.faults.len() == 1
            && instances.is_some_and(|instances| instances >= 4)
    };
    let seed = (0..4_000).find(fits).unwrap();
    let strike = |fault: &mut plan::Fault, region| (fault.region, fault.share) = (region, 0.6);
    let confined = cohorts(seed, |fault| strike(fault, Some(1)));
    assert!(confined.contains(&"cloud.region us-east-1".to_owned()), "{confined:?}");
    assert!(confined.iter().any(|cohort| cohort.starts_with("instance ")), "{confined:?}");
    let everywhere = cohorts(seed, |fault| strike(fault, None));
    assert!(everywhere.iter().all(|cohort| !cohort.contains("region")), "{everywhere:?}");
}

#[test]
fn every_kind_comes_up_and_every_label_holds() {
    let mut kinds: BTreeMap<FaultKind, u64> = BTreeMap::new();
    for seed in 0..400 {
        let (topology, plan, _) = system(seed, 1.0);
        let case = label::case(seed, &topology, &plan, EPOCH);
        *kinds.entry(plan.kind).or_default() += 1;
        let (read, unknown) = Case::from_toml(&case.to_toml().unwrap()).unwrap();
        assert!(unknown.is_empty() && read == case, "{seed}");
        assert_eq!(case.kind == CaseKind::Quiet, plan.faults.is_empty(), "{seed}");
        assert!((5..=60).contains(&topology.services.len()), "{seed}");
        let names: BTreeSet<&str> = topology.services.iter().map(|service| &*service.name).collect();
        assert_eq!(names.len(), topology.services.len(), "{seed}");
        if let Some(truth) = &case.truth {
            assert!(truth.services.iter().all(|service| names.contains(service.as_str())), "{seed}");
            assert!(!case.decoys.changes.contains(&truth.change), "{seed}");
        }
    }
    assert!(
        plan::SHARES.iter().all(|(kind, _)| kinds.get(kind).is_some_and(|count| *count >= 2)),
        "{kinds:?}"
    );
}
