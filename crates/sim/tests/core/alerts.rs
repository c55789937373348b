//! Alerts of other systems in reports, and deployments that nobody announced.

use std::collections::BTreeMap;

use engine::report::Report;
use model::{
    Alert, AlertProvider, AlertSeverity, AlertStatus, CauseKind, Input, Nanos, SECOND_NS, Signal, SignalKind,
};
use sim::{Arrivals, Delivery, Fault, Replica};

use super::{START_S, arrivals, delivery, deployment, run, traffic};

fn alert(id: &str, service: &str, status: AlertStatus, at_s: u64) -> Alert {
    let at = Nanos::from_secs(START_S + at_s);
    Alert {
        id: id.into(),
        provider: AlertProvider::Alertmanager,
        status,
        severity: AlertSeverity::Critical,
        title: format!("{id} of {service}").into(),
        summary: "".into(),
        env: None,
        service: None,
        operation: None,
        code: None,
        started_at: at,
        ended_at: (status == AlertStatus::Resolved).then_some(at),
        at,
        labels: BTreeMap::from([("service".into(), service.into())]),
        value: "".into(),
        url: "".into(),
    }
}

/// An outage of payment from second 30 on, with what three systems say of it and of others.
fn told(delivery: &Delivery) -> Arrivals {
    let (mut arrivals, _) =
        arrivals(traffic(8, 20), &[(30, Fault::None), (90, Fault::CardProviderDown)], delivery);
    use AlertStatus::{Firing, Resolved};
    let mut add = |alert: Alert| arrivals.add_fact(alert.at, Input::Alerts(vec![alert]));
    for at in [40, 50, 60, 70, 80, 90, 100, 110] {
        add(alert("errors", "payment", Firing, at));
        add(alert("unrelated", "store-of-another-shop", Firing, at));
    }
    add(alert("slow", "checkout", Firing, 45));
    add(alert("slow", "checkout", Resolved, 65));
    add(alert("slow", "checkout", Firing, 85));
    add(Alert { env: Some("elsewhere".into()), ..alert("elsewhere", "payment", Firing, 50) });
    // Its whole life in one second, in whatever order the second is dealt out.
    let moment = |status, part: u64| {
        let base = alert("brief", "payment", status, 70);
        let at = base.at.saturating_add(part * SECOND_NS / 4);
        Alert { at, started_at: Nanos::from_secs(START_S + 70), ended_at: base.ended_at.map(|_| at), ..base }
    };
    for (status, part) in [(Firing, 0), (AlertStatus::Acknowledged, 1), (Resolved, 2)] {
        add(moment(status, part));
    }
    let told = Signal {
        id: "s".into(),
        kind: SignalKind::Alert,
        subtype: "".into(),
        at: Nanos::from_secs(START_S + 40),
        env: None,
        service: Some("payment".into()),
        instance: None,
        subject: None,
        status: "firing".into(),
        message: "".into(),
        attributes: BTreeMap::new(),
    };
    arrivals.add_fact(told.at, Input::Signals(vec![told]));
    arrivals
}

fn last(replica: &Replica) -> Report {
    assert_eq!(replica.incidents.len(), 1);
    replica.report(*replica.incidents.keys().next().unwrap()).unwrap()
}

#[test]
fn a_report_shows_the_alerts_of_its_services_with_their_histories() {
    let delivery = delivery(8);
    let report = last(&run(&told(&delivery), &delivery, 1));
    let seconds = |at: &str| Nanos::parse_rfc3339(at).unwrap().as_secs() - START_S;
    let alerts: Vec<_> = report
        .alerts
        .iter()
        .map(|alert| {
            let history: Vec<_> =
                alert.history.iter().map(|change| (seconds(&change.at), change.status.as_str())).collect();
            (alert.id.as_str(), alert.times, &*alert.rule, history)
        })
        .collect();
    let (origin, chain) = ("of the origin service", "of a service on the chain");
    assert_eq!(
        alerts,
        [
            ("alert:alertmanager/errors", 8, origin, vec![(40, "firing")]),
            (
                "alert:alertmanager/brief",
                3,
                origin,
                vec![(70, "firing"), (70, "acknowledged"), (70, "resolved")]
            ),
            ("alert:alertmanager/slow", 3, chain, vec![(45, "firing"), (65, "resolved"), (85, "firing")]),
        ]
    );
    assert!(
        report.alerts.iter().all(|alert| alert.env.as_deref() == Some("demo")),
        "inferred from the service"
    );
    assert_eq!(report.signals.len(), 1, "a signal of kind alert is one still");
    let cited: Vec<&str> = report.evidence.iter().map(|part| part.id.as_str()).collect();
    assert!(report.alerts.iter().all(|alert| cited.contains(&alert.id.as_str())));
    let told =
        report.timeline.iter().filter(|entry| entry.text.starts_with("Alert slow of checkout")).count();
    assert_eq!(told, 3);
}

#[test]
fn alerts_change_no_hash_in_whatever_order_they_come_and_leave_the_fingerprint_alone() {
    let first = delivery(8);
    let arrivals = told(&first);
    let expected = run(&arrivals, &first, 1);
    for (order, shards) in [(21, 2), (22, 4), (23, 1)] {
        let replica = run(&arrivals, &Delivery { seed: order, ..first.clone() }, shards);
        assert_eq!(replica.hashes(), expected.hashes());
    }
    let mut prints: Vec<String> = expected
        .reports
        .iter()
        .filter(|document| document.tick >= Nanos::from_secs(START_S + 60))
        .map(|document| serde_json::from_slice::<Report>(&document.bytes).unwrap().evidence_fingerprint)
        .collect();
    prints.dedup();
    assert_eq!(prints.len(), 1);
    let mut replay = Replica::new(2);
    for (now, input) in &expected.journal {
        replay.step(*now, input.clone());
    }
    assert_eq!(replay.hashes(), expected.hashes());
}

#[test]
fn a_version_that_nobody_announced_is_blamed_as_if_it_had_been() {
    let delivery = delivery(2);
    let phases = [(40, Fault::None), (30, Fault::BadVersion)];
    let (arrivals, _) = arrivals(traffic(2, 20), &phases, &delivery);
    let replica = run(&arrivals, &delivery, 2);
    let [seen] = &replica.deployments[..] else { panic!("{:?}", replica.deployments) };
    assert_eq!((&*seen.service, &*seen.version), ("checkout", "2.4.1"));
    assert_eq!(seen.previous_version.as_deref(), Some("2.4.0"));
    let report = last(&replica);
    assert_eq!(report.cause.kind, CauseKind::Deploy);
    assert_eq!(report.cause.subject.as_deref(), Some("checkout 2.4.1"));
    assert!(report.change.unwrap().id.starts_with("deployment:seen_"));
}

#[test]
fn an_announced_version_is_not_registered_a_second_time() {
    let delivery = delivery(2);
    let phases = [(40, Fault::None), (30, Fault::BadVersion)];
    let (mut arrivals, _) = arrivals(traffic(2, 20), &phases, &delivery);
    let at = Nanos::from_secs(START_S + 39);
    arrivals.add_fact(at, Input::Deployments(vec![deployment("checkout", "2.4.1", at)]));
    let replica = run(&arrivals, &delivery, 1);
    assert_eq!(replica.deployments, []);
    assert_eq!(last(&replica).change.unwrap().id, "deployment:checkout@2.4.1");
}
