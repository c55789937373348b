//! What a span costs without any input or output: decoding alone, and the engine's step behind it, in one thread with
//! a clock that is made up. Nothing here opens a socket or a file.

use engine::Engine;
use intake::{Context, Limits};
use model::{Input, Nanos, SECOND_NS};
use serde::Serialize;

use crate::figures::Spread;
use crate::machine::thread_time_ns;
use crate::stamp::{Body, Stamper};
use crate::traffic;

/// Simulated traffic: a tick comes after as many spans.
const SPANS_PER_TICK: usize = 20_000;
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
}

/// Nanoseconds of processor time, and how many spans they were for.
#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    decode: u64,
    add: u64,
    tick: u64,
    spans: u64,
}

/// An engine in the middle of its traffic.
struct Course {
    engine: Engine,
    bodies: Vec<Body>,
    stamper: Stamper,
    limits: Limits,
    now: Nanos,
    next: usize,
}

pub(crate) fn measure(batch: usize, extent: Extent) -> anyhow::Result<Steps> {
    let mut repeats = Vec::new();
    for _ in 0..extent.repeats {
        let mut course = Course::new(batch);
        for _ in 0..extent.ticks_before {
            course.tick(&mut Spent::default())?;
        }
        let mut spent = Spent::default();
        for _ in 0..extent.ticks {
            course.tick(&mut spent)?;
        }
        repeats.push(spent);
    }
    let spread = |of: fn(&Spent) -> u64| Spread::of(repeats.iter().map(|s| of(s) as f64 / s.spans as f64));
    Ok(Steps {
        batch,
        decode_ns: spread(|s| s.decode),
        add_ns: spread(|s| s.add),
        tick_ns: spread(|s| s.tick),
        total_ns: spread(|s| s.decode + s.add + s.tick),
    })
}

impl Course {
    fn new(batch: usize) -> Self {
        let mut engine = Engine::new(1);
        let config = engine::Config::default().to_json();
        engine.step(Input::Configure(config.as_str().into()), START);
        let (bodies, stamper) = (traffic::bodies(batch), Stamper::new(0));
        Self { engine, bodies, stamper, limits: Limits::default(), now: START, next: 0 }
    }

    /// A simulated second of traffic and the tick at its end.
    fn tick(&mut self, spent: &mut Spent) -> anyhow::Result<()> {
        let looks = SPANS_PER_TICK / SPANS_PER_LOOK;
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
        let context = Context { received: self.now, limits: &self.limits, user_salt: &USER_SALT };
        let begun = thread_time_ns();
        let mut batches = Vec::with_capacity(requests.len());
        for request in &requests {
            batches.push(intake::otlp::traces_from_protobuf(request, &context)?);
        }
        let decoded = thread_time_ns();
        for batch in batches {
            spent.spans += batch.events.len() as u64;
            self.engine.step(Input::Events(batch.events), self.now);
        }
        spent.decode += decoded - begun;
        spent.add += thread_time_ns() - decoded;
        Ok(())
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
    fn the_engine_counts_every_span_of_the_course_and_opens_nothing() {
        let mut course = Course::new(100);
        let mut spent = Spent::default();
        for _ in 0..5 {
            course.tick(&mut spent).unwrap();
        }
        assert_eq!(spent.spans, 5 * SPANS_PER_TICK as u64);
        assert_eq!(course.engine.totals(), engine::Totals::default());
    }
}
