//! What must never be in a history that was accepted, said by looking at all of it. It shares no code with what
//! accepts.

use std::collections::BTreeSet;

use super::repository::Repository;
use super::world::World;
use crate::review::*;

const DAY_S: u64 = 86_400;
/// What clocks may differ by.
const MINUTES_5_S: u64 = 300;

/// The whole history, to look back from one place in it.
pub(super) struct Past<'w> {
    records: &'w [Record],
    taken_at: &'w [u64],
    git: &'w Repository,
    head: Commit,
}

impl World {
    pub(super) fn past(&self) -> Past<'_> {
        Past { records: &self.records, taken_at: &self.taken_at, git: &self.git, head: self.head() }
    }
}

impl<'w> Past<'w> {
    /// The first thing that must not be, if there is one.
    pub(super) fn forbidden(&self) -> Option<String> {
        let seqs: Vec<u64> = self.records.iter().map(|record| record.seq).collect();
        if seqs != (1..=self.records.len() as u64).collect::<Vec<_>>() {
            return Some("records are not numbered one after the other".to_owned());
        }
        (0..self.records.len()).find_map(|i| {
            let record = &self.records[i];
            let faults = [self.of_all(i), self.of_gates(i), self.of_findings(i), self.of_vetoes(i)].concat();
            let fault = faults.into_iter().find(|(is_so, _)| *is_so)?.1;
            Some(format!("record {}, {} by {}: {fault}", record.seq, record.step.name(), record.by))
        })
    }

    pub(super) fn is_done(&self, now: At) -> bool {
        let end = self.records.len();
        let gates =
            self.plan(end).is_some_and(|plan| plan.gates.iter().all(|gate| self.is_fresh(gate, end, now)));
        let vetoes = self.records.iter().enumerate().all(|(i, record)| match &record.step {
            Step::Veto(veto) => self.records[i..]
                .iter()
                .any(|later| matches!(&later.step, Step::Lift(lift) if lift.veto == veto.id)),
            _ => true,
        });
        let findings = self.records.iter().all(|record| match &record.step {
            Step::Find(find) => self.is_settled(find.id, now),
            _ => true,
        });
        gates && vetoes && findings
    }

    fn of_all(&self, i: usize) -> Vec<(bool, &'static str)> {
        let record = &self.records[i];
        let before = self.records[..i].last();
        // A first plan is signed by one of its own.
        let plan = self.plan(i).or_else(|| self.plan(i + 1));
        let signer = plan.and_then(|plan| plan.signers.iter().find(|signer| signer.name == record.by));
        let plan_faults = match (&record.step, self.plan(i)) {
            (Step::Plan(plan), Some(before)) => {
                let ids =
                    |plan: &Plan| plan.gates.iter().map(|gate| gate.id.clone()).collect::<BTreeSet<_>>();
                let keys = |plan: &Plan| {
                    let signers = plan.signers.iter();
                    signers
                        .map(|s| (s.name.clone(), s.key.clone(), s.role == Role::Verifier))
                        .collect::<BTreeSet<_>>()
                };
                let shrinks = !ids(before).is_subset(&ids(plan)) || !keys(before).is_subset(&keys(plan));
                vec![(shrinks, "a gate or a signer is gone")]
            }
            (Step::Plan(_), None) => vec![(i > 0, "a plan is missing before it")],
            (_, before) => vec![(before.is_none(), "there is no plan")],
        };
        let mut faults = vec![
            (before.is_some_and(|before| record.at < before.at), "it is older than the one before"),
            (signer.is_none_or(|signer| signer.retired), "who signed may not sign"),
            (record.at.secs() > self.taken_at[i] + MINUTES_5_S, "it is of a time to come"),
            (
                ![&record.commit, &record.head].into_iter().all(|commit| self.git.has(&self.head, commit)),
                "a commit is nowhere in the history",
            ),
            (
                [&record.commit, &record.head]
                    .into_iter()
                    .any(|commit| self.git.at(commit).is_none_or(|made| record.at < made)),
                "it is older than a commit that it names",
            ),
            (matches!(record.step, Step::Plan(_)) && !self.verifies(i), "a builder planned"),
        ];
        faults.extend(plan_faults);
        faults
    }

