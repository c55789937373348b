//! Reads a journal again through the engine. Recovery at a start and the command `replay` share this one reader, so
//! what a start derives is what the command verifies.

mod command;
mod start_point;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use engine::Engine;
use intake::record::RecordError;
use journal::{Entry, Position, ReadError, Reader};
use model::{Input, Nanos};

pub use command::{
    Difference, Progress, ReplayError, ReplayOutcome, ReplayRequest, ReplayedIncident, Verification, replay,
};
pub(crate) use start_point::{Prefer, StartPoint, choose};

use crate::apply::{Outcome, apply};
use crate::evidence::EvidenceDesk;
use crate::ingest::DecodeRules;

/// Threads that decode; more would wait for the engine.
const LANES_MAX: usize = 4;
/// How many entries may wait to be decoded, and decoded ones for the engine, by thread.
const AHEAD: usize = 8;

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
                    if lane.send(entry).is_err() {
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
            let Decoded { position, received, input } = entry?;
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
        }
        Ok(())
    }
}

fn decode_all(
    entries: &Receiver<Result<Entry, ReadError>>,
    rules: &DecodeRules,
    tell: &SyncSender<Result<Decoded, ReadError>>,
) {
    for entry in entries {
        let decoded = entry.map(|entry| {
            let received = Nanos(entry.received_ns);
            let input = intake::record::decode(entry.kind, &entry.payload, &rules.context(received));
            Decoded { position: entry.position, received, input }
        });
        if tell.send(decoded).is_err() {
            return;
        }
    }
}
