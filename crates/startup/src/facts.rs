//! The words every kind of input is turned into. A format is known by the reader of it alone: the graph and the checks see
//! these, and cannot tell a unit of systemd from a service of Compose. Each fact has the place where it is said.
//!
//! A unit has three milestones. `start`: its first command may run. `serve`: what it offers answers. `done`: its start is
//! over, so that what is ordered after it may begin (systemd: active; Compose: started, healthy or completed).

mod endpoint;
mod gate;
mod unit;

use std::collections::BTreeMap;

pub use endpoint::{Endpoint, Host, Offer, Route, Url};
pub use gate::{Budget, End, Gate, Holds, Wait};
pub use unit::{
    Activation, Force, Kind, Name, Need, Order, Readiness, Reference, Restart, Timeout, TimeoutSource, Unit,
};

use crate::Fault;

/// All that takes part in one start.
#[derive(Debug, Clone, Default)]
pub struct System {
    pub units: BTreeMap<Name, Unit>,
    pub routes: Vec<Route>,
    /// By place.
    pub faults: Vec<Fault>,
}
