//! An hour of an incident in which nothing new happens, once for each sign, beside neighbours with whom a lot happens:
//! its evidence stays the same, a deployment that concerns it changes it once, and the neighbours are in no report.

use std::collections::BTreeMap;

use engine::render;
use engine::report::Report;
use model::{
    AcceptBaseline, Alert, AlertProvider, AlertSeverity, AlertStatus, IncidentState, Input, LogSeverity,
    MetricKind, MetricPoint, Nanos, SECOND_NS, Signal, SignalKind,
};
use sim::{Arrivals, Delivery, Replica, Rng};

use super::work::{Told, Work};
use super::{START_S, delivery, deployment, signal};

/// So long that everything has a past.
const QUIET_S: u64 = 660;
/// An hour of it, and a deployment.
const CHANGES_S: u64 = QUIET_S + 3_600;
/// What is still played after the deployment.
const AFTERWARDS_S: u64 = 20;
/// After the opening the followers join, and with them the services that the chain passes.
const SETTLED_S: u64 = 60;
/// The neighbours, the second of which only others speak of.
const NEIGHBOURS: [&str; 2] = ["billing", "warehouse"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Half of the charges fail.
    Failure,
    /// Everybody takes twice as long.
    Latency,
    /// Payment takes long by itself.
    SelfTime,
    /// Inventory reports no more; its callers go on.
    Silence,
    /// A twentieth of the customers comes.
    Traffic,
    /// The processors of payment are all taken.
    Saturation,
    /// Half of the reservations end early.
    Behaviour,
    /// Payment, and with it its callers, takes long by what they count themselves; spans show nothing of it.
    Metric,
}

impl Sign {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Latency => "latency",
            Self::SelfTime => "self_time",
            Self::Silence => "silence",
            Self::Traffic => "traffic",
            Self::Saturation => "saturation",
            Self::Behaviour => "behaviour",
            Self::Metric => "metric",
        }
    }

    /// Whose deployment concerns it: a service on the way from where it arises.
    const fn deploys(self) -> &'static str {
        match self {
            Self::Failure | Self::SelfTime | Self::Saturation | Self::Metric => "payment",
            Self::Latency => "checkout",
            Self::Behaviour | Self::Silence => "inventory",
            Self::Traffic => "gateway",
        }
    }
}

fn at(second: u64) -> Nanos {
    Nanos::from_secs(START_S + second)
}

fn request() -> Work {
    let charge = Work::new("payment", "POST /charges", 4, vec![Work::foreign("card-provider", 8)]);
    let mut reserve = Work::new("inventory", "POST /reservations", 5, Vec::new());
    reserve.says = vec![(LogSeverity::Info, "reserving <*>"), (LogSeverity::Info, "reserved <*>")];
    let order = Work::new("checkout", "POST /orders", 30, vec![reserve, charge]);
    Work::new("gateway", "POST /checkout", 3, vec![order])
}

/// A neighbour's request: some fail at any time, and say so.
fn of_neighbour(release: u64, rng: &mut Rng) -> Work {
    let mut ledger = Work::new("billing-ledger", "POST /entries", 5, Vec::new());
    ledger.says = vec![(LogSeverity::Info, "billing entry <*> written")];
    if rng.chance(4, 100) {
        ledger.fails = Some("BillingEntryLocked");
        ledger.says = vec![(LogSeverity::Error, "billing entry <*> is locked")];
    }
    let mut portal = Work::new("billing-portal", "POST /invoices", 4, vec![ledger]);
    portal.version = format!("{release}.0.0").into();
    portal
}

impl Sign {
    fn happen(self, work: &mut Work, half: bool) {
        match (self, work.service) {
            (Self::Failure, "payment") if half => work.fails = Some("LedgerError"),
            (Self::Latency, _) => work.own_ms *= 2,
            (Self::SelfTime, "payment") => work.own_ms += 60,
            (Self::Silence, "inventory") => work.reports = false,
            (Self::Behaviour, "inventory") if half => work.says.truncate(1),
            _ => {}
        }
    }

