//! The devnet as its servers share it: one lock around the pure network, the clock, and the doors over which goes out what
//! comes of a step. It must never know HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::door::{Door, Outgoing};
use crate::network::{Network, Pushed};
use crate::node::{Face, Fault, Gate};

/// Nothing changes by itself.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Shared {
    network: Mutex<Network>,
    started: Instant,
    /// Two for every node: execution, then consensus.
    doors: Vec<Arc<Door>>,
    /// When the network has something to do by itself.
    due_ms: AtomicU64,
    woken: Notify,
    /// Between blocks that are mined by themselves; 0: none are.
    block_ms: AtomicU64,
}

/// Waits until the devnet is to end; when its handle is gone, it is.
pub(super) async fn drained(drain: &mut watch::Receiver<bool>) {
    let _ = drain.wait_for(|draining| *draining).await;
}

impl Shared {
    pub(super) fn new(network: Network, doors: Vec<Arc<Door>>, block_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            network: Mutex::new(network),
            started: Instant::now(),
            doors,
            due_ms: AtomicU64::new(NEVER),
            woken: Notify::new(),
            block_ms: AtomicU64::new(block_ms),
        })
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn instant(&self, at_ms: u64) -> Instant {
        self.started + Duration::from_millis(at_ms)
    }

    pub(super) fn doors(&self) -> &[Arc<Door>] {
        &self.doors
    }

    pub(super) fn door(&self, node: usize, face: Face) -> Option<&Arc<Door>> {
        let at = node * 2 + usize::from(face == Face::Consensus);
        self.doors.get(at)
    }

    pub(super) fn block_ms(&self) -> u64 {
        self.block_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_block_ms(&self, ms: u64) {
        self.block_ms.store(ms, Ordering::Relaxed);
        self.woken.notify_one();
    }

    /// Looks at the network.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Network) -> T) -> T {
        read(&self.lock())
    }

    /// Takes a step, and sends what comes of it, in this order for all.
    pub(super) fn step<T>(&self, step: impl FnOnce(&mut Network, u64) -> (T, Vec<Pushed>)) -> T {
        let mut network = self.lock();
        let now_ms = self.now_ms();
        let (value, pushed) = step(&mut network, now_ms);
        self.deliver(pushed);
        let due_ms = network.due(now_ms).unwrap_or(NEVER);
        if self.due_ms.swap(due_ms, Ordering::Relaxed) != due_ms {
            self.woken.notify_one();
        }
        value
    }

    /// A step that may open or close doors.
    pub(super) fn turn<T>(
        &self,
        node: usize,
        ending: Option<&Fault>,
        step: impl FnOnce(&mut Network, u64) -> (T, Vec<Pushed>),
    ) -> T {
        self.step(|network, now_ms| {
            let stepped = step(network, now_ms);
            for face in [Face::Execution, Face::Consensus] {
                let Some(door) = self.door(node, face) else { continue };
                let gate = network.gate(node, face);
                let ended = gate == Gate::Closed && door.standing().gate != Gate::Closed;
                door.set(gate, ended, ending != Some(&Fault::Stop));
            }
            stepped
        })
    }

    /// Waits until the doors of a node are as they were told to be.
    pub(super) async fn settled(&self, node: usize) {
        for face in [Face::Execution, Face::Consensus] {
            if let Some(door) = self.door(node, face) {
                door.settled().await;
            }
        }
    }

    /// Waits until the network has something to do, or may have.
    pub(super) async fn due(&self) {
        match self.due_ms.load(Ordering::Relaxed) {
            NEVER => self.woken.notified().await,
            due_ms => tokio::select! {
                () = tokio::time::sleep_until(self.instant(due_ms)) => {}
                () = self.woken.notified() => {}
            },
        }
    }

    fn deliver(&self, pushed: Vec<Pushed>) {
        for Pushed { node, push } in pushed {
            if let Some(door) = self.door(node, push.face) {
                door.send(push.connection, Outgoing { at_ms: push.at_ms, action: push.action });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Network> {
        // A step that panicked is a bug; what tests see afterwards is better than a second panic.
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
