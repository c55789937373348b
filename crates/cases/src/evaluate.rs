//! Cases run and scored, several at a time, their results in the order of the cases.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use engine::report::Report;
use model::{CauseKind, IncidentId, Nanos, SECOND_NS};

use crate::decode::{Decoded, USER_SALT, decode_with};
use crate::inputs::{InputKind, Inputs};
use crate::score::{Opened, choose, score_with};
use crate::{Answer, Bundle, Case, CaseDir, CaseError, Run, Runner, Score};

/// Warnings about a case beyond this number are left out.
const WARNINGS_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Added to `truth.at` and `baseline_until`: how much it matters that labels are not exact.
    pub onset_shift_s: i64,
    /// How many cases run at a time.
    pub jobs: usize,
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseResult {
    pub dir: CaseDir,
    pub outcome: Result<Outcome, CaseError>,
}

#[derive(Debug)]
pub struct Outcome {
    pub case: Case,
    pub score: Score,
    /// The incident that answers for the case.
    pub incident: Option<Answered>,
    /// All incidents of the run: id, when opened, severity, summary.
    pub incidents: Vec<Answered>,
    pub answer: Option<Answer>,
    pub report: Option<Report>,
    pub reports: u64,
    /// Of a case that holds a real incident, as it was: whether the run gave the server's report.
    pub replayed: Option<Replayed>,
    pub warnings: Vec<String>,
}

/// A run's report beside the one that the server made of the same inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    Same,
    Different,
    /// Another version of the engine made the server's.
    OtherEngine,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answered {
    pub id: IncidentId,
    pub opened_at: String,
    pub started_at: String,
    pub severity: u8,
    pub cause: CauseKind,
    pub summary: String,
    pub report_hash: String,
}

/// Runs all cases; `done` is told of each as it ends, in any order.
pub fn evaluate(cases: &[CaseDir], options: Options, done: impl Fn(&CaseResult) + Sync) -> Vec<CaseResult> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..cases.len()).collect());
    let results: Mutex<Vec<Option<CaseResult>>> = Mutex::new(cases.iter().map(|_| None).collect());
    let work = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((index, dir)) = next.and_then(|index| Some((index, cases.get(index)?))) else { return };
            let result = CaseResult { dir: dir.clone(), outcome: guarded(dir, options) };
            done(&result);
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..options.jobs.clamp(1, cases.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// A defect that one case brings to light does not keep the others from being run.
fn guarded(dir: &CaseDir, options: Options) -> Result<Outcome, CaseError> {
    catch_unwind(AssertUnwindSafe(|| evaluate_case(dir, options))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let reason = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(CaseError::Panicked { path: dir.0.clone(), reason: reason.to_owned() })
    })
}

/// Runs one case.
pub fn evaluate_case(dir: &CaseDir, options: Options) -> Result<Outcome, CaseError> {
    let (case, unknown) = dir.read()?;
    let mut warnings: Vec<String> = unknown
        .iter()
        .map(|key| format!("case.toml: the key {key:?} is not known and says nothing"))
        .collect();
    if case.name != dir.name() {
        warnings.push(format!(
            "case.toml: the name is {:?}, but the folder's is {:?}",
            case.name,
            dir.name()
        ));
    }
    let run = run_files(&case, dir, options, &mut warnings)?;
    warnings.truncate(WARNINGS_MAX);
    Ok(Outcome { warnings, ..judge(case, &run, options) })
}

/// What a run of a case comes to.
pub fn judge(case: Case, run: &Run, options: Options) -> Outcome {
    let onset = case.truth.as_ref().map(|truth| shifted(truth.at, options));
    let chosen = choose(run, onset);
    let best = chosen.id.and_then(|id| run.incidents.get(&id));
    let report: Option<Report> = best
        .and_then(|incident| incident.report.as_ref())
        .and_then(|document| serde_json::from_slice(&document.bytes).ok());
    let answer = report.as_ref().map(Answer::of);
    let opened = best.map(|incident| Opened { at: incident.opened_at });
    let score = score_with(&case, onset, opened, answer.as_ref(), &chosen);
    Outcome {
        score,
        incident: best.map(answered),
        incidents: run.incidents.values().map(answered).collect(),
        answer,
        report,
        reports: run.reports,
        replayed: case.bundle.as_ref().and_then(|bundle| replayed(bundle, run)),
        warnings: Vec::new(),
        case,
    }
}

fn replayed(bundle: &Bundle, run: &Run) -> Option<Replayed> {
    if !bundle.exact {
        return None;
    }
    let report = run.incidents.get(&bundle.incident).and_then(|incident| incident.report.as_ref());
    Some(match report {
        Some(report) if report.hash == bundle.report_hash => Replayed::Same,
        _ if bundle.engine != engine::VERSION => Replayed::OtherEngine,
        _ => Replayed::Different,
    })
}

fn answered(incident: &crate::IncidentRun) -> Answered {
    let row = &incident.row;
    Answered {
        id: row.id,
        opened_at: incident.opened_at.to_rfc3339(),
        started_at: row.started_at.to_rfc3339(),
        severity: row.severity.0,
        cause: row.cause,
        summary: row.summary.clone(),
        report_hash: row.report_hash.clone(),
    }
}

fn shifted(at: Nanos, options: Options) -> Nanos {
    let by = options.onset_shift_s.unsigned_abs().saturating_mul(SECOND_NS);
    if options.onset_shift_s < 0 { at.saturating_sub(by) } else { at.saturating_add(by) }
}

fn run_files(
    case: &Case,
    dir: &CaseDir,
    options: Options,
    warnings: &mut Vec<String>,
) -> Result<Run, CaseError> {
    let mut inputs = Inputs::open(&dir.inputs()?)?;
    let mut runner =
        Runner::new(case.start).baseline_until(case.baseline_until.map(|until| shifted(until, options)));
    let salt = case.bundle.as_ref().and_then(|bundle| bundle.user_salt).map_or(USER_SALT, |salt| salt.0);
    while let Some(line) = inputs.next() {
        let line = line?;
        if line.at > case.end {
            return Err(inputs.wrong(format!("at {} is after end {} of the case", line.at, case.end)));
        }
        runner = match (line.number, line.kind) {
            // Who begins with a tick brings all of them.
            (1, InputKind::Tick) => runner.with_ticks_given(),
            (1, InputKind::Configure) => runner.as_journaled(),
            _ => runner,
        };
        if line.kind == InputKind::Evidence {
            runner.show_evidence(line.at);
            continue;
        }
        let Decoded { input, rejected, reason } =
            decode_with(&line, &salt).map_err(|reason| inputs.wrong(reason))?;
        if let Some(reason) = reason {
            warnings.push(format!("line {}: {rejected} rejected, first {reason}", line.number));
        }
        runner.feed(line.at, input);
    }
    Ok(runner.finish(case.end))
}
