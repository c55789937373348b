//! Reviews: work whose "done" is checked by someone else. A ledger of signed records is read, judged and shown;
//! whoever calls hands in bytes, facts of Git and the time. It runs nothing, and takes nobody's word for a state.

mod done;
mod dropped;
mod envelope;
mod ground;
mod history;
mod key;
mod moves;
mod plan;
mod reasoning;
mod record;
mod render;
mod state;
mod verify;
mod view;
mod waits;
mod words;

pub use done::{GateNow, StaleBy};
pub use dropped::{DROPPED_MAX, Dropped, dropped};
pub use envelope::{RECORD_BYTES_MAX, seal, sealed};
pub use ground::{Fault, Ground, Refusal};
pub use history::{CommitFacts, History};
pub use key::{PublicKey, SecretKey, key_from_file, key_to_file};
pub use plan::{PLAN_BYTES_MAX, plan, signer_entry, signers_differ};
pub use reasoning::{Hidden, hide};
pub use record::{
    Claim, Close, Defer, Evidence, Excuse, Find, Fix, LIST_MAX, Lift, Likeness, Observe, Outcome, Plan,
    PlannedGate, Predicted, Record, ReopenFinding, ReopenGate, Retest, Reveal, Role, Severity, Signer, Step,
    Verdict, Veto, Withdraw,
};
pub use render::{Pages, pages};
pub use state::{FindingNow, GatePhase, State};
pub use verify::{Judged, RECORDS_MAX, RecordChange, begins, file_name, judge, rewritten};
pub use view::{FindingView, GateView, VetoView, View, view};
pub use waits::{Stall, stalls};
pub use words::{At, Commit, Digest, FindingId, Name, Prose, ScopePath, Text, VetoId};

#[cfg(test)]
mod tests;
