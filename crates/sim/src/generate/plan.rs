//! What will go wrong, where, how much and since when; what else changes that is innocent; and the truth about it.

use model::{CauseKind, Str};

use super::dice::Dice;
use super::topology::{CODES, Callee, Topology};

/// Where too little of the traffic is hit, the share is raised until so many requests are affected: a fault that
/// nobody would see in its data is no case.
const AFFECTED_MIN: f64 = 30.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    DeployError,
    DeploySlow,
    ConfigError,
    ConfigSlow,
    DependencyOutage,
    DependencySlow,
    OutOfMemory,
    Cpu,
    BadInstance,
    Surge,
    AppError,
    Silence,
    LostConnections,
    Quiet,
}

/// Of a hundred cases, so many are of each kind.
pub(crate) const SHARES: [(FaultKind, f64); 14] = [
    (FaultKind::DeployError, 14.0),
    (FaultKind::DeploySlow, 7.0),
    (FaultKind::ConfigError, 6.0),
    (FaultKind::ConfigSlow, 4.0),
    (FaultKind::DependencyOutage, 9.0),
    (FaultKind::DependencySlow, 7.0),
    (FaultKind::OutOfMemory, 7.0),
    (FaultKind::Cpu, 7.0),
    (FaultKind::BadInstance, 5.0),
    (FaultKind::Surge, 6.0),
    (FaultKind::AppError, 11.0),
    (FaultKind::Silence, 4.0),
    (FaultKind::LostConnections, 5.0),
    (FaultKind::Quiet, 8.0),
];

impl FaultKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeployError => "deploy-error",
            Self::DeploySlow => "deploy-slow",
            Self::ConfigError => "config-error",
            Self::ConfigSlow => "config-slow",
            Self::DependencyOutage => "dependency-outage",
            Self::DependencySlow => "dependency-slow",
            Self::OutOfMemory => "out-of-memory",
            Self::Cpu => "cpu",
            Self::BadInstance => "bad-instance",
            Self::Surge => "surge",
            Self::AppError => "app-error",
            Self::Silence => "silence",
            Self::LostConnections => "lost-connections",
            Self::Quiet => "quiet",
        }
    }

    fn random(dice: &mut Dice) -> Self {
        let mut rest = dice.between(0.0, SHARES.iter().map(|(_, share)| share).sum());
        for (kind, share) in SHARES {
            rest -= share;
            if rest < 0.0 {
                return kind;
            }
        }
        Self::Quiet
    }

    fn causes(self) -> &'static [CauseKind] {
        match self {
            Self::DeployError | Self::DeploySlow => &[CauseKind::Deploy],
            Self::ConfigError | Self::ConfigSlow => &[CauseKind::Config],
            Self::DependencyOutage | Self::DependencySlow => &[CauseKind::Dependency],
            Self::OutOfMemory | Self::Cpu | Self::BadInstance | Self::LostConnections => {
                &[CauseKind::Runtime]
            }
            // Nobody can tell a consumer that is gone from a broker that hands nothing on.
            Self::Silence => &[CauseKind::Runtime, CauseKind::Dependency],
            Self::Surge => &[CauseKind::Traffic],
            Self::AppError | Self::Quiet => &[CauseKind::App],
        }
    }

    const fn is_slow(self) -> bool {
        matches!(self, Self::DeploySlow | Self::ConfigSlow | Self::DependencySlow | Self::Cpu)
    }
}

/// When things happen, in seconds from the case's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) onset: f64,
    pub(crate) end: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) service: usize,
    pub(crate) operations: Vec<usize>,
    pub(crate) external: Option<usize>,
    /// The service that calls, where a connection between two is broken.
    pub(crate) caller: Option<usize>,
    /// Which instance; all where it is `None`.
    pub(crate) instance: Option<usize>,
    /// Only instances in this region; random plans leave it open.
    pub(crate) region: Option<usize>,
    pub(crate) share: f64,
    /// How many times slower.
    pub(crate) slower: f64,
    pub(crate) code: &'static str,
    pub(crate) from: f64,
    /// How many times the traffic of a surge.
    pub(crate) traffic: f64,
    /// Id of the deployment or config signal that did it.
    pub(crate) change: Option<String>,
}

