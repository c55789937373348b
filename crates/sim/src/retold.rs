//! One run told in other ways: the same records in another order within their ticks, in other batches, to other numbers
//! of shards, twice, across snapshots, and as a replay of the journal. What comes of it must be the same to the last
//! byte. Each way has a number, so that a failure can be repeated. It must never know what the records are about.

use std::collections::BTreeMap;

use engine::Engine;
use intake::{Context, Limits};
use model::{
    Alert, Deployment, Event, Incident, IncidentId, IncidentState, Input, LogRecord, MetricPoint, Nanos,
    ReportDocument, SECOND_NS, Signal,
};

use crate::{Replica, Rng};

/// What arrived, by the second that it arrived in; a tick ends each.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    seconds: BTreeMap<u64, Vec<Input>>,
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub order: Order,
    pub shards: usize,
    /// Records in a batch at most; `None` leaves batches as they came.
    pub batch: Option<usize>,
    pub delivered: Delivered,
    /// After so many ticks the engine is made anew from its snapshot, in the middle of the tick and after it.
    pub restored_every: Option<u64>,
    /// The journal of the run is written in its format and stepped through instead.
    pub replayed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    AsItCame,
    Reversed,
    Shuffled(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    Once,
    /// Every batch comes again, at once or up to 40 s later. Not those of alerts: a notification that comes again is a
    /// resend, and is counted.
    Twice,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub reports: Vec<ReportDocument>,
    pub incidents: BTreeMap<IncidentId, Incident>,
    pub transitions: Vec<(Nanos, IncidentId, IncidentState)>,
    pub deployments: Vec<Deployment>,
    /// Of all that a later decision could rest on.
    pub state: String,
    /// What reports cite and a shortened journal would take away.
    pub cited_and_not_kept: Vec<String>,
}

/// All as it came, to one engine with one shard.
pub const PLAIN: Way = Way {
    order: Order::AsItCame,
    shards: 1,
    batch: None,
    delivered: Delivered::Once,
    restored_every: None,
    replayed: false,
};

const WHOLE: Option<usize> = Some(usize::MAX);

/// The other ways, by their number.
pub const WAYS: [Way; 8] = [
    Way { order: Order::Shuffled(11), shards: 2, batch: Some(1), ..PLAIN },
    Way { order: Order::Shuffled(12), shards: 4, batch: Some(7), ..PLAIN },
    Way { order: Order::Shuffled(13), shards: 7, batch: WHOLE, ..PLAIN },
    Way { order: Order::Reversed, shards: 1, batch: Some(40), ..PLAIN },
    Way { delivered: Delivered::Twice, ..PLAIN },
    Way { order: Order::Shuffled(14), shards: 4, batch: Some(25), delivered: Delivered::Twice, ..PLAIN },
    Way { order: Order::Shuffled(15), shards: 2, batch: Some(100), restored_every: Some(9), ..PLAIN },
    Way { shards: 2, replayed: true, ..PLAIN },
];

impl Recorded {
    pub fn add(&mut self, at: Nanos, input: Input) {
        self.seconds.entry(at.as_secs()).or_default().push(input);
    }

    /// Seconds up to this one without anything.
    pub fn until(mut self, second: u64) -> Self {
        let first = self.seconds.keys().next_back().map_or(second, |last| last + 1);
        self.seconds.extend((first..=second).map(|quiet| (quiet, Vec::new())));
        self
    }

    /// # Errors
    ///
    /// Where the engine does not read its own snapshot or a record of its own journal.
    pub fn told(&self, way: &Way) -> Result<Told, String> {
        let mut replica = Replica::new(if way.replayed { 1 } else { way.shards });
        if way.replayed {
            replica = replica.recording();
        }
        let mut again: BTreeMap<u64, Vec<Input>> = BTreeMap::new();
        for (second, inputs) in &self.seconds {
            let mut rng = Rng::new(second.wrapping_mul(0x9e37_79b9) ^ way.seed());
            let mut batches = way.dealt(inputs, &mut rng);
            if way.delivered == Delivered::Twice {
                for batch in batches.iter().filter(|batch| counts_once(batch)) {
                    let later = [0, 0, 1, 3, 12, 40][rng.below(6) as usize];
                    again.entry(second + later).or_default().push(batch.clone());
                }
                batches.extend(again.remove(second).unwrap_or_default());
            }
            let restored = way.restored_every.is_some_and(|every| second.is_multiple_of(every));
            let (middle, count) = (batches.len() / 2, batches.len() as u64 + 1);
            for (i, batch) in batches.into_iter().enumerate() {
                if restored && i == middle {
                    restore(&mut replica)?;
                }
                replica.feed(Nanos(second * SECOND_NS + SECOND_NS * i as u64 / count), batch);
            }
            replica.feed(Nanos::from_secs(second + 1), Input::Tick);
            if restored {
                restore(&mut replica)?;
            }
        }
        if way.replayed {
            replica = replay(&replica, way.shards)?;
        }
        Ok(Told::of(replica))
    }
}

fn restore(replica: &mut Replica) -> Result<(), String> {
    replica.engine = Engine::restore(&replica.engine.snapshot()).map_err(|error| error.to_string())?;
    Ok(())
}

