//! `bench`: what ingest costs. Starts the real server and loads it over its real ports; `bench decode` measures the
//! decoder and the engine alone. It must never be needed to build or run Casebook.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through these")]

mod casebook;
mod cell;
mod chart;
mod child;
mod connection;
mod contest;
mod counting_disk;
mod edge;
mod figures;
mod lanes;
mod lines;
mod load;
mod lookups;
mod machine;
mod peers;
mod restart;
mod show;
mod soak;
mod stamp;
mod standings;
mod steps;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};

use cell::{Bed, Cell};
use connection::Transport;
use contest::{Contest, Installed};
use load::Plan;
use machine::Machine;
use show::Results;
use standings::Standings;
use steps::{Extent, Steps};

const STEADY_BATCH: usize = 100;

/// Measures what ingest costs
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// A smoke run of some seconds; its figures mean little
    #[arg(long)]
    quick: bool,
    /// The edge's program [default: `casebook-edge` beside this one]
    #[arg(long, value_name = "FILE")]
    edge: Option<PathBuf>,
    /// Parts of the edge to measure; several may be named [default: all of them]
    #[arg(long = "part", value_enum)]
    parts: Vec<edge::Part>,
    #[arg(long, value_name = "FILE", default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
    #[arg(long, value_name = "FILE", default_value = "/usr/sbin/haproxy")]
    haproxy: PathBuf,
    /// The server's program [default: `casebook` beside this one]
    #[arg(long, value_name = "FILE")]
    casebook: Option<PathBuf>,
    /// Where the server may write: on a disk, or syncing costs nothing [default: beside this program]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Where `scripts/peers.sh` installed the programs of others
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    installed: PathBuf,
    /// Turns of each program beside the others
    #[arg(long, value_name = "COUNT", default_value_t = 7)]
    turns: usize,
    /// Where the results go as JSON
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    connections: u16,
    /// Spans in a request; several may be named [default: 10, 100 and 1000; in a smoke run 10 and 1000]
    #[arg(long = "batch", value_name = "SPANS")]
    batches: Vec<usize>,
    /// How long the steady run for memory takes
    #[arg(long, value_name = "SECONDS")]
    steady: Option<f64>,
    /// Spans a second in the steady run
    #[arg(long, value_name = "SPANS", default_value_t = 20_000.0)]
    steady_rate: f64,
    /// How large a journal lookups are measured in
    #[arg(long, value_name = "GIB", default_value_t = 10.0)]
    gib: f64,
    /// After how many spans the server is killed and started again
    #[arg(long, value_name = "COUNT", default_value_t = 10_000_000)]
    spans: u64,
    /// How long the soak takes
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600.0)]
    seconds: f64,
    /// Further arguments for `casebook serve`, behind `--`, to see what a setting costs
    #[arg(last = true, value_name = "ARGUMENT")]
    serve: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    All,
    /// Decoder and engine in one thread, without input and output
    Decode,
    /// The server over its ports
    Ingest,
    /// The server's memory at a steady rate
    Steady,
    /// The server beside the OpenTelemetry Collector and rotel; not a part of `all`
    Peers,
    /// Looking traces up in a large journal; not a part of `all`
    Lookups,
    /// Starts after kill -9; not a part of `all`
    Restart,
    /// The failover proxy beside nginx and HAProxy; not a part of `all`
    Edge,
    /// Twice what the server can take, of everything, for a long time; not a part of `all`
    Soak,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn lookups(&self) -> usize {
        if self.quick { 60 } else { 2_000 }
    }

    fn batches(&self) -> Vec<usize> {
        match (self.batches.as_slice(), self.quick) {
            ([], true) => vec![10, 1_000],
            ([], false) => vec![10, 100, 1_000],
            (said, _) => said.to_vec(),
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; its figures mean nothing");
    }
    ensure!(
        arguments
            .batches
            .iter()
            .all(|batch| (1..=traffic::TRACES).contains(&(batch / traffic::SPANS_PER_TRACE))
                && batch % traffic::SPANS_PER_TRACE == 0),
        "a batch holds whole traces: a multiple of {} spans, at most {}",
        traffic::SPANS_PER_TRACE,
        traffic::TRACES * traffic::SPANS_PER_TRACE,
    );
    ensure!(arguments.connections > 0, "at least one connection is needed");
    let is_wanted = |what| [What::All, what].contains(&arguments.what);
    let bed = bed(arguments)?;
    let machine = Machine::look(&bed.scratch)?;
    show::machine(&machine);
    if arguments.what == What::Lookups {
        let bytes = (arguments.gib * f64::from(1 << 30)) as u64;
        return lookups::measure(&bed.scratch, lookups::Extent { bytes, lookups: arguments.lookups() });
    }
    if let Some((_, ours)) = bed.cores.filter(|_| arguments.what != What::Restart) {
        machine::pin(ours)?;
    }
    // One thread: the generator must not come near the server's core.
    let tasks = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if arguments.what == What::Restart {
        return tasks.block_on(restart::measure(&bed, arguments.spans));
    }
    if arguments.what == What::Soak {
        ensure!(arguments.seconds >= 10.0, "a soak takes ten seconds at least");
        return tasks.block_on(soak::measure(&bed, machine, arguments.seconds, arguments.results.as_deref()));
    }
    if arguments.what == What::Peers {
        let standings = tasks.block_on(standings(&bed, arguments, machine))?;
        return arguments.results.as_ref().map_or(Ok(()), |file| standings.write(file));
    }
    if arguments.what == What::Edge {
        let standing = tasks.block_on(edge(&bed, arguments, machine))?;
        return arguments.results.as_ref().map_or(Ok(()), |file| standing.write(file));
    }
    let steps = if is_wanted(What::Decode) { steps(arguments)? } else { Vec::new() };
    let cells = if is_wanted(What::Ingest) { tasks.block_on(cells(&bed, arguments))? } else { Vec::new() };
    show::detection(&steps, &cells);
    let steady = match is_wanted(What::Steady) {
        true => Some(tasks.block_on(steady(&bed, arguments))?),
        false => None,
    };
    let casebook_version = env!("CARGO_PKG_VERSION").to_owned();
    let results = Results { casebook_version, serve: bed.serve, machine, steps, cells, steady };
    arguments.results.as_ref().map_or(Ok(()), |file| results.write(file))
}

