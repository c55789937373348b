//! The truth about a generated case, as `case.toml` holds it.

use cases::{Case, CaseKind, Decoys, Truth};
use model::{Nanos, Str};

use super::plan::{Fault, FaultKind, Plan};
use super::state::State;
use super::topology::{Callee, Topology};

pub(super) fn case(seed: u64, topology: &Topology, plan: &Plan, start: Nanos) -> Case {
    let instant = |seconds: f64| start.saturating_add((seconds.max(0.0) * 1e3) as u64 * 1_000_000);
    let kind = if plan.faults.is_empty() { CaseKind::Quiet } else { CaseKind::Fault };
    let together = if plan.faults.len() > 1 { "-and-another" } else { "" };
    Case {
        name: format!("{seed:06}-{}{together}", plan.kind.as_str()),
        kind,
        start,
        end: instant(plan.times.end),
        baseline_until: plan.baseline_until.map(instant),
        note: Some(format!(
            "generated: {} services, {} of a hundred traces",
            topology.services.len(),
            (plan.sampling * 100.0) as u32
        )),
        truth: (kind == CaseKind::Fault).then(|| truth(topology, plan, &instant)),
        decoys: Decoys { changes: plan.decoys() },
        bundle: None,
    }
}

fn truth(topology: &Topology, plan: &Plan, instant: &impl Fn(f64) -> Nanos) -> Truth {
    let names = |list: Vec<Str>| {
        let mut names: Vec<String> = Vec::new();
        for name in list {
            if !names.iter().any(|known| **known == *name) {
                names.push(name.to_string());
            }
        }
        names
    };
    let onset = plan.faults.iter().map(|fault| fault.from).fold(f64::INFINITY, f64::min);
    let each = |of: &dyn Fn(&Fault) -> Vec<Str>| names(plan.faults.iter().flat_map(of).collect());
    let operations = each(&|fault| operations(fault, topology));
    let unlabelled = plan.faults.iter().any(|fault| self::operations(fault, topology).is_empty());
    Truth {
        at: instant(onset),
        services: each(&|fault| services(fault, topology)),
        operations: if unlabelled { Vec::new() } else { operations },
        instances: each(&|fault| {
            let state = State::new(topology, plan, 1.0);
            fault
                .instance
                .map(|slot| state.running(fault.service, slot, fault.from).name)
                .into_iter()
                .collect()
        }),
        change: change(plan),
        causes: plan.causes(),
    }
}

fn services(fault: &Fault, topology: &Topology) -> Vec<Str> {
    let name = |service: usize| topology.services[service].name.clone();
    let mut list = vec![name(fault.service)];
    match fault.kind {
        // Whoever calls what is down has it.
        FaultKind::DependencyOutage | FaultKind::DependencySlow => {
            list.extend(fault.operations.iter().map(|id| name(topology.operations[*id].service)));
        }
        // A connection has two ends.
        FaultKind::Silence | FaultKind::LostConnections => list.extend(fault.caller.map(name)),
        // What is too much comes in at the gateways.
        FaultKind::Surge => {
            list.extend(
                topology.entries.iter().map(|entry| name(topology.operations[entry.operation].service)),
            );
        }
        _ => {}
    }
    list
}

/// Where a fault is in some operations and not in the service as a whole.
fn operations(fault: &Fault, topology: &Topology) -> Vec<Str> {
    match fault.kind {
        FaultKind::DeployError
        | FaultKind::DeploySlow
        | FaultKind::ConfigError
        | FaultKind::ConfigSlow
        | FaultKind::AppError => {
            let operations = fault.operations.iter().map(|id| &topology.operations[*id]);
            operations
                .flat_map(|operation| std::iter::once(operation.name.clone()).chain(operation.step.clone()))
                .collect()
        }
        FaultKind::DependencyOutage | FaultKind::DependencySlow => {
            let external = fault.external.map(Callee::External);
            let operations = fault.operations.iter().map(|id| &topology.operations[*id]);
            let calls = |calls: &[super::topology::Call]| {
                let to = calls.iter().filter(|call| Some(call.callee) == external);
                to.map(|call| call.name.clone()).collect::<Vec<_>>()
            };
            operations
                .flat_map(|operation| std::iter::once(operation.name.clone()).chain(calls(&operation.calls)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The guilty change; empty where nobody announced it, or where two faults make the question pointless.
fn change(plan: &Plan) -> String {
    match plan.faults.as_slice() {
        [fault] => match (&fault.change, fault.kind) {
            (Some(id), _) => id.clone(),
            (None, FaultKind::DeployError | FaultKind::DeploySlow) => String::new(),
            _ => "none".to_owned(),
        },
        _ => String::new(),
    }
}
