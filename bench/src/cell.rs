//! One cell of the table: a fresh server, one transport, one batch size; what the server paid and that it counted
//! what was sent. It must never know how the figures are shown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::casebook::{Casebook, Counted, Extent};
use crate::connection::Transport;
use crate::figures::{Spread, quantile};
use crate::load::{Load, Plan, Sent};
use crate::machine::{self, ProcessorTime};
use crate::traffic;

const MEMORY_EVERY: Duration = Duration::from_millis(500);

/// Where the server comes from and which cores the two sides have.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) program: PathBuf,
    pub(crate) scratch: PathBuf,
    /// Further arguments of the server.
    pub(crate) serve: Vec<String>,
    /// The server's core and ours; `None` where there is only one.
    pub(crate) cores: Option<(usize, usize)>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) transport: Transport,
    pub(crate) batch: usize,
    pub(crate) bytes_per_span: f64,
    pub(crate) plan: Plan,
    /// Spans for a second of the server's processor time.
    pub(crate) spans_per_core_s: Spread,
    /// Spans for a second of the clock, with the server on one core.
    pub(crate) spans_per_s: Spread,
    /// The server's processor time for a span.
    pub(crate) us_per_span: Spread,
    /// Of the server's processor time, what the kernel took.
    pub(crate) kernel_share: f64,
    /// How much of a core the server had, and how much the load generator.
    pub(crate) server_busy: f64,
    pub(crate) generator_busy: f64,
    pub(crate) answer_ms_p50: f64,
    pub(crate) answer_ms_p99: f64,
    /// Answers that asked to come again later.
    pub(crate) busy_answers: u64,
    /// Processor time for a span by the name of the thread, in microseconds. Threads that ended are missing.
    pub(crate) threads_us_per_span: BTreeMap<String, f64>,
    /// Seconds since the start, and resident bytes.
    pub(crate) memory: Vec<(f64, u64)>,
    pub(crate) spans_sent: u64,
    pub(crate) counted: Counted,
}

/// A stretch of load and what it took until the engine had applied all of it.
#[derive(Debug)]
struct Repeat {
    spans: f64,
    wall_s: f64,
    server: ProcessorTime,
    generator: ProcessorTime,
}

impl Bed {
    pub(crate) async fn measure(
        &self,
        transport: Transport,
        batch: usize,
        plan: &Plan,
    ) -> anyhow::Result<Cell> {
        let bodies = traffic::bodies(batch);
        let bytes: usize = bodies.iter().map(|body| body.len()).sum();
        let bytes_per_span = bytes as f64 / (bodies.len() * batch) as f64;
        let casebook = self.casebook().await?;
        let memory = watch_memory(casebook.pid());
        let mut load = Load::connect(transport, casebook.address(transport), bodies, plan).await?;

        let warm_up = load.send_for(plan.warm_up_s).await?;
        casebook.drained().await?;
        let threads_before = machine::threads(casebook.pid())?;
        let mut sent = Sent::default();
        let mut repeats = Vec::new();
        for _ in 0..plan.repeats {
            repeats.push(repeat(&casebook, &mut load, plan, &mut sent).await?);
        }
        let threads = machine::threads(casebook.pid())?;

        let spans_sent = warm_up.spans + sent.spans;
        let counted = casebook.counted().await?;
        counted.check(spans_sent)?;
        drop(load);
        casebook.stop().await?;
        sent.answers_ms.sort_by(f64::total_cmp);
        let sum = |of: fn(&Repeat) -> f64| repeats.iter().map(of).sum::<f64>();
        let (wall_s, server_s) = (sum(|r| r.wall_s), sum(|r| r.server.total_s()));
        Ok(Cell {
            transport,
            batch,
            bytes_per_span,
            plan: plan.clone(),
            spans_per_core_s: Spread::of(repeats.iter().map(|r| r.spans / r.server.total_s())),
            spans_per_s: Spread::of(repeats.iter().map(|r| r.spans / r.wall_s)),
            us_per_span: Spread::of(repeats.iter().map(|r| r.server.total_s() * 1e6 / r.spans)),
            kernel_share: sum(|r| r.server.system_s) / server_s,
            server_busy: server_s / wall_s,
            generator_busy: sum(|r| r.generator.total_s()) / wall_s,
            answer_ms_p50: quantile(&sent.answers_ms, 0.5),
            answer_ms_p99: quantile(&sent.answers_ms, 0.99),
            busy_answers: warm_up.busy + sent.busy,
            threads_us_per_span: per_span(&threads, &threads_before, sent.spans),
            memory: memory.await.unwrap_or_default(),
            spans_sent,
            counted,
        })
    }

    async fn casebook(&self) -> anyhow::Result<Casebook> {
        self.on_its_core(Casebook::start(self, Extent::Whole)).await
    }

    /// Starts a program on the core of the measured, and comes back to ours.
    pub(crate) async fn on_its_core<T>(
        &self,
        start: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let Some((servers, ours)) = self.cores else {
            return start.await;
        };
        // A child begins where its parent is.
        machine::pin(servers)?;
        let started = start.await;
        machine::pin(ours)?;
        started
    }
}

async fn repeat(
    casebook: &Casebook,
    load: &mut Load,
    plan: &Plan,
    sent: &mut Sent,
) -> anyhow::Result<Repeat> {
    let (server, generator) = (ProcessorTime::of(casebook.pid())?, ProcessorTime::own()?);
    let begun = Instant::now();
    let now_sent = load.send_for(plan.repeat_s).await?;
    casebook.drained().await?;
    let repeat = Repeat {
        spans: now_sent.spans as f64,
        wall_s: begun.elapsed().as_secs_f64(),
        server: ProcessorTime::of(casebook.pid())?.since(server),
        generator: ProcessorTime::own()?.since(generator),
    };
    *sent += now_sent;
    Ok(repeat)
}

/// Looks until the process is gone.
fn watch_memory(pid: u32) -> JoinHandle<Vec<(f64, u64)>> {
    let begun = Instant::now();
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Ok(bytes) = machine::resident_bytes(pid) {
            seen.push((begun.elapsed().as_secs_f64(), bytes));
            sleep(MEMORY_EVERY).await;
        }
        seen
    })
}

fn per_span(
    threads: &BTreeMap<String, f64>,
    before: &BTreeMap<String, f64>,
    spans: u64,
) -> BTreeMap<String, f64> {
    let used = |name: &String, now: f64| now - before.get(name).copied().unwrap_or(0.0);
    threads.iter().map(|(name, now)| (name.clone(), used(name, *now) * 1e6 / spans as f64)).collect()
}