    fn requests(self, second: u64, rng: &mut Rng) -> Vec<Told> {
        let wrong = second >= QUIET_S;
        let count = if wrong && self == Self::Traffic { u64::from(second.is_multiple_of(10)) } else { 2 };
        let mut told = Vec::new();
        for number in 0..count {
            let (mut work, half) = (request(), rng.chance(1, 2));
            if wrong {
                work.each(&mut |work| self.happen(work, half));
            }
            told.push(work.at(at(second).saturating_add(number * SECOND_NS / count), rng));
        }
        let neighbour = of_neighbour(1 + second / 600, rng);
        told.push(neighbour.at(at(second), rng));
        told
    }

    fn metrics(self, second: u64) -> Vec<MetricPoint> {
        let wrong = second >= QUIET_S;
        let mut points = Vec::new();
        if second.is_multiple_of(10) {
            let busy = if wrong && self == Self::Saturation {
                97
            } else {
                20 + i64::from(second.is_multiple_of(30))
            };
            points.push(point("payment", "process.cpu.utilization", "1", MetricKind::Gauge, busy * 10_000));
            points.push(point("billing-portal", "process.cpu.utilization", "1", MetricKind::Gauge, 700_000));
            let restarts = i64::try_from(second / 300).unwrap() * 1_000_000;
            points.push(point(
                "billing-portal",
                "k8s.container.restarts",
                "1",
                MetricKind::Cumulative,
                restarts,
            ));
        }
        if self == Self::Metric && second.is_multiple_of(60) {
            let more = if wrong { 400 } else { 0 };
            for (service, ms) in
                [("gateway", 50 + more), ("checkout", 40 + more), ("payment", 20 + more), ("inventory", 15)]
            {
                let mean = ms * 1_000 + i64::try_from(second / 60 % 3).unwrap() * 100;
                points.push(point(
                    service,
                    "http.server.request.count",
                    "{request}",
                    MetricKind::Delta,
                    120_000_000,
                ));
                points.push(point(service, "http.server.request.duration.avg", "s", MetricKind::Gauge, mean));
            }
        }
        points.iter_mut().for_each(|point| point.at = at(second));
        points
    }

    fn arrivals(self, delivery: &Delivery) -> Arrivals {
        let mut rng = Rng::new(delivery.seed);
        let mut arrivals = Arrivals::default();
        for second in 0..CHANGES_S + AFTERWARDS_S {
            for told in self.requests(second, &mut rng) {
                arrivals.add(told.events, delivery, &mut rng);
                arrivals.add_fact(at(second), Input::Logs(told.logs));
            }
            arrivals.add_fact(at(second), Input::Metrics(self.metrics(second)));
            neighbours(second, &mut arrivals);
        }
        let until = at(QUIET_S - 10);
        let accepted = AcceptBaseline { actor: "operator".into(), until, env: None, service: None };
        arrivals.add_fact(until, Input::AcceptBaseline(accepted));
        if self == Self::Metric {
            arrivals.add_fact(
                at(QUIET_S + 125),
                Input::Alerts(vec![alert("slow", "gateway", true, QUIET_S + 125)]),
            );
        }
        let change = deployment(self.deploys(), "3.0.0", at(CHANGES_S));
        arrivals.add_fact(change.at, Input::Deployments(vec![change]));
        arrivals
    }
}

fn point(service: &str, name: &str, unit: &str, kind: MetricKind, value: i64) -> MetricPoint {
    MetricPoint {
        env: "demo".into(),
        service: service.into(),
        instance: format!("{service}-0").into(),
        name: name.into(),
        unit: unit.into(),
        series: "".into(),
        kind,
        at: Nanos(0),
        value,
    }
}

fn alert(id: &str, service: &str, firing: bool, second: u64) -> Alert {
    Alert {
        id: id.into(),
        provider: AlertProvider::Native,
        status: if firing { AlertStatus::Firing } else { AlertStatus::Resolved },
        severity: AlertSeverity::Critical,
        title: format!("{service} is outside its objective").into(),
        summary: "".into(),
        env: None,
        service: Some(service.into()),
        operation: None,
        code: None,
        started_at: at(second),
        ended_at: None,
        at: at(second),
        labels: BTreeMap::new(),
        value: "".into(),
        url: "".into(),
    }
}

