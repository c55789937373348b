//! Every refusal: a step that may not be taken, beside the nearest one that may.

use std::collections::BTreeSet;

use super::world::{World, gate, key, name, planned, signer, text};
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
        |w| again(w, |r| r.at = At::from_secs(r.at.secs() - 61)),
        Ground::Chain,
    ),
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
    ("a fix of nothing", World::planned, |w| w.fix("ana", 1), Ground::Unknown),
    ("a fix in the commit with the finding", World::found, |w| w.fix("ana", 1), Ground::FixOld),
    ("a second fix", World::fixed, |w| w.fix("ana", 1), Ground::FindingState),
    ("a fix of what is closed", closed, |w| w.fix("ana", 1), Ground::FindingState),
    ("a re-test without a fix", World::found, |w| w.retest("ben", 1, Outcome::Pass), Ground::FindingState),
    ("a re-test by the builder", World::fixed, |w| w.retest("ana", 1, Outcome::Pass), Ground::SelfReview),
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
    ("a finding withdrawn that is closed", closed, |w| withdraw(w, "ben"), Ground::FindingState),
    ("a veto by a builder", World::planned, |w| w.veto("ana", 1, None), Ground::VerifierOnly),
    ("a veto out of turn", World::planned, |w| w.veto("ben", 2, None), Ground::Numbering),
    ("a veto on no gate", World::planned, |w| w.veto("ben", 1, Some("none")), Ground::Unknown),
    ("a veto lifted by a builder", vetoed, |w| w.lift("ana", 1), Ground::VerifierOnly),
    ("a veto lifted by another verifier", vetoed, |w| w.lift("cleo", 1), Ground::OthersVeto),
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
    ("a closing", retested, |w| w.close("ben", 1)),
    ("a closing by another verifier", ben_fixed, |w| w.close("cleo", 1)),
    ("a reopening of a finding", retest_failed, |w| reopen_finding(w, "ben")),
    ("a deferral", World::found, |w| defer(w, "ben")),
    ("a withdrawal", World::found, |w| withdraw(w, "ben")),
    ("a veto", World::planned, |w| w.veto("ben", 1, Some("api"))),
    ("a veto lifted", vetoed, |w| w.lift("ben", 1)),
    ("a veto lifted of who is retired", ben_vetoed_and_retired, |w| w.lift("cleo", 1)),
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
    let of_ledgers = [Ground::Form, Ground::Files, Ground::Signature, Ground::Rewritten, Ground::SignersFile];
    let seen: BTreeSet<Ground> = REFUSED.iter().map(|(_, _, _, ground)| *ground).chain(of_ledgers).collect();
    assert_eq!(seen, Ground::ALL.iter().copied().collect());
}

fn before() -> At {
    At::from_secs(super::world::BEGIN)
}

/// A little before the evidence of a re-test as it would be: when the fix was recorded.
fn w_at(retest: &Retest) -> At {
    At::from_secs(retest.evidence[0].at.secs() - 1)
}

fn nowhere() -> Commit {
    "f".repeat(40).parse().unwrap()
}

fn claimed() -> World {
    let mut world = World::planned();
    world.claim("ana", "api").unwrap();
    world
}

fn ben_claimed() -> World {
    let mut world = World::planned();
    world.claim("ben", "api").unwrap();
    world
}

fn failed() -> World {
    let mut world = claimed();
    world.verdict("ben", "api", Outcome::Fail).unwrap();
    world
}

fn stale() -> World {
    let mut world = World::passed();
    world.commit(&["api/a"]);
    world
}

fn retested() -> World {
    let mut world = World::fixed();
    world.retest("ben", 1, Outcome::Pass).unwrap();
    world
}

fn retest_failed() -> World {
    let mut world = World::fixed();
    world.retest("ben", 1, Outcome::Fail).unwrap();
    world
}

fn closed() -> World {
    let mut world = retested();
    world.close("ben", 1).unwrap();
    world
}

fn unobserved() -> World {
    let mut world = World::planned();
    world.find("ben", 1).unwrap();
    world.commit(&["api/a"]);
    world.fix("ana", 1).unwrap();
    world.retest("ben", 1, Outcome::Pass).unwrap();
    world
}

fn ben_fixed() -> World {
    let mut world = World::found();
    world.commit(&["api/a"]);
    world.fix("ben", 1).unwrap();
    world.retest("cleo", 1, Outcome::Pass).unwrap();
    world
}

fn vetoed() -> World {
    let mut world = World::planned();
    world.veto("ben", 1, None).unwrap();
    world
}

fn retire_ben(world: &mut World) {
    let mut plan = planned();
    plan.signers[1].retired = true;
    world.step("cleo", Step::Plan(plan)).unwrap();
}

fn retired() -> World {
    let mut world = World::planned();
    retire_ben(&mut world);
    world
}

