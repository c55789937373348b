//! Labelled cases: recorded or made inputs with the truth about them, run through the core and scored.
//!
//! Reads and writes the folders of `doc/formats/case.md`. What a label says reaches the scoring and never the core:
//! the core is handed inputs, ticks and the end of the baseline, as a server would hand them to it.

mod answer;
mod case;
mod decode;
mod error;
mod evaluate;
mod files;
mod inputs;
mod journaled;
mod miss;
mod redact;
mod runner;
mod score;
mod select;
mod tally;
mod traces;

pub use answer::{Answer, Finding, Suspect};
pub use case::{Bundle, Case, CaseKind, Decoys, Truth};
pub use decode::{Decoded, decode};
pub use error::CaseError;
pub use evaluate::{Answered, CaseResult, Options, Outcome, Replayed, evaluate, evaluate_case, judge};
pub use files::{CaseDir, CaseWriter, Set, discover, write_case};
pub use inputs::{InputKind, InputLine, Inputs, LINE_BYTES_MAX, Provider};
pub use journaled::{EntryError, line_of_entry};
pub use miss::explain_miss;
pub use redact::Redaction;
pub use runner::{IncidentRun, Run, Runner};
pub use score::{Rank, Score, score};
pub use select::Selection;
pub use tally::Tally;
pub use traces::Traces;
