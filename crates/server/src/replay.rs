//! Reads a journal again through the engine. Recovery at a start and the command `replay` share this one reader, so
//! what a start derives is what the command verifies.

mod command;
mod start_point;

use std::sync::mpsc::{Receiver, sync_channel};

use engine::Engine;
use intake::record::RecordError;
use journal::{Position, Reader};
use model::{Input, Nanos};

pub use command::{
    Difference, Progress, ReplayError, ReplayOutcome, ReplayRequest, ReplayedIncident, Verification, replay,
};
pub(crate) use start_point::{Prefer, StartPoint, choose};

use crate::apply::{Outcome, apply};
use crate::evidence::EvidenceDesk;
use crate::ingest::DecodeRules;

/// How many decoded entries may wait for the engine.
const DECODED_AHEAD: usize = 32;

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

    /// Reads on to the journal's end, or to the first tick after `until`. Entries are read and decoded on a thread
    /// of their own, ahead of the engine.
    pub(crate) fn read_on<E: From<journal::ReadError>>(
        &mut self,
        journal: &Reader,
        rules: &DecodeRules,
        until: Option<Nanos>,
        mut each: impl FnMut(&Replayer, Applied) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = self.next;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(DECODED_AHEAD);
            scope.spawn(move || {
                for entry in journal.scan(from) {
                    let decoded = entry.map(|entry| {
                        let received = Nanos(entry.received_ns);
                        let context = rules.context(received);
                        let input = intake::record::decode(entry.kind, &entry.payload, &context);
                        Decoded { position: entry.position, received, input }
                    });
                    if sender.send(decoded).is_err() {
                        return;
                    }
                }
            });
            self.take_all(&receiver, until, &mut each)
        })
    }

    fn take_all<E: From<journal::ReadError>>(
        &mut self,
        decoded: &Receiver<Result<Decoded, journal::ReadError>>,
        until: Option<Nanos>,
        each: &mut impl FnMut(&Replayer, Applied) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in decoded {
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
