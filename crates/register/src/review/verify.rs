//! A whole ledger, from its files: form, chain, signatures, and each step by the rules. What follows a step that does
//! not hold is not judged by the rules: it rests on it.

use super::envelope::{self, Opened};
use super::ground::{Fault, Ground};
use super::history::History;
use super::record::{Record, Step};
use super::state::State;
use super::words::{At, Commit, Digest};

/// More are not read.
pub const RECORDS_MAX: usize = 20_000;

/// A ledger as far as it holds, and why it holds no further.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    pub state: State,
    /// Those that were applied.
    pub records: Vec<Record>,
    pub faults: Vec<Fault>,
    /// Of the last file, for the next record.
    pub last: Option<Digest>,
    /// Of all files, in their order.
    pub(super) chain: Vec<Digest>,
}

/// What Git shows of one record's file beside having added it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    pub file: String,
    /// As Git writes it: `M`, `D`, for merges one letter a parent.
    pub status: String,
    /// Where it was seen, such as `commit 0f3c9ab0f3c9`.
    pub seen: String,
}

/// The name of the file of a record.
pub fn file_name(seq: u64) -> String {
    format!("{seq:06}.json")
}

/// `files`: names and bytes, of everything in the folder of records.
pub fn judge(mut files: Vec<(String, Vec<u8>)>, history: &History, now: At) -> Judged {
    files.sort();
    let mut judged = Judged::default();
    for (seq, (name, bytes)) in (1..).zip(&files) {
        let expected = file_name(seq);
        if *name != expected || seq > RECORDS_MAX as u64 {
            judged.faults.push(Ground::Files.fault(name, format!("{expected} would be next")));
            break;
        }
        if let Err(fault) = judged.take(name, bytes, history, now) {
            judged.faults.push(fault);
        }
        judged.last = Some(envelope::digest(bytes));
        judged.chain.extend(judged.last.clone());
    }
    judged
}

/// The commit of the first record, before anything is judged: where the history that matters begins.
pub fn begins(files: &[(String, Vec<u8>)]) -> Option<Commit> {
    let (_, bytes) = files.iter().min()?;
    envelope::open(bytes).ok().map(|opened| opened.record.commit)
}

/// Records are added, and never changed or taken out.
pub fn rewritten(changes: &[RecordChange]) -> Vec<Fault> {
    let is_change = |change: &&RecordChange| change.status.contains(|letter| letter != 'A');
    let tell = |change: &RecordChange| {
        let what = if change.status.contains('D') { "took it out" } else { "changed it" };
        Ground::Rewritten.fault(&change.file, format!("{} {what}", change.seen))
    };
    changes.iter().filter(is_change).map(tell).collect()
}

impl Judged {
    fn take(&mut self, name: &str, bytes: &[u8], history: &History, now: At) -> Result<(), Fault> {
        let opened = envelope::open(bytes).map_err(|why| Ground::Form.fault(name, why))?;
        if opened.record.prev != self.last {
            let why = "it names another file than the one before it".to_owned();
            return Err(Ground::Chain.fault(name, why));
        }
        self.check_signature(name, &opened)?;
        // Once a step does not hold, those after it are not judged.
        if !self.faults.is_empty() {
            return Ok(());
        }
        let record = opened.record;
        // It would hold up every later one, and what it says would not grow old.
        if record.at.is_ahead_of(now) {
            return Err(Ground::Clock.fault(name, format!("it is of {}, and now is {now}", record.at)));
        }
        self.state.apply(&record, history).map_err(|refusal| refusal.ground.fault(name, refusal.reason))?;
        self.records.push(record);
        Ok(())
    }

    fn check_signature(&self, name: &str, opened: &Opened) -> Result<(), Fault> {
        let signers = match (self.state.plan(), &opened.record.step) {
            (Some(plan), _) | (None, Step::Plan(plan)) => plan.signers.as_slice(),
            (None, _) => &[],
        };
        let by = &opened.record.by;
        let Some(signer) = signers.iter().find(|signer| signer.name == *by) else {
            // A plan that does not hold may be why it is unknown.
            let is_told = !self.faults.is_empty();
            return if is_told {
                Ok(())
            } else {
                Err(Ground::Signer.fault(name, format!("{by} is not among the signers")))
            };
        };
        if opened.keyid == signer.key.id() && opened.is_signed_with(&signer.key) {
            return Ok(());
        }
        let why = match signers.iter().find(|other| opened.is_signed_with(&other.key)) {
            Some(other) => format!("it says that {by} signed, and {} did", other.name),
            None => format!("it is not signed with the key of {by}"),
        };
        Err(Ground::Signature.fault(name, why))
    }
}
