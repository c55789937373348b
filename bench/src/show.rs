//! The results as people read them and as they are kept: tables, a line of bars for memory, one JSON document.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::cell::Cell;
use crate::figures::{bars, mebibytes, thousands};
use crate::machine::Machine;
use crate::steps::Steps;

const BARS: usize = 60;

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) casebook_version: String,
    /// What the server was told beside its ports and its directory.
    pub(crate) serve: Vec<String>,
    pub(crate) machine: Machine,
    pub(crate) steps: Vec<Steps>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) steady: Option<Cell>,
}

impl Results {
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}

pub(crate) fn machine(machine: &Machine) {
    let Machine { processor, cores, memory_gib, kernel, load_before, sync_ms } = machine;
    println!("{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}");
    println!("write and sync 64 KiB: {sync_ms:.2} ms; load before the start: {load_before:.2}\n");
}

pub(crate) fn steps_heading() {
    println!("Processor time for a span without input and output, ns: median (min..max)");
    println!(
        "{:>6}  {:<18}  {:<18}  {:<18}  {:<18}  {:<18}",
        "batch", "decode", "engine: events", "engine: ticks", "together", "detection"
    );
}

pub(crate) fn steps(steps: &Steps) {
    let Steps { batch, decode_ns, add_ns, tick_ns, total_ns, detection_ns } = steps;
    let [decode, add, tick, total, detection] = [decode_ns, add_ns, tick_ns, total_ns, detection_ns]
        .map(|spread| spread.show(|ns| format!("{ns:.0}")));
    println!("{batch:>6}  {decode:<18}  {add:<18}  {tick:<18}  {total:<18}  {detection:<18}");
}

pub(crate) fn cells_heading() {
    println!("\nThe server on one core, journal durable, detection on: median (min..max)");
    println!(
        "{:<13} {:>6}  {:<20}  {:<20}  {:<17}  {:>6}  {:>11}  {:>13}  {:>8}",
        "transport",
        "batch",
        "spans/s per core",
        "spans/s by clock",
        "us per span",
        "kernel",
        "busy srv/gen",
        "answer 50/99",
        "RSS max"
    );
}

pub(crate) fn cell(cell: &Cell) {
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    println!(
        "{:<13} {:>6}  {:<20}  {:<20}  {:<17}  {:>6}  {:>12}  {:>13}  {:>8}",
        cell.transport.name(),
        cell.batch,
        cell.spans_per_core_s.show(thousands),
        cell.spans_per_s.show(thousands),
        cell.us_per_span.show(|us| format!("{us:.2}")),
        percent(cell.kernel_share),
        format!("{}/{}", percent(cell.server_busy), percent(cell.generator_busy)),
        format!("{:.1}/{:.1} ms", cell.answer_ms_p50, cell.answer_ms_p99),
        format!("{:.0} MiB", mebibytes(memory_max(cell))),
    );
    let mut threads: Vec<_> = cell.threads_us_per_span.iter().filter(|(_, us)| **us >= 0.005).collect();
    threads.sort_by(|a, b| b.1.total_cmp(a.1));
    let threads: Vec<_> = threads.iter().map(|(name, us)| format!("{name} {us:.2}")).collect();
    println!("{:>22}us by thread: {}", "", threads.join(", "));
    if cell.busy_answers > 0 {
        println!("{:>22}the server asked {} times to come again later", "", cell.busy_answers);
    }
    if cell.counted.incidents > 0 {
        println!("{:>22}{} incidents were open at the end", "", cell.counted.incidents);
    }
}

/// What detection takes of all that the server pays for a span.
pub(crate) fn detection(steps: &[Steps], cells: &[Cell]) {
    let of_cell = |cell: &Cell| {
        let steps = steps.iter().find(|steps| steps.batch == cell.batch)?;
        let share = steps.detection_ns.median / 10.0 / cell.us_per_span.median;
        Some(format!("{} {}: {share:.0}%", cell.transport.name(), cell.batch))
    };
    let shares: Vec<_> = cells.iter().filter_map(of_cell).collect();
    if !shares.is_empty() {
        println!("\nDetection, of what the server pays for a span: {}", shares.join(", "));
    }
}

pub(crate) fn steady(cell: &Cell) {
    let values: Vec<f64> = cell.memory.iter().map(|(_, bytes)| mebibytes(*bytes)).collect();
    let seconds = cell.memory.last().map_or(0.0, |(seconds, _)| *seconds);
    println!(
        "\nResident memory at a steady {} spans/s, 0 to {:.0} MiB over {seconds:.0} s",
        thousands(cell.plan.spans_per_s.unwrap_or_default()),
        mebibytes(memory_max(cell))
    );
    println!("  {}", bars(&values, BARS));
    let at = |share: f64| {
        values.get((values.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(0.0)
    };
    println!(
        "  quarters: {:.0}, {:.0}, {:.0}, {:.0}, {:.0} MiB; the server had {:.0}% of its core",
        at(0.0),
        at(0.25),
        at(0.5),
        at(0.75),
        at(1.0),
        cell.server_busy * 100.0
    );
}

fn memory_max(cell: &Cell) -> u64 {
    cell.memory.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
}
