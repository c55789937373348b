//! The loop around the engine, on a thread of its own: one closed list of everything that can wake it. It takes
//! durable entries in journal order, carries out what the engine asks for, and asks for ticks. No rule about
//! incidents lives here.

mod backlog;
mod own_entries;
mod queries;

use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Position, Reader};
use model::{Input, Nanos};
use runtime::{Closed, Hold, QueueReceiver};
use tokio::sync::watch;

use crate::clock;
use crate::evidence::Capture;
use crate::health::Heartbeat;
use crate::ingest::{Committer, DecodeRules};
use crate::metrics::ServerMetrics;
use crate::replay::Replayer;
use crate::snapshot::{SnapshotHeader, Taken};
use crate::store_writer::StoreSender;
pub(crate) use backlog::{Backlog, Room};
use own_entries::{Own, OwnEntries};
use queries::FamilyList;
pub(crate) use queries::{EngineQueries, Query};

/// Of groups; what is in them is bounded by the backlog besides.
pub(crate) const QUEUE_CAPACITY: usize = 256;
/// Some hundredths of a second of the engine's work at full speed, and a small part of the memory budget.
pub(crate) const BACKLOG_BYTES_MAX: u64 = 32 << 20;
/// A snapshot is due after this long even if little was journaled, so that retention by age can go on.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(3600);
/// Of a large engine snapshots are rarer, so that they cost a small part of what the journal costs.
const JOURNAL_PER_SNAPSHOT: u64 = 8;

/// Retention keeps what is behind the older of the newest two, so within its bound there must be some, however large the
/// engine is.
const SNAPSHOTS_PER_RETENTION: u64 = 4;

/// Everything that can wake the loop.
#[derive(Debug)]
pub(crate) enum Wake {
    /// The fate of entries is known, in the order of the journal. They take room in the backlog until they are applied.
    Committed { entries: Vec<Entry>, room: Room },
    /// It is time for a tick.
    TickDue,
    /// Somebody wants to know something that only the engine knows.
    Query(Query),
    /// Retention waits for a snapshot.
    SnapshotDue,
    /// Nothing more will come.
    Shutdown,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// Nowhere, if it could not be made durable.
    pub position: Option<Position>,
    pub received: Nanos,
    pub input: Input,
    pub hold: Option<Hold>,
}

pub(crate) struct EngineLoop {
    pub heartbeat: Arc<Heartbeat>,
    pub replayer: Replayer,
    pub inbox: QueueReceiver<Wake>,
    pub committer: Arc<Committer>,
    pub journal: Reader,
    pub rules: DecodeRules,
    pub store: StoreSender,
    pub tick: Duration,
    pub snapshot_bytes: u64,
    pub retention_bytes: u64,
    /// Told whether traces wait to be read for the engine for the first time.
    pub captures_wait: watch::Sender<bool>,
    pub metrics: Arc<ServerMetrics>,
}

/// The loop while it runs.
struct Running {
    parts: EngineLoop,
    own: OwnEntries,
    families: FamilyList,
    tick_at: Instant,
    snapshot_at: Instant,
    /// Where the last snapshot was taken, or the loop began.
    snapshot_from: Position,
}

impl EngineLoop {
    /// Runs until it is told to stop, or until nobody is left to give it work or to take its work.
    pub(crate) fn run(self) -> Result<(), Closed> {
        let now = Instant::now();
        let shedding = self.metrics.shedding.clone();
        let own = OwnEntries::new(Arc::clone(&self.committer), shedding, self.replayer.tick);
        let snapshot_from = self.replayer.next;
        let mut running = Running {
            parts: self,
            own,
            families: FamilyList::default(),
            tick_at: now,
            snapshot_at: now + SNAPSHOT_EVERY,
            snapshot_from,
        };
        loop {
            match running.next_wake()? {
                Wake::Committed { entries, room } => {
                    running.take_all(entries)?;
                    drop(room);
                }
                Wake::TickDue => running.request_tick(),
                Wake::Query(query) => query.answer(&running.parts.replayer.engine, &mut running.families),
                Wake::SnapshotDue => running.write_snapshot()?,
                Wake::Shutdown => return running.write_snapshot(),
            }
        }
    }
}

