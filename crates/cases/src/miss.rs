//! Why a case was missed, on a line: the ranked list against the truth, with the strongest finding of the first and of
//! the right one. The text holds names from outside; whoever prints it escapes it.

use crate::{Answer, Outcome, Suspect, Truth};

const FINDING_CHARS_MAX: usize = 160;

/// `None` where root, cause and change are right, and where a quiet case was quiet.
pub fn explain_miss(outcome: &Outcome) -> Option<String> {
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
        return Some(format!(
            "nothing opened for {} ({}); {} incidents were over before",
            truth.services.join(" or "),
            kinds(truth),
            outcome.incidents.len()
        ));
    };
    let mut parts = Vec::new();
    if score.service_rank != Some(1) {
        parts.push(ranking(truth, answer, score.service_rank));
    }
    if !score.cause_right {
        let winner = answer.ranked.first();
        parts.push(format!("cause {} instead of {}{}", answer.cause.as_str(), kinds(truth), because(winner)));
    }
    if score.change_right == Some(false) {
        let decoy = if score.decoy_hit { ", a decoy," } else { "" };
        parts.push(format!("change {:?}{decoy} instead of {:?}", answer.change, truth.change));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn ranking(truth: &Truth, answer: &Answer, rank: Option<u32>) -> String {
    let right = truth.services.join(" or ");
    let winner = answer.ranked.first();
    let named = winner.map_or_else(|| "nobody".to_owned(), Suspect::place);
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
