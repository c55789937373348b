//! Reads a journal again through the engine. Recovery at a start and the command `replay` share this one reader, so
//! what a start derives is what the command verifies.

mod command;
mod start_point;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use engine::Engine;
use intake::record::RecordError;
use journal::{Entry, Position, ReadError, Reader};
use model::{Input, Nanos};
use prometheus_client::metrics::counter::Counter;

pub use command::{
    Difference, Progress, ReplayError, ReplayOutcome, ReplayRequest, ReplayedIncident, Verification, replay,
};
pub(crate) use start_point::{Prefer, StartPoint, choose};

use crate::apply::{Outcome, apply};
use crate::engine_loop::{Backlog, Room};
use crate::evidence::EvidenceDesk;
use crate::ingest::{DecodeRules, read_bytes_max};

/// Threads that decode; more would wait for the engine.
const LANES_MAX: usize = 4;
/// How many entries may wait to be decoded, and decoded ones for the engine, by thread.
const AHEAD: usize = 8;
/// What these, and what they decode to, may take of memory: as much as requests may that a server takes in, unless it is
/// told otherwise. Each entry is counted as if it held as many items as it can.
const AHEAD_BYTES_MAX: u64 = 256 << 20;

/// An engine and what belongs to it, as of a place in the journal.
#[derive(Debug)]
pub(crate) struct Replayer {
    pub engine: Engine,
    /// The first position that was not applied yet.
    pub next: Position,
    /// The engine's configuration that was journaled last.
    pub configure: Option<String>,
    /// The time of the last tick.
    pub tick: Nanos,
    pub evidence: EvidenceDesk,
    pub entries: u64,
    /// Entries that do not decode. None that this version wrote is among them.
    pub undecodable: u64,
}

/// One entry and what came of it.
pub(crate) struct Applied {
    pub position: Position,
    pub outcome: Outcome,
}

struct Decoded {
    position: Position,
    received: Nanos,
    input: Result<Input, RecordError>,
    /// Of what is read ahead, until the engine has it.
    room: Room,
}

impl Replayer {
    pub(crate) fn new(start: StartPoint) -> Self {
        Self {
            engine: start.engine,
            next: start.next,
            configure: start.configure,
            tick: start.tick,
            evidence: EvidenceDesk::default(),
            entries: 0,
            undecodable: 0,
        }
    }

    /// Takes one input through the engine.
    pub(crate) fn apply(&mut self, position: Position, received: Nanos, input: Input) -> Outcome {
        match &input {
            Input::Tick => self.tick = received,
            Input::Configure(text) => self.configure = Some(text.to_string()),
            Input::Evidence(evidence) => self.evidence.shown(evidence, received),
            _ => {}
        }
        let outcome = apply(&mut self.engine, position.0, input, received);
        self.evidence.want(&outcome.wanted);
        self.next = position.after();
        self.entries += 1;
        outcome
    }

    /// Reads on to the journal's end, or to the first tick after `until`. Entries are read on a thread of its own and
    /// decoded on a few others, ahead of the engine, which gets them in order: each thread has every so-manieth entry.
    pub(crate) fn read_on<E: From<ReadError>>(
        &mut self,
        journal: &Reader,
        rules: &DecodeRules,
        until: Option<Nanos>,
        each: impl FnMut(&Replayer, Applied) -> Result<(), E>,
    ) -> Result<(), E> {
        let ahead = Backlog::new(AHEAD_BYTES_MAX, Counter::default());
        self.read_within(&ahead, journal, rules, until, each)
    }

    fn read_within<E: From<ReadError>>(
        &mut self,
        ahead: &Arc<Backlog>,
        journal: &Reader,
        rules: &DecodeRules,
        until: Option<Nanos>,
        mut each: impl FnMut(&Replayer, Applied) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = self.next;
        let lanes = thread::available_parallelism().map_or(1, usize::from).min(LANES_MAX);
        thread::scope(|scope| {
            let (read, decoded): (Vec<SyncSender<_>>, Vec<_>) = (0..lanes)
                .map(|_| {
                    let (give, entries) = sync_channel(AHEAD);
                    let (tell, decoded) = sync_channel(AHEAD);
                    scope.spawn(move || decode_all(&entries, rules, &tell));
                    (give, decoded)
                })
                .unzip();
            scope.spawn(move || {
                for (entry, lane) in journal.scan(from).zip(read.iter().cycle()) {
                    let bytes = |entry: &Entry| read_bytes_max(entry.payload.len(), &rules.limits);
                    let room = ahead.enter(entry.as_ref().map_or(0, bytes));
                    if lane.send((entry, room)).is_err() {
                        return;
                    }
                }
            });
            self.take_all(&decoded, until, &mut each)
        })
    }