/// A new version put to work, one instance after the other.
#[derive(Debug, Clone)]
pub(crate) struct Rollout {
    pub(crate) service: usize,
    pub(crate) at: f64,
    /// Seconds between instances.
    pub(crate) step: f64,
    /// So many instances get it.
    pub(crate) instances: usize,
    pub(crate) version: Str,
    pub(crate) id: String,
    /// Somebody told Casebook.
    pub(crate) announced: bool,
    pub(crate) guilty: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ConfigChange {
    pub(crate) service: usize,
    pub(crate) at: f64,
    pub(crate) id: String,
    pub(crate) subject: String,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) times: Times,
    pub(crate) kind: FaultKind,
    pub(crate) faults: Vec<Fault>,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) configs: Vec<ConfigChange>,
    pub(crate) sampling: f64,
    /// Traffic at the end over that at the begin, without any fault.
    pub(crate) drift: f64,
    pub(crate) baseline_until: Option<f64>,
}

impl Plan {
    pub(crate) fn random(topology: &Topology, dice: &mut Dice, noise: f64) -> Self {
        let onset = dice.between(300.0, 540.0);
        let times = Times { onset, end: onset + dice.between(180.0, 270.0) };
        let kind = FaultKind::random(dice);
        let mut plan = Self {
            times,
            kind,
            faults: Vec::new(),
            rollouts: Vec::new(),
            configs: Vec::new(),
            sampling: match dice.uniform() {
                x if x < 0.12 => 0.5,
                x if x < 0.18 => 0.25,
                _ => 1.0,
            },
            drift: dice.between(0.8, 1.3),
            baseline_until: None,
        };
        if dice.chance(0.5) {
            plan.baseline_until = Some(onset - dice.between(20.0, 90.0));
        }
        plan.add_fault(kind, onset, topology, dice);
        if kind != FaultKind::Quiet && dice.chance(0.05) {
            let second = FaultKind::random(dice);
            plan.add_fault(second, onset + dice.between(30.0, 120.0), topology, dice);
        }
        if plan.faults.is_empty() {
            plan.kind = FaultKind::Quiet;
            plan.drift = dice.between(0.5, 2.0);
        }
        plan.add_decoys(topology, dice, noise);
        plan
    }

    fn add_fault(&mut self, kind: FaultKind, from: f64, topology: &Topology, dice: &mut Dice) {
        let seconds = (self.times.end - from) * self.sampling;
        let Some(mut fault) = place(kind, from, topology, dice) else { return };
        if self.faults.iter().any(|other| other.service == fault.service) {
            return;
        }
        let rate = affected_rate(&fault, topology);
        let least = AFFECTED_MIN / (rate * seconds).max(0.001);
        let least = if kind.is_slow() { least * 1.5 } else { least };
        if least > 1.0 {
            return;
        }
        fault.share = fault.share.max(least);
        match kind {
            FaultKind::DeployError | FaultKind::DeploySlow => {
                self.roll_out_guilty(&mut fault, least, topology, dice)
            }
            FaultKind::ConfigError | FaultKind::ConfigSlow => {
                let id =
                    self.change_config(fault.service, fault.from - dice.between(0.5, 4.0), topology, dice);
                fault.change = Some(id);
            }
            _ => {}
        }
        self.faults.push(fault);
    }

    fn roll_out_guilty(&mut self, fault: &mut Fault, least: f64, topology: &Topology, dice: &mut Dice) {
        let count = topology.services[fault.service].instances;
        let canary = count > 1 && dice.chance(0.35) && least * (count as f64) < 1.0;
        let instances = if canary { 1 } else { count };
        if canary {
            fault.share = fault.share.max(least * count as f64).min(1.0);
        }
        let id = self.roll_out(fault.service, fault.from, instances, true, topology, dice);
        fault.change = self.rollouts.last().is_some_and(|rollout| rollout.announced).then_some(id);
    }

