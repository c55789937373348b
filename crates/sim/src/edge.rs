//! The core of the edge among nodes of a devnet, in virtual time: everything that happens follows from one seed. Nodes are
//! killed, freeze, lag, fork, lie and come back; clients come and go; and whatever a client is told is held against what a
//! client may be told. It must never know a socket or a clock.

mod client;
mod link;
mod net;
mod plan;
mod stage;

use std::fmt;
use std::ops::AddAssign;

/// What happened in a trial, so that a reader sees that something did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Trials whose heads are numbered by slots, some of which are left out.
    pub by_slots: u64,
    pub faults: u64,
    pub reloads: u64,
    pub mined: u64,
    pub reorganisations: u64,
    pub heads: u64,
    pub logs: u64,
    pub retracted: u64,
    pub bridged: u64,
    pub jumps: u64,
    pub went_down: u64,
    pub lies: u64,
}

/// One trial. What is wrong is said with the moment at which it was seen.
pub fn trial(seed: u64) -> Result<Tally, String> {
    let plan = plan::Plan::new(seed);
    let mut stage = stage::Stage::new(seed, plan)?;
    stage.run().map_err(|what| format!("at {} ms: {what}", stage.now()))
}

/// The same trial, with a line for everything that happens.
pub fn told(seed: u64) -> (Vec<String>, Result<Tally, String>) {
    let plan = plan::Plan::new(seed);
    let mut stage = match stage::Stage::new(seed, plan) {
        Ok(stage) => stage,
        Err(what) => return (Vec::new(), Err(what)),
    };
    stage.tell();
    let result = stage.run().map_err(|what| format!("at {} ms: {what}", stage.now()));
    (stage.lines(), result)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.by_slots += other.by_slots;
        self.faults += other.faults;
        self.reloads += other.reloads;
        self.mined += other.mined;
        self.reorganisations += other.reorganisations;
        self.heads += other.heads;
        self.logs += other.logs;
        self.retracted += other.retracted;
        self.bridged += other.bridged;
        self.jumps += other.jumps;
        self.went_down += other.went_down;
        self.lies += other.lies;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by_slots, faults, reloads, mined, reorganisations, .. } = self;
        let Self { heads, logs, retracted, bridged, jumps, went_down, lies, .. } = self;
        write!(
            f,
            "{by_slots} by slots, {faults} faults, {reloads} reloads, {mined} blocks, {reorganisations} reorganisations; "
        )?;
        write!(
            f,
            "{heads} heads and {logs} logs told, {retracted} taken back, {bridged} blocks bridged, {jumps} gaps not; "
        )?;
        write!(f, "{went_down} times a node went down, {lies} lies found")
    }
}