    fn of_gates(&self, i: usize) -> Vec<(bool, &'static str)> {
        let record = &self.records[i];
        match &record.step {
            Step::Claim(claim) => self.of_claim(i, record, claim),
            Step::Verdict(verdict) => self.of_verdict(i, record, verdict),
            Step::ReopenGate(reopen) => {
                let last = self.last_of_gate(&reopen.gate, i);
                let failed =
                    |step: &Step| matches!(step, Step::Verdict(verdict) if verdict.outcome == Outcome::Fail);
                vec![(!last.is_some_and(|(_, last)| failed(&last.step)), "it had not failed")]
            }
            Step::Reveal(reveal) => {
                let claim = &self.records[reveal.claim as usize - 1];
                let Step::Claim(claimed) = &claim.step else {
                    return vec![(true, "it reveals what is no claim")];
                };
                let judged = self.verdict_on(reveal.claim, i).is_some()
                    || self.was_replanned(reveal.claim as usize, i, &claimed.gate);
                let digest = reasoning::digest(&reveal.salt, &reveal.reasoning);
                vec![
                    (!judged, "it was not judged"),
                    (claim.by != record.by, "somebody else claimed"),
                    (claimed.reasoning.as_ref() != Some(&digest), "it is another reasoning"),
                ]
            }
            Step::Excuse(excuse) => {
                let claim = &self.records[excuse.claim as usize - 1];
                let Step::Claim(claimed) = &claim.step else {
                    return vec![(true, "it excuses what is no claim")];
                };
                let judged = self.verdict_on(excuse.claim, i).is_some()
                    || self.was_replanned(excuse.claim as usize, i, &claimed.gate);
                vec![
                    (!judged, "it was not judged"),
                    (claim.by == record.by, "excused by who claimed"),
                    (!self.verifies(i), "a builder excused"),
                    (claimed.reasoning.is_none(), "nothing was promised"),
                ]
            }
            _ => vec![],
        }
    }

    fn of_claim(&self, i: usize, record: &Record, claim: &Claim) -> Vec<(bool, &'static str)> {
        let last = self.last_of_gate(&claim.gate, i);
        let is_claimed = last.is_some_and(|(_, last)| matches!(last.step, Step::Claim(_)));
        let is_failed = last.is_some_and(
            |(_, last)| matches!(&last.step, Step::Verdict(verdict) if verdict.outcome == Outcome::Fail),
        );
        let gate = self.plan(i).and_then(|plan| plan.gates.iter().find(|gate| gate.id == claim.gate));
        let is_fresh = gate.is_some_and(|gate| self.is_fresh_on(gate, i, record.at, &record.head));
        let owes = self.records[..i].iter().any(|earlier| match &earlier.step {
            Step::Claim(other) if other.gate == claim.gate && other.reasoning.is_some() => {
                !self.records[..i].iter().any(|later| match &later.step {
                    Step::Reveal(reveal) => reveal.claim == earlier.seq,
                    Step::Excuse(excuse) => excuse.claim == earlier.seq,
                    _ => false,
                })
            }
            _ => false,
        });
        vec![
            (
                !claim.clean || claim.pushed.is_empty() || record.commit != record.head,
                "it is about no commit",
            ),
            (gate.is_none(), "there is no such gate"),
            (is_claimed, "two claims without a verdict between"),
            (is_failed, "a failed gate was claimed at once"),
            (is_fresh, "a fresh pass was claimed again"),
            (owes, "a reasoning was still hidden"),
        ]
    }

