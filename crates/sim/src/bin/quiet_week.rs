//! A quiet week through the core in memory: how many incidents open although nothing breaks. Feeds events, log records
//! and deployments as a server does once they are decoded.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use engine::{Config, Engine};
use model::{Effect, Incident, IncidentId, Input, Nanos};
use sim::quiet::{Fed, Plan, Quiet, START_S};

const DAY_S: u64 = 86_400;

/// Counts the incidents of days in which nothing breaks
#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 7)]
    days: u64,
    /// Hours on top of the days
    #[arg(long, default_value_t = 0)]
    hours: u64,
    /// (operation, code) that fail now and then
    #[arg(long, default_value_t = 10_000)]
    families: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests a second of all operations together
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds of a tick, 1 to 60
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    tick: u64,
    /// Fail where more incidents open
    #[arg(long)]
    max_incidents: Option<u64>,
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan {
        seed: arguments.seed,
        families: arguments.families,
        requests_per_s: arguments.rate,
        tick_s: arguments.tick,
        broken_from_s: None,
    };
    let (mut engine, mut quiet) = (Engine::new(1), Quiet::new(plan));
    let config = Config { tick_ms: arguments.tick * 1_000, ..Config::default() };
    engine.step(Input::Configure(config.to_json().into()), Nanos::from_secs(START_S));
    let (begun, mut incidents) = (Instant::now(), BTreeMap::new());
    let seconds = arguments.days * DAY_S + arguments.hours * 3_600;
    println!(
        "{:>4} {:>12} {:>10} {:>12} {:>9} {:>8} {:>7} {:>9} {:>8}",
        "DAY",
        "REQUESTS",
        "FAILURES",
        "LOG RECORDS",
        "FAMILIES",
        "IN HOUR",
        "DEPLOYS",
        "INCIDENTS",
        "SECONDS"
    );
    let mut second = 0;
    while second < seconds {
        step(&mut engine, &mut quiet, START_S + second, arguments.tick, &mut incidents);
        second += arguments.tick;
        progress(second, seconds, incidents.len());
        if second.is_multiple_of(DAY_S) || second >= seconds {
            let row = row(second.div_ceil(DAY_S), quiet.fed(), engine.families().len());
            println!("{row} {:>9} {:>8}", incidents.len(), begun.elapsed().as_secs());
        }
    }
    for (opened, incident) in incidents.values() {
        println!("{} {:?} {}", opened.to_rfc3339(), incident.cause, incident.summary.escape_debug());
    }
    let most = arguments.max_incidents.map_or(String::new(), |most| format!(" --max-incidents {most}"));
    println!(
        "{} incidents. Again: cargo run -p sim --bin quiet-week -- --days {} --hours {} --families {} --seed {} --rate {} \
         --tick {}{most}",
        incidents.len(),
        arguments.days,
        arguments.hours,
        arguments.families,
        arguments.seed,
        arguments.rate,
        arguments.tick
    );
    let too_many = arguments.max_incidents.is_some_and(|most| incidents.len() as u64 > most);
    if too_many { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One tick's traffic, and the tick. Evidence is not answered: an incident opens without it, two ticks later.
fn step(
    engine: &mut Engine,
    quiet: &mut Quiet,
    second: u64,
    tick_s: u64,
    incidents: &mut BTreeMap<IncidentId, (Nanos, Incident)>,
) {
    let now = Nanos::from_secs(second + tick_s);
    let inputs = quiet.tick(second).into_iter().chain([Input::Tick]);
    for effect in inputs.flat_map(|input| engine.step(input, now)).collect::<Vec<_>>() {
        if let Effect::IncidentChanged(incident) = effect {
            let opened = incidents.get(&incident.id).map_or(now, |(opened, _)| *opened);
            incidents.insert(incident.id, (opened, incident));
        }
    }
}

fn progress(second: u64, of: u64, incidents: usize) {
    if second.is_multiple_of(3_600) && std::io::stderr().is_terminal() {
        let (done, of) = (second / 3_600, of / 3_600);
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "\rhour {done} of {of}, {incidents} incidents ");
    }
}

fn row(day: u64, fed: Fed, in_hour: usize) -> String {
    format!(
        "{day:>4} {:>12} {:>10} {:>12} {:>9} {in_hour:>8} {:>7}",
        fed.requests, fed.failures, fed.logs, fed.families, fed.deployments
    )
}