    fn roll_out(
        &mut self,
        service: usize,
        at: f64,
        instances: usize,
        guilty: bool,
        topology: &Topology,
        dice: &mut Dice,
    ) -> String {
        let owner = &topology.services[service];
        let version = format!("1.{}.0", owner.version + 1);
        let id = format!("dep-{}-{version}", owner.name);
        let step = if dice.chance(0.3) { 0.0 } else { dice.between(5.0, 25.0) };
        let announced = dice.chance(0.85);
        let version = version.as_str().into();
        self.rollouts.push(Rollout {
            service,
            at,
            step,
            instances,
            version,
            id: id.clone(),
            announced,
            guilty,
        });
        id
    }

    fn change_config(&mut self, service: usize, at: f64, topology: &Topology, dice: &mut Dice) -> String {
        let name = &topology.services[service].name;
        let id = format!("cfg-{name}-{}", at as u64);
        let what = ["limits.batch", "feature.new-path", "pool.size", "timeout.upstream"];
        let subject = format!("{name}.{}", dice.pick(&what).copied().unwrap_or("limits"));
        self.configs.push(ConfigChange { service, at, id: id.clone(), subject });
        id
    }

    /// Innocent changes: long before, shortly before, and right after the onset.
    fn add_decoys(&mut self, topology: &Topology, dice: &mut Dice, noise: f64) {
        let count = dice.poisson(1.2 * noise);
        for _ in 0..count {
            let at = match dice.uniform() {
                x if x < 0.5 => self.times.onset - dice.between(5.0, 120.0),
                x if x < 0.8 => dice.between(60.0, self.times.onset),
                _ => self.times.onset + dice.between(5.0, 60.0),
            };
            let service = dice.index(topology.services.len());
            let taken = self.rollouts.iter().map(|rollout| rollout.service);
            if taken.chain(self.faults.iter().map(|fault| fault.service)).any(|other| other == service) {
                continue;
            }
            if dice.chance(0.75) {
                let instances = topology.services[service].instances;
                self.roll_out(service, at, instances, false, topology, dice);
            } else {
                self.change_config(service, at, topology, dice);
            }
        }
    }

    pub(crate) fn decoys(&self) -> Vec<String> {
        let guilty: Vec<&str> = self.faults.iter().filter_map(|fault| fault.change.as_deref()).collect();
        let rollouts = self.rollouts.iter().filter(|rollout| !rollout.guilty && rollout.announced);
        let ids = rollouts.map(|rollout| &rollout.id).chain(self.configs.iter().map(|config| &config.id));
        ids.filter(|id| !guilty.contains(&id.as_str())).cloned().collect()
    }

    /// Causes that are right: with two faults at a time either is.
    pub(crate) fn causes(&self) -> Vec<CauseKind> {
        let mut causes: Vec<CauseKind> =
            self.faults.iter().flat_map(|fault| fault.kind.causes()).copied().collect();
        causes.sort();
        causes.dedup();
        causes
    }
}

