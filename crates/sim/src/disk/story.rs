//! What is journaled in a trial: a shop whose payment fails, as a server would have journaled it. Made once.

use std::sync::OnceLock;

use engine::{Config, Engine};
use intake::{Context, Limits};
use journal::{Entry, Record};
use model::{Input, Nanos};

use crate::{Fault, Replica, Shop, Traffic};

const START_S: u64 = 1_000_000;
const HEALTHY_S: u64 = 90;
const BROKEN_S: u64 = 15;

pub(super) struct Story {
    pub(super) records: Vec<Record>,
    undisturbed: OnceLock<Told>,
}

/// What a replay says, and one hash of all that a later decision can rest on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    reports: Vec<String>,
    state: String,
}

pub(super) fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| Story { records: record(), undisturbed: OnceLock::new() })
}

fn record() -> Vec<Record> {
    let mut replica = Replica::over(Engine::new(1)).recording();
    let config = Config { tick_ms: 1_000, ..Config::default() };
    replica.feed(Nanos::from_secs(START_S), Input::Configure(config.to_json().into()));
    let mut shop = Shop::new(Traffic { seed: 5, requests_per_s: 6, noise_per_thousand: 0 });
    for second in START_S..START_S + HEALTHY_S + BROKEN_S {
        let fault = if second < START_S + HEALTHY_S { Fault::None } else { Fault::PaymentDown };
        let traces = shop.second(Nanos::from_secs(second), fault);
        let events: Vec<_> = traces.into_iter().flat_map(|(events, _)| events).collect();
        for batch in events.chunks(events.len().div_ceil(2).max(1)) {
            replica.feed(Nanos::from_secs(second), Input::Events(batch.to_vec()));
        }
        replica.feed(Nanos::from_secs(second + 1), Input::Tick);
    }
    replica.journal.iter().map(|(at, input)| to_record(*at, input)).collect()
}

fn to_record(at: Nanos, input: &Input) -> Record {
    let (kind, payload) = intake::record::encode(input);
    let mut keys = Vec::new();
    intake::record::keys(kind as u8, &payload, &mut keys);
    Record { kind: kind as u8, received_ns: at.0, keys, payload }
}

impl Story {
    /// What an engine says of these records that never saw a disk.
    pub(super) fn undisturbed(&self, order: &[usize]) -> Result<Told, String> {
        let records = order.iter().map(|number| &self.records[*number]);
        told(records.map(|record| (record.kind, record.received_ns, &record.payload[..])))
    }

    /// Whether a replay of the entries says what an undisturbed one says.
    pub(super) fn compare(&self, entries: &[Entry], order: &[usize]) -> Result<(), String> {
        let replayed = told(entries.iter().map(|entry| (entry.kind, entry.received_ns, &entry.payload[..])))?;
        let is_whole = order.iter().copied().eq(0..self.records.len());
        let same = if is_whole { *self.whole()? == replayed } else { self.undisturbed(order)? == replayed };
        if same { Ok(()) } else { Err("a replay says something else than an undisturbed run".to_owned()) }
    }

    fn whole(&self) -> Result<&Told, String> {
        if let Some(told) = self.undisturbed.get() {
            return Ok(told);
        }
        let all: Vec<usize> = (0..self.records.len()).collect();
        let told = self.undisturbed(&all)?;
        if told.reports.is_empty() {
            return Err("the story has no report to compare".to_owned());
        }
        Ok(self.undisturbed.get_or_init(|| told))
    }
}

fn told<'a>(entries: impl Iterator<Item = (u8, u64, &'a [u8])>) -> Result<Told, String> {
    let limits = Limits::default();
    let mut replica = Replica::new(1);
    for (kind, received_ns, payload) in entries {
        let received = Nanos(received_ns);
        let context = Context { received, limits: &limits, user_salt: &[0; 16] };
        let input = intake::record::decode(kind, payload, &context).map_err(|error| error.to_string())?;
        replica.step(received, input);
    }
    let reports = replica.hashes().into_iter().map(str::to_owned).collect();
    Ok(Told { reports, state: replica.engine.state_digest() })
}
