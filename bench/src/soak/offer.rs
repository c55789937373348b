//! An open loop: requests are sent when their time has come, whether or not earlier ones were answered, and whoever is
//! refused does not wait. It must never know what the server makes of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::ReadyLine;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

use super::kinds::{Bodies, Kind};
use super::lane::{Lane, Outcome};
use super::latencies::Latencies;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Work that this side could not do in time is caught up with for so long; the rest was not offered.
const LATE_MAX: Duration = Duration::from_millis(200);
const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// Requests of one kind, and what became of them.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// Whose time had come.
    pub(super) due: u64,
    /// Of these, those that were not sent: this side was late, or had as many under way as it has places for.
    pub(super) not_sent: u64,
    pub(super) accepted: u64,
    pub(super) shed: u64,
    pub(super) limited: u64,
    pub(super) failed: u64,
    pub(super) failure: Option<String>,
    /// Of accepted requests.
    pub(super) latencies: Latencies,
}

pub(super) type Tallies = BTreeMap<Kind, Tally>;

#[derive(Debug)]
struct Stream {
    kind: Kind,
    bodies: Bodies,
    free: Vec<Lane>,
    requests_per_s: f64,
    /// Since the rate was set.
    due: u64,
}

#[derive(Debug)]
struct Done {
    stream: usize,
    lane: Lane,
    outcome: Outcome,
    took: Duration,
}

#[derive(Debug)]
pub(super) struct Offer {
    streams: Vec<Stream>,
    since: Instant,
    tallies: Tallies,
    done: (Sender<Done>, Receiver<Done>),
    under_way: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.not_sent += other.not_sent;
        self.accepted += other.accepted;
        self.shed += other.shed;
        self.limited += other.limited;
        self.failed += other.failed;
        self.failure = self.failure.take().or_else(|| other.failure.clone());
        self.latencies.merge(&other.latencies);
    }

    fn count(&mut self, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Accepted => {
                self.accepted += 1;
                self.latencies.add(took.as_secs_f64() * 1e3);
            }
            Outcome::Shed => self.shed += 1,
            Outcome::Limited => self.limited += 1,
            Outcome::Failed(why) => {
                self.failed += 1;
                self.failure.get_or_insert(why);
            }
        }
    }
}

impl Offer {
    pub(super) async fn connect(ready: &ReadyLine) -> anyhow::Result<Self> {
        let mut streams = Vec::new();
        for kind in Kind::ALL {
            let free = Lane::open(kind, ready).await?;
            streams.push(Stream { kind, bodies: Bodies::new(kind), free, requests_per_s: 0.0, due: 0 });
        }
        // Each lane has one request under way, so nobody waits for a place.
        let done = channel(streams.iter().map(|stream| stream.free.len()).sum());
        Ok(Self { streams, since: Instant::now(), tallies: Tallies::new(), done, under_way: 0 })
    }

    /// From now on so much, by the spans of all traces.
    pub(super) fn at(&mut self, spans_per_s: f64) {
        self.since = Instant::now();
        for stream in &mut self.streams {
            stream.requests_per_s = stream.kind.requests_per_s(spans_per_s);
            stream.due = 0;
        }
    }

    /// Sends what is due until `end`.
    pub(super) async fn until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.settle();
            for at in 0..self.streams.len() {
                self.send_due(at);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends nothing more and waits for the answers. False where some never came.
    pub(super) async fn end(&mut self, within: Option<Duration>) -> bool {
        let end = Instant::now() + within.unwrap_or(ENDED_WITHIN);
        self.settle();
        while self.under_way > 0 && Instant::now() < end {
            sleep(LOOK_EVERY).await;
            self.settle();
        }
        self.under_way == 0
    }

    /// What was counted since it was asked last.
    pub(super) fn take(&mut self) -> Tallies {
        self.settle();
        std::mem::take(&mut self.tallies)
    }

    fn send_due(&mut self, at: usize) {
        let stream = &mut self.streams[at];
        let elapsed_s = self.since.elapsed().as_secs_f64();
        let mut due = (elapsed_s * stream.requests_per_s) as u64 - stream.due;
        stream.due += due;
        let tally = self.tallies.entry(stream.kind).or_default();
        tally.due += due;
        let late_max = (LATE_MAX.as_secs_f64() * stream.requests_per_s).ceil() as u64;
        tally.not_sent += due.saturating_sub(late_max);
        due = due.min(late_max);
        for left in (0..due).rev() {
            let Some(lane) = stream.free.pop() else {
                tally.not_sent += left + 1;
                return;
            };
            let body = stream.bodies.fresh();
            self.under_way += 1;
            tokio::spawn(carry(at, stream.kind, lane, body, self.done.0.clone()));
        }
    }

    fn settle(&mut self) {
        while let Ok(Done { stream, lane, outcome, took }) = self.done.1.try_recv() {
            self.under_way -= 1;
            let stream = &mut self.streams[stream];
            stream.free.push(lane);
            self.tallies.entry(stream.kind).or_default().count(outcome, took);
        }
    }
}

async fn carry(stream: usize, kind: Kind, mut lane: Lane, body: Vec<u8>, done: Sender<Done>) {
    let (outcome, took) = lane.send(kind, body).await;
    // Who asked is gone only when all is over.
    let _ = done.send(Done { stream, lane, outcome, took }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_adds_up() {
        let mut tally = Tally::default();
        tally.count(Outcome::Accepted, Duration::from_millis(3));
        tally.count(Outcome::Shed, Duration::from_millis(1));
        tally.count(Outcome::Failed("first".to_owned()), Duration::ZERO);
        let mut sum = tally.clone();
        tally.failure = Some("second".to_owned());
        sum.add(&tally);
        assert_eq!((sum.accepted, sum.shed, sum.failed, sum.failure.as_deref()), (2, 2, 2, Some("first")));
        assert_eq!(sum.latencies.max_ms, 3.0);
    }
}
