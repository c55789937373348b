//! The results of the contests as people read them and as they are kept: a table and a chart for each, one JSON
//! document for all.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::chart::{Bar, Chart, Group};
use crate::contest::{Contest, Entry, Heat};
use crate::figures::{mebibytes, thousands};
use crate::machine::Machine;

/// Everything that a run side by side found.
#[derive(Debug, Serialize)]
pub(crate) struct Standings {
    pub(crate) casebook_version: String,
    /// The versions of the others, as `scripts/peers.sh` noted them.
    pub(crate) peers: String,
    pub(crate) machine: Machine,
    pub(crate) heats: Vec<Heat>,
}

impl Standings {
    /// The charts go beside the document.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        for (contest, name) in [(Contest::Kept, "kept.svg"), (Contest::Dropped, "dropped.svg")] {
            let heats: Vec<_> = self.heats.iter().filter(|heat| heat.contest == contest).collect();
            if !heats.is_empty() {
                let file = file.with_file_name(name);
                fs::write(&file, chart(contest, &heats).to_svg())
                    .with_context(|| format!("{} cannot be written", file.display()))?;
            }
        }
        Ok(())
    }
}

fn chart(contest: Contest, heats: &[&Heat]) -> Chart {
    let group = |heat: &&Heat| Group {
        name: format!("{}, {} spans a request", heat.transport.name(), heat.batch),
        bars: heat.entries.iter().enumerate().map(|(at, entry)| bar(at, entry)).collect(),
    };
    Chart {
        title: format!("{}: spans per second of processor time", contest.name()),
        axis: "spans per second per core, median and spread; behind it, Casebook's ratio to it".to_owned(),
        groups: heats.iter().map(group).collect(),
    }
}

fn bar(at: usize, entry: &Entry) -> Bar {
    let median = thousands(entry.spans_per_core_s.median);
    let label = match at {
        0 => median,
        _ => format!("{median}  ({:.2}x)", entry.casebook_ratio.median),
    };
    Bar { name: entry.entrant.name().to_owned(), value: entry.spans_per_core_s, label }
}

pub(crate) fn heading(contest: Contest) {
    println!("\n{}: median (min..max) of the turns; each on the same core, in turns", contest.name());
    println!(
        "{:<34} {:<18} {:<18} {:<21} {:>6} {:<19} {:<19} {:>12} {:>8}",
        "",
        "spans/s per core",
        "spans/s by clock",
        "us per span",
        "kernel",
        "Casebook: per core",
        "by clock",
        "answer 50/99",
        "RSS max"
    );
}

pub(crate) fn heat(heat: &Heat) {
    println!(
        "{}, {} spans a request; others on the machine used {:.2} cores",
        heat.transport.name(),
        heat.batch,
        heat.others_busy
    );
    for (at, entry) in heat.entries.iter().enumerate() {
        let ratio = |ratio: &crate::figures::Spread| match at {
            0 => String::new(),
            _ => ratio.show(|times| format!("{times:.2}")) + "x",
        };
        println!(
            "  {:<32} {:<18} {:<18} {:<21} {:>5.0}% {:<19} {:<19} {:>9.1}/{:.1} ms {:>4.0} MiB{}",
            entry.entrant.name(),
            entry.spans_per_core_s.show(thousands),
            entry.spans_per_s.show(thousands),
            entry.us_per_span.show(|us| format!("{us:.2}")),
            entry.kernel_share * 100.0,
            ratio(&entry.casebook_ratio),
            ratio(&entry.casebook_ratio_by_clock),
            entry.answer_ms_p50,
            entry.answer_ms_p99,
            mebibytes(entry.resident_bytes_max),
            if entry.busy_answers > 0 {
                format!("; {} answers asked to come again", entry.busy_answers)
            } else {
                String::new()
            },
        );
    }
}