    fn take_all<E: From<ReadError>>(
        &mut self,
        lanes: &[Receiver<Result<Decoded, ReadError>>],
        until: Option<Nanos>,
        each: &mut impl FnMut(&Replayer, Applied) -> Result<(), E>,
    ) -> Result<(), E> {
        for lane in lanes.iter().cycle() {
            // The first lane that has nothing more is the one whose turn it was at the journal's end.
            let Ok(entry) = lane.recv() else { break };
            let Decoded { position, received, input, room } = entry?;
            let input = match input {
                Ok(input) => input,
                Err(error) => {
                    self.undecodable += 1;
                    self.next = position.after();
                    tracing::error!(position = position.0, %error, "a journal entry does not decode");
                    continue;
                }
            };
            if input == Input::Tick && until.is_some_and(|until| received > until) {
                return Ok(());
            }
            let outcome = self.apply(position, received, input);
            each(self, Applied { position, outcome })?;
            drop(room);
        }
        Ok(())
    }
}

fn decode_all(
    entries: &Receiver<(Result<Entry, ReadError>, Room)>,
    rules: &DecodeRules,
    tell: &SyncSender<Result<Decoded, ReadError>>,
) {
    for (entry, room) in entries {
        let decoded = entry.map(|entry| {
            let received = Nanos(entry.received_ns);
            let input = intake::record::decode(entry.kind, &entry.payload, &rules.context(received));
            Decoded { position: entry.position, received, input, room }
        });
        if tell.send(decoded).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use journal::{Durability, Journal, Options, Record};

    use super::*;
    use crate::ingest::EVENT_BYTES;

    /// A journal of so many entries of a mebibyte.
    fn journal(entries: usize, dir: &std::path::Path) -> Reader {
        let options = Options {
            dir: dir.join("journal"),
            segment_bytes_max: 1 << 30,
            frame_bytes_max: 4 << 20,
            durability: Durability::Buffered,
            keys: intake::record::keys,
            disk: Arc::new(journal::RealDisk),
        };
        let (mut writer, reader, _) = Journal::open(options).unwrap();
        for _ in 0..entries {
            let (kind, payload) = intake::record::encode(&Input::Configure(" ".repeat(1 << 20).into()));
            let record = Record { kind: kind as u8, received_ns: 1, keys: Vec::new(), payload };
            writer.append(&record).unwrap();
        }
        writer.sync().unwrap();
        reader
    }

    #[test]
    fn what_is_read_ahead_is_bounded_in_bytes() {
        const LONG: std::time::Duration = std::time::Duration::from_secs(60);
        let begun = std::time::Instant::now();
        let dir = tempfile::tempdir().unwrap();
        let journal = journal(20, dir.path());
        let rules = DecodeRules::new([0; 16], usize::MAX);
        let each_bytes = read_bytes_max(1 << 20, &rules.limits);
        assert_eq!(each_bytes, (1 << 20) + 50_000 * EVENT_BYTES);
        let (full, bytes_max) = (Counter::default(), each_bytes * 3 + 1_000);
        let ahead = Backlog::new(bytes_max, full.clone());
        let mut replayer = Replayer::new(choose(dir.path(), &journal, 1, Prefer::Newest, |_| true));
        let outcome = replayer.read_within::<ReadError>(&ahead, &journal, &rules, None, |_, _| {
            // Here the engine is slow: who reads ahead must come to a stop.
            while full.get() == 0 && begun.elapsed() < LONG {
                thread::yield_now();
            }
            assert!((each_bytes..=bytes_max).contains(&ahead.bytes()), "{}", ahead.bytes());
            Ok(())
        });
        outcome.unwrap();
        assert_eq!((replayer.entries, ahead.bytes()), (20, 0));
        assert!(full.get() > 0, "it never came to a stop");
    }
}
