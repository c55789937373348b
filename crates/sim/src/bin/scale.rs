//! What the core costs at size: the time of a tick, with and without a report in it, of a snapshot, and resident memory,
//! while simulated traffic fills the window. The clock is simulated; processor time and memory are the machine's.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use engine::{Config, Engine};
use model::{Effect, IncidentId, Input, Nanos, TraceId};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use sim::curve::Curve;
use sim::load::{Load, Size};
use sim::quiet::START_S;

/// As the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the core may have at 20 000 spans a second over a day.
const MEMORY_MIB: f64 = 400.0;

/// Ticks that are named with their second: what comes together shows.
const WORST: usize = 12;

const HEADING: &str = "SECOND       EVENTS  FAMILIES  RSS MiB  EVENT ns   TICK ms p50    p99    max   \
                       WITH A REPORT      p50    p99    max";

/// Measures ticks, reports, snapshots and memory of the core at size
#[derive(Debug, Parser)]
struct Arguments {
    /// (operation, code) that fail in turn; four to an operation
    #[arg(long, default_value_t = 10_000)]
    families: usize,
    /// Spans a second, evenly over all operations, in traces of four
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// Simulated seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// From this second on all requests of one operation fail, so that there is an incident to report
    #[arg(long)]
    broken_from: Option<u64>,
    /// Between two lines
    #[arg(long, default_value_t = 60)]
    every: u64,
    /// The line over all leaves out so many seconds at the beginning
    #[arg(long, default_value_t = 0)]
    settle: u64,
    /// Snapshots taken, and restored, at the end
    #[arg(long, default_value_t = 0)]
    snapshots: usize,
    /// Where everything goes as JSON, after each line anew, with a drawing of memory beside it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only draws what an earlier run left in --out
    #[arg(long, requires = "out")]
    draw: bool,
}

/// Milliseconds of processor time of ticks.
#[derive(Debug, Default)]
struct Ticks {
    without: Vec<f64>,
    with_report: Vec<f64>,
    /// Of events and log records between the ticks, and how many there were.
    between: f64,
    events: u64,
}

struct Course {
    load: Load,
    engine: Engine,
    events: u64,
    ticks: Ticks,
    all: Ticks,
    /// Milliseconds of all ticks of the line over all, and their second.
    took: Vec<(f64, u64)>,
    /// Asked for at the last tick.
    wanted: Vec<TraceId>,
    captured: usize,
    opened: BTreeMap<IncidentId, String>,
}

#[expect(clippy::print_stderr, reason = "nobody else hears why it failed")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = if arguments.draw { draw(&arguments) } else { measure(&arguments) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scale: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let broken_from_s = arguments.broken_from.map(|from| START_S + from);
    let size = Size { families: arguments.families, spans_per_s: arguments.rate, broken_from_s };
    let mut course = Course::new(size);
    println!("{HEADING}");
    let mut lines = Vec::new();
    for second in 0..arguments.seconds {
        if second == arguments.settle {
            course.all = Ticks::default();
            course.took.clear();
        }
        course.second(START_S + second);
        if (second + 1).is_multiple_of(arguments.every) || second + 1 == arguments.seconds {
            let ticks = std::mem::take(&mut course.ticks);
            let line = course.line(json!(second + 1), ticks);
            println!("{}", row(&line));
            lines.push(line);
            keep(arguments, &json!({ "said": said(arguments), "lines": lines }))?;
        }
    }
    let all = std::mem::take(&mut course.all);
    let all = course.line(json!("all"), all);
    println!("{}", row(&all));
    course.took.sort_by(|a, b| b.0.total_cmp(&a.0));
    let worst: Vec<String> =
        course.took.iter().take(WORST).map(|(ms, second)| format!("{ms:.1} ms at {second} s")).collect();
    println!("worst ticks: {}", worst.join(", "));
    let (opened, totals) = (course.opened.len(), course.engine.totals());
    println!("{opened} incidents opened, traces captured {} times, {totals:?}", course.captured);
    course.opened.values().take(3).for_each(|summary| println!("  {summary}"));
    let snapshots = course.snapshots(arguments.snapshots);
    if let Some(snapshots) = &snapshots {
        println!("snapshot: {snapshots}");
    }
    keep(
        arguments,
        &json!({ "said": said(arguments), "lines": lines, "all": all, "incidents": opened, "snapshots": snapshots }),
    )
}

fn said(Arguments { families, rate, seconds, broken_from, .. }: &Arguments) -> Value {
    json!({ "families": families, "spans_per_s": rate, "seconds": seconds, "broken_from": broken_from })
}

fn keep(arguments: &Arguments, document: &Value) -> anyhow::Result<()> {
    let Some(file) = &arguments.out else { return Ok(()) };
    fs::write(file, format!("{document:#}\n")).with_context(|| file.display().to_string())?;
    draw(arguments)
}

