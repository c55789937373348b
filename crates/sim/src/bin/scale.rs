//! What the core costs at size: the time of a tick, with and without a report in it, and resident memory, while simulated
//! traffic fills the window. The clock is simulated; processor time and memory are the machine's.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use engine::{Config, Engine};
use model::{Effect, Input, Nanos};
use rustix::time::{ClockId, clock_gettime};
use sim::quiet::{Plan, Quiet, START_S};

/// As the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEADING: &str =
    "SECOND     EVENTS  FAMILIES  RSS MiB  TICK ms p50    p99    max   WITH A REPORT p50    p99    max";

/// Measures ticks, reports and memory of the core at size
#[derive(Debug, Parser)]
struct Arguments {
    /// (operation, code) that fail now and then; four to an operation
    #[arg(long, default_value_t = 10_000)]
    families: usize,
    /// Requests a second while it is measured
    #[arg(long, default_value_t = 5_000.0)]
    rate: f64,
    /// Simulated seconds that are measured
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Hours before that, at --fill-rate
    #[arg(long, default_value_t = 0)]
    fill_hours: u64,
    /// Requests a second in those hours
    #[arg(long, default_value_t = 100.0)]
    fill_rate: f64,
    /// From this second of the measured ones on the busiest operation fails, so that there is an incident to report
    #[arg(long)]
    broken_from: Option<u64>,
    /// Between two lines
    #[arg(long, default_value_t = 60)]
    every: u64,
}

/// Milliseconds of processor time of ticks.
#[derive(Debug, Default)]
struct Ticks {
    without: Vec<f64>,
    with_report: Vec<f64>,
}

struct Course {
    engine: Engine,
    events: u64,
    ticks: Ticks,
    all: Ticks,
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut course =
        Course { engine: Engine::new(1), events: 0, ticks: Ticks::default(), all: Ticks::default() };
    let config = Config::default().to_json();
    course.engine.step(Input::Configure(config.into()), Nanos::from_secs(START_S));
    let measured_from = arguments.fill_hours * 3_600;
    let plan = |requests_per_s| Plan {
        seed: 1,
        families: arguments.families,
        requests_per_s,
        tick_s: 1,
        broken_from_s: arguments.broken_from.map(|from| START_S + measured_from + from),
    };
    let mut filling = Quiet::new(plan(arguments.fill_rate));
    for second in 0..measured_from {
        course.second(&mut filling, START_S + second);
        progress(second, measured_from);
    }
    drop(filling);
    course.ticks = Ticks::default();
    course.all = Ticks::default();
    println!("{HEADING}");
    let mut traffic = Quiet::new(plan(arguments.rate));
    for second in 0..arguments.seconds {
        course.second(&mut traffic, START_S + measured_from + second);
        if (second + 1).is_multiple_of(arguments.every) || second + 1 == arguments.seconds {
            let ticks = std::mem::take(&mut course.ticks);
            println!("{}", course.row(&(second + 1).to_string(), ticks));
        }
    }
    let all = std::mem::take(&mut course.all);
    println!("{}", course.row("all", all));
    ExitCode::SUCCESS
}

impl Course {
    /// A second of traffic and its tick.
    fn second(&mut self, traffic: &mut Quiet, second: u64) {
        let now = Nanos::from_secs(second + 1);
        for input in traffic.tick(second) {
            if let Input::Events(events) = &input {
                self.events += events.len() as u64;
            }
            self.engine.step(input, now);
        }
        let begun = thread_ms();
        let effects = self.engine.step(Input::Tick, now);
        let took = thread_ms() - begun;
        let reported = effects.iter().any(|effect| matches!(effect, Effect::ReportChanged(_)));
        for ticks in [&mut self.ticks, &mut self.all] {
            if reported { ticks.with_report.push(took) } else { ticks.without.push(took) }
        }
    }

    fn row(&self, label: &str, ticks: Ticks) -> String {
        let [without, with] = [ticks.without, ticks.with_report].map(|mut ms| {
            ms.sort_by(f64::total_cmp);
            let at = |share: f64| ms.get(((ms.len().max(1) - 1) as f64 * share).ceil() as usize);
            let [p50, p99, max] =
                [0.5, 0.99, 1.0].map(|share| at(share).map_or("-".to_owned(), |ms| format!("{ms:.1}")));
            format!("{p50:>6} {p99:>6} {max:>6}")
        });
        let families = self.engine.families().len();
        format!(
            "{label:>6} {:>10} {families:>9} {:>8} {:>8}{without}{:>12}{with}",
            self.events,
            resident_mib(),
            "",
            ""
        )
    }
}

fn progress(second: u64, of: u64) {
    if second.is_multiple_of(600) && std::io::stderr().is_terminal() {
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "\rminute {} of {} before it is measured ", second / 60, of / 60);
    }
}

fn thread_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// From the second number of `/proc/self/statm`, in pages.
fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) / 256
}
