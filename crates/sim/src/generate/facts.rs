//! What is known beside the requests: deployments, config changes, signals of the platform, metrics of instances.

use std::collections::BTreeMap;

use model::{Deployment, Input, MetricKind, MetricPoint, Nanos, Signal, SignalKind, Str};

use super::Arrivals;
use super::dice::Dice;
use super::plan::{Fault, FaultKind, Plan};
use super::state::{KILLED_EVERY_S, State};
use super::topology::{ENV, Topology};

const METRICS_EVERY_S: usize = 15;

pub(super) fn add(
    topology: &Topology,
    plan: &Plan,
    start: Nanos,
    noise: f64,
    seed: u64,
    arrivals: &mut Arrivals,
) {
    let mut dice = Dice::new(seed ^ 0xfac7_5000);
    let instant = |seconds: f64| start.saturating_add((seconds.max(0.0) * 1e6) as u64 * 1_000);
    let state = State::new(topology, plan, noise);
    for rollout in plan.rollouts.iter().filter(|rollout| rollout.announced) {
        let service = &topology.services[rollout.service];
        let at = instant(rollout.at - 1.0);
        let deployment = Deployment {
            id: rollout.id.as_str().into(),
            service: service.name.clone(),
            env: Some(ENV.into()),
            version: rollout.version.clone(),
            previous_version: Some(format!("1.{}.0", service.version).into()),
            at,
            commit: Some(format!("{:012x}", dice.word() >> 16).into()),
            pull_request: None,
            author: Some("build".into()),
        };
        arrivals.second(at, 1).facts.push(Input::Deployments(vec![deployment]));
    }
    for config in &plan.configs {
        let service = &topology.services[config.service].name;
        let at = instant(config.at);
        let mut signal = signal(&config.id, SignalKind::Config, "feature_flag", at, service);
        signal.subject = Some(config.subject.as_str().into());
        signal.message = format!("{} was set", config.subject).into();
        arrivals.second(at, 1).facts.push(Input::Signals(vec![signal]));
    }
    for fault in &plan.faults {
        for (at, signal) in signals_of(fault, plan, topology, &state, &instant, &mut dice) {
            arrivals.second(at, 1).facts.push(Input::Signals(vec![signal]));
        }
    }
    metrics(topology, plan, &instant, state, &mut dice, arrivals);
}

fn signal(id: &str, kind: SignalKind, subtype: &str, at: Nanos, service: &Str) -> Signal {
    Signal {
        id: id.into(),
        kind,
        subtype: subtype.into(),
        at,
        env: Some(ENV.into()),
        service: Some(service.clone()),
        instance: None,
        subject: None,
        status: "".into(),
        message: "".into(),
        attributes: BTreeMap::new(),
    }
}

fn signals_of(
    fault: &Fault,
    plan: &Plan,
    topology: &Topology,
    state: &State<'_>,
    instant: &impl Fn(f64) -> Nanos,
    dice: &mut Dice,
) -> Vec<(Nanos, Signal)> {
    let service = &topology.services[fault.service].name;
    let mut list = Vec::new();
    let mut say = |seconds: f64, subtype: &str, message: &str| {
        let at = instant(seconds);
        let id = format!("sig-{service}-{}-{}", subtype, seconds as u64);
        let mut signal = signal(&id, SignalKind::Runtime, subtype, at, service);
        let slot = fault.instance.unwrap_or(0);
        signal.instance = Some(state.running(fault.service, slot, seconds).name);
        signal.message = message.into();
        list.push((at, signal));
    };
    match fault.kind {
        FaultKind::OutOfMemory => {
            let mut at = fault.from;
            while at < plan.times.end {
                say(at, "oom_killed", "memory limit exceeded");
                at += KILLED_EVERY_S;
            }
        }
        FaultKind::BadInstance if dice.chance(0.5) => say(fault.from + 3.0, "node_pressure", "disk pressure"),
        FaultKind::Silence if dice.chance(0.6) => say(fault.from + 5.0, "crashloop", "back-off restarting"),
        FaultKind::DependencyOutage if dice.chance(0.3) => {
            let external = fault.external.map(|external| topology.externals[external].name.clone());
            let at = instant(fault.from + 8.0);
            let mut signal = signal(&format!("sig-{service}-down"), SignalKind::Dependency, "", at, service);
            signal.service = None;
            signal.subject = external;
            signal.status = "down".into();
            list.push((at, signal));
        }
        _ => {}
    }
    list
}

fn metrics(
    topology: &Topology,
    plan: &Plan,
    instant: &impl Fn(f64) -> Nanos,
    mut state: State<'_>,
    dice: &mut Dice,
    arrivals: &mut Arrivals,
) {
    let (cpu_name, memory_name): (Str, Str) =
        ("k8s.pod.cpu.utilization".into(), "k8s.pod.memory.utilization".into());
    let (env, unit, series): (Str, Str, Str) = (ENV.into(), "1".into(), "".into());
    for second in 0..plan.times.end as usize {
        state.move_on(second, dice);
        if !second.is_multiple_of(METRICS_EVERY_S) {
            continue;
        }
        let at = instant(second as f64);
        for (id, service) in topology.services.iter().enumerate() {
            for slot in 0..service.instances {
                let (cpu, memory) = state.load(id, slot, second as f64, dice);
                let running = state.running(id, slot, second as f64);
                for (name, value) in [(&cpu_name, cpu), (&memory_name, memory)] {
                    arrivals.second(at, 1).metrics.push(MetricPoint {
                        env: env.clone(),
                        service: service.name.clone(),
                        instance: running.name.clone(),
                        name: name.clone(),
                        unit: unit.clone(),
                        series: series.clone(),
                        kind: MetricKind::Gauge,
                        at,
                        value: (value * 1e6) as i64,
                    });
                }
            }
        }
    }
}
