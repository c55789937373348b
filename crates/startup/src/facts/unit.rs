//! A unit: what starts as one. Ordering and requirement are two things: a unit may be ordered after one it does not need,
//! and need one that starts beside it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Gate, Offer};
use crate::Place;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone)]
pub struct Unit {
    pub name: Name,
    /// Where it is defined.
    pub at: Place,
    pub kind: Kind,
    pub activation: Activation,
    pub readiness: Readiness,
    /// One-shots end; this one counts as up afterwards.
    pub remains: bool,
    pub restart: Restart,
    pub timeout: Timeout,
    pub orders: Vec<Order>,
    pub needs: Vec<Need>,
    /// Never up together with these, so never ordered against them in one start.
    pub conflicts: Vec<Reference>,
    pub gates: Vec<Gate>,
    pub offers: Vec<Offer>,
    /// That its commands name, by absolute path: whose configuration a file is.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs commands.
    Service,
    /// Accepts connections before the service that answers them runs.
    Socket,
    /// Groups others.
    Target,
    /// Starts another at a time.
    Timer,
    /// Mounts, paths, slices: ordered like all, and without commands.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Boot,
    /// By a timer, a path or a connection, some time after the start.
    OnTrigger,
}

/// What ends the start of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Its process exists. Whether it serves, nobody has looked.
    Started,
    /// The unit says itself that it serves.
    Notified,
    /// Its commands have ended.
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    No,
    /// After a failure, a timeout included.
    OnFailure,
    Always,
}

/// How long one command of the start may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    /// None: for ever.
    pub after: Option<Duration>,
    pub source: TimeoutSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeoutSource {
    Said(Place),
    Default,
}

/// A unit that is named by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub unit: Name,
    /// In the words of the format: `After=`, `depends_on`.
    pub key: &'static str,
    pub at: Place,
}

/// Which of two units starts first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// This one starts when the other is done.
    After(Reference),
    /// The other starts when this one is done.
    Before(Reference),
}

impl Order {
    pub fn reference(&self) -> &Reference {
        match self {
            Self::After(reference) | Self::Before(reference) => reference,
        }
    }
}

/// Which units start, or stop, because this one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub of: Reference,
    pub force: Force,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// Is started with it; goes on without it.
    Wants,
    /// Is stopped and restarted with it, and not started.
    PartOf,
    /// Has to be up already.
    Requisite,
    /// Fails if it fails, and stops with it.
    Requires,
    /// And also stops when it ends by itself.
    BindsTo,
}

impl Force {
    /// Whether a restart of what is needed takes down the unit that needs it.
    pub fn stops_together(self) -> bool {
        self != Self::Wants
    }

    /// Whether the unit cannot start unless what it needs is there.
    pub fn is_hard(self) -> bool {
        matches!(self, Self::Requisite | Self::Requires | Self::BindsTo)
    }
}
