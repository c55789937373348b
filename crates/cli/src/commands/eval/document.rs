//! The scores for programs: one JSON document with everything that the tables are made of.

use cases::{Answer, Answered, CaseResult, Options, Replayed, Score, Suspect, Tally};
use model::CauseKind;
use serde::Serialize;

use super::Evaluated;
use crate::exit::{Exit, Failure};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    engine: &'static str,
    onset_shift_s: i64,
    sets: Vec<SetPart<'a>>,
    total: Figures,
}

#[derive(Serialize)]
struct SetPart<'a> {
    name: &'a str,
    figures: Figures,
    cases: Vec<CasePart<'a>>,
}

/// Shares are of the faults, but for those of steps and changes, which are of the cases that label them.
#[derive(Serialize)]
struct Figures {
    cases: u64,
    faults: u64,
    quiet: u64,
    unreadable: u64,
    opened: u64,
    top1: Option<f64>,
    top3: Option<f64>,
    top5: Option<f64>,
    mean_reciprocal_rank: Option<f64>,
    operation_top1: Option<f64>,
    operation_top3: Option<f64>,
    operation_top5: Option<f64>,
    change_accuracy: Option<f64>,
    cause_accuracy: Option<f64>,
    abstentions: Option<f64>,
    decoy_hits: Option<f64>,
    extra_incidents: u64,
    false_incidents: u64,
    quiet_hours: f64,
    false_incidents_per_hour: Option<f64>,
    median_seconds_to_open: Option<f64>,
}

#[derive(Serialize)]
struct CasePart<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<&'a cases::Truth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<&'a Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a Answered>,
    incidents: &'a [Answered],
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause_subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
    ranked: &'a [Suspect],
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<Replayed>,
    warnings: &'a [String],
}

pub(super) fn of(evaluated: &[Evaluated], options: Options) -> Result<String, Failure> {
    let mut total = Tally::default();
    evaluated.iter().for_each(|set| total.merge(&set.tally));
    let document = Document {
        schema: "casebook.eval/v1",
        engine: engine::VERSION,
        onset_shift_s: options.onset_shift_s,
        sets: evaluated.iter().map(set).collect(),
        total: figures(&total),
    };
    serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::new(Exit::Server, format!("the result cannot be written: {error}")))
}

fn set(set: &Evaluated) -> SetPart<'_> {
    SetPart { name: &set.name, figures: figures(&set.tally), cases: set.results.iter().map(case).collect() }
}

fn figures(tally: &Tally) -> Figures {
    Figures {
        cases: tally.cases,
        faults: tally.faults,
        quiet: tally.quiet,
        unreadable: tally.unreadable,
        opened: tally.opened,
        top1: tally.share(tally.top1),
        top3: tally.share(tally.top3),
        top5: tally.share(tally.top5),
        mean_reciprocal_rank: tally.mean_reciprocal_rank(),
        operation_top1: tally.operation_share(tally.operation_top1),
        operation_top3: tally.operation_share(tally.operation_top3),
        operation_top5: tally.operation_share(tally.operation_top5),
        change_accuracy: tally.change_share(),
        cause_accuracy: tally.share(tally.causes_right),
        abstentions: tally.share(tally.abstentions),
        decoy_hits: tally.share(tally.decoy_hits),
        extra_incidents: tally.extra_incidents,
        false_incidents: tally.outside_incidents,
        quiet_hours: tally.quiet_hours(),
        false_incidents_per_hour: tally.outside_per_hour(),
        median_seconds_to_open: tally.median_seconds_to_open(),
    }
}

fn case(result: &CaseResult) -> CasePart<'_> {
    let outcome = result.outcome.as_ref().ok();
    let answer: Option<&Answer> = outcome.and_then(|outcome| outcome.answer.as_ref());
    CasePart {
        name: result.dir.name(),
        error: result.outcome.as_ref().err().map(ToString::to_string),
        truth: outcome.and_then(|outcome| outcome.case.truth.as_ref()),
        score: outcome.map(|outcome| &outcome.score),
        incident: outcome.and_then(|outcome| outcome.incident.as_ref()),
        incidents: outcome.map_or(&[], |outcome| outcome.incidents.as_slice()),
        cause: answer.map(|answer| answer.cause),
        cause_subject: answer.and_then(|answer| answer.cause_subject.as_deref()),
        change: answer.map(|answer| answer.change.as_str()),
        ranked: answer.map_or(&[], |answer| answer.ranked.as_slice()),
        replayed: outcome.and_then(|outcome| outcome.replayed),
        warnings: outcome.map_or(&[], |outcome| outcome.warnings.as_slice()),
    }
}
