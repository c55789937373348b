//! What a served devnet is made from beside its plan: addresses, and whether blocks come by themselves. It must never know
//! the chain.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::network::{Plan, PlanError};

/// Ports of a node; 0: any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub execution: u16,
    pub consensus: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    pub plan: Plan,
    /// Where nodes listen.
    pub host: IpAddr,
    /// By node; nodes without an entry get free ports.
    pub ports: Vec<Ports>,
    /// `None`: without the admin API.
    pub admin: Option<SocketAddr>,
    /// Whether a block is mined every `block_ms` of the plan.
    pub mines: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{what} cannot listen on {address}: {error}")]
    Bind { what: String, address: SocketAddr, error: std::io::Error },
}

impl From<Plan> for Setup {
    /// On free ports of loopback, without the admin API; a block comes every `block_ms`.
    fn from(plan: Plan) -> Self {
        Self { plan, host: Ipv4Addr::LOCALHOST.into(), ports: Vec::new(), admin: None, mines: true }
    }
}

impl Setup {
    /// Blocks come only when they are asked for.
    #[must_use]
    pub fn by_hand(self) -> Self {
        Self { mines: false, ..self }
    }

    /// With the admin API on a free port of loopback.
    #[must_use]
    pub fn with_admin(self) -> Self {
        Self { admin: Some((Ipv4Addr::LOCALHOST, 0).into()), ..self }
    }
}
