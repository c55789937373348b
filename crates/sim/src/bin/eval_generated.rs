//! Runs generated cases through the core in memory and says how often it is right, by kind of fault. What a case is
//! stands in its seed; `generate-cases` writes the same case as files.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cases::{Case, Options, Run, Runner, Tally, judge};
use clap::Parser;
use engine::report::Report;

/// Scores the answers to generated cases
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// 1 is usual; 2 is twice the errors, bursts, jitter and innocent changes
    #[arg(long, default_value_t = 1.0)]
    noise: f64,
    /// How many cases run at a time; as many as there are cores if left out
    #[arg(long)]
    jobs: Option<usize>,
    /// Fail where a share of the faults is lower
    #[arg(long)]
    top1_min: Option<f64>,
    #[arg(long)]
    top3_min: Option<f64>,
    #[arg(long)]
    cause_min: Option<f64>,
    /// Fail where a share of the faults is higher
    #[arg(long)]
    decoys_max: Option<f64>,
    /// A line for each miss
    #[arg(long)]
    misses: bool,
    /// The truth of each case, and the report of each of its incidents
    #[arg(long)]
    explain: bool,
}

#[derive(Default)]
struct Found {
    by_kind: BTreeMap<&'static str, Tally>,
    misses: BTreeMap<u64, String>,
    explained: BTreeMap<u64, String>,
    events: u64,
    generating: Duration,
    running: Duration,
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let found = run(&arguments);
    if arguments.misses {
        found.misses.values().for_each(|line| println!("{line}"));
    }
    if arguments.explain {
        found.explained.values().for_each(|text| println!("{text}"));
    }
    let mut all = Tally::default();
    println!("{}", header());
    for (kind, tally) in &found.by_kind {
        println!("{}", row(kind, tally));
        all.merge(tally);
    }
    println!("{}", row("all", &all));
    println!(
        "seeds {} to {}, noise {}, {} events; {:.0} s to generate, {:.0} s to run",
        arguments.seed,
        arguments.seed + arguments.count - 1,
        arguments.noise,
        found.events,
        found.generating.as_secs_f64(),
        found.running.as_secs_f64()
    );
    if holds(&arguments, &all) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Arguments) -> Found {
    let found = Mutex::new(Found::default());
    let next = AtomicU64::new(0);
    let jobs =
        arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, 64) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= arguments.count {
                        return;
                    }
                    one(arguments.seed + index, arguments.noise, arguments.explain, &found);
                    if std::io::stderr().is_terminal() {
                        // Nobody is left to tell when standard error is closed.
                        let _ = write!(std::io::stderr(), "\r{} of {} ", index + 1, arguments.count);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn one(seed: u64, noise: f64, explain: bool, found: &Mutex<Found>) {
    let begun = Instant::now();
    let generated = sim::generate::generate(seed, noise);
    let generating = begun.elapsed();
    let kind = generated.kind.as_str();
    let case = generated.case;
    let mut runner = Runner::new(case.start).baseline_until(case.baseline_until);
    for (at, input) in generated.inputs {
        runner.feed(at, input);
    }
    let run = runner.finish(case.end);
    let events = run.events;
    let explained = explain.then(|| explained(&case, &run));
    let outcome = judge(case, &run, Options { onset_shift_s: 0, jobs: 1 });
    let running = begun.elapsed() - generating;
    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.events += events;
    found.generating += generating;
    found.running += running;
    found.by_kind.entry(kind).or_default().add(&outcome.score);
    found.explained.extend(explained.map(|text| (seed, text)));
    if let Some(line) = cases::explain_miss(&outcome) {
        found.misses.insert(seed, format!("{}: {line}", outcome.case.name));
    }
}

/// What was true, and what a person would have read.
fn explained(case: &Case, run: &Run) -> String {
    let mut text = format!("# {}\n{:#?}\ndecoys: {:?}\n", case.name, case.truth, case.decoys.changes);
    for incident in run.incidents.values() {
        let states: Vec<String> =
            incident.states.iter().map(|(at, state)| format!("{at} {state:?}")).collect();
        text.push_str(&format!("## {}: {}\n", incident.row.id, states.join(", ")));
        match incident.report.as_ref().map(|document| serde_json::from_slice::<Report>(&document.bytes)) {
            Some(Ok(report)) => text.push_str(&engine::render::markdown(&report)),
            Some(Err(error)) => text.push_str(&format!("its report cannot be read: {error}\n")),
            None => text.push_str("it has no report\n"),
        }
    }
    text
}

fn header() -> String {
    format!(
        "{:20} {:>6} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>8} {:>8} {:>7} {:>8} {:>6} {:>6}",
        "KIND",
        "CASES",
        "TOP-1",
        "TOP-3",
        "TOP-5",
        "MRR",
        "STEP-3",
        "CAUSE",
        "CHANGE",
        "ABSTAIN",
        "DECOYS",
        "OPENED",
        "EXTRA",
        "FALSE"
    )
}

fn row(kind: &str, tally: &Tally) -> String {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}", share * 100.0));
    let share = |count: u64| percent(tally.share(count));
    format!(
        "{:20} {:>6} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>8} {:>8} {:>7} {:>8} {:>6} {:>6}",
        kind,
        tally.cases,
        share(tally.top1),
        share(tally.top3),
        share(tally.top5),
        tally.mean_reciprocal_rank().map_or_else(|| "-".to_owned(), |mean| format!("{mean:.3}")),
        percent(tally.operation_share(tally.operation_top3)),
        share(tally.causes_right),
        percent(tally.change_share()),
        share(tally.abstentions),
        share(tally.decoy_hits),
        share(tally.opened),
        tally.extra_incidents,
        tally.outside_incidents,
    )
}

fn holds(arguments: &Arguments, all: &Tally) -> bool {
    let at_least = |least: Option<f64>, count: u64| least.is_none_or(|least| all.share(count) >= Some(least));
    let at_most = |most: Option<f64>, count: u64| most.is_none_or(|most| all.share(count) <= Some(most));
    at_least(arguments.top1_min, all.top1)
        && at_least(arguments.top3_min, all.top3)
        && at_least(arguments.cause_min, all.causes_right)
        && at_most(arguments.decoys_max, all.decoy_hits)
}