    fn of_verdict(&self, i: usize, record: &Record, verdict: &Verdict) -> Vec<(bool, &'static str)> {
        let Some((_, claim)) = self.last_of_gate(&verdict.gate, i) else {
            return vec![(true, "nothing was claimed")];
        };
        let made = self.git.at(&claim.commit).unwrap_or(At::from_secs(u64::MAX));
        let cited = || verdict.evidence.iter().chain(&verdict.controls);
        let gate = self.plan(i).and_then(|plan| plan.gates.iter().find(|gate| gate.id == verdict.gate));
        let touched = gate.is_none_or(|gate| self.git.touched(gate, &claim.commit, &record.head));
        vec![
            (!matches!(claim.step, Step::Claim(_)), "nothing was claimed, or it was judged already"),
            (claim.by == record.by, "self-review"),
            (self.is_fixer(&verdict.gate, i), "who fixed something of it judged it"),
            (!self.verifies(i), "a builder judged"),
            (verdict.evidence.is_empty(), "no evidence"),
            (verdict.controls.is_empty(), "no negative control"),
            (record.commit != claim.commit, "another commit is judged than is claimed"),
            (cited().any(|each| each.commit != claim.commit), "evidence is for another commit"),
            (cited().any(|each| each.at <= made), "evidence is from before the change"),
            (cited().any(|each| each.at > record.at), "evidence is from the future"),
            (touched && verdict.outcome == Outcome::Pass, "the scope was touched since the claim"),
        ]
    }

    fn of_findings(&self, i: usize) -> Vec<(bool, &'static str)> {
        let record = &self.records[i];
        let Some(id) = finding_of(&record.step) else { return vec![] };
        if let Step::Find(find) = &record.step {
            return self.of_find(i, find);
        }
        let moves: Vec<&Record> = self.moves_of(id, i);
        let last = moves.last().map(|record| &record.step);
        let fix = moves.iter().rev().find(|record| matches!(record.step, Step::Fix(_)));
        let own = fix.is_some_and(|fix| fix.by == record.by);
        let needs_verifier = !matches!(record.step, Step::Fix(_) | Step::Observe(_)) && !self.verifies(i);
        let observed =
            self.records[..i].iter().any(|r| matches!(&r.step, Step::Observe(seen) if seen.finding == id));
        let mut faults = vec![
            (moves.is_empty(), "there is no such finding"),
            (self.is_ended(id, i), "it had ended"),
            (needs_verifier, "a builder did what is a verifier's"),
        ];
        faults.extend(match &record.step {
            Step::Fix(_) => {
                let is_newer = moves.first().is_some_and(|found| {
                    found.commit != record.commit && self.git.has(&record.commit, &found.commit)
                });
                vec![
                    (matches!(last, Some(Step::Fix(_) | Step::Retest(_))), "it was fixed already"),
                    (!is_newer, "the fix is not newer than the finding"),
                ]
            }
            Step::Retest(retest) => vec![
                (!matches!(last, Some(Step::Fix(_))), "there is no fix to test"),
                (own, "self-review"),
                (retest.evidence.is_empty(), "no evidence"),
                (
                    retest.evidence.iter().any(|e| fix.is_none_or(|fix| e.at <= fix.at)),
                    "it is older than the fix",
                ),
                (!fix.is_some_and(|fix| self.git.has(&record.commit, &fix.commit)), "the fix is not in it"),
            ],
            Step::Close(_) => {
                let passed = matches!(last, Some(Step::Retest(retest)) if retest.outcome == Outcome::Pass);
                vec![
                    (!passed, "no re-test passed since the fix"),
                    (own, "closed by who fixed it"),
                    (!observed, "nothing was compared with the prediction"),
                ]
            }
            Step::ReopenFinding(_) => {
                vec![(!matches!(last, Some(Step::Retest(_) | Step::Defer(_))), "there was nothing to reopen")]
            }
            Step::Defer(_) => {
                vec![
                    (matches!(last, Some(Step::Fix(_) | Step::Retest(_))), "it was fixed already"),
                    (self.is_own(id, i), "put off by who fixed it or claimed its gate"),
                ]
            }
            Step::Withdraw(_) => vec![(self.is_own(id, i), "withdrawn by who fixed it or claimed its gate")],
            _ => vec![],
        });
        faults
    }

