//! Trials of the journal on a disk in memory that fails, fills up, loses power and rots. Each follows from its seed.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use sim::disk::{Outcome, trial};

/// Runs trials of the journal on a faulty disk
#[derive(Debug, Parser)]
struct Arguments {
    /// The first trial's seed; those after it follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 300)]
    count: u64,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is what the program is for")]
fn main() -> ExitCode {
    let Arguments { seed, count } = Arguments::parse();
    let (begun, mut all) = (Instant::now(), Outcome::default());
    for seed in seed..seed.saturating_add(count) {
        match trial(seed) {
            Ok(outcome) => all = all.and(outcome),
            Err(what) => {
                eprintln!("seed {seed}: {what}");
                eprintln!("cargo run --package sim --bin faulty-disk -- --seed {seed} --count 1");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{count} trials from seed {seed} in {:.0} s: {all}", begun.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