/// What pipelines, clusters, people and monitors say of the neighbours.
fn neighbours(second: u64, arrivals: &mut Arrivals) {
    let every = |period: u64| second > 0 && second.is_multiple_of(period);
    let silent = "warehouse-batch";
    if every(600) {
        let release = format!("{}.0.0", 1 + second / 600);
        let all = ["billing-portal", silent].map(|service| deployment(service, &release, at(second)));
        arrivals.add_fact(at(second), Input::Deployments(all.into()));
    }
    if every(150) {
        let said = |service: &str, kind: SignalKind, subtype: &str| Signal {
            kind,
            message: format!("{service} again").into(),
            ..signal(&format!("{service}-{subtype}-{second}"), subtype, service, at(second))
        };
        let all = ["billing-portal", "billing-ledger", silent].into_iter().flat_map(|service| {
            [
                said(service, SignalKind::Runtime, "oom_killed"),
                said(service, SignalKind::Runtime, "crashloop"),
                said(service, SignalKind::Config, "feature_flag"),
                said(service, SignalKind::Dependency, "down"),
            ]
        });
        arrivals.add_fact(at(second), Input::Signals(all.collect()));
    }
    if every(90) {
        let firing = second.is_multiple_of(180);
        let all =
            ["billing-portal", silent].map(|service| alert(&format!("a-{service}"), service, firing, second));
        arrivals.add_fact(at(second), Input::Alerts(all.into()));
    }
}

fn play(sign: Sign) -> Replica {
    let delivery = delivery(7);
    let (arrivals, mut replica) = (sign.arrivals(&delivery), Replica::new(1));
    for second in arrivals.seconds() {
        for (now, input) in arrivals.second(second, &delivery) {
            replica.feed(now, input);
        }
        if second.is_multiple_of(60) {
            replica.forget(Nanos::from_secs(second));
        }
    }
    replica
}

/// No name of a neighbour stands anywhere in it.
fn is_about_nobody_else(report: &Report, bytes: &[u8]) {
    let json = String::from_utf8(bytes.to_vec()).unwrap();
    for text in [json, render::markdown(report)] {
        for name in NEIGHBOURS {
            assert!(!text.contains(name), "{name} stands in {text}");
        }
    }
}

fn stands_for_an_hour(sign: Sign) {
    let replica = play(sign);
    assert_eq!(replica.incidents.len(), 1, "{:#?}", replica.incidents);
    let incident = replica.incidents.values().next().unwrap();
    let opened_s = incident.detected_at.as_secs() - START_S;
    assert!((QUIET_S..QUIET_S + 300).contains(&opened_s), "opened at {opened_s}");
    let (mut steady, mut changed) = (Vec::new(), Vec::new());
    for document in &replica.reports {
        let report: Report = serde_json::from_slice(&document.bytes).unwrap();
        is_about_nobody_else(&report, &document.bytes);
        let second = document.tick.as_secs() - START_S;
        if second > CHANGES_S {
            changed.push(report.evidence_fingerprint);
        } else if second >= opened_s + SETTLED_S {
            steady.push(report.evidence_fingerprint);
        }
    }
    // A report every 10 s at least.
    assert!(steady.len() as u64 > (CHANGES_S - opened_s - SETTLED_S) / 10 - 2, "{} reports", steady.len());
    assert!(!changed.is_empty(), "no report after the deployment");
    steady.dedup();
    changed.dedup();
    assert_eq!((steady.len(), changed.len()), (1, 1), "{steady:?}, then {changed:?}");
    assert_ne!(steady, changed, "the deployment is evidence");
    let last = replica.report(incident.id).unwrap();
    assert_eq!(last.incident.status, IncidentState::Open);
    assert!(last.symptoms.iter().any(|symptom| symptom.kind == sign.as_str()), "{:?}", last.symptoms);
    let id = format!("deployment:{}@3.0.0", sign.deploys());
    assert!(last.evidence.iter().any(|part| part.id == id), "{:?}", last.evidence);
}

#[test]
fn failures() {
    stands_for_an_hour(Sign::Failure);
}

#[test]
fn latency() {
    stands_for_an_hour(Sign::Latency);
}

#[test]
fn self_time() {
    stands_for_an_hour(Sign::SelfTime);
}

#[test]
fn silence() {
    stands_for_an_hour(Sign::Silence);
}

#[test]
fn traffic() {
    stands_for_an_hour(Sign::Traffic);
}

#[test]
fn saturation() {
    stands_for_an_hour(Sign::Saturation);
}

#[test]
fn behaviour() {
    stands_for_an_hour(Sign::Behaviour);
}

#[test]
fn a_services_own_numbers() {
    stands_for_an_hour(Sign::Metric);
}
