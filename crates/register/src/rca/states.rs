//! What a document's state asks of it, as far as the document shows it by itself. It knows no other document.

use model::Nanos;

use super::document::{Document, FollowUp, Progress, Status};
use crate::finding::{Findings, shown};
use crate::rule::Rule;

const CLOCKS_DIFFER_NS: u64 = 5 * 60 * model::SECOND_NS;

pub(super) fn check(document: &Document<'_>, findings: &mut Findings) {
    document.follow_ups.iter().for_each(|follow_up| proof(document, follow_up, findings));
    supersession(document, findings);
    let Some(status) = &document.front.status else { return };
    if matches!(status.value, Status::Published | Status::FollowUpsOpen | Status::Closed | Status::Reopened) {
        review(document, status.at, findings);
    }
    let mut open = document.follow_ups.iter().filter(|follow_up| follow_up.is_open());
    match status.value {
        Status::Closed => {
            for follow_up in open {
                let message = format!("{} is open", shown(follow_up.name()));
                findings.add(Rule::ClosedOpen, follow_up.at, message);
            }
            if document.front.fixes.is_empty() {
                findings.add(Rule::ClosedUnfixed, status.at, "it names no fix");
            }
        }
        Status::FollowUpsOpen | Status::Reopened if open.next().is_none() => {
            findings.add(Rule::NothingOpen, status.at, "no follow-up is open");
        }
        _ => {}
    }
}

/// That a follow-up that is finished shows it.
fn proof(document: &Document<'_>, follow_up: &FollowUp, findings: &mut Findings) {
    let Some(status) = &follow_up.status else { return };
    let name = shown(follow_up.name());
    match status.value {
        Progress::Open => {}
        Progress::Done if !follow_up.has_evidence => {
            findings.add(Rule::DoneUnproved, status.at, format!("{name} is done and shows no evidence"));
        }
        Progress::Done => {
            let fixed = document.front.fixes.iter().filter_map(|fix| Some(fix.at.as_ref()?.value)).max();
            let (Some(fixed), Some(seen)) = (fixed, &follow_up.evidence_at) else { return };
            if seen.value <= fixed {
                let message = format!("evidence of {name} is of {}, the fix of {fixed}", seen.value);
                findings.add(Rule::EvidenceOld, seen.at, message);
            }
        }
        Progress::Declined => {
            let says = |text: &Option<super::document::At<String>>| {
                text.as_ref().map(|text| text.value.to_lowercase()).filter(|text| !text.is_empty())
            };
            let (reason, approver, owner) =
                (says(&follow_up.reason), says(&follow_up.approver), says(&follow_up.owner));
            let lacks = match (reason, approver) {
                (None, _) => "without a reason",
                (_, None) => "without an approver",
                (_, approver) if approver == owner => "by its owner",
                _ => return,
            };
            findings.add(Rule::Declined, status.at, format!("{name} is declined {lacks}"));
        }
    }
}

/// Nobody has seen yet what is still to come; clocks differ by minutes.
pub(super) fn ahead(document: &Document<'_>, now: Nanos, findings: &mut Findings) {
    let latest = Nanos(now.0.saturating_add(CLOCKS_DIFFER_NS));
    let fixes = document.front.fixes.iter().filter_map(|fix| fix.at.as_ref());
    let seen = document.follow_ups.iter().filter_map(|follow_up| follow_up.evidence_at.as_ref());
    let all = fixes.map(|at| ("a fix", at)).chain(seen.map(|at| ("evidence", at)));
    for (what, at) in all.filter(|(_, at)| at.value > latest) {
        findings.add(Rule::NotYet, at.at, format!("{what} is of {}, and now is {now}", at.value));
    }
}

/// That somebody reviewed it who neither wrote it nor owns what broke.
fn review(document: &Document<'_>, at: usize, findings: &mut Findings) {
    let front = &document.front;
    let owner = front.owner_layer.as_ref().map(|owner| owner.value.as_str());
    let mut refused = Vec::new();
    for reviewer in &front.reviewers {
        let (Some(name), Some(layer)) = (&reviewer.name, &reviewer.layer) else { continue };
        let wrote =
            front.authors.iter().any(|author| author.value.to_lowercase() == name.value.to_lowercase());
        if wrote {
            refused.push(format!("{} is an author", shown(&name.value)));
        } else if owner == Some(layer.value.as_str()) {
            refused.push(format!("{} is of the owner layer", shown(&name.value)));
        } else if !name.value.is_empty() && !layer.value.is_empty() {
            return;
        }
    }
    let message = if refused.is_empty() { "it names no reviewer".to_owned() } else { refused.join(", ") };
    findings.add(Rule::ReviewIndependent, at, message);
}

fn supersession(document: &Document<'_>, findings: &mut Findings) {
    let front = &document.front;
    let is_superseded = front.status.as_ref().filter(|status| status.value == Status::Superseded);
    match (is_superseded, &front.superseded_by) {
        (Some(status), None) => {
            findings.add(Rule::Superseded, status.at, "it does not say by which document");
        }
        (None, Some(by)) if front.status.is_some() => {
            let message = format!("its status is not superseded, and superseded_by is {}", shown(&by.value));
            findings.add(Rule::Superseded, by.at, message);
        }
        _ => {}
    }
    let Some(id) = &front.id else { return };
    for other in front.supersedes.iter().chain(&front.superseded_by).filter(|other| other.value == id.value) {
        findings.add(Rule::Superseded, other.at, "it names itself");
    }
}
