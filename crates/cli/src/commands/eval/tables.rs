//! The scores as tables: a row a set, a row a case, a line for each miss.

use std::time::Duration;

use cases::{Answer, CaseResult, Outcome, Suspect, Tally, Truth};

use super::Evaluated;
use crate::escape;
use crate::table::{Column, Table, terminal_width};

/// Of the other suspects that a miss names.
const FINDING_CHARS_MAX: usize = 160;
const WARNED_MAX: usize = 20;

pub(super) fn of(evaluated: &[Evaluated], took: Duration) -> String {
    let mut text = String::new();
    for set in evaluated {
        text.push_str(&format!("{}\n\n{}\n", escape::line(&set.name), per_case(set)));
    }
    text.push_str(&misses(evaluated));
    text.push_str(&warnings(evaluated));
    text.push_str(&per_set(evaluated));
    let cases: u64 = evaluated.iter().map(|set| set.tally.cases).sum();
    text.push_str(&format!("\n{cases} cases in {:.1} s.\n", took.as_secs_f64()));
    text
}

fn per_set(evaluated: &[Evaluated]) -> String {
    let mut table = Table::new(&[
        Column::Text("SET"),
        Column::Number("CASES"),
        Column::Number("TOP-1"),
        Column::Number("TOP-3"),
        Column::Number("TOP-5"),
        Column::Number("MRR"),
        Column::Number("STEP TOP-1"),
        Column::Number("TOP-3"),
        Column::Number("CHANGE"),
        Column::Number("CAUSE"),
        Column::Number("ABSTAINED"),
        Column::Number("DECOYS"),
        Column::Number("OPENED"),
        Column::Number("TO OPEN"),
        Column::Number("EXTRA"),
        Column::Number("FALSE"),
        Column::Number("FALSE/H"),
    ]);
    let mut total = Tally::default();
    for set in evaluated {
        row(&mut table, &set.name, &set.tally);
        total.merge(&set.tally);
    }
    if evaluated.len() > 1 {
        row(&mut table, "all", &total);
    }
    table.render(None)
}

fn row(table: &mut Table, name: &str, tally: &Tally) {
    let share = |count: u64| percent(tally.share(count));
    let cells = [
        name.to_owned(),
        tally.cases.to_string(),
        share(tally.top1),
        share(tally.top3),
        share(tally.top5),
        tally.mean_reciprocal_rank().map_or_else(dash, |mean| format!("{mean:.3}")),
        percent(tally.operation_share(tally.operation_top1)),
        percent(tally.operation_share(tally.operation_top3)),
        percent(tally.change_share()),
        share(tally.causes_right),
        share(tally.abstentions),
        share(tally.decoy_hits),
        share(tally.opened),
        tally.median_seconds_to_open().map_or_else(dash, |seconds| format!("{seconds:.0} s")),
        tally.extra_incidents.to_string(),
        tally.outside_incidents.to_string(),
        tally.outside_per_hour().map_or_else(dash, |rate| format!("{rate:.2}")),
    ];
    table.row(cells.each_ref().map(String::as_str));
}

fn per_case(set: &Evaluated) -> String {
    let mut table = Table::new(&[
        Column::Text("CASE"),
        Column::Whole("RANK"),
        Column::Whole("STEP"),
        Column::Whole("CAUSE"),
        Column::Whole("CHANGE"),
        Column::Number("TO OPEN"),
        Column::Number("EXTRA"),
        Column::Number("FALSE"),
        Column::Text("ANSWER"),
        Column::Whole("REPORT"),
    ]);
    for result in &set.results {
        let name = result.dir.name();
        match &result.outcome {
            Ok(outcome) => case_row(&mut table, &name, outcome),
            Err(error) => {
                let error = error.to_string();
                let line = error.lines().next().unwrap_or_default();
                table.row([&name, "unreadable", "", "", "", "", "", "", line, ""]);
            }
        }
    }
    table.render(terminal_width())
}

fn case_row(table: &mut Table, name: &str, outcome: &Outcome) {
    let score = &outcome.score;
    let rank = match (score.fault, score.opened) {
        (false, _) if score.outside_incidents == 0 => "quiet".to_owned(),
        (false, _) => "NOT QUIET".to_owned(),
        (true, false) => "none".to_owned(),
        (true, true) => score.service_rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string()),
    };
    let step =
        score.operation.map_or_else(String::new, |rank| rank.map_or_else(dash, |rank| rank.to_string()));
    let cause = outcome.answer.as_ref().map_or("", |answer| answer.cause.as_str());
    let cause = match score.fault && !score.cause_right && !cause.is_empty() {
        true => format!("{cause} !"),
        false => cause.to_owned(),
    };
    let change = match score.change_right {
        None => "",
        Some(true) => "right",
        Some(false) if score.decoy_hit => "DECOY",
        Some(false) => "wrong",
    };
    let to_open = score.seconds_to_open.map_or_else(String::new, |seconds| format!("{seconds:.0} s"));
    let best =
        outcome.answer.as_ref().and_then(|answer| answer.ranked.first()).map_or_else(String::new, place);
    let hash = outcome.incident.as_ref().map_or("", |incident| incident.report_hash.as_str());
    let hash: String = hash.chars().take(12).collect();
    let (extra, outside) = (score.extra_incidents.to_string(), score.outside_incidents.to_string());
    table.row([name, &rank, &step, &cause, change, &to_open, &extra, &outside, &best, &hash]);
}

