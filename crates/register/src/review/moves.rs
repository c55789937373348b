//! Which step may be taken by whom and when: what holds for all of them, and which file decides the rest. It changes
//! a state only after everything was looked at.

mod findings;
mod gates;
mod plans;
mod vetoes;

use super::ground::{Ground, Refusal};
use super::history::History;
use super::record::{Evidence, Record, Role, Signer, Step};
use super::state::State;
use super::verify::RECORDS_MAX;
use super::words::{At, Commit, Name};

/// A record with what its step is judged by.
struct Taken<'r> {
    record: &'r Record,
    history: &'r History,
    is_verifier: bool,
}

impl Taken<'_> {
    fn by(&self) -> &Name {
        &self.record.by
    }

    fn at(&self) -> At {
        self.record.at
    }

    fn commit(&self) -> &Commit {
        &self.record.commit
    }

    fn need_verifier(&self) -> Result<(), Refusal> {
        match self.is_verifier {
            true => Ok(()),
            false => Ground::VerifierOnly.refuse(format!("{} is a builder", self.by())),
        }
    }

    /// Evidence is on this record's commit, newer than it, and was seen before it was cited.
    fn need_evidence(&self, evidence: &[Evidence]) -> Result<(), Refusal> {
        let made = self.history.at(self.commit()).unwrap_or(self.at());
        for each in evidence {
            if each.commit != *self.commit() {
                let (cited, judged) = (each.commit.short(), self.commit().short());
                return Ground::EvidenceCommit.refuse(format!("evidence is for {cited}, judged is {judged}"));
            }
            if each.at <= made {
                return Ground::EvidenceOld
                    .refuse(format!("evidence is of {}, the change of {made}", each.at));
            }
            if each.at > self.at() {
                let (seen, cited) = (each.at, self.at());
                return Ground::EvidenceOld.refuse(format!("evidence of {seen} is cited at {cited}"));
            }
        }
        match evidence.is_empty() {
            false => Ok(()),
            true => Ground::NoEvidence.refuse("no evidence is cited"),
        }
    }
}

pub(super) fn apply(state: &mut State, record: &Record, history: &History) -> Result<(), Refusal> {
    in_order(state, record)?;
    in_history(record, history)?;
    let signer = signer(state, record)?;
    let taken = Taken { record, history, is_verifier: signer.role == Role::Verifier };
    match &record.step {
        Step::Plan(plan) => plans::plan(state, &taken, plan),
        Step::Claim(claim) => gates::claim(state, &taken, claim),
        Step::Verdict(verdict) => gates::verdict(state, &taken, verdict),
        Step::Reveal(reveal) => gates::reveal(state, &taken, reveal),
        Step::Excuse(excuse) => gates::excuse(state, &taken, excuse),
        Step::ReopenGate(reopen) => gates::reopen(state, &taken, reopen),
        Step::Find(find) => findings::find(state, &taken, find),
        Step::Observe(observe) => findings::observe(state, &taken, observe),
        Step::Fix(fix) => findings::fix(state, &taken, fix),
        Step::Retest(retest) => findings::retest(state, &taken, retest),
        Step::Close(close) => findings::close(state, &taken, close),
        Step::ReopenFinding(reopen) => findings::reopen(state, &taken, reopen),
        Step::Defer(defer) => findings::defer(state, &taken, defer),
        Step::Withdraw(withdraw) => findings::withdraw(state, &taken, withdraw),
        Step::Veto(veto) => vetoes::veto(state, &taken, veto),
        Step::Lift(lift) => vetoes::lift(state, &taken, lift),
    }
}

fn in_order(state: &State, record: &Record) -> Result<(), Refusal> {
    if record.seq > RECORDS_MAX as u64 {
        return Ground::Files.refuse(format!("a ledger has at most {RECORDS_MAX} records"));
    }
    let next = state.seq.saturating_add(1);
    if record.seq != next {
        return Ground::Chain.refuse(format!("it is record {}, and the next is {next}", record.seq));
    }
    match state.at.filter(|last| record.at < *last) {
        Some(last) => Ground::Clock.refuse(format!("it is of {}, the one before of {last}", record.at)),
        None => Ok(()),
    }
}

fn in_history(record: &Record, history: &History) -> Result<(), Refusal> {
    for commit in [&record.commit, &record.head] {
        let Some(at) = history.at(commit) else {
            return Ground::Commit.refuse(format!("{} is not in the history", commit.short()));
        };
        if record.at < at {
            let short = commit.short();
            return Ground::Clock.refuse(format!("it is of {}, its commit {short} of {at}", record.at));
        }
    }
    Ok(())
}

fn signer<'s>(state: &'s State, record: &'s Record) -> Result<&'s Signer, Refusal> {
    let signers = match (&state.plan, &record.step) {
        (Some(plan), _) | (None, Step::Plan(plan)) => &plan.signers,
        (None, _) => return Ground::NoPlan.refuse("there is no plan yet"),
    };
    match signers.iter().find(|signer| signer.name == record.by) {
        Some(signer) if signer.retired => Ground::Signer.refuse(format!("{} is retired", record.by)),
        Some(signer) => Ok(signer),
        None => Ground::Signer.refuse(format!("{} is not among the signers", record.by)),
    }
}
