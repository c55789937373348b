//! Every refusal: a step that may not be taken, beside the nearest one that may.

mod starts;

use std::collections::BTreeSet;

use self::starts::plan;
use self::starts::*;
use super::world::{World, gate, key, name, planned};
use crate::review::*;

type Start = fn() -> World;
type Try = fn(&mut World) -> Result<(), Refusal>;
type Refused = (&'static str, Start, Try, Ground);
type Taken = (&'static str, Start, Try);

/// What is tried, from where, and why it is refused.
const REFUSED: &[Refused] = &[
    ("a first step that is no plan", World::empty, |w| w.claim("ana", "api"), Ground::NoPlan),
    ("a plan by a builder", World::empty, |w| w.step("ana", Step::Plan(planned())), Ground::VerifierOnly),
    ("a plan by a stranger", World::empty, |w| w.step("zoe", Step::Plan(planned())), Ground::Signer),
    ("a plan without gates", World::empty, |w| plan(w, |plan| plan.gates.clear()), Ground::PlanForm),
    (
        "a gate without a scope",
        World::empty,
        |w| plan(w, |plan| plan.gates[0].scope.clear()),
        Ground::PlanForm,
    ),
    (
        "two gates of one id",
        World::empty,
        |w| plan(w, |plan| plan.gates[1].id = name("api")),
        Ground::PlanForm,
    ),
    ("two names with one key", World::empty, two_names, Ground::PlanForm),
    (
        "two signers of one name",
        World::empty,
        |w| plan(w, |p| p.signers[0].name = name("cleo")),
        Ground::PlanForm,
    ),
    (
        "a plan without a gate that was",
        World::passed,
        |w| plan(w, |p| drop(p.gates.remove(0))),
        Ground::PlanShrinks,
    ),
    (
        "a plan without a signer",
        World::passed,
        |w| plan(w, |p| drop(p.signers.remove(0))),
        Ground::PlanShrinks,
    ),
    ("another role", World::passed, |w| plan(w, |p| p.signers[0].role = Role::Verifier), Ground::PlanShrinks),
    (
        "another key",
        World::passed,
        |w| plan(w, |p| p.signers[0].key = key("new").public()),
        Ground::PlanShrinks,
    ),
    ("who retired comes back", retired, |w| w.step("cleo", Step::Plan(planned())), Ground::PlanShrinks),
    ("a step by who is retired", retired, |w| w.find("ben", 1), Ground::Signer),
    ("a step by a stranger", World::planned, |w| w.claim("zoe", "api"), Ground::Signer),
    ("a number that is taken", World::planned, |w| again(w, |record| record.seq = 1), Ground::Chain),
    (
        "a time before the last record",
        World::planned,
        // Still after the commit.
        |w| again(w, |r| r.at = At::from_secs(r.at.secs() - 1)),
        Ground::Clock,
    ),
    (
        "a time before the commit",
        World::planned,
        |w| {
            w.commit(&["api/a"]);
            again(w, |r| r.at = At::from_secs(r.at.secs() - 1))
        },
        Ground::Clock,
    ),
    ("a record too many", World::planned, one_too_many, Ground::Files),
    ("a commit that is nowhere", World::planned, |w| again(w, |r| r.commit = nowhere()), Ground::Commit),
    ("a head that is nowhere", World::planned, |w| again(w, |r| r.head = nowhere()), Ground::Commit),
    ("a claim on no gate", World::planned, |w| w.claim("ana", "none"), Ground::Unknown),
    ("a claim on a claimed gate", claimed, |w| w.claim("cleo", "api"), Ground::GateState),
    ("a claim on a fresh pass", World::passed, |w| w.claim("ana", "api"), Ground::GateState),
    ("a claim on a failed gate", failed, |w| w.claim("ana", "api"), Ground::GateState),
    (
        "a claim with a dirty tree",
        World::planned,
        |w| claim(w, |claim| claim.clean = false),
        Ground::TreeNotClean,
    ),
    (
        "a claim on what is not pushed",
        World::planned,
        |w| claim(w, |claim| claim.pushed.clear()),
        Ground::NotPushed,
    ),
    (
        "a verdict on an open gate",
        World::planned,
        |w| w.verdict("ben", "api", Outcome::Pass),
        Ground::GateState,
    ),
    ("a second verdict", World::passed, |w| w.verdict("cleo", "api", Outcome::Fail), Ground::GateState),
    ("a verdict by a builder", ben_claimed, |w| w.verdict("ana", "api", Outcome::Pass), Ground::VerifierOnly),
    ("self-review by a builder", claimed, |w| w.verdict("ana", "api", Outcome::Pass), Ground::SelfReview),
    (
        "self-review by a verifier",
        ben_claimed,
        |w| w.verdict("ben", "api", Outcome::Pass),
        Ground::SelfReview,
    ),
    ("a verdict on another claim", claimed, |w| verdict(w, |verdict| verdict.claim = 1), Ground::Unknown),
    (
        "a verdict without evidence",
        claimed,
        |w| verdict(w, |verdict| verdict.evidence.clear()),
        Ground::NoEvidence,
    ),
    ("a pass without a negative control", claimed, |w| verdict(w, |v| v.controls.clear()), Ground::NoControl),
    ("a fail without a negative control", claimed, fail_without_control, Ground::NoControl),
    (
        "a pass cited from before the change",
        claimed,
        |w| verdict(w, |v| v.evidence[0].at = before()),
        Ground::EvidenceOld,
    ),
    (
        "a control from before the change",
        claimed,
        |w| verdict(w, |v| v.controls[0].at = before()),
        Ground::EvidenceOld,
    ),
    (
        "evidence from the future",
        claimed,
        |w| verdict(w, |v| v.evidence[0].at = v.evidence[0].at.plus(999)),
        Ground::EvidenceOld,
    ),
    (
        "evidence for another commit",
        claimed,
        |w| verdict(w, |v| v.evidence[0].commit = nowhere()),
        Ground::EvidenceCommit,
    ),
    ("a verdict on another commit", claimed, on_another_commit, Ground::EvidenceCommit),
    ("a pass of what was touched since", claimed, touched_since, Ground::TouchedSince),
    (
        "a verdict by who fixed what was found",
        fixed_by_ben_and_claimed,
        |w| w.verdict("ben", "api", Outcome::Pass),
        Ground::SelfReview,
    ),
    (
        "a fail by who fixed what was found",
        fixed_by_ben_and_claimed,
        |w| w.verdict("ben", "api", Outcome::Fail),
        Ground::SelfReview,
    ),
    (
        "a verdict by who fixed what a pass had not in it",
        fixed_beside_a_pass,
        |w| w.verdict("ben", "api", Outcome::Pass),
        Ground::SelfReview,
    ),
    (
        "a verdict by who fixed a gate that was planned anew",
        fixed_by_ben_and_planned_anew,
        |w| w.verdict("ben", "api", Outcome::Pass),
        Ground::SelfReview,
    ),
    ("a reasoning excused by a builder", judged, |w| excuse(w, "ana"), Ground::VerifierOnly),
    ("a reasoning excused by its claimant", judged_of_ben, |w| excuse(w, "ben"), Ground::SelfReview),
    ("a reasoning excused before its verdict", promised, |w| excuse(w, "ben"), Ground::HiddenYet),
    ("a reasoning excused that nobody promised", World::passed, |w| excuse(w, "ben"), Ground::Unknown),
    ("a reasoning revealed that was excused", excused, |w| reveal(w, "ana", "Because."), Ground::Unknown),
    ("a reopening of what did not fail", claimed, reopen, Ground::GateState),
    ("a reasoning before its verdict", promised, |w| reveal(w, "ana", "Because."), Ground::HiddenYet),
    (
        "another reasoning than was promised",
        judged,
        |w| reveal(w, "ana", "Because of X."),
        Ground::OtherReasoning,
    ),
    ("a reasoning by somebody else", judged, |w| reveal(w, "cleo", "Because."), Ground::OtherReasoning),
    ("a reasoning that nobody promised", World::passed, |w| reveal(w, "ana", "Because."), Ground::Unknown),
    ("a claim while a reasoning is owed", owing, |w| w.claim("ana", "api"), Ground::RevealOwed),
    ("a finding out of turn", World::planned, |w| w.find("ben", 2), Ground::Numbering),
    (
        "a finding on no gate",
        World::planned,
        |w| find(w, "ben", |find| find.gate = Some(name("none"))),
        Ground::Unknown,
    ),
    (
        "a correction of nothing",
        World::planned,
        |w| find(w, "ben", |f| f.corrects = Some(FindingId(9))),
        Ground::Unknown,
    ),
    ("a correction by a builder", World::found, |w| correct(w, "ana"), Ground::VerifierOnly),
    ("a correction of what is closed", closed, |w| correct(w, "ben"), Ground::FindingState),
    ("a correction by who fixed it", World::fixed_by_ben, |w| correct(w, "ben"), Ground::SelfReview),
    ("a correction by who claimed its gate", found_on_bens_claim, |w| correct(w, "ben"), Ground::SelfReview),
    (
        "a corrected finding withdrawn by who fixed it",
        corrected_after_bens_fix,
        |w| withdraw_of(w, "ben", 2),
        Ground::SelfReview,
    ),
    ("a fix of nothing", World::planned, |w| w.fix("ana", 1), Ground::Unknown),
    ("a fix in the commit with the finding", World::found, |w| w.fix("ana", 1), Ground::FixOld),
    ("a second fix", World::fixed, |w| w.fix("ana", 1), Ground::FindingState),
    ("a fix of what is closed", closed, |w| w.fix("ana", 1), Ground::FindingState),
    ("a re-test without a fix", World::found, |w| w.retest("ben", 1, Outcome::Pass), Ground::FindingState),
    ("a re-test by the builder", World::fixed, |w| w.retest("ana", 1, Outcome::Pass), Ground::SelfReview),
    (
        "a re-test by another builder",
        World::fixed_by_ben,
        |w| w.retest("ana", 1, Outcome::Pass),
        Ground::VerifierOnly,
    ),
    (
        "a re-test without evidence",
        World::fixed,
        |w| retest(w, |retest| retest.evidence.clear()),
        Ground::NoEvidence,
    ),
    (
        "a re-test from before the fix",
        World::fixed,
        |w| retest(w, |r| r.evidence[0].at = w_at(r)),
        Ground::EvidenceOld,
    ),
    ("a re-test of a commit without the fix", World::fixed, without_fix, Ground::RetestOld),
    ("a finding closed by the builder", retested, |w| w.close("ana", 1), Ground::VerifierOnly),
    ("a finding closed by who fixed it", ben_fixed, |w| w.close("ben", 1), Ground::SelfReview),
    ("a finding closed without a re-test", World::fixed, |w| w.close("ben", 1), Ground::FindingState),
    (
        "a finding closed after a re-test that failed",
        retest_failed,
        |w| w.close("ben", 1),
        Ground::RetestFailed,
    ),
    ("a finding closed that nobody compared", unobserved, |w| w.close("ben", 1), Ground::NotObserved),
    ("a finding reopened by the builder", retested, |w| reopen_finding(w, "ana"), Ground::VerifierOnly),
    ("a finding reopened that is closed", closed, |w| reopen_finding(w, "ben"), Ground::FindingState),
    ("a finding deferred by the builder", World::found, |w| defer(w, "ana"), Ground::VerifierOnly),
    ("a finding deferred after its fix", World::fixed, |w| defer(w, "ben"), Ground::FindingState),
    ("a finding withdrawn by the builder", World::found, |w| withdraw(w, "ana"), Ground::VerifierOnly),
    ("a finding withdrawn by who fixed it", ben_fixed, |w| withdraw(w, "ben"), Ground::SelfReview),
    (
        "a reopened finding withdrawn by who fixed it",
        reopened_from_ben,
        |w| withdraw(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a reopened finding deferred by who fixed it",
        reopened_from_ben,
        |w| defer(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a finding put off and brought back withdrawn by who fixed it",
        put_off_and_back,
        |w| withdraw(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a finding withdrawn by who claimed its gate",
        found_on_bens_claim,
        |w| withdraw(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a finding deferred by who claimed its gate",
        found_on_bens_claim,
        |w| defer(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a finding withdrawn after its gate was opened again",
        found_and_gate_reopened,
        |w| withdraw(w, "ben"),
        Ground::SelfReview,
    ),
    (
        "a finding withdrawn by who claimed its gate before it was planned anew",
        found_on_bens_claim_and_planned_anew,
        |w| withdraw(w, "ben"),
        Ground::SelfReview,
    ),
    ("an observation of what is closed", closed, |w| w.observe("cleo", 1), Ground::FindingState),
    ("a finding withdrawn that is closed", closed, |w| withdraw(w, "ben"), Ground::FindingState),
    ("a veto by a builder", World::planned, |w| w.veto("ana", 1, None), Ground::VerifierOnly),
    ("a veto out of turn", World::planned, |w| w.veto("ben", 2, None), Ground::Numbering),
    ("a veto on no gate", World::planned, |w| w.veto("ben", 1, Some("none")), Ground::Unknown),
    ("a veto lifted by a builder", vetoed, |w| w.lift("ana", 1), Ground::VerifierOnly),
    ("a veto lifted by another verifier", vetoed, |w| w.lift("cleo", 1), Ground::OthersVeto),
    (
        "a veto lifted by who retired its maker",
        ben_vetoed_and_retired,
        |w| w.lift("cleo", 1),
        Ground::OthersVeto,
    ),
    (
        "a veto lifted by who retired its maker, after another's plan",
        ben_retired_and_planned_anew,
        |w| w.lift("cleo", 1),
        Ground::OthersVeto,
    ),
    ("a veto lifted that does not stand", World::planned, |w| w.lift("ben", 1), Ground::Unknown),
];

/// What is tried from the same places, and may be done.
const TAKEN: &[Taken] = &[
    ("a plan by a verifier", World::empty, |w| plan(w, |_| ())),
    ("a plan with one gate more", World::passed, |w| plan(w, |plan| plan.gates.push(gate("ops", "ops")))),
    ("a claim by a builder", World::planned, |w| w.claim("ana", "api")),
    ("a claim by a verifier", World::planned, |w| w.claim("ben", "api")),
    ("a claim on a stale gate", stale, |w| w.claim("ana", "api")),
    ("a verdict that passes", claimed, |w| w.verdict("ben", "api", Outcome::Pass)),
    ("a verdict that fails", claimed, |w| w.verdict("ben", "api", Outcome::Fail)),
    ("a verdict on a verifier's claim", ben_claimed, |w| w.verdict("cleo", "api", Outcome::Pass)),
    ("a fail of what was touched since", claimed, |w| {
        w.commit(&["api/b"]);
        w.verdict("ben", "api", Outcome::Fail)
    }),
    ("a pass of what was touched elsewhere", claimed, |w| {
        w.commit(&["docs/b", "apiary", "x/api/y"]);
        w.verdict("ben", "api", Outcome::Pass)
    }),
    ("a reopening", failed, reopen),
    ("a reasoning after its verdict", judged, |w| reveal(w, "ana", "Because.")),
    ("a claim after the reasoning", owing, |w| {
        reveal(w, "ana", "Because.").and_then(|()| w.claim("ana", "api"))
    }),
    ("a finding by a builder", World::planned, |w| w.find("ana", 1)),
    ("a correction", World::found, |w| correct(w, "cleo")),
    ("a fix", World::found, |w| {
        w.commit(&["api/a"]);
        w.fix("ana", 1)
    }),
    ("a re-test", World::fixed, |w| w.retest("ben", 1, Outcome::Pass)),
    ("a withdrawal by another than who fixed it", reopened_from_ben, |w| withdraw(w, "cleo")),
    ("a withdrawal by another than who claimed its gate", found_on_bens_claim, |w| withdraw(w, "cleo")),
    ("an observation of what was put off", World::found, |w| {
        defer(w, "ben").and_then(|()| w.observe("cleo", 1))
    }),
    ("a verdict by another than who fixed what was found", fixed_by_ben_and_claimed, |w| {
        w.verdict("cleo", "api", Outcome::Pass)
    }),
    ("a verdict by who fixed what another has passed", fixed_and_passed_and_claimed, |w| {
        w.verdict("ben", "api", Outcome::Pass)
    }),
    ("a claim after the reasoning was excused", excused, |w| {
        w.commit(&["api/b"]);
        w.claim("cleo", "api")
    }),
    ("a reasoning excused of who is retired", judged_and_claimant_retired, |w| excuse(w, "ben")),
    ("a closing", retested, |w| w.close("ben", 1)),
    ("a closing by another verifier", ben_fixed, |w| w.close("cleo", 1)),
    ("a reopening of a finding", retest_failed, |w| reopen_finding(w, "ben")),
    ("a deferral", World::found, |w| defer(w, "ben")),
    ("a withdrawal", World::found, |w| withdraw(w, "ben")),
    ("a veto", World::planned, |w| w.veto("ben", 1, Some("api"))),
    ("a veto lifted", vetoed, |w| w.lift("ben", 1)),
    ("a veto lifted of who is retired, by another", ben_vetoed_and_retired_of_four, |w| w.lift("dan", 1)),
];

#[test]
fn each_is_refused_with_its_reason_and_changes_nothing() {
    for (what, from, attempt, ground) in REFUSED {
        let mut world = from();
        let refused = attempt(&mut world).expect_err(what);
        assert_eq!(refused.ground, *ground, "{what}: {}", refused.reason);
        assert!(!refused.reason.is_empty());
    }
}

#[test]
fn what_stands_beside_it_is_taken() {
    for (what, from, attempt) in TAKEN {
        attempt(&mut from()).unwrap_or_else(|refused| panic!("{what}: {refused:?}"));
    }
}

#[test]
fn every_ground_on_which_a_step_is_refused_is_among_them() {
    let of_ledgers = [
        Ground::Form,
        Ground::Files,
        Ground::Signature,
        Ground::Rewritten,
        Ground::Dropped,
        Ground::SignersFile,
    ];
    let of_ledgers = of_ledgers.into_iter().chain([Ground::Chain]);
    let seen: BTreeSet<Ground> = REFUSED.iter().map(|(_, _, _, ground)| *ground).chain(of_ledgers).collect();
    assert_eq!(seen, Ground::ALL.iter().copied().collect());
}