fn ben_vetoed_and_retired() -> World {
    let mut world = vetoed();
    retire_ben(&mut world);
    world
}

fn promised() -> World {
    let mut world = World::planned();
    let reasoning = hide(&key("ana"), &"Because.".parse().unwrap()).digest;
    let claim = Claim { reasoning: Some(reasoning), ..World::claimed("api") };
    world.step("ana", Step::Claim(claim)).unwrap();
    world
}

fn judged() -> World {
    let mut world = promised();
    world.verdict("ben", "api", Outcome::Pass).unwrap();
    world
}

fn owing() -> World {
    let mut world = judged();
    world.commit(&["api/a"]);
    world
}

fn plan(world: &mut World, change: fn(&mut Plan)) -> Result<(), Refusal> {
    let mut plan = planned();
    change(&mut plan);
    world.step("ben", Step::Plan(plan))
}

fn two_names(world: &mut World) -> Result<(), Refusal> {
    plan(world, |plan| {
        plan.signers.push(Signer { name: name("ana-two"), ..signer("ana", Role::Verifier) });
    })
}

fn again(world: &mut World, change: fn(&mut Record)) -> Result<(), Refusal> {
    let mut record = world.next("ana", world.head(), Step::Claim(World::claimed("api")));
    change(&mut record);
    world.take(record)
}

fn claim(world: &mut World, change: fn(&mut Claim)) -> Result<(), Refusal> {
    let mut claim = World::claimed("api");
    change(&mut claim);
    world.step("ana", Step::Claim(claim))
}

fn verdict(world: &mut World, change: fn(&mut Verdict)) -> Result<(), Refusal> {
    let mut verdict = world.verdict_on("api", Outcome::Pass);
    change(&mut verdict);
    world.give("ben", verdict)
}

fn fail_without_control(world: &mut World) -> Result<(), Refusal> {
    let verdict = Verdict { controls: Vec::new(), ..world.verdict_on("api", Outcome::Fail) };
    world.give("ben", verdict)
}

fn on_another_commit(world: &mut World) -> Result<(), Refusal> {
    let verdict = world.verdict_on("api", Outcome::Pass);
    world.commit(&["elsewhere"]);
    world.step("ben", Step::Verdict(verdict))
}

fn touched_since(world: &mut World) -> Result<(), Refusal> {
    world.commit(&["elsewhere", "api/deep/b"]);
    world.verdict("ben", "api", Outcome::Pass)
}

fn reopen(world: &mut World) -> Result<(), Refusal> {
    world.step("ana", Step::ReopenGate(ReopenGate { gate: name("api"), why: text("It is mended") }))
}

fn reveal(world: &mut World, by: &str, said: &str) -> Result<(), Refusal> {
    let reasoning: Prose = said.parse().unwrap();
    let salt = hide(&key("ana"), &reasoning).salt;
    world.step(by, Step::Reveal(Reveal { claim: 2, salt, reasoning }))
}

fn find(world: &mut World, by: &str, change: fn(&mut Find)) -> Result<(), Refusal> {
    let mut find = World::finding(1);
    change(&mut find);
    world.step(by, Step::Find(find))
}

fn correct(world: &mut World, by: &str) -> Result<(), Refusal> {
    world.step(by, Step::Find(Find { corrects: Some(FindingId(1)), ..World::finding(2) }))
}

fn retest(world: &mut World, change: fn(&mut Retest)) -> Result<(), Refusal> {
    let evidence = vec![Evidence { what: text("400"), at: world.at().plus(1), commit: world.head() }];
    let mut retest = Retest { finding: FindingId(1), outcome: Outcome::Pass, evidence };
    change(&mut retest);
    world.step("ben", Step::Retest(retest))
}

fn without_fix(world: &mut World) -> Result<(), Refusal> {
    let first = world.commits[0].id.clone();
    let evidence = vec![Evidence { what: text("400"), at: world.at(), commit: first.clone() }];
    let retest = Retest { finding: FindingId(1), outcome: Outcome::Pass, evidence };
    world.step_on("ben", first, Step::Retest(retest))
}

fn reopen_finding(world: &mut World, by: &str) -> Result<(), Refusal> {
    let reopen = ReopenFinding { finding: FindingId(1), why: text("It is still there") };
    world.step(by, Step::ReopenFinding(reopen))
}

fn defer(world: &mut World, by: &str) -> Result<(), Refusal> {
    let defer = Defer { finding: FindingId(1), trigger: text("a second client"), until: None };
    world.step(by, Step::Defer(defer))
}

fn withdraw(world: &mut World, by: &str) -> Result<(), Refusal> {
    world.step(by, Step::Withdraw(Withdraw { finding: FindingId(1), why: text("It was another file") }))
}