fn bed(arguments: &Arguments) -> anyhow::Result<Bed> {
    let own = std::env::current_exe().context("this program has no path")?;
    let beside = own.parent().context("this program has no directory")?;
    let cores = std::thread::available_parallelism()?.get();
    Ok(Bed {
        program: arguments.casebook.clone().unwrap_or_else(|| beside.join("casebook")),
        scratch: arguments.scratch.clone().unwrap_or_else(|| beside.to_owned()),
        serve: arguments.serve.clone(),
        cores: (cores > 1).then_some((0, 1)),
    })
}

fn steps(arguments: &Arguments) -> anyhow::Result<Vec<Steps>> {
    let extent = match arguments.quick {
        true => Extent { repeats: 2, ticks: 5, ticks_before: 2 },
        false => Extent { repeats: 5, ticks: 40, ticks_before: 10 },
    };
    show::steps_heading();
    let mut all = Vec::new();
    for batch in arguments.batches() {
        let measured = steps::measure(batch, extent)?;
        show::steps(&measured);
        all.push(measured);
    }
    Ok(all)
}

async fn cells(bed: &Bed, arguments: &Arguments) -> anyhow::Result<Vec<Cell>> {
    let (warm_up_s, repeat_s, repeats) = if arguments.quick { (0.2, 0.2, 2) } else { (2.0, 2.5, 5) };
    let plan = Plan { connections: arguments.connections, warm_up_s, repeat_s, repeats, spans_per_s: None };
    show::cells_heading();
    let mut all = Vec::new();
    for transport in Transport::ALL {
        for batch in arguments.batches() {
            let cell = bed.measure(transport, batch, &plan).await?;
            show::cell(&cell);
            all.push(cell);
        }
    }
    Ok(all)
}

async fn steady(bed: &Bed, arguments: &Arguments) -> anyhow::Result<Cell> {
    let plan = Plan {
        connections: 4,
        warm_up_s: 0.0,
        repeat_s: arguments.steady.unwrap_or(if arguments.quick { 2.0 } else { 60.0 }),
        repeats: 1,
        spans_per_s: Some(arguments.steady_rate),
    };
    let cell = bed.measure(Transport::HttpProtobuf, STEADY_BATCH, &plan).await?;
    show::steady(&cell);
    Ok(cell)
}

async fn standings(bed: &Bed, arguments: &Arguments, machine: Machine) -> anyhow::Result<Standings> {
    let (warm_up_s, repeat_s, repeats) =
        if arguments.quick { (0.2, 0.3, 2) } else { (2.0, 2.0, arguments.turns.max(1)) };
    let plan = Plan { connections: arguments.connections, warm_up_s, repeat_s, repeats, spans_per_s: None };
    let directory = &arguments.installed;
    let installed = Installed {
        collector: directory.join("collector"),
        rotel: directory.join("rotel/rotel/rotel-agent"),
    };
    let peers = std::fs::read_to_string(directory.join("versions"))
        .context("the programs of others are not installed; run scripts/peers.sh")?;
    let mut heats = Vec::new();
    for contest in Contest::ALL {
        standings::heading(contest);
        for transport in Transport::ALL {
            for batch in arguments.batches() {
                let heat = bed.contest(&installed, contest, (transport, batch), &plan).await?;
                standings::heat(&heat);
                heats.push(heat);
            }
        }
    }
    let casebook_version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Standings { casebook_version, peers: peers.trim().to_owned(), machine, heats })
}

async fn edge(bed: &Bed, arguments: &Arguments, machine: Machine) -> anyhow::Result<edge::Standing> {
    let installed = edge::Installed {
        edge: arguments.edge.clone().unwrap_or_else(|| bed.program.with_file_name("casebook-edge")),
        nginx: arguments.nginx.clone(),
        haproxy: arguments.haproxy.clone(),
    };
    let (warm_up_s, turn_s, turns, idle_clients) =
        if arguments.quick { (0.2, 0.3, 2, 500) } else { (1.0, 2.0, arguments.turns.max(1), 5_000) };
    let plan = edge::Plan { turns, turn_s, warm_up_s, idle_clients };
    edge::measure(bed, &installed, (&arguments.parts, plan), machine).await
}
