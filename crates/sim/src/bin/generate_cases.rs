//! Writes generated cases as a set of folders, for `casebook eval` and for whoever wants to look at one.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

/// Writes labelled cases made from seeds
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 20)]
    count: u64,
    /// 1 is usual; 2 is twice the errors, bursts, jitter and innocent changes
    #[arg(long, default_value_t = 1.0)]
    noise: f64,
    /// The folder of the set; it is made
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Arguments { seed, count, noise, out } = Arguments::parse();
    for seed in seed..seed.saturating_add(count) {
        let generated = sim::generate::generate(seed, noise);
        let lines = sim::generate::lines(&generated.inputs);
        cases::write_case(&out.join(&generated.case.name), &generated.case, lines)?;
    }
    let text = format!(
        "name = \"generated-{seed}-{count}\"\ncases = {count}\nsource = \"generate-cases --seed {seed} --count {count} --noise {noise}\"\n\
         licence = \"Apache-2.0\"\nnotes = \"made from seeds\"\n"
    );
    let path = out.join("set.toml");
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}