    fn of_find(&self, i: usize, find: &Find) -> Vec<(bool, &'static str)> {
        let again =
            self.records[..i].iter().any(|other| matches!(&other.step, Step::Find(f) if f.id == find.id));
        let corrects = find.corrects.is_some();
        let settled = find.corrects.is_some_and(|id| self.is_ended(id, i));
        vec![
            (again, "two findings of one number"),
            (corrects && !self.verifies(i), "a builder corrected"),
            (settled, "what had ended was corrected"),
            (
                find.corrects.is_some_and(|id| self.is_own(id, i)),
                "corrected by who fixed it or claimed its gate",
            ),
        ]
    }

    /// Whether who acts at `i` fixed the finding, or one that it says anew, or claimed its gate last.
    fn is_own(&self, id: FindingId, i: usize) -> bool {
        let by = &self.records[i].by;
        let found = self.records[..i].iter().find_map(|record| match &record.step {
            Step::Find(find) if find.id == id => Some(find),
            _ => None,
        });
        let Some(find) = found else { return false };
        let mut said = vec![id];
        let mut corrected = find.corrects;
        while let Some(earlier) = corrected {
            said.push(earlier);
            corrected = self.records[..i].iter().find_map(|record| match &record.step {
                Step::Find(find) if find.id == earlier => find.corrects,
                _ => None,
            });
        }
        let fixed = |record: &Record| matches!(&record.step, Step::Fix(fix) if said.contains(&fix.finding));
        let claims = self.records[..i].iter().rev().find(|record| match &record.step {
            Step::Claim(claim) => Some(&claim.gate) == find.gate.as_ref(),
            _ => false,
        });
        self.records[..i].iter().any(|record| fixed(record) && record.by == *by)
            || claims.is_some_and(|claim| claim.by == *by)
    }

    /// Whether who judges at `i` fixed something of the gate that nobody has passed it with since.
    fn is_fixer(&self, gate: &Name, i: usize) -> bool {
        let of_gate = |id: FindingId| {
            self.records[..i].iter().any(|record| {
                matches!(&record.step, Step::Find(find) if find.id == id && find.gate.as_ref() == Some(gate))
            })
        };
        self.records[..i].iter().enumerate().any(|(at, fix)| {
            let is_theirs =
                fix.by == self.records[i].by && matches!(&fix.step, Step::Fix(step) if of_gate(step.finding));
            let is_passed = self.records[at..i].iter().any(|record| match &record.step {
                Step::Verdict(verdict) => {
                    verdict.gate == *gate
                        && verdict.outcome == Outcome::Pass
                        && self.git.has(&record.commit, &fix.commit)
                }
                _ => false,
            });
            is_theirs && !is_passed
        })
    }

    fn of_vetoes(&self, i: usize) -> Vec<(bool, &'static str)> {
        let record = &self.records[i];
        match &record.step {
            Step::Veto(_) => vec![(!self.verifies(i), "a builder vetoed")],
            Step::Lift(lift) => {
                let made = |r: &&Record| matches!(&r.step, Step::Veto(veto) if veto.id == lift.veto);
                let made = self.records[..i].iter().find(made);
                let lifted = |r: &Record| matches!(&r.step, Step::Lift(other) if other.veto == lift.veto);
                let gone = made.is_some_and(|made| {
                    let plan = self.plan(i).into_iter().flat_map(|plan| &plan.signers);
                    plan.clone().all(|signer| signer.name != made.by || signer.retired)
                });
                vec![
                    (!self.verifies(i), "a builder lifted"),
                    (made.is_none_or(|made| made.by != record.by && !gone), "somebody else made it"),
                    (self.records[..i].iter().any(lifted), "it was lifted already"),
                    (
                        made.is_some_and(|made| {
                            made.by != record.by && self.retired(&made.by, i) == Some(&record.by)
                        }),
                        "who made it was retired by who lifts it",
                    ),
                ]
            }
            _ => vec![],
        }
    }

