//! RCA documents: read from bytes, held to the rules. A document that cannot be read is a finding, never a failure.

mod checks;
mod document;
mod draft;
mod enforced;
mod entry;
mod folder;
mod follow_ups;
mod front;
mod markdown;
mod overdue;
mod page;
pub(crate) mod reader;
mod report;
mod required;
mod secrets;
mod sections;
mod states;
mod stats;
mod why;

use std::borrow::Cow;

use model::Nanos;

use crate::finding::{Finding, Findings};
use crate::rule::Rule;
pub use checks::is_layer;
pub(crate) use document::At;
use document::Document;
pub use document::RuleKind;
pub use draft::{Draft, People, draft};
pub use enforced::{Enforced, by_mode, enforced};
pub use entry::{Entry, FollowUpEntry, PermanentRule, Times, entries};
pub use folder::{File, Found, INDEX_NAME, Inert, Made, doctor, index, unkept};
pub use overdue::{Day, Overdue, overdue};
pub use page::{PAGE_NAME, page};
pub use report::Report;
pub use required::{Answer, Criterion, Known, Required, Verdict, required, span};
pub(crate) use secrets::holds_secret;
pub use stats::{LayerStats, Spread, stats};
pub use why::{Story, why};

/// What is longer is not read. A reader needs to read no more than one byte beyond.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// A file that was read and held to the rules for one document.
#[derive(Debug)]
struct Examined<'t> {
    name: &'t str,
    /// None where the bytes cannot be read as a text.
    document: Option<Document<'t>>,
    text: Cow<'t, str>,
    findings: Findings,
}

/// Everything that one document shows by itself. `name` is the file's, without its folders.
pub fn lint(name: &str, bytes: &[u8], now: Nanos) -> Vec<Finding> {
    let mut examined = examine(name, bytes);
    examined.look_ahead(now);
    examined.told()
}

fn examine<'t>(name: &'t str, bytes: &'t [u8]) -> Examined<'t> {
    let mut findings = Findings::default();
    let text = match readable(bytes) {
        Ok(text) => text,
        Err((rule, at, message)) => {
            findings.add(rule, at, message);
            let text = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
            return Examined { name, document: None, text, findings };
        }
    };
    let document = document::read(name, text, &mut findings);
    checks::check(&document, &mut findings);
    states::check(&document, &mut findings);
    secrets::check(text, &mut findings);
    Examined { name, document: Some(document), text: Cow::Borrowed(text), findings }
}

impl Examined<'_> {
    /// What depends on the day on which it is read, and so counts for no index and no page.
    fn look_ahead(&mut self, now: Nanos) {
        if let Some(document) = &self.document {
            states::ahead(document, now, &mut self.findings);
        }
    }

    fn told(self) -> Vec<Finding> {
        let is_draft = self.document.is_some_and(|document| document.front.is_draft());
        self.findings.told(&self.text, is_draft)
    }
}

fn readable(bytes: &[u8]) -> Result<&str, (Rule, usize, String)> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err((Rule::TooLarge, 0, format!("more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| (Rule::NotText, error.valid_up_to(), "a byte that is no UTF-8".to_owned()))
}

#[cfg(test)]
mod tests;
