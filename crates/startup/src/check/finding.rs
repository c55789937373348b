//! What a finding says, as data. The words for it are made by `wording`.

use std::time::Duration;

use crate::Place;
use crate::facts::{Endpoint, Name};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Units ordered in a circle.
    OrderingCycle,
    /// A command waits for what starts after its own unit.
    GateAgainstOrder,
    /// The same, where the wait is for the start of a unit.
    BlockingCall,
    /// A name that no unit has.
    DanglingReference,
    /// Nobody provides what is polled, or only the unit itself, later.
    GateNeverOpens,
    /// The waits of a command exceed the time it is given.
    BudgetInversion,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderingCycle => "ordering-cycle",
            Self::GateAgainstOrder => "gate-against-order",
            Self::BlockingCall => "blocking-call",
            Self::DanglingReference => "dangling-reference",
            Self::GateNeverOpens => "gate-never-opens",
            Self::BudgetInversion => "budget-inversion",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// These files alone prove it.
    Error,
    /// It is so as far as these files tell.
    Warning,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub class: Class,
    pub level: Level,
    pub at: Place,
    /// Whose start it is about.
    pub unit: Name,
    /// What is wrong. It may hold text of the files: whoever shows it escapes it.
    pub sentence: String,
    /// Of a cycle: who waits for whom, each with its place. The last waits for the first.
    pub steps: Vec<Step>,
    pub shows: Shows,
    pub stall: Option<Stall>,
    /// Those that mend it first. Each was tried on the graph.
    pub cuts: Vec<Cut>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub text: String,
    pub at: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Always,
    /// Latent: when the unit alone is started again, what it waits for is up already.
    FromColdOnly,
}

/// How a wait that cannot be met ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// None: never.
    pub delay: Option<Duration>,
    pub broken_by: BrokenBy,
    pub ends: Ends,
    /// The unit's timeout, where something was faster.
    pub outrun: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenBy {
    /// The gate's own attempts.
    Budget,
    /// The unit's timeout.
    Timeout,
    /// The manager, which leaves out a start to break the circle.
    Manager,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Up, with exit code 0: nothing tells that it stalled.
    Active,
    /// Ended, with exit code 0: nothing tells that it stalled.
    Completed,
    Failed,
    /// It fails, is started again and stalls again.
    Flapping,
    /// One of the units is not started.
    LeftOut,
    NeverEnds,
}

/// A way to mend it, and what came of trying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// All of them together.
    pub changes: Vec<Change>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The gate polls what its own unit serves.
    OwnEndpoint {
        unit: Name,
        endpoint: Endpoint,
        instead_of: String,
        at: Place,
    },
    /// The gate moves into a unit of its own, ordered after what it waits for.
    Apart {
        unit: Name,
        at: Place,
    },
    /// `--no-block`
    NoBlock {
        unit: Name,
        at: Place,
    },
    Drop {
        first: Name,
        then: Name,
        at: Place,
    },
    Reverse {
        first: Name,
        then: Name,
        at: Place,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// The unit still waits for itself this way.
    PathRemains(Vec<Step>),
    /// The units are then ordered in a circle.
    PureCycle(Vec<Step>),
}