/// Every entry is written and read as the journal has it.
fn replay(replica: &Replica, shards: usize) -> Result<Replica, String> {
    let (limits, user_salt) = (Limits::default(), [0; 16]);
    let mut replayed = Replica::new(shards);
    for (now, input) in &replica.journal {
        let (kind, payload) = intake::record::encode(input);
        let context = Context { received: *now, limits: &limits, user_salt: &user_salt };
        let read =
            intake::record::decode(kind as u8, &payload, &context).map_err(|error| error.to_string())?;
        replayed.step(*now, read);
    }
    Ok(replayed)
}

/// A second delivery of it changes nothing.
fn counts_once(input: &Input) -> bool {
    matches!(
        input,
        Input::Events(_) | Input::Logs(_) | Input::Metrics(_) | Input::Signals(_) | Input::Deployments(_)
    )
}

/// The records of a tick by what they are.
#[derive(Default)]
struct Pools {
    events: Vec<Event>,
    logs: Vec<LogRecord>,
    points: Vec<MetricPoint>,
    signals: Vec<Signal>,
    deployments: Vec<Deployment>,
    alerts: Vec<Alert>,
    whole: Vec<Input>,
}

impl Pools {
    fn of(inputs: &[Input]) -> Self {
        let mut pools = Self::default();
        for input in inputs {
            match input.clone() {
                Input::Events(events) => pools.events.extend(events),
                Input::Logs(logs) => pools.logs.extend(logs),
                Input::Metrics(points) => pools.points.extend(points),
                Input::Signals(signals) => pools.signals.extend(signals),
                Input::Deployments(deployments) => pools.deployments.extend(deployments),
                Input::Alerts(alerts) => pools.alerts.extend(alerts),
                other => pools.whole.push(other),
            }
        }
        pools
    }
}

impl Way {
    fn seed(&self) -> u64 {
        match self.order {
            Order::AsItCame => 1,
            Order::Reversed => 2,
            Order::Shuffled(seed) => seed,
        }
    }

    /// The inputs of a tick as this way hands them in.
    fn dealt(&self, inputs: &[Input], rng: &mut Rng) -> Vec<Input> {
        let Some(size) = self.batch else { return inputs.to_vec() };
        let mut pools = Pools::of(inputs);
        let mut batches = std::mem::take(&mut pools.whole);
        batches.extend(self.batches(pools.events, size, rng, Input::Events));
        batches.extend(self.batches(pools.logs, size, rng, Input::Logs));
        batches.extend(self.batches(pools.points, size, rng, Input::Metrics));
        batches.extend(self.batches(pools.signals, size, rng, Input::Signals));
        batches.extend(self.batches(pools.deployments, size, rng, Input::Deployments));
        batches.extend(self.batches(pools.alerts, size, rng, Input::Alerts));
        self.arrange(&mut batches, rng);
        batches
    }

    fn batches<T: Clone>(
        &self,
        mut records: Vec<T>,
        size: usize,
        rng: &mut Rng,
        batch: fn(Vec<T>) -> Input,
    ) -> Vec<Input> {
        self.arrange(&mut records, rng);
        records.chunks(size).map(|chunk| batch(chunk.to_vec())).collect()
    }

    fn arrange<T>(&self, items: &mut [T], rng: &mut Rng) {
        match self.order {
            Order::AsItCame => {}
            Order::Reversed => items.reverse(),
            Order::Shuffled(_) => rng.shuffle(items),
        }
    }
}

impl Told {
    fn of(replica: Replica) -> Self {
        Self {
            state: replica.engine.state_digest(),
            cited_and_not_kept: replica.cited_and_not_kept(),
            reports: replica.reports,
            incidents: replica.incidents,
            transitions: replica.transitions,
            deployments: replica.deployments,
        }
    }

    /// Where it says something else than `other`, in words; `None` where it does not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let pairs = self.reports.iter().zip(&other.reports);
        if let Some((a, b)) = pairs.into_iter().find(|(a, b)| a != b) {
            let (a_at, b_at) = (a.tick.to_rfc3339(), b.tick.to_rfc3339());
            let (a_said, b_said) = around_difference(&a.bytes, &b.bytes);
            let (a_id, b_id) = (a.incident, b.incident);
            return Some(format!(
                "report of {a_id} at {a_at}: {a_said}\nreport of {b_id} at {b_at}: {b_said}"
            ));
        }
        let said = |what: &str, a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| {
            Some(format!("{what}: {a:?}\n{what}: {b:?}"))
        };
        if self.reports.len() != other.reports.len() {
            return said("reports", &self.reports.len(), &other.reports.len());
        }
        if self.incidents != other.incidents {
            return said("incidents", &self.incidents, &other.incidents);
        }
        if self.transitions != other.transitions {
            return said("transitions", &self.transitions, &other.transitions);
        }
        if self.deployments != other.deployments {
            return said("deployments", &self.deployments, &other.deployments);
        }
        (self.state != other.state).then(|| format!("state: {}\nstate: {}", self.state, other.state))
    }
}

/// The text of both around the first byte in which they differ.
fn around_difference(a: &[u8], b: &[u8]) -> (String, String) {
    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(120).min(bytes.len())..(at + 80).min(bytes.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    (near(a), near(b))
}