/// Chooses where a fault of a kind strikes; `None` where the system has no such place.
fn place(kind: FaultKind, from: f64, topology: &Topology, dice: &mut Dice) -> Option<Fault> {
    let mut fault = Fault {
        kind,
        service: 0,
        operations: Vec::new(),
        external: None,
        caller: None,
        instance: None,
        region: None,
        share: dice.log_between(0.03, 1.05).min(1.0),
        slower: dice.log_between(4.0, 25.0),
        code: dice.pick(&CODES).copied().unwrap_or("HTTP_500"),
        from,
        traffic: 1.0,
        change: None,
    };
    match kind {
        FaultKind::Quiet => return None,
        FaultKind::DependencyOutage | FaultKind::DependencySlow => {
            let external = dice.index(topology.externals.len());
            let callers = topology.callers(Callee::External(external));
            fault.operations = callers.iter().map(|(id, _)| *id).collect();
            fault.service = topology.operations[*fault.operations.first()?].service;
            fault.external = Some(external);
            let codes = ["ECONNREFUSED", "HTTP_503", "timeout", "SSLHandshakeException"];
            fault.code = dice.pick(&codes).copied()?;
            fault.slower = dice.log_between(8.0, 60.0);
        }
        FaultKind::Silence | FaultKind::LostConnections => {
            let (caller, callee) = broken_edge(topology, dice, kind == FaultKind::Silence)?;
            fault.caller = Some(topology.operations[caller].service);
            fault.service = topology.operations[callee].service;
            fault.operations = vec![callee];
            fault.share = if kind == FaultKind::Silence { 1.0 } else { fault.share };
            fault.code = if dice.chance(0.5) { "ECONNRESET" } else { "ETIMEDOUT" };
        }
        _ => {
            // One instance is a bad one only beside others.
            let others = usize::from(kind == FaultKind::BadInstance);
            let operation = busy_operation(topology, others + 1, dice)?;
            fault.service = topology.operations[operation].service;
            let all = topology.services[fault.service].operations.clone();
            fault.operations = if dice.chance(0.6) { vec![operation] } else { all };
        }
    }
    shape(&mut fault, topology, dice);
    Some(fault)
}

fn shape(fault: &mut Fault, topology: &Topology, dice: &mut Dice) {
    let instances = topology.services[fault.service].instances;
    match fault.kind {
        FaultKind::OutOfMemory | FaultKind::BadInstance => {
            fault.instance = Some(dice.index(instances));
            fault.operations = topology.services[fault.service].operations.clone();
            fault.code = "IOException";
            fault.share = fault.share.max(0.3);
        }
        FaultKind::Cpu => {
            fault.instance = dice.chance(0.5).then(|| dice.index(instances));
            fault.operations = topology.services[fault.service].operations.clone();
            fault.share = 1.0;
        }
        FaultKind::DeploySlow | FaultKind::ConfigSlow => fault.share = fault.share.max(0.5),
        FaultKind::DependencySlow => fault.share = fault.share.max(0.6),
        FaultKind::Surge => {
            fault.operations = topology.services[fault.service].operations.clone();
            fault.traffic = dice.between(2.5, 6.0);
            fault.share = 1.0;
            fault.code = "HTTP_503";
        }
        _ => {}
    }
}

fn busy_operation(topology: &Topology, instances_min: usize, dice: &mut Dice) -> Option<usize> {
    let instances = |id: usize| topology.services[topology.operations[id].service].instances;
    let is_meant = |id: &usize| topology.rates[*id] > 0.4 && instances(*id) >= instances_min;
    let busy: Vec<usize> = (0..topology.operations.len()).filter(is_meant).collect();
    dice.pick(&busy).copied()
}

fn broken_edge(topology: &Topology, dice: &mut Dice, asynchronous: bool) -> Option<(usize, usize)> {
    let mut edges = Vec::new();
    for (id, operation) in topology.operations.iter().enumerate() {
        for call in operation.calls.iter().filter(|call| call.asynchronous == asynchronous) {
            if let Callee::Operation(callee) = call.callee
                && topology.rates[id] * call.probability > 0.4
            {
                edges.push((id, callee));
            }
        }
    }
    dice.pick(&edges).copied()
}

/// Requests a second that a fault of share 1 would hit.
fn affected_rate(fault: &Fault, topology: &Topology) -> f64 {
    let instances = topology.services[fault.service].instances as f64;
    let part = if fault.instance.is_some() { 1.0 / instances } else { 1.0 };
    let rates: f64 = match fault.external {
        Some(external) => topology.callers(Callee::External(external)).iter().map(|(_, rate)| rate).sum(),
        None => fault.operations.iter().map(|id| topology.rates[*id]).sum(),
    };
    // An instance that runs out of memory is away for an eighth of the time.
    rates * part * if fault.kind == FaultKind::OutOfMemory { 0.13 } else { 1.0 }
}
