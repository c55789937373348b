//! One server of a node from outside: its address, whether it is open, and who is connected. It must never know what is
//! asked of the node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::stream::Cut;
use crate::node::{Action, ConnectionId, Face, Gate};

/// What waits to be sent on one connection. When it is this much, the client is too slow and is reset.
const LINE_MAX: usize = 4_096;

/// How a server stands, and how often it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub gate: Gate,
    /// Grows with every change.
    pub change: u64,
    /// Grows whenever the gate closes: connections that were there before are no more.
    pub endings: u64,
    /// Whether the last ending was a reset.
    pub reset: bool,
}

/// Something to be done on a connection at a time.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub at_ms: u64,
    pub action: Action,
}

/// The way to whoever serves a connection.
#[derive(Debug)]
struct LineIn {
    out: mpsc::Sender<Outgoing>,
    cut: Arc<Cut>,
}

/// Where what is pushed to a connection comes out.
#[derive(Debug)]
pub(super) struct Line {
    pub id: ConnectionId,
    pub out: mpsc::Receiver<Outgoing>,
}

#[derive(Debug)]
pub(super) struct Door {
    pub node: usize,
    pub face: Face,
    pub address: SocketAddr,
    standing: watch::Sender<Standing>,
    /// The last change that took effect on the socket.
    applied: watch::Sender<u64>,
    lines: Mutex<BTreeMap<ConnectionId, LineIn>>,
    open: AtomicUsize,
}

impl Door {
    pub(super) fn new(node: usize, face: Face, address: SocketAddr) -> Arc<Self> {
        let standing = Standing { gate: Gate::Open, change: 1, endings: 0, reset: false };
        Arc::new(Self {
            node,
            face,
            address,
            standing: watch::Sender::new(standing),
            applied: watch::Sender::new(0),
            lines: Mutex::default(),
            open: AtomicUsize::new(0),
        })
    }

    pub(super) fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The gate of the node is this now. `endings`: how often the node ended so far.
    pub(super) fn set(&self, gate: Gate, ended: bool, reset: bool) {
        self.standing.send_if_modified(|standing| {
            if standing.gate == gate && !ended {
                return false;
            }
            let endings = standing.endings + u64::from(ended);
            let reset = if ended { reset } else { standing.reset };
            *standing = Standing { gate, change: standing.change + 1, endings, reset };
            true
        });
    }

    pub(super) fn took_effect(&self, change: u64) {
        self.applied.send_replace(change);
    }

    /// Waits until the last change took effect.
    pub(super) async fn settled(&self) {
        let change = self.standing().change;
        // The sender lives as long as this does.
        let _ = self.applied.subscribe().wait_for(|applied| *applied >= change).await;
    }

    pub(super) async fn thawed(&self) {
        let _ = self.watch().wait_for(|standing| standing.gate != Gate::Frozen).await;
    }

    /// Waits until the server ends that has ended so many times; says whether by a reset.
    pub(super) async fn ended(&self, endings: u64) -> bool {
        let mut watch = self.watch();
        let standing = watch.wait_for(|standing| standing.endings > endings).await;
        standing.is_ok_and(|standing| standing.reset)
    }

    pub(super) fn came(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn went(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// TCP connections that are open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// From now on what is pushed to the connection goes to the line.
    pub(super) fn connect(&self, id: ConnectionId, cut: Arc<Cut>) -> Line {
        let (sender, out) = mpsc::channel(LINE_MAX);
        self.lines().insert(id, LineIn { out: sender, cut });
        Line { id, out }
    }

    pub(super) fn disconnect(&self, connection: ConnectionId) {
        self.lines().remove(&connection);
    }

    pub(super) fn send(&self, connection: ConnectionId, outgoing: Outgoing) {
        let mut lines = self.lines();
        if let Some(line) = lines.get(&connection)
            && line.out.try_send(outgoing).is_err()
        {
            line.cut.reset();
            lines.remove(&connection);
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, BTreeMap<ConnectionId, LineIn>> {
        // A map of senders is whole between any two of its calls.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
