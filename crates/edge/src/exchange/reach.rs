//! The nodes of a pool as its calls reach them: the ways to each, and what it showed of itself last. It must never judge a node.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config::Node;
use crate::core::{NodeId, Transport};
use crate::redact::Secrets;
use crate::upstream::{Line, NodeClient};

/// The ways to one node, and when the pool was told last that they work.
pub(crate) struct Reach {
    pub(crate) client: NodeClient,
    /// Its WebSocket, where it has one.
    pub(super) line: Option<Arc<Line>>,
    /// Never shown to a client, whatever the node says.
    pub(crate) secrets: Secrets,
    /// How long an answer that is passed on as it comes may pause.
    pub(crate) attempt_timeout: Duration,
    /// As many as it may work on at once.
    pub(crate) places: Arc<Semaphore>,
    /// For as long as somebody holds it, the id is this node's.
    token: Weak<()>,
    http_seen: Seen,
    line_seen: Seen,
}

/// What calls saw of a node on one transport. Times are those of the pool.
#[derive(Default)]
pub(super) struct Seen {
    /// When the pool was told last that it works.
    pub(super) told_ms: AtomicU64,
    /// When it answered last, whatever it answered.
    pub(super) answered_ms: AtomicU64,
    /// When the pool was told last that it owes an answer; 0 once it gave one.
    pub(super) overdue_ms: AtomicU64,
    /// The pool was told a failure of it, and no success since.
    pub(super) is_blamed: AtomicBool,
}

/// By `NodeId`. A node that has left stays until nobody speaks of it.
#[derive(Default)]
pub(crate) struct Reaches(RwLock<Vec<Option<Arc<Reach>>>>);

impl Reach {
    pub(crate) fn new(
        (client, line): (NodeClient, Option<Arc<Line>>),
        node: &Node,
        places: Arc<Semaphore>,
        token: &Arc<()>,
    ) -> Self {
        Self {
            client,
            line,
            secrets: node.secrets(),
            attempt_timeout: node.attempt_timeout,
            places,
            token: Arc::downgrade(token),
            http_seen: Seen::default(),
            line_seen: Seen::default(),
        }
    }

    /// For whoever speaks of this node alone. There is one for as long as calls may speak of it.
    pub(crate) fn token(&self) -> Option<Arc<()>> {
        self.token.upgrade()
    }

    pub(super) fn seen(&self, via: Transport) -> &Seen {
        match via {
            Transport::Http => &self.http_seen,
            Transport::Stream => &self.line_seen,
        }
    }
}

impl Reaches {
    pub(crate) fn get(&self, node: NodeId) -> Option<Arc<Reach>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(node.0))?.clone()
    }

    pub(crate) fn set(&self, node: NodeId, reach: Option<Reach>) {
        let mut reaches = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(node.0);
        if place >= reaches.len() {
            reaches.resize_with(place + 1, || None);
        }
        reaches[place] = reach.map(Arc::new);
    }
}
