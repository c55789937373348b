//! The follow-ups: keys of their tables. It compares nothing with the rest of the document.

use std::ops::Range;

use super::document::FollowUp;
use super::reader::{self, Reader};
use crate::finding::Findings;
use crate::rule::Rule;

/// `None` where the block cannot be read.
pub(super) fn read(text: &str, block: Range<usize>, findings: &mut Findings) -> Option<Vec<FollowUp>> {
    reader::toml(text, block, findings, |reader| reader.tables("follow_up", keys))
}

fn keys(reader: &mut Reader<'_>) -> FollowUp {
    let all = ["id", "what", "class", "intent", "owner", "due", "verify", "status"];
    reader.need(Rule::KeyMissing, &all);
    let evidence = reader.table("evidence", |reader| {
        reader.need(Rule::KeyMissing, &["what", "at"]);
        (reader.text("what"), reader.time("at"))
    });
    let has_evidence = evidence.is_some();
    let (shown_by, evidence_at) = evidence.unwrap_or_default();
    let mut follow_up = FollowUp {
        at: reader.at,
        id: reader.text("id"),
        what: reader.text("what"),
        class: reader.word("class"),
        intent: reader.word("intent"),
        owner: reader.text("owner"),
        due: reader.date("due"),
        status: reader.word("status"),
        has_evidence,
        evidence_at,
        reason: reader.text("reason"),
        approver: reader.text("approver"),
        prose: Vec::new(),
    };
    let texts = [follow_up.what.clone(), reader.text("verify"), shown_by];
    let others = [follow_up.id.clone(), follow_up.owner.clone(), follow_up.reason.clone()];
    follow_up.prose = texts.into_iter().chain(others).flatten().collect();
    follow_up
}
