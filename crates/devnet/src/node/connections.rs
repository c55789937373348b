//! The WebSockets of a node and the subscriptions on each. It must never know what is sent over them.

use std::collections::BTreeMap;

use super::IdScheme;
use super::log_filter::LogFilter;
use crate::chain::Draw;
use crate::chain::hex::{Fixed, quantity};

/// WebSockets of one node. One more is refused with 503.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Subscriptions of one connection. One more is an error.
pub const SUBSCRIPTIONS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    NewHeads,
    Logs(LogFilter),
    Pending { full: bool },
    Syncing,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub kind: Kind,
    /// When its id is known to the client: nothing may be sent earlier.
    pub active_ms: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Connections {
    scheme: IdScheme,
    draw: Draw,
    open: BTreeMap<ConnectionId, Connection>,
    last: u64,
    /// Subscriptions that the process made since its start.
    count: u64,
}

#[derive(Debug, Clone, Default)]
struct Connection {
    subscriptions: BTreeMap<String, Subscription>,
    count: u64,
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::NewHeads => "newHeads",
            Self::Logs(_) => "logs",
            Self::Pending { .. } => "newPendingTransactions",
            Self::Syncing => "syncing",
        }
    }
}

impl Connections {
    pub(super) fn new(scheme: IdScheme, draw: Draw) -> Self {
        Self { scheme, draw, open: BTreeMap::new(), last: 0, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self) -> Option<ConnectionId> {
        if self.open.len() >= CONNECTIONS_MAX {
            return None;
        }
        self.last += 1;
        self.open.insert(ConnectionId(self.last), Connection::default());
        Some(ConnectionId(self.last))
    }

    pub(super) fn is_open(&self, connection: ConnectionId) -> bool {
        self.open.contains_key(&connection)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.open.keys().copied()
    }

    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
    }

    /// Forgets all connections and names them.
    pub(super) fn end_all(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.open).into_keys().collect()
    }

    /// The process starts anew and counts from the beginning.
    pub(super) fn restart(&mut self) {
        self.count = 0;
    }

    /// `None`: the connection is gone, or has too many.
    pub(super) fn subscribe(
        &mut self,
        connection: ConnectionId,
        subscription: Subscription,
        restarts: bool,
    ) -> Option<String> {
        let held = self.open.get_mut(&connection)?;
        if held.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return None;
        }
        self.count += 1;
        held.count += 1;
        let id = match self.scheme {
            _ if restarts => quantity(held.count),
            IdScheme::Counter => quantity(self.count),
            IdScheme::Random => random_id(&mut self.draw),
        };
        held.subscriptions.insert(id.clone(), subscription);
        Some(id)
    }

    pub(super) fn unsubscribe(&mut self, connection: ConnectionId, id: &str) -> bool {
        self.open.get_mut(&connection).is_some_and(|held| held.subscriptions.remove(id).is_some())
    }

    pub(super) fn subscriptions(&self) -> impl Iterator<Item = (ConnectionId, &str, &Subscription)> {
        self.open.iter().flat_map(|(connection, held)| {
            held.subscriptions.iter().map(|(id, subscription)| (*connection, id.as_str(), subscription))
        })
    }
}

/// As geth writes it: 128 bits without leading zeros.
pub(super) fn random_id(draw: &mut Draw) -> String {
    let Fixed(bytes) = draw.bytes::<16>();
    quantity(u128::from_be_bytes(bytes))
}