    /// Who retired that signer.
    fn retired(&self, name: &Name, end: usize) -> Option<&'w Name> {
        let retires = |plan: &Plan| plan.signers.iter().any(|signer| signer.name == *name && signer.retired);
        let first = self.records[..end]
            .iter()
            .find(|record| matches!(&record.step, Step::Plan(plan) if retires(plan)));
        first.map(|record| &record.by)
    }

    fn plan(&self, end: usize) -> Option<&'w Plan> {
        self.records[..end].iter().rev().find_map(|record| match &record.step {
            Step::Plan(plan) => Some(plan),
            _ => None,
        })
    }

    fn verifies(&self, i: usize) -> bool {
        let plan = self.plan(i).or_else(|| self.plan(i + 1));
        plan.is_some_and(|plan| {
            plan.signers.iter().any(|s| s.name == self.records[i].by && s.role == Role::Verifier)
        })
    }

    /// Whether the gate was another one between the two places.
    fn was_replanned(&self, from: usize, to: usize, gate: &Name) -> bool {
        let spec = |plan: Option<&Plan>| plan.and_then(|p| p.gates.iter().find(|g| g.id == *gate).cloned());
        (from..to).any(|i| {
            matches!(self.records[i].step, Step::Plan(_)) && spec(self.plan(i)) != spec(self.plan(i + 1))
        })
    }

    /// The last claim, verdict or reopening of a gate since it was planned like this.
    fn last_of_gate(&self, gate: &Name, end: usize) -> Option<(usize, &'w Record)> {
        let of_gate = |(_, record): &(usize, &Record)| match &record.step {
            Step::Claim(claim) => claim.gate == *gate,
            Step::Verdict(verdict) => verdict.gate == *gate,
            Step::ReopenGate(reopen) => reopen.gate == *gate,
            _ => false,
        };
        let last = self.records[..end].iter().enumerate().rev().find(of_gate);
        last.filter(|(i, _)| !self.was_replanned(*i, end, gate))
    }

    fn verdict_on(&self, claim: u64, end: usize) -> Option<&'w Record> {
        self.records[..end]
            .iter()
            .find(|r| matches!(&r.step, Step::Verdict(verdict) if verdict.claim == claim))
    }

    fn is_fresh(&self, gate: &PlannedGate, end: usize, now: At) -> bool {
        self.is_fresh_on(gate, end, now, &self.head)
    }

    fn is_fresh_on(&self, gate: &PlannedGate, end: usize, now: At, head: &Commit) -> bool {
        let Some((_, last)) = self.last_of_gate(&gate.id, end) else { return false };
        let passed = matches!(&last.step, Step::Verdict(verdict) if verdict.outcome == Outcome::Pass);
        let of_today = last.at.secs() <= now.secs() + MINUTES_5_S && now.secs() < last.at.secs() + DAY_S;
        passed && of_today && !self.git.touched(gate, &last.commit, head)
    }

    /// What moved a finding, from its finding on.
    fn moves_of(&self, id: FindingId, end: usize) -> Vec<&'w Record> {
        let is_move = |record: &&Record| {
            let corrects = matches!(&record.step, Step::Find(find) if find.corrects == Some(id));
            corrects || finding_of(&record.step) == Some(id) && !matches!(record.step, Step::Observe(_))
        };
        self.records[..end].iter().filter(is_move).collect()
    }

    fn is_ended(&self, id: FindingId, end: usize) -> bool {
        let moves = self.moves_of(id, end);
        moves.iter().any(|record| match &record.step {
            Step::Close(_) | Step::Withdraw(_) => true,
            Step::Find(find) => find.corrects == Some(id),
            _ => false,
        })
    }

    fn is_settled(&self, id: FindingId, now: At) -> bool {
        let last = self.moves_of(id, self.records.len()).pop();
        let is_deferred = last.is_some_and(
            |last| matches!(&last.step, Step::Defer(defer) if defer.until.is_none_or(|until| now < until)),
        );
        is_deferred || self.is_ended(id, self.records.len())
    }
}

fn finding_of(step: &Step) -> Option<FindingId> {
    match step {
        Step::Find(step) => Some(step.id),
        Step::Observe(step) => Some(step.finding),
        Step::Fix(step) => Some(step.finding),
        Step::Retest(step) => Some(step.finding),
        Step::Close(step) => Some(step.finding),
        Step::ReopenFinding(step) => Some(step.finding),
        Step::Defer(step) => Some(step.finding),
        Step::Withdraw(step) => Some(step.finding),
        _ => None,
    }
}
