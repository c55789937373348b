//! What services count of their own requests: it confirms an alert, says whose excess it is, and none of it alone opens
//! anything.

use std::collections::BTreeMap;

use engine::report::Report;
use model::{
    AcceptBaseline, Alert, AlertProvider, AlertSeverity, AlertStatus, CauseKind, Input, MetricKind,
    MetricPoint, Nanos,
};
use sim::{Arrivals, Delivery, Fault, Replica};

use super::{START_S, arrivals, delivery, run, traffic};

const QUIET_S: u64 = 600;

fn alert(service: &str, at_s: u64) -> Alert {
    let at = Nanos::from_secs(START_S + at_s);
    Alert {
        id: "slow".into(),
        provider: AlertProvider::Native,
        status: AlertStatus::Firing,
        severity: AlertSeverity::Critical,
        title: "latency is outside its objective".into(),
        summary: "".into(),
        env: None,
        service: Some(service.into()),
        operation: None,
        code: None,
        started_at: at,
        ended_at: None,
        at,
        labels: BTreeMap::new(),
        value: "".into(),
        url: "".into(),
    }
}

/// Requests and their mean latency, once a minute.
fn counted(service: &str, minute: u64, latency_ms: i64) -> [MetricPoint; 2] {
    let point = |name: &str, unit: &str, kind: MetricKind, value: i64| MetricPoint {
        env: "demo".into(),
        service: service.into(),
        instance: "".into(),
        name: name.into(),
        unit: unit.into(),
        series: "".into(),
        kind,
        at: Nanos::from_secs(START_S + minute * 60),
        value,
    };
    let mean = latency_ms * 1_000 + i64::try_from(minute % 3).unwrap() * 100;
    [
        point("http.server.request.count", "{request}", MetricKind::Delta, 1_200_000_000),
        point("http.server.request.duration.avg", "s", MetricKind::Gauge, mean),
    ]
}

/// A quiet quarter of an hour in which payment, and with it its callers, gets slower by its own numbers; spans show
/// nothing of it.
fn told(delivery: &Delivery, alerts: bool, slow: bool) -> Arrivals {
    let (mut arrivals, _) = arrivals(traffic(3, 4), &[(QUIET_S + 300, Fault::None)], delivery);
    for minute in 1..=(QUIET_S + 300) / 60 {
        let more = if slow && (11..=13).contains(&minute) { 400 } else { 0 };
        let points =
            [("gateway", 50 + more), ("checkout", 40 + more), ("payment", 20 + more), ("inventory", 15)];
        let points = points.into_iter().flat_map(|(service, latency)| counted(service, minute, latency));
        let at = Nanos::from_secs(START_S + minute * 60);
        arrivals.add_fact(at, Input::Metrics(points.collect()));
    }
    let until = Nanos::from_secs(START_S + QUIET_S);
    let accepted = AcceptBaseline { actor: "operator".into(), until, env: None, service: None };
    arrivals.add_fact(until, Input::AcceptBaseline(accepted));
    if alerts {
        let alert = alert("gateway", QUIET_S + 125);
        arrivals.add_fact(alert.at, Input::Alerts(vec![alert]));
    }
    arrivals
}

fn report(replica: &Replica) -> Report {
    assert_eq!(replica.incidents.len(), 1);
    replica.report(*replica.incidents.keys().next().unwrap()).unwrap()
}

#[test]
fn an_alert_that_the_services_own_numbers_confirm_opens_an_incident_at_whose_excess_it_is() {
    let delivery = delivery(3);
    let replica = run(&told(&delivery, true, true), &delivery, 1);
    let report = report(&replica);
    let origin = report.origin.unwrap();
    assert_eq!((&*origin.service, &*origin.sign), ("payment", "metric"));
    assert_eq!(report.cause.kind, CauseKind::App);
    let way: Vec<&str> = report.propagation.iter().map(|hop| &*hop.service).collect();
    assert_eq!(way, ["payment", "checkout", "gateway"]);
    assert_eq!(report.suspects[0].service, "payment");
    let symptom = report.symptoms.iter().find(|symptom| symptom.kind == "metric").unwrap();
    assert_eq!(symptom.service, "gateway");
    let metric = symptom.metric.as_ref().unwrap();
    assert_eq!((&*metric.measure, metric.worst / 100_000), ("mean latency", 4));
    assert_eq!(report.alerts.len(), 1);
    let mut replay = Replica::new(2);
    for (now, input) in &replica.journal {
        replay.step(*now, input.clone());
    }
    assert_eq!(replay.hashes(), replica.hashes());
}

#[test]
fn neither_numbers_nor_an_alert_alone_open_anything() {
    let delivery = delivery(3);
    for (alerts, slow) in [(true, false), (false, true)] {
        let replica = run(&told(&delivery, alerts, slow), &delivery, 1);
        assert_eq!(replica.incidents.len(), 0, "alerts {alerts}, slow {slow}");
    }
}

#[test]
fn the_order_within_a_tick_changes_nothing() {
    let first = delivery(3);
    let arrivals = told(&first, true, true);
    let expected = run(&arrivals, &first, 1);
    for (order, shards) in [(21, 2), (22, 4)] {
        let replica = run(&arrivals, &Delivery { seed: order, ..first.clone() }, shards);
        assert_eq!(replica.hashes(), expected.hashes());
    }
}
