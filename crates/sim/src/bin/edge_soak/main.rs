//! The real edge between nodes that fail, for as long as it is told to: hundreds of clients that follow heads and logs,
//! hundreds of calls a second, a fault every so often, reloads, and in the end SIGTERM. Every client is judged by the truth
//! of the devnet. What is under test is `casebook-edge` as it is shipped; nothing here may know how it works.

mod callers;
mod child;
mod farewell;
mod followers;
mod ledger;
mod trouble;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use devnet::network::Plan;
use devnet::node::NodePlan;
use devnet::served::Devnet;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use child::{Edge, Held};
use farewell::Crowd;
use ledger::Ledger;

const BLOCK_MS: u64 = 1_000;
const NODES: usize = 3;
/// After the last fault everything has to be well within this.
const CALM: Duration = Duration::from_secs(15);
/// Idle connections to nodes are closed by then.
const BASELINE_WITHIN: Duration = Duration::from_secs(60);
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// What may stay beside what was there before: connections to nodes that came and went.
const SOCKETS_BESIDE: usize = 8;
/// A task for each of them, and one for whoever asks.
const TASKS_BESIDE: u64 = SOCKETS_BESIDE as u64 + 2;
/// An allocator gives back late, and not all.
const MEMORY_BESIDE_KIB: u64 = 128 << 10;

/// Runs the real edge among nodes that fail, and judges every client
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  make edge-soak
  make edge-soak SECONDS=3600")]
struct Arguments {
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long faults go on
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// WebSocket clients, each with four subscriptions
    #[arg(long, default_value_t = 500)]
    clients: usize,
    /// Calls a second, half over HTTP and half over WebSocket
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Seconds between two faults
    #[arg(long, default_value_t = 20)]
    fault_every: u64,
    /// Seconds between two reloads
    #[arg(long, default_value_t = 45)]
    reload_every: u64,
    /// The binary; beside this one if not said
    #[arg(long)]
    edge: Option<PathBuf>,
    /// Where to write what was measured
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is what the program is for")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ledger = Arc::new(Ledger::default());
    let summary = match soak(&arguments, &ledger).await {
        Ok(summary) => summary,
        Err(error) => {
            ledger.wrong(format!("the soak itself failed: {error:#}"));
            json!({})
        }
    };
    let wrong = ledger.wrong_count();
    let document = json!({
        "schema": "casebook.edge-soak/v2",
        "seed": arguments.seed,
        "seconds": arguments.seconds,
        "clients": arguments.clients,
        "rate": arguments.rate,
        "summary": summary,
        "violations": ledger.wrong_by_kind(),
    });
    println!("{document:#}");
    if let Some(path) = &arguments.json
        && let Err(error) = std::fs::write(path, format!("{document:#}\n"))
    {
        eprintln!("{} cannot be written: {error}", path.display());
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("{wrong} things were wrong; the same again:");
    let Arguments { seed, seconds, clients, rate, fault_every, reload_every, .. } = arguments;
    eprintln!(
        "make edge-soak SEED={seed} SECONDS={seconds} \
         ARGS=\"--clients {clients} --rate {rate} --fault-every {fault_every} --reload-every {reload_every}\""
    );
    ExitCode::FAILURE
}

async fn soak(arguments: &Arguments, ledger: &Arc<Ledger>) -> anyhow::Result<Value> {
    let plan = Plan {
        seed: arguments.seed,
        block_ms: BLOCK_MS,
        nodes: (0..NODES).map(|at| NodePlan { lag_ms: 20 * at as u64, ..NodePlan::default() }).collect(),
        ..Plan::default()
    };
    let devnet = Arc::new(Devnet::start(plan).await.context("the devnet")?);
    let mut edge = Edge::start(arguments.edge.as_deref(), &devnet, arguments.seed).await?;
    edge.until_ready().await?;
    warm_up(arguments, &devnet, &edge, ledger).await?;
    let baseline = edge.settled(None).await?;
    let before = edge.numbers().await?;
    let truth = ledger.totals();

    let (end, ended) = watch::channel(false);
    let witness = followers::Witness::start(&edge).await?;
    devnet.set_block_time(Some(Duration::from_millis(BLOCK_MS)));
    let mut tasks = followers::start(arguments.clients, arguments.seed, &devnet, &edge, ledger, &ended);
    tasks.extend(callers::start(arguments.rate, &edge, ledger, &ended));
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let (every, reloads) =
        (Duration::from_secs(arguments.fault_every), Duration::from_secs(arguments.reload_every));
    let troubled = {
        let trouble = trouble::go_on(arguments.seed, until, (every, reloads), &devnet, &edge, ledger);
        tokio::pin!(trouble);
        loop {
            tokio::select! {
                troubled = &mut trouble => break troubled?,
                () = sleep(PROGRESS_EVERY) => progress(&edge, ledger, until).await,
            }
        }
    };
    sleep_until(until.max(Instant::now()) + CALM).await;
    devnet.pause();
    end.send_replace(true);
    for task in tasks {
        task.await.context("a client")?;
    }
    let heads_told = witness.end(&devnet, ledger).await?;
    let after = edge.numbers_at_rest().await?;
    compare(ledger, &before, &after, &truth, heads_told, troubled.reloads);
    let rest = edge.settled(Some(baseline)).await?;
    compare_held(ledger, baseline, rest);
    let crowd = Crowd::gather(arguments.clients, &devnet, &edge).await?;
    let status = edge.terminate().await?;
    ledger.check(status.success(), || format!("it ended with {status}"));
    crowd.judge(ledger).await?;
    Ok(json!({
        "faults": troubled.faults,
        "reloads": troubled.reloads,
        "calls_answered": ledger.totals().answered,
        "notifications": ledger.totals().notified,
        "clients_judged": ledger.totals().judged,
        "slowest_call_ms": ledger.totals().slowest_ms,
        "heads_announced": after.heads_announced - before.heads_announced,
        "baseline": baseline,
        "rest": rest,
    }))
}

/// What the process holds when nobody is there, before and after.
fn compare_held(ledger: &Ledger, baseline: Held, rest: Held) {
    ledger.check(rest.sockets <= baseline.sockets + SOCKETS_BESIDE, || {
        format!("{} sockets are open, and {} were before", rest.sockets, baseline.sockets)
    });
    ledger.check(rest.tasks <= baseline.tasks + TASKS_BESIDE, || {
        format!("{} tasks have not ended, and there were {} before", rest.tasks, baseline.tasks)
    });
    ledger.check(rest.threads <= baseline.threads + 2, || {
        format!("{} threads run, and {} did before", rest.threads, baseline.threads)
    });
    ledger.check(rest.memory_kib <= baseline.memory_kib + MEMORY_BESIDE_KIB, || {
        format!("{} KiB are held, and {} were before", rest.memory_kib, baseline.memory_kib)
    });
}

/// Buffers and threads are there before anything is measured. Nothing is mined when it is over.
async fn warm_up(
    arguments: &Arguments,
    devnet: &Arc<Devnet>,
    edge: &Edge,
    ledger: &Arc<Ledger>,
) -> anyhow::Result<()> {
    let (end, ended) = watch::channel(false);
    let mut tasks = followers::start(arguments.clients, arguments.seed, devnet, edge, ledger, &ended);
    tasks.extend(callers::start(arguments.rate, edge, ledger, &ended));
    sleep(Duration::from_secs(5)).await;
    devnet.pause();
    end.send_replace(true);
    for task in tasks {
        task.await.context("a client of the warm-up")?;
    }
    ensure!(ledger.wrong_count() == 0, "something was wrong before the first fault");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "progress is what somebody waits for")]
