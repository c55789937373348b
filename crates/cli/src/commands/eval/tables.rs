//! The scores as tables: a row a set, a row a case, a line for each miss.

use std::time::Duration;

use cases::{CaseResult, Outcome, Replayed, Suspect, Tally};

use super::Evaluated;
use crate::escape;
use crate::table::{Column, Table, terminal_width};

const WARNED_MAX: usize = 20;

pub(super) fn of(evaluated: &[Evaluated], took: Duration) -> String {
    let mut text = String::new();
    for set in evaluated {
        text.push_str(&format!("{}\n\n{}\n", escape::line(&set.name), per_case(set)));
    }
    text.push_str(&misses(evaluated));
    text.push_str(&warnings(evaluated));
    text.push_str(&replays(evaluated));
    text.push_str(&per_set(evaluated));
    let cases: u64 = evaluated.iter().map(|set| set.tally.cases).sum();
    text.push_str(&format!("\n{cases} cases in {:.1} s.\n", took.as_secs_f64()));
    text
}

/// Cases that hold a real incident as it was say whether the server's report came out again.
fn replays(evaluated: &[Evaluated]) -> String {
    let results = evaluated.iter().flat_map(|set| &set.results);
    let said = results.filter_map(|result| {
        let told = match result.outcome.as_ref().ok()?.replayed? {
            Replayed::Same => "the server's report came out again, hash for hash",
            Replayed::Different => "THE REPORT IS NOT THE SERVER'S, though nothing was left out",
            Replayed::OtherEngine => "the report is not the server's, whose engine had another version",
        };
        Some(format!("{}: {told}\n", escape::line(&result.dir.name())))
    });
    let said: String = said.collect();
    if said.is_empty() { said } else { said + "\n" }
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
    let best = outcome
        .answer
        .as_ref()
        .and_then(|answer| answer.ranked.first())
        .map_or_else(String::new, Suspect::place);
    let hash = outcome.incident.as_ref().map_or("", |incident| incident.report_hash.as_str());
    let hash: String = hash.chars().take(12).collect();
    let (extra, outside) = (score.extra_incidents.to_string(), score.outside_incidents.to_string());
    table.row([name, &rank, &step, &cause, change, &to_open, &extra, &outside, &best, &hash]);
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
    match &result.outcome {
        Ok(outcome) => cases::explain_miss(outcome),
        Err(error) => Some(format!("cannot be read: {error}")),
    }
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
