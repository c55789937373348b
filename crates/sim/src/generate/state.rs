//! How the system is at an instant: which version runs where, what is down, slow, refused or lost.

use model::Str;

use super::attributes;
use super::dice::Dice;
use super::plan::{Fault, FaultKind, Plan, Rollout};
use super::topology::{Call, Topology};
use super::traffic::says_something_new;

/// Errors come in stretches of so many seconds with a rate of their own.
const STRETCH_S: usize = 20;
/// An instance that runs out of memory is killed so often, and is away so long.
pub(crate) const KILLED_EVERY_S: f64 = 55.0;
pub(crate) const DOWN_S: f64 = 8.0;
/// Of its usual traffic, a service can take so much.
const HEADROOM: f64 = 1.7;
const SURGE_RAMP_S: f64 = 20.0;

pub(crate) struct State<'a> {
    topology: &'a Topology,
    plan: &'a Plan,
    noise: f64,
    /// Of what is usual, now.
    pub(crate) traffic: f64,
    surge: f64,
    wave: f64,
    /// Of each operation's usual error rate, in this stretch.
    bursts: Vec<f64>,
    /// Of each operation's usual duration, in this stretch.
    pauses: Vec<f64>,
    names: Vec<Vec<Running>>,
    updated: Vec<Vec<Running>>,
}

/// What runs in a place.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) version: Str,
    pub(crate) name: Str,
}

impl<'a> State<'a> {
    pub(crate) fn new(topology: &'a Topology, plan: &'a Plan, noise: f64) -> Self {
        let operations = topology.operations.len();
        let running = |age: usize| -> Vec<Vec<Running>> {
            topology
                .services
                .iter()
                .map(|service| {
                    (0..service.instances)
                        .map(|slot| {
                            let version = service.version + age;
                            Running {
                                version: format!("1.{version}.0").into(),
                                name: format!("{}-{}-{slot}", service.name, suffix(&service.name, version))
                                    .into(),
                            }
                        })
                        .collect()
                })
                .collect()
        };
        Self {
            topology,
            plan,
            noise,
            traffic: 1.0,
            surge: 1.0,
            wave: 1.0,
            bursts: vec![1.0; operations],
            pauses: vec![1.0; operations],
            names: running(0),
            updated: running(1),
        }
    }

    /// Enters a second.
    pub(crate) fn move_on(&mut self, second: usize, dice: &mut Dice) {
        if second.is_multiple_of(STRETCH_S) {
            let spread = 0.5 * self.noise;
            self.bursts.iter_mut().for_each(|burst| *burst = dice.log_normal(1.0, spread));
            let pause =
                |dice: &mut Dice| if dice.chance(0.02 * self.noise) { dice.between(1.0, 1.8) } else { 1.0 };
            self.pauses = self.pauses.iter().map(|_| pause(dice)).collect();
        }
        let now = second as f64;
        self.wave = 0.9 * self.wave + 0.1 * dice.log_normal(1.0, 0.35 * self.noise);
        let drift = 1.0 + (self.plan.drift - 1.0) * now / self.plan.times.end;
        self.surge = 1.0;
        for fault in self.active(now).filter(|fault| fault.kind == FaultKind::Surge) {
            let risen = ((now - fault.from) / SURGE_RAMP_S).min(1.0);
            self.surge = 1.0 + (fault.traffic - 1.0) * risen;
        }
        self.traffic = self.wave * drift * self.surge;
    }

    fn active(&self, at: f64) -> impl Iterator<Item = &'a Fault> + use<'a> {
        let faults: &'a [Fault] = &self.plan.faults;
        faults.iter().filter(move |fault| at >= fault.from)
    }

    pub(crate) fn running(&self, service: usize, slot: usize, at: f64) -> Running {
        let updated = self
            .plan
            .rollouts
            .iter()
            .any(|rollout| rollout.service == service && is_updated(rollout, slot, at));
        let names = if updated { &self.updated } else { &self.names };
        names[service][slot].clone()
    }

    fn hits(&self, fault: &Fault, id: usize, slot: usize, at: f64) -> bool {
        let service = self.topology.operations[id].service;
        let placed = fault.service == service
            && fault.operations.contains(&id)
            && fault.instance.is_none_or(|instance| instance == slot)
            && fault.region.is_none_or(|region| region == attributes::region(slot));
        let mut rollouts =
            self.plan.rollouts.iter().filter(|rollout| rollout.guilty && rollout.service == service);
        placed && rollouts.all(|rollout| is_updated(rollout, slot, at))
    }

