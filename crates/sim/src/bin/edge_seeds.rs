//! Trials of the edge's core among nodes that fail, in virtual time. Each follows from its seed.

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use sim::edge::{Tally, told, trial};

/// Runs trials of the edge's core
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo run --release --package sim --bin edge-seeds -- --count 10000
  cargo run --package sim --bin edge-seeds -- --seed 7 --count 1 --tell")]
struct Arguments {
    /// The first trial's seed; those after it follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// Print everything that happens in the first trial
    #[arg(long)]
    tell: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is what the program is for")]
fn main() -> ExitCode {
    let Arguments { seed, count, tell } = Arguments::parse();
    if tell {
        let (lines, result) = told(seed);
        lines.iter().for_each(|line| println!("{line}"));
        return match result {
            Ok(tally) => {
                println!("seed {seed}: {tally}");
                ExitCode::SUCCESS
            }
            Err(what) => {
                eprintln!("seed {seed}: {what}");
                ExitCode::FAILURE
            }
        };
    }
    let begun = Instant::now();
    match trials(seed, count) {
        Ok(all) => {
            println!("{count} trials from seed {seed} in {:.0} s: {all}", begun.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err((seed, what)) => {
            eprintln!("seed {seed}: {what}");
            eprintln!("cargo run --package sim --bin edge-seeds -- --seed {seed} --count 1 --tell");
            ExitCode::FAILURE
        }
    }
}

/// On every core; of failures the first by its seed.
fn trials(seed: u64, count: u64) -> Result<Tally, (u64, String)> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let run = |worker: u64| {
        let mut tally = Tally::default();
        for seed in (seed..seed.saturating_add(count)).skip(worker as usize).step_by(workers as usize) {
            tally += trial(seed).map_err(|what| (seed, what))?;
        }
        Ok(tally)
    };
    let results: Vec<Result<Tally, (u64, String)>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || run(worker))).collect();
        running
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err((seed, "it panicked".to_owned()))))
            .collect()
    });
    let mut all = Tally::default();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(tally) => all += tally,
            Err(failure) => failures.push(failure),
        }
    }
    failures.into_iter().min().map_or(Ok(all), Err)
}
