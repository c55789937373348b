//! What was found of the edge, as people read it and as it is kept: tables, one JSON document, a chart.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::calls::Calls;
use super::followers::{FanOut, Idle};
use super::heat::{Heat, Plan};
use super::programs::Program;
use super::targets::Verdict;
use crate::chart::{Bar, Chart, Group};
use crate::figures::Spread;
use crate::machine::Machine;

#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) casebook_version: String,
    /// As the programs of others say it.
    pub(crate) peers: String,
    pub(crate) machine: Machine,
    pub(crate) plan: Plan,
    pub(crate) heats: Vec<Heat>,
    pub(crate) fan_out: Vec<FanOut>,
    pub(crate) idle: Option<Idle>,
    pub(crate) targets: Vec<Verdict>,
}

impl Calls {
    fn title(self) -> &'static str {
        match self {
            Self::Post => "POST, small",
            Self::PostComputed => "POST, small, asked for over HTTP",
            Self::PostLarge => "POST, answer of 100 KB",
            Self::Socket => "WebSocket, small calls, 8 under way on each",
            Self::SocketOne => "WebSocket, small calls, one at a time on each",
        }
    }
}

impl Standing {
    /// The chart goes beside the document.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        let chart_file = file.with_extension("svg");
        fs::write(&chart_file, self.chart().to_svg())
            .with_context(|| format!("{} cannot be written", chart_file.display()))
    }

    fn chart(&self) -> Chart {
        let mut groups: Vec<Group> = self.heats.iter().map(group).collect();
        if !self.fan_out.is_empty() {
            let bars = self.fan_out.iter().map(|found| Bar {
                name: followers(found),
                value: found.us_per_notification,
                label: format!(
                    "{:.2} us (bare writes {:.2})",
                    found.us_per_notification.median, found.us_of_bare_writes.median
                ),
            });
            groups.push(Group { name: "A head, told to followers".to_owned(), bars: bars.collect() });
        }
        Chart {
            title: "casebook-edge beside nginx and HAProxy: processor time".to_owned(),
            axis:
                "us of processor time for a call or a notification, median and spread; behind it, by nginx's"
                    .to_owned(),
            groups,
        }
    }
}

fn followers(found: &FanOut) -> String {
    format!("{} clients, {} each", found.clients, found.subscriptions_per_client)
}

fn group(heat: &Heat) -> Group {
    let bars = heat.entries.iter().map(|entry| {
        let median = entry.us_per_call.median;
        let label = match entry.program {
            Program::Nginx => format!("{median:.1} us"),
            Program::Edge | Program::Haproxy => format!("{median:.1} us ({:.2}x)", entry.by_nginx.median),
        };
        Bar { name: entry.program.name().to_owned(), value: entry.us_per_call, label }
    });
    Group { name: heat.calls.title().to_owned(), bars: bars.collect() }
}

pub(super) fn heat(heat: &Heat) {
    let two = |spread: &Spread| spread.show(|value| format!("{value:.2}"));
    println!("\n{}; others on the machine used {:.2} cores", heat.calls.title(), heat.others_busy);
    println!(
        "  {:<14} {:<22} {:<21} {:<22} {:<19} {:>6} {:>10} {:>13} {:>8}",
        "",
        "us of processor time",
        "by nginx's",
        "calls/s by clock",
        "by nginx's",
        "kernel",
        "busy/load",
        "answer 50/99",
        "RSS"
    );
    for entry in &heat.entries {
        println!(
            "  {:<14} {:<22} {:<21} {:<22} {:<19} {:>5.0}% {:>4.0}/{:.0}% {:>6.0}/{:.0} us {:>4.0} MiB{}",
            entry.program.name(),
            two(&entry.us_per_call),
            two(&entry.by_nginx),
            entry.calls_per_s.show(|value| format!("{value:.0}")),
            two(&entry.rate_by_nginx),
            entry.kernel_share * 100.0,
            entry.busy * 100.0,
            entry.clients_and_nodes_busy * 100.0,
            entry.answer_us_p50,
            entry.answer_us_p99,
            crate::figures::mebibytes(entry.resident_bytes),
            match (entry.wrong, entry.broken) {
                (0, 0) => String::new(),
                (wrong, broken) => format!("; {wrong} wrong answers, {broken} connections broken"),
            },
        );
    }
}

pub(super) fn fan_out(found: &[FanOut]) {
    println!("\nA head, told to followers over WebSockets");
    for found in found {
        println!(
            "  {:<24} {} us of processor time a notification, {:.0}% kernel; bare writes {}; {} heads of {} bytes, {} notifications",
            followers(found),
            found.us_per_notification.show(|us| format!("{us:.2}")),
            found.kernel_share * 100.0,
            found.us_of_bare_writes.show(|us| format!("{us:.2}")),
            found.heads,
            found.header_bytes,
            found.notifications,
        );
    }
}

pub(super) fn idle(idle: &Idle) {
    println!(
        "\n{} idle WebSocket clients: {:.1} KiB resident for each; {:.1} KiB with a subscription and after three heads",
        idle.clients,
        idle.bytes_per_client / 1024.0,
        idle.bytes_per_follower / 1024.0
    );
}

pub(super) fn targets(targets: &[Verdict]) {
    println!("\nBy the targets");
    for Verdict { what, unit, target, found, outcome } in targets {
        println!("  {what:<46} {found:>7.2} {unit:<26} target {target:>6.2}  {}", outcome.text());
    }
}