async fn progress(edge: &Edge, ledger: &Ledger, until: Instant) {
    let totals = ledger.totals();
    let left = until.saturating_duration_since(Instant::now()).as_secs();
    let held = edge.measure().await.map_or_else(|error| error.to_string(), |held| held.to_string());
    println!(
        "{left} s left: {} calls, {} notifications, {} clients judged, {} wrong; {held}",
        totals.answered,
        totals.notified,
        totals.judged,
        ledger.wrong_count()
    );
}

/// What the edge counted is what its clients saw.
fn compare(
    ledger: &Ledger,
    before: &child::Numbers,
    after: &child::Numbers,
    truth: &ledger::Totals,
    heads_told: u64,
    reloads: u64,
) {
    let seen = ledger.totals();
    let pairs = [
        ("requests answered", after.answered - before.answered, seen.answered - truth.answered),
        ("requests not answered", after.unanswered - before.unanswered, 0),
        // The witness is one of those that are told.
        ("notifications sent", after.notified - before.notified, seen.notified - truth.notified + heads_told),
        ("heads announced", after.heads_announced - before.heads_announced, heads_told),
        ("reloads", after.reloads - before.reloads, reloads),
        ("sessions", after.sessions, 0),
        ("subscriptions", after.subscriptions, 0),
    ];
    for (what, counted, seen) in pairs {
        ledger.check(counted == seen, || format!("{what}: the edge counted {counted}, and it were {seen}"));
    }
}