/// Memory over time, beside the document.
fn draw(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(file) = &arguments.out else { return Ok(()) };
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let document: Value = serde_json::from_str(&text)?;
    let (said, lines) = (&document["said"], document["lines"].as_array());
    let point = |line: &Value| Some((line["second"].as_f64()? / 3_600.0, line["resident_mib"].as_f64()?));
    let curve = Curve {
        title: format!(
            "Resident memory of the core, MiB: {} spans/s, {} families",
            said["spans_per_s"], said["families"]
        ),
        across: "simulated hours".to_owned(),
        points: lines.into_iter().flatten().filter_map(point).collect(),
        limit: Some((MEMORY_MIB, "at most".to_owned())),
    };
    let file = file.with_extension("svg");
    fs::write(&file, curve.to_svg()).with_context(|| file.display().to_string())
}

impl Course {
    fn new(size: Size) -> Self {
        let mut engine = Engine::new(1);
        let config = Config::default().to_json();
        engine.step(Input::Configure(config.into()), Nanos::from_secs(START_S));
        Self {
            load: Load::new(size),
            engine,
            events: 0,
            ticks: Ticks::default(),
            all: Ticks::default(),
            took: Vec::new(),
            wanted: Vec::new(),
            captured: 0,
            opened: BTreeMap::new(),
        }
    }

    /// A second of traffic and its tick. What the tick before asked for comes first.
    fn second(&mut self, second: u64) {
        let now = Nanos::from_secs(second + 1);
        if !self.wanted.is_empty() {
            let wanted = std::mem::take(&mut self.wanted);
            self.captured += wanted.len();
            self.engine.step(self.load.evidence(&wanted), now);
        }
        let (mut took, mut events) = (0.0, 0);
        for input in self.load.second(second) {
            if let Input::Events(parts) = &input {
                events += parts.len() as u64;
            }
            let begun = thread_ms();
            self.engine.step(input, now);
            took += thread_ms() - begun;
        }
        self.events += events;
        for ticks in [&mut self.ticks, &mut self.all] {
            ticks.between += took;
            ticks.events += events;
        }
        let begun = thread_ms();
        let effects = self.engine.step(Input::Tick, now);
        let took = thread_ms() - begun;
        self.took.push((took, second - START_S));
        let reported = effects.iter().any(|effect| matches!(effect, Effect::ReportChanged(_)));
        for ticks in [&mut self.ticks, &mut self.all] {
            if reported { ticks.with_report.push(took) } else { ticks.without.push(took) }
        }
        for effect in effects {
            match effect {
                Effect::CaptureEvidence(traces) => self.wanted = traces,
                Effect::IncidentChanged(incident) => {
                    self.opened.insert(incident.id, incident.summary);
                }
                _ => {}
            }
        }
    }

    fn line(&self, until: Value, ticks: Ticks) -> Value {
        let [without, with_report] = [ticks.without, ticks.with_report].map(|mut ms| {
            ms.sort_by(f64::total_cmp);
            let at = |share: f64| {
                ms.get(((ms.len().max(1) - 1) as f64 * share).ceil() as usize).map(|ms| hundredths(*ms))
            };
            json!({ "count": ms.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0) })
        });
        let event_ns = hundredths(ticks.between * 1e6 / ticks.events.max(1) as f64);
        json!({
            "second": until,
            "events": self.events,
            "families": self.engine.families().len(),
            "resident_mib": resident_mib(),
            "event_ns": event_ns,
            "ticks": without,
            "ticks_with_report": with_report,
        })
    }

    /// How long the core stands still for a snapshot, how long it takes to write it down elsewhere, and to read one.
    fn snapshots(&self, count: usize) -> Option<Value> {
        let (mut copied, mut written, mut restored, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..count {
            let begun = thread_ms();
            let copy = self.engine.copied();
            copied.push(hundredths(thread_ms() - begun));
            let begun = thread_ms();
            let snapshot = copy.to_bytes();
            drop(copy);
            written.push(hundredths(thread_ms() - begun));
            bytes = snapshot.len();
            let begun = thread_ms();
            let engine = Engine::restore(&snapshot);
            restored.push(hundredths(thread_ms() - begun));
            drop(engine);
        }
        (count > 0).then(
            || json!({ "bytes": bytes, "copied_ms": copied, "written_ms": written, "restored_ms": restored }),
        )
    }
}

fn row(line: &Value) -> String {
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |number| format!("{number:.1}"));
    let ticks = |ticks: &Value| {
        let [p50, p99, max] = ["p50_ms", "p99_ms", "max_ms"].map(|name| number(&ticks[name]));
        format!("{p50:>6} {p99:>6} {max:>6}")
    };
    let whole = |name: &str| line[name].as_u64().unwrap_or_default();
    let second = line["second"].as_u64().map_or("all".to_owned(), |second| second.to_string());
    format!(
        "{second:>6} {:>12} {:>9} {:>8} {:>9} {:>8}{}{:>14}{:>6} {}",
        whole("events"),
        whole("families"),
        whole("resident_mib"),
        number(&line["event_ns"]),
        "",
        ticks(&line["ticks"]),
        "",
        line["ticks_with_report"]["count"].as_u64().unwrap_or_default(),
        ticks(&line["ticks_with_report"]),
    )
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn thread_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// From the second number of `/proc/self/statm`, in pages.
fn resident_mib() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) / 256
}
