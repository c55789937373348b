//! The triage report, `casebook.triage/v1`: its document, how it is filled from an analysis, and how it is said.

mod alerts;
pub(crate) mod build;
pub(crate) mod cite;
mod cohorts;
mod document;
mod findings;
pub(crate) mod wording;

pub use document::*;
pub use wording::Sentence;
