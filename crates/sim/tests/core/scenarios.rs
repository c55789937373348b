//! Each fault gives its cause and origin, and quiet stays quiet.

use engine::report::Report;
use model::{CauseKind, Input, Nanos, Signal};
use sim::{Fault, Replica};

use super::{START_S, arrivals, delivery, deployment, run, signal, traffic};

/// The report of the only incident.
fn only(replica: &Replica) -> Report {
    let ids: Vec<_> = replica.incidents.keys().copied().collect();
    let [id] = ids[..] else {
        panic!("expected one incident, found {}: {:#?}", ids.len(), replica.incidents)
    };
    replica.report(id).unwrap()
}

fn services(report: &Report) -> Vec<&str> {
    report.propagation.iter().map(|hop| hop.service.as_str()).collect()
}

#[test]
fn a_dependency_outage_names_the_callee_and_counts_what_the_client_counted() {
    for seed in 1..=10 {
        let delivery = delivery(seed);
        let (arrivals, failed) =
            arrivals(traffic(seed, 20), &[(30, Fault::None), (20, Fault::CardProviderDown)], &delivery);
        let report = only(&run(&arrivals, &delivery, 1));
        assert_eq!(report.cause.kind, CauseKind::Dependency, "seed {seed}");
        assert_eq!(report.cause.subject.as_deref(), Some("card-provider"), "seed {seed}");
        assert_eq!(report.origin.as_ref().unwrap().service, "payment", "seed {seed}");
        assert_eq!(services(&report), ["payment", "checkout", "gateway"], "seed {seed}");
        assert_eq!(report.blast_radius.requests.affected, failed, "seed {seed}");
        assert_eq!(report.completeness.latest.status, "ok", "seed {seed}");
        let roots: Vec<_> =
            report.symptoms.iter().filter(|s| s.role == "root").map(|s| s.service.as_str()).collect();
        assert_eq!(roots, ["payment"], "seed {seed}");
    }
}

#[test]
fn a_bad_version_is_named_with_its_split() {
    let delivery = delivery(2);
    let (mut arrivals, failed) =
        arrivals(traffic(2, 20), &[(40, Fault::None), (20, Fault::BadVersion)], &delivery);
    let at = Nanos::from_secs(START_S + 39);
    let again = deployment("checkout", "2.4.1", at.saturating_add(500_000_000));
    let all = vec![deployment("checkout", "2.4.1", at), deployment("store", "9.0.0", at), again];
    arrivals.add_fact(at, Input::Deployments(all));
    let report = only(&run(&arrivals, &delivery, 2));
    assert_eq!(report.cause.kind, CauseKind::Deploy);
    assert_eq!(report.cause.subject.as_deref(), Some("checkout 2.4.1"));
    assert_eq!(report.origin.as_ref().unwrap().service, "checkout");
    let split = report.change.as_ref().unwrap().version_split.as_ref().unwrap();
    assert_eq!((split.new.failures, split.others.failures), (failed, 0));
    assert!(report.blast_radius.cohorts.iter().any(|c| c.dimension == "version" && c.value == "2.4.1"));
    let suspects = report.hypotheses.iter().filter(|h| h.kind == CauseKind::Deploy).count();
    assert_eq!(suspects, 1, "store is not on the chain, and a deployment sent twice is one");
}

#[test]
fn a_deployment_without_a_difference_is_not_blamed() {
    let delivery = delivery(3);
    let (mut arrivals, _) =
        arrivals(traffic(3, 20), &[(40, Fault::None), (20, Fault::CardProviderDown)], &delivery);
    let late = Nanos::from_secs(START_S + 50);
    arrivals.add_fact(late, Input::Deployments(vec![deployment("payment", "3.0.0", late)]));
    let report = only(&run(&arrivals, &delivery, 1));
    assert_eq!(report.cause.kind, CauseKind::Dependency);
    let deploy = report.hypotheses.iter().find(|h| h.kind == CauseKind::Deploy).unwrap();
    assert!(deploy.score < 0 && deploy.against[0].text.contains("cannot have caused it"), "{deploy:?}");
}

#[test]
fn a_panic_with_its_runtime_signal_is_a_runtime_cause() {
    let delivery = delivery(4);
    let (mut arrivals, _) = arrivals(traffic(4, 20), &[(40, Fault::None), (20, Fault::Panic)], &delivery);
    let at = Nanos::from_secs(START_S + 40);
    arrivals.add_fact(
        at,
        Input::Signals(vec![
            signal("inventory-panic", "panic", "inventory", at),
            signal("unrelated-oom_killed", "oom_killed", "unrelated", at),
        ]),
    );
    let report = only(&run(&arrivals, &delivery, 4));
    assert_eq!(report.cause.kind, CauseKind::Runtime);
    assert_eq!(report.origin.as_ref().unwrap().service, "inventory");
    assert_eq!(services(&report), ["inventory", "checkout", "gateway"]);
    assert_eq!(report.runtime.len(), 1, "a signal of a service elsewhere is not in the report");
}

