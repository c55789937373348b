//! What a span costs without any input or output: decoding alone, and the engine's step behind it, in one thread with
//! a clock that is made up. What the engine does for detection is what a span costs it beyond a second delivery of the same
//! span, which is looked up and dropped. Nothing here opens a socket or a file.

use engine::Engine;
use intake::{Context, Limits};
use model::{Event, Input, Nanos, SECOND_NS};
use serde::Serialize;

use crate::figures::Spread;
use crate::machine::thread_time_ns;
use crate::stamp::{Body, Stamper};
use crate::traffic;

/// Simulated traffic: a tick comes after as many spans.
const SPANS_PER_TICK: usize = 20_000;
/// The same as fast as a server on one core takes them in. Then a tick, which comes every second, costs a span less.
const SPANS_PER_TICK_AT_FULL_SPEED: usize = 500_000;
/// Of such seconds, in a repeat and before it.
const TICKS_AT_FULL_SPEED: usize = 5;
/// Measured in one go, so that looking at the clock costs nothing.
const SPANS_PER_LOOK: usize = 2_000;
const START: Nanos = Nanos::from_secs(1_800_000_000);
const USER_SALT: [u8; 16] = [7; 16];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) repeats: usize,
    /// Simulated seconds of traffic in a repeat, and before it.
    pub(crate) ticks: usize,
    pub(crate) ticks_before: usize,
}

/// Processor time in nanoseconds for a span.
#[derive(Debug, Serialize)]
pub(crate) struct Steps {
    pub(crate) batch: usize,
    pub(crate) decode_ns: Spread,
    /// `Engine::step` of the events alone.
    pub(crate) add_ns: Spread,
    /// `Engine::step` of the ticks, by span.
    pub(crate) tick_ns: Spread,
    /// All three together.
    pub(crate) total_ns: Spread,
    /// What detection costs at full speed: what the engine does, ticks included, beyond finding out that events came before.
    pub(crate) detection_ns: Spread,
}

/// Nanoseconds of processor time, and how many spans they were for.
#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    decode: u64,
    add: u64,
    tick: u64,
    again: u64,
    spans: u64,
}

/// An engine in the middle of its traffic.
struct Course {
    engine: Engine,
    bodies: Vec<Body>,
    stamper: Stamper,
    limits: Limits,
    spans_per_tick: usize,
    now: Nanos,
    next: usize,
}

pub(crate) fn measure(batch: usize, extent: Extent) -> anyhow::Result<Steps> {
    let repeats = repeats(batch, SPANS_PER_TICK, extent)?;
    let full = Extent { ticks: TICKS_AT_FULL_SPEED, ticks_before: TICKS_AT_FULL_SPEED, ..extent };
    let full = self::repeats(batch, SPANS_PER_TICK_AT_FULL_SPEED, full)?;
    let spread = |of: fn(&Spent) -> u64| Spread::of(repeats.iter().map(|s| of(s) as f64 / s.spans as f64));
    Ok(Steps {
        batch,
        decode_ns: spread(|s| s.decode),
        add_ns: spread(|s| s.add),
        tick_ns: spread(|s| s.tick),
        total_ns: spread(|s| s.decode + s.add + s.tick),
        detection_ns: Spread::of(full.iter().map(Spent::detection)),
    })
}

fn repeats(batch: usize, spans_per_tick: usize, extent: Extent) -> anyhow::Result<Vec<Spent>> {
    let repeat = || {
        let mut course = Course::new(batch, spans_per_tick);
        for _ in 0..extent.ticks_before {
            course.tick(&mut Spent::default())?;
        }
        let mut spent = Spent::default();
        for _ in 0..extent.ticks {
            course.tick(&mut spent)?;
        }
        Ok(spent)
    };
    (0..extent.repeats).map(|_| repeat()).collect()
}

impl Spent {
    fn detection(&self) -> f64 {
        (self.add + self.tick).saturating_sub(self.again) as f64 / self.spans as f64
    }
}

impl Course {
    fn new(batch: usize, spans_per_tick: usize) -> Self {
        let mut engine = Engine::new(1);
        let config = engine::Config::default().to_json();
        engine.step(Input::Configure(config.as_str().into()), START);
        let (bodies, stamper) = (traffic::bodies(batch), Stamper::new(0));
        let limits = Limits::default();
        Self { engine, bodies, stamper, limits, spans_per_tick, now: START, next: 0 }
    }

    /// A simulated second of traffic and the tick at its end.
    fn tick(&mut self, spent: &mut Spent) -> anyhow::Result<()> {
        let looks = self.spans_per_tick / SPANS_PER_LOOK;
        for _ in 0..looks {
            self.now = self.now.saturating_add(SECOND_NS / looks as u64);
            self.look(spent)?;
        }
        let begun = thread_time_ns();
        let effects = self.engine.step(Input::Tick, self.now);
        spent.tick += thread_time_ns() - begun;
        drop(effects);
        Ok(())
    }

    fn look(&mut self, spent: &mut Spent) -> anyhow::Result<()> {
        let requests = self.stamped();
        let begun = thread_time_ns();
        let events = self.decoded(&requests)?;
        spent.decode += thread_time_ns() - begun;
        spent.spans += events.iter().map(|events| events.len() as u64).sum::<u64>();
        // Not copies: what is shared costs less to drop.
        let again = self.decoded(&requests)?;
        spent.add += self.add(events);
        spent.again += self.add(again);
        Ok(())
    }

    fn decoded(&self, requests: &[Vec<u8>]) -> anyhow::Result<Vec<Vec<Event>>> {
        let context = Context { received: self.now, limits: &self.limits, user_salt: &USER_SALT };
        let decode = |request: &Vec<u8>| Ok(intake::otlp::traces_from_protobuf(request, &context)?.events);
        requests.iter().map(decode).collect()
    }

    /// How long it took.
    fn add(&mut self, requests: Vec<Vec<Event>>) -> u64 {
        let begun = thread_time_ns();
        for events in requests {
            self.engine.step(Input::Events(events), self.now);
        }
        thread_time_ns() - begun
    }

    fn stamped(&mut self) -> Vec<Vec<u8>> {
        let mut requests = Vec::new();
        let mut spans = 0;
        while spans < SPANS_PER_LOOK {
            let body = &self.bodies[self.next % self.bodies.len()];
            self.next += 1;
            spans += body.spans;
            requests.push(body.stamped(&mut self.stamper, self.now));
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_counts_every_span_of_the_course_once_and_opens_nothing() {
        let mut course = Course::new(100, SPANS_PER_TICK);
        let mut spent = Spent::default();
        for _ in 0..5 {
            course.tick(&mut spent).unwrap();
        }
        assert_eq!(spent.spans, 5 * SPANS_PER_TICK as u64);
        let counted = engine::Totals { duplicates: spent.spans, ..engine::Totals::default() };
        assert_eq!(course.engine.totals(), counted);
    }
}