    /// Whether the work of an operation fails by itself, and how.
    pub(crate) fn own_failure(
        &self,
        id: usize,
        slot: usize,
        at: f64,
        dice: &mut Dice,
    ) -> Option<&'static str> {
        for fault in self.active(at) {
            let share = match fault.kind {
                FaultKind::DeployError
                | FaultKind::ConfigError
                | FaultKind::AppError
                | FaultKind::BadInstance => fault.share,
                FaultKind::Surge => (1.0 - HEADROOM / self.surge).max(0.0) * 0.6,
                FaultKind::Cpu => 0.02,
                _ => 0.0,
            };
            if self.hits(fault, id, slot, at) && dice.chance(share) {
                return Some(if fault.kind == FaultKind::Cpu { "timeout" } else { fault.code });
            }
        }
        let operation = &self.topology.operations[id];
        dice.chance((operation.error_rate * self.bursts[id]).min(0.6)).then_some(operation.code)
    }

    /// The operation fails in a way that it never failed before the fault.
    pub(crate) fn is_new_failure(&self, id: usize, at: f64) -> bool {
        self.active(at).any(|fault| says_something_new(fault.kind) && fault.operations.contains(&id))
    }

    /// How many times longer an operation works than usual.
    pub(crate) fn slower(&self, id: usize, slot: usize, at: f64, dice: &mut Dice) -> f64 {
        let mut factor = self.pauses[id];
        for fault in self.active(at).filter(|fault| self.hits(fault, id, slot, at)) {
            factor *= match fault.kind {
                FaultKind::DeploySlow | FaultKind::ConfigSlow if dice.chance(fault.share) => fault.slower,
                FaultKind::Cpu => fault.slower * dice.between(0.5, 1.5),
                FaultKind::Surge => 1.0 + (self.surge / HEADROOM).min(8.0) * dice.between(0.5, 1.5),
                FaultKind::OutOfMemory => 1.0 + 2.0 * phase(fault, at),
                _ => 1.0,
            };
        }
        factor
    }

    pub(crate) fn is_down(&self, service: usize, slot: usize, at: f64) -> bool {
        self.active(at).any(|fault| {
            fault.kind == FaultKind::OutOfMemory
                && fault.service == service
                && fault.instance == Some(slot)
                && (at - fault.from) % KILLED_EVERY_S < DOWN_S
        })
    }

    pub(crate) fn is_silent(&self, service: usize, at: f64) -> bool {
        self.active(at).any(|fault| fault.kind == FaultKind::Silence && fault.service == service)
    }

    pub(crate) fn lost_connection(
        &self,
        caller: usize,
        callee: usize,
        at: f64,
        dice: &mut Dice,
    ) -> Option<&'static str> {
        let mut lost = self.active(at).filter(|fault| {
            fault.kind == FaultKind::LostConnections
                && fault.caller == Some(caller)
                && fault.service == callee
        });
        lost.find(|fault| dice.chance(fault.share)).map(|fault| fault.code)
    }

    /// A call to what reports nothing: when it ends, and with what failure.
    pub(crate) fn external(
        &self,
        id: usize,
        call: &Call,
        at: f64,
        dice: &mut Dice,
    ) -> (f64, Option<&'static str>) {
        let external = &self.topology.externals[id];
        let mut lasts = dice.log_normal(external.median_ms, external.sigma) / 1_000.0;
        for fault in self.active(at).filter(|fault| fault.external == Some(id)) {
            if !dice.chance(fault.share) {
                continue;
            }
            match (fault.kind, fault.code) {
                (FaultKind::DependencySlow, _) => lasts *= fault.slower,
                (FaultKind::DependencyOutage, "timeout") => {
                    return (at + call.timeout_ms / 1_000.0, Some("timeout"));
                }
                (FaultKind::DependencyOutage, code) => return (at + 0.004, Some(code)),
                _ => {}
            }
        }
        let fails = dice.chance(external.error_rate * self.noise);
        (at + lasts, fails.then_some("HTTP_503"))
    }

    /// Of one processor, and of the memory that it may have.
    pub(crate) fn load(&self, service: usize, slot: usize, at: f64, dice: &mut Dice) -> (f64, f64) {
        let usual = 0.15 + 0.25 * ((service * 7 + slot * 3) % 10) as f64 / 10.0;
        let mut cpu = (usual * self.traffic.min(4.0) * dice.log_normal(1.0, 0.15)).min(0.93);
        let mut memory = (0.35 + 0.3 * ((service * 5) % 10) as f64 / 10.0) * dice.log_normal(1.0, 0.02);
        for fault in self.active(at).filter(|fault| fault.service == service) {
            let here = fault.instance.is_none_or(|instance| instance == slot);
            match fault.kind {
                FaultKind::Cpu if here => cpu = dice.between(0.96, 1.0),
                FaultKind::Surge => cpu = cpu.max(dice.between(0.85, 1.0)),
                FaultKind::OutOfMemory if here => memory = 0.4 + 0.6 * phase(fault, at),
                _ => {}
            }
        }
        (cpu, memory.min(1.0))
    }
}

/// From 0 after a restart to 1 before the next kill.
fn phase(fault: &Fault, at: f64) -> f64 {
    let since = (at - fault.from) % KILLED_EVERY_S;
    ((since - DOWN_S) / (KILLED_EVERY_S - DOWN_S)).clamp(0.0, 1.0)
}

fn is_updated(rollout: &Rollout, slot: usize, at: f64) -> bool {
    slot < rollout.instances && at >= rollout.at + slot as f64 * rollout.step
}

/// What a deployment is called where it runs.
fn suffix(name: &str, version: usize) -> String {
    let mut hash = version as u64;
    for byte in name.bytes() {
        hash = hash.wrapping_mul(31).wrapping_add(u64::from(byte));
    }
    format!("{:06x}", hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)
}