#[test]
fn the_fingerprint_stands_for_an_hour_and_moves_once_with_a_correlated_change() {
    let delivery = delivery(7);
    let (mut arrivals, _) = arrivals(traffic(7, 4), &[(60, Fault::None), (3_600, Fault::Panic)], &delivery);
    for s in 0..3_600 {
        // The same runtime signal again and again is one piece of evidence.
        let at = Nanos::from_secs(START_S + 60 + s);
        let again =
            Signal { id: format!("panic-{s}").into(), ..signal("inventory-panic", "panic", "inventory", at) };
        arrivals.add_fact(at, Input::Signals(vec![again]));
    }
    let late = Nanos::from_secs(START_S + 1_800);
    let unrelated =
        Signal { id: "u".into(), ..signal("unrelated-oom_killed", "oom_killed", "unrelated", late) };
    arrivals.add_fact(late, Input::Signals(vec![unrelated]));
    let change = Nanos::from_secs(START_S + 2_400);
    arrivals.add_fact(change, Input::Deployments(vec![deployment("inventory", "3.0.0", change)]));
    let replica = run(&arrivals, &delivery, 1);
    // The first minute may still learn which services the chain passes.
    let mut prints: Vec<String> = replica
        .reports
        .iter()
        .filter(|document| document.tick >= Nanos::from_secs(START_S + 120))
        .map(|document| serde_json::from_slice::<Report>(&document.bytes).unwrap().evidence_fingerprint)
        .collect();
    prints.dedup();
    assert_eq!(prints.len(), 2, "before and after the deployment");
}

#[test]
fn own_code_is_the_cause_when_nothing_else_explains_it() {
    let delivery = delivery(5);
    let (arrivals, _) = arrivals(traffic(5, 20), &[(40, Fault::None), (20, Fault::PaymentDown)], &delivery);
    let report = only(&run(&arrivals, &delivery, 1));
    assert_eq!(report.cause.kind, CauseKind::App);
    assert_eq!(report.cause.subject.as_deref(), Some("payment"));
    assert!(report.hypotheses.iter().any(|h| h.kind == CauseKind::Unknown), "losers are shown");
}

#[test]
fn ten_minutes_of_steady_noise_open_nothing() {
    for seed in 1..=5 {
        let delivery = delivery(seed);
        let noisy = sim::Traffic { noise_per_thousand: 5, ..traffic(seed, 20) };
        let (arrivals, failed) = arrivals(noisy, &[(600, Fault::None)], &delivery);
        assert!(failed > 20, "there is something to be quiet about: {failed}");
        assert_eq!(run(&arrivals, &delivery, 1).incidents.len(), 0, "seed {seed}");
    }
}

#[test]
fn traces_without_their_outer_part_count_no_request_twice() {
    let delivery = delivery(8);
    let (mut shop, mut arrivals) = (sim::Shop::new(traffic(8, 20)), sim::Arrivals::default());
    let mut rng = sim::Rng::new(8);
    let mut at_gateway = 0;
    for s in 0..60 {
        let fault = if s < 40 { Fault::None } else { Fault::CardProviderDown };
        for (i, (mut events, failed)) in
            shop.second(Nanos::from_secs(START_S + s), fault).into_iter().enumerate()
        {
            if i % 2 == 0 {
                events.retain(|event| &*event.service != "gateway");
            } else {
                at_gateway += u64::from(failed);
            }
            arrivals.add(events, &delivery, &mut rng);
        }
    }
    let report = only(&run(&arrivals, &delivery, 1));
    assert_eq!(report.blast_radius.requests.affected, at_gateway);
    assert_eq!(services(&report), ["payment", "checkout", "gateway"]);
    assert_eq!(report.completeness.latest.status, "partial");
}

#[test]
fn every_citation_leads_to_evidence_that_is_listed() {
    let delivery = delivery(6);
    let (arrivals, _) =
        arrivals(traffic(6, 20), &[(40, Fault::None), (20, Fault::CardProviderDown)], &delivery);
    let replica = run(&arrivals, &delivery, 1);
    for document in &replica.reports {
        let value: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap();
        let listed: Vec<&str> =
            value["evidence"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
        for cite in cites(&value) {
            assert!(listed.contains(&cite.as_str()), "{cite} is cited and not listed");
        }
    }
    assert_eq!(replica.cited_and_not_kept(), [""; 0], "it would go with the journal");
}

fn cites(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .flat_map(|(name, member)| match member.as_array() {
                Some(ids) if name == "cites" => {
                    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
                }
                _ => cites(member),
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(cites).collect(),
        _ => Vec::new(),
    }
}
