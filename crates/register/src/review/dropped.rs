//! Records that Git once had and that are not in the ledger: what a merge left out. It asks Git nothing.

use serde_json::Value;

use super::envelope;
use super::ground::{Fault, Ground};
use super::record::{Outcome, Record, Step};
use super::verify::Judged;

/// More are not looked at: as many are reason enough to look oneself.
pub const DROPPED_MAX: usize = 1_000;

/// A file that a commit added to the records, and that is not there with these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub file: String,
    pub bytes: Vec<u8>,
    /// Where it was added, such as `commit 0f3c9ab0f3c9`.
    pub seen: String,
}

/// What is missing. Two branches that add a record collide in its number, and one of the two is signed anew: then it is there
/// by another number. Of what collided, only what holds a review up has to be said again; of a chain that was cut off, all.
pub fn dropped(judged: &Judged, found: &[Dropped]) -> Vec<Fault> {
    let missing = |each: &Dropped| {
        let opened = envelope::open(&each.bytes).ok()?;
        let record = &opened.record;
        let first = match &record.step {
            Step::Plan(plan) => plan.signers.as_slice(),
            _ => &[],
        };
        let known = judged.state.plan().map_or(first, |plan| &plan.signers);
        let signer = known.iter().find(|signer| signer.name == record.by)?;
        // What nobody of the review signed is no record, and may go.
        if !opened.is_signed_with(&signer.key) {
            return None;
        }
        let before = usize::try_from(record.seq).ok()?.checked_sub(1)?;
        let is_next = judged.chain.len() == before && judged.last == record.prev;
        let is_missing = is_next || holds_up(&record.step) && !is_said_again(judged, record);
        is_missing.then(|| {
            let what = record.step.name().replace('_', " ");
            let reason = format!("{} added it, {what} by {}, and it is not there", each.seen, record.by);
            Ground::Dropped.fault(&each.file, reason)
        })
    };
    let mut faults: Vec<Fault> = found.iter().take(DROPPED_MAX).filter_map(missing).collect();
    if let Some(more) = found.get(DROPPED_MAX) {
        let reason = format!("more than {DROPPED_MAX} records were left out");
        faults.push(Ground::Dropped.fault(&more.file, reason));
    }
    faults
}

/// Whether DONE is further away with it.
fn holds_up(step: &Step) -> bool {
    match step {
        Step::Plan(_) | Step::Find(_) | Step::Veto(_) => true,
        Step::Verdict(verdict) => verdict.outcome == Outcome::Fail,
        _ => false,
    }
}

fn is_said_again(judged: &Judged, record: &Record) -> bool {
    let said = words(&record.step);
    let mut later = judged.records.iter().filter(|other| other.by == record.by && other.at >= record.at);
    later.any(|other| words(&other.step) == said)
}

/// What a step says, without the numbers, times and commits that it has anew when it is signed anew.
fn words(step: &Step) -> Value {
    let mut value = serde_json::to_value(step).expect("records have text keys and no numbers but integers");
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for anew in ["claim", "corrects", "at", "commit"] {
                fields.remove(anew);
            }
            let is_number = |id: &Value| id.as_str().is_some_and(|id| id.starts_with(['F', 'V']));
            if fields.get("id").is_some_and(is_number) {
                fields.remove("id");
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}