impl Running {
    fn next_wake(&mut self) -> Result<Wake, Closed> {
        let now = Instant::now();
        if now >= self.tick_at {
            return Ok(Wake::TickDue);
        }
        let woken = self.parts.inbox.receive(self.tick_at - now)?;
        Ok(woken.unwrap_or(Wake::TickDue))
    }

    fn take_all(&mut self, entries: Vec<Entry>) -> Result<(), Closed> {
        for Entry { position, received, input, hold } in entries {
            match position {
                Some(position) => self.take(position, received, input)?,
                None => self.own.failed(&input),
            }
            drop(hold);
        }
        Ok(())
    }

    fn take(&mut self, position: Position, received: Nanos, input: Input) -> Result<(), Closed> {
        let own = Own::of(&input);
        let begun = Instant::now();
        let outcome = self.parts.replayer.apply(position, received, input);
        let metrics = &self.parts.metrics;
        metrics.engine_step_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.engine_entries.inc();
        metrics.engine_position.set(i64::try_from(position.0).unwrap_or(i64::MAX));
        self.parts.store.changes(position, outcome.changes)?;
        let Some(own) = own else { return Ok(()) };
        self.own.arrived(own);
        if own == Own::Tick {
            self.families.note_tick();
            self.parts.metrics.engine_ticks.inc();
            self.parts.heartbeat.beat(received);
            self.parts.metrics.note_totals(self.parts.replayer.engine.totals());
            self.capture_evidence(position, received);
            if self.is_snapshot_due() {
                self.write_snapshot()?;
            }
        }
        self.parts.captures_wait.send_replace(self.parts.replayer.evidence.is_behind());
        Ok(())
    }

    /// Ticks are aligned to the clock. While one is on its way, no further is asked for.
    fn request_tick(&mut self) {
        let now = clock::now();
        self.own.request_tick(now);
        let tick_ns = u64::try_from(self.parts.tick.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.tick_at = Instant::now() + Duration::from_nanos(tick_ns - now.0 % tick_ns);
    }

    /// Reads what the engine wants to see, as the journal held it before the tick.
    fn capture_evidence(&mut self, tick: Position, now: Nanos) {
        if self.own.is_on_its_way(Own::Evidence) {
            return;
        }
        let parts = &mut self.parts;
        match parts.replayer.evidence.capture(&parts.journal, &parts.rules, tick, now) {
            Ok(Capture::Nothing) => {}
            Ok(Capture::Unchanged) => {
                parts.metrics.evidence_unchanged.inc();
            }
            Ok(Capture::Changed(evidence)) => {
                parts.metrics.evidence_captured.inc();
                self.own.submit(Own::Evidence, &Input::Evidence(evidence), clock::now());
            }
            // What is wanted stays wanted: the next tick tries again.
            Err(error) => tracing::warn!(%error, "evidence could not be read from the journal"),
        }
    }

    fn is_snapshot_due(&self) -> bool {
        let journaled = self.parts.replayer.next.0.saturating_sub(self.snapshot_from.0);
        let due_after =
            self.parts.snapshot_bytes.max(self.parts.store.snapshot_bytes() * JOURNAL_PER_SNAPSHOT);
        let due_after = due_after.min(self.parts.retention_bytes / SNAPSHOTS_PER_RETENTION);
        journaled >= due_after || Instant::now() >= self.snapshot_at
    }

    fn write_snapshot(&mut self) -> Result<(), Closed> {
        self.snapshot_at = Instant::now() + SNAPSHOT_EVERY;
        let replayer = &self.parts.replayer;
        let (next, from) = (replayer.next, self.snapshot_from);
        if next == from || next == Position::START {
            return Ok(());
        }
        self.snapshot_from = next;
        let header = SnapshotHeader {
            next: next.0,
            engine_version: engine::VERSION.to_owned(),
            configure: replayer.configure.clone(),
            tick_ns: replayer.tick.0,
        };
        let taken = Taken { header, engine: replayer.engine.copied() };
        self.parts.store.snapshot(Position(next.0 - 1), taken)
    }
}