fn place(suspect: &Suspect) -> String {
    match suspect.operation.as_str() {
        "" => suspect.service.clone(),
        operation => format!("{} {operation}", suspect.service),
    }
}

/// Each case whose first suspect or cause is not right, and why, on a line.
fn misses(evaluated: &[Evaluated]) -> String {
    let mut text = String::new();
    for result in evaluated.iter().flat_map(|set| &set.results) {
        if let Some(line) = miss(result) {
            text.push_str(&format!("  {}: {}\n", escape::line(&result.dir.name()), escape::line(&line)));
        }
    }
    if text.is_empty() { text } else { format!("Misses\n\n{text}\n") }
}

fn miss(result: &CaseResult) -> Option<String> {
    let outcome = match &result.outcome {
        Ok(outcome) => outcome,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    let Some(truth) = &outcome.case.truth else {
        return outcome.incidents.first().map(|incident| {
            let more = outcome.incidents.len() - 1;
            format!(
                "quiet, but at {} this opened (and {more} more): {}",
                incident.opened_at, incident.summary
            )
        });
    };
    let score = &outcome.score;
    let Some(answer) = &outcome.answer else {
        let before = outcome.incidents.len();
        return Some(format!(
            "nothing opened for {} ({}); {before} incidents were over before",
            truth.services.join(" or "),
            kinds(truth)
        ));
    };
    if score.service_rank == Some(1)
        && score.cause_right
        && !score.decoy_hit
        && score.change_right != Some(false)
    {
        return None;
    }
    let mut parts = Vec::new();
    if score.service_rank != Some(1) {
        parts.push(ranking(truth, answer, score.service_rank));
    }
    if !score.cause_right {
        parts.push(format!(
            "cause {} instead of {}{}",
            answer.cause.as_str(),
            kinds(truth),
            because(answer.ranked.first())
        ));
    }
    if score.change_right == Some(false) {
        let decoy = if score.decoy_hit { ", a decoy," } else { "" };
        parts.push(format!("change {:?}{decoy} instead of {:?}", answer.change, truth.change));
    }
    Some(parts.join("; "))
}

fn ranking(truth: &Truth, answer: &Answer, rank: Option<u32>) -> String {
    let right = truth.services.join(" or ");
    let winner = answer.ranked.first();
    let named = winner.map_or_else(|| "nobody".to_owned(), place);
    let truth_entry = answer.ranked.iter().find(|suspect| truth.services.contains(&suspect.service));
    let stands = match rank {
        Some(rank) => format!("{right} is number {rank}{}", because(truth_entry)),
        None => format!("{right} is not in the list of {}", answer.ranked.len()),
    };
    format!("{named} is first{}; {stands}", because(winner))
}

/// The score and the strongest finding.
fn because(suspect: Option<&Suspect>) -> String {
    let Some(suspect) = suspect else { return String::new() };
    let finding = suspect.evidence.first().map_or_else(
        || "no finding".to_owned(),
        |finding| format!("{:+}: {}", finding.points, cut(&finding.text)),
    );
    format!(" ({}; {finding})", suspect.score)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(FINDING_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn kinds(truth: &Truth) -> String {
    truth.causes.iter().map(|cause| cause.as_str()).collect::<Vec<_>>().join(" or ")
}

fn warnings(evaluated: &[Evaluated]) -> String {
    let results = evaluated.iter().flat_map(|set| &set.results);
    let all: Vec<String> = results
        .filter_map(|result| Some((result, result.outcome.as_ref().ok()?)))
        .flat_map(|(result, outcome)| {
            let name = result.dir.name();
            outcome.warnings.iter().map(move |warning| format!("{name}: {warning}"))
        })
        .collect();
    if all.is_empty() {
        return String::new();
    }
    let mut text = "Warnings\n\n".to_owned();
    for warning in all.iter().take(WARNED_MAX) {
        text.push_str(&format!("  {}\n", escape::line(warning)));
    }
    if all.len() > WARNED_MAX {
        text.push_str(&format!("  ... and {} more\n", all.len() - WARNED_MAX));
    }
    text + "\n"
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(dash, |share| format!("{:.1} %", share * 100.0))
}

fn dash() -> String {
    "-".to_owned()
}
