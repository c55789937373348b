//! The core of the edge among nodes of a devnet, in virtual time: everything that happens follows from one seed. Nodes are
//! killed, freeze, lag, fork, lie and come back; clients come, follow heads and logs, ask for this and that, and go; and whatever
//! a client is told is held against what a client may be told. It must never know a socket or a clock.

mod client;
mod link;
mod net;
mod plan;
mod request;
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
    /// What clients asked for.
    pub calls: u64,
    /// Messages with several of these.
    pub batches: u64,
    /// Requests to nodes for it.
    pub attempts: u64,
    /// Of these, over nodes' streams.
    pub over_streams: u64,
    /// Attempts at a second node while the first might have answered.
    pub hedges: u64,
    /// What became of a transaction, asked of a node.
    pub look_ups: u64,
    /// Answers that nobody waited for any more.
    pub late: u64,
    /// Calls that no node answered.
    pub refused: u64,
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
        self.calls += other.calls;
        self.batches += other.batches;
        self.attempts += other.attempts;
        self.over_streams += other.over_streams;
        self.hedges += other.hedges;
        self.look_ups += other.look_ups;
        self.late += other.late;
        self.refused += other.refused;
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
        write!(f, "{went_down} times a node went down, {lies} lies found; ")?;
        let Self { calls, batches, attempts, over_streams, hedges, look_ups, late, refused, .. } = self;
        write!(
            f,
            "{calls} calls, some in {batches} batches, in {attempts} attempts, {over_streams} over streams, {hedges} hedges and "
        )?;
        write!(f, "{look_ups} look-ups; {late} answers too late, {refused} calls refused")
    }
}
