//! Where the cases of refusals begin, and what is tried there. It expects nothing.

use super::super::world::{World, key, name, planned, signer, text};
use crate::review::*;

pub(super) fn before() -> At {
    At::from_secs(super::super::world::BEGIN)
}

/// A little before the evidence of a re-test as it would be: when the fix was recorded.
pub(super) fn w_at(retest: &Retest) -> At {
    At::from_secs(retest.evidence[0].at.secs() - 1)
}

pub(super) fn nowhere() -> Commit {
    "f".repeat(40).parse().unwrap()
}

pub(super) fn claimed() -> World {
    let mut world = World::planned();
    world.claim("ana", "api").unwrap();
    world
}

pub(super) fn ben_claimed() -> World {
    let mut world = World::planned();
    world.claim("ben", "api").unwrap();
    world
}

pub(super) fn failed() -> World {
    let mut world = claimed();
    world.verdict("ben", "api", Outcome::Fail).unwrap();
    world
}

pub(super) fn stale() -> World {
    let mut world = World::passed();
    world.commit(&["api/a"]);
    world
}

pub(super) fn retested() -> World {
    let mut world = World::fixed();
    world.retest("ben", 1, Outcome::Pass).unwrap();
    world
}

pub(super) fn retest_failed() -> World {
    let mut world = World::fixed();
    world.retest("ben", 1, Outcome::Fail).unwrap();
    world
}

pub(super) fn closed() -> World {
    let mut world = retested();
    world.close("ben", 1).unwrap();
    world
}

pub(super) fn unobserved() -> World {
    let mut world = World::planned();
    world.find("ben", 1).unwrap();
    world.commit(&["api/a"]);
    world.fix("ana", 1).unwrap();
    world.retest("ben", 1, Outcome::Pass).unwrap();
    world
}

pub(super) fn ben_fixed() -> World {
    let mut world = World::found();
    world.commit(&["api/a"]);
    world.fix("ben", 1).unwrap();
    world.retest("cleo", 1, Outcome::Pass).unwrap();
    world
}

pub(super) fn vetoed() -> World {
    let mut world = World::planned();
    world.veto("ben", 1, None).unwrap();
    world
}

pub(super) fn retire_ben(world: &mut World) {
    let mut plan = planned();
    plan.signers[1].retired = true;
    world.step("cleo", Step::Plan(plan)).unwrap();
}

pub(super) fn retired() -> World {
    let mut world = World::planned();
    retire_ben(&mut world);
    world
}

/// There is a fourth, Dan, who did not retire Ben.
pub(super) fn ben_vetoed_and_retired_of_four() -> World {
    let mut world = vetoed();
    let mut plan = planned();
    plan.signers.push(signer("dan", Role::Verifier));
    plan.signers[1].retired = true;
    world.step("cleo", Step::Plan(plan)).unwrap();
    world
}

/// As before, and then Dan records a plan that changes nothing.
pub(super) fn ben_retired_and_planned_anew() -> World {
    let mut world = ben_vetoed_and_retired_of_four();
    let plan = world.state.plan().unwrap().clone();
    world.step("dan", Step::Plan(plan)).unwrap();
    world
}

/// Another scope: what was claimed before is another gate, of the same name.
fn plan_anew(world: &mut World, by: &str) {
    let mut plan = planned();
    plan.gates[0].scope.push("api2".parse().unwrap());
    world.step(by, Step::Plan(plan)).unwrap();
}

pub(super) fn found_on_bens_claim_and_planned_anew() -> World {
    let mut world = found_on_bens_claim();
    plan_anew(&mut world, "cleo");
    world
}

pub(super) fn fixed_by_ben_and_planned_anew() -> World {
    let mut world = World::fixed_by_ben();
    plan_anew(&mut world, "cleo");
    world.claim("ana", "api").unwrap();
    world
}

/// Cleo passed what was claimed before Ben's fix, which is elsewhere; then the gate is claimed with it.
pub(super) fn fixed_beside_a_pass() -> World {
    let mut world = World::found();
    world.claim("ana", "api").unwrap();
    world.commit(&["elsewhere"]);
    world.fix("ben", 1).unwrap();
    world.verdict("cleo", "api", Outcome::Pass).unwrap();
    world.commit(&["api/b"]);
    world.claim("ana", "api").unwrap();
    world
}

pub(super) fn one_too_many(world: &mut World) -> Result<(), Refusal> {
    world.state.seq = RECORDS_MAX as u64;
    again(world, |record| record.seq = RECORDS_MAX as u64 + 1)
}

/// Ben claimed the gate, and Cleo found F1 on it.
pub(super) fn found_on_bens_claim() -> World {
    let mut world = ben_claimed();
    world.find("cleo", 1).unwrap();
    world
}

pub(super) fn found_and_gate_reopened() -> World {
    let mut world = found_on_bens_claim();
    world.verdict("cleo", "api", Outcome::Fail).unwrap();
    reopen(&mut world).unwrap();
    world
}

pub(super) fn corrected_after_bens_fix() -> World {
    let mut world = World::fixed_by_ben();
    correct(&mut world, "cleo").unwrap();
    world
}

pub(super) fn reopened_from_ben() -> World {
    let mut world = World::fixed_by_ben();
    world.retest("cleo", 1, Outcome::Fail).unwrap();
    reopen_finding(&mut world, "cleo").unwrap();
    world
}

pub(super) fn put_off_and_back() -> World {
    let mut world = reopened_from_ben();
    defer(&mut world, "cleo").unwrap();
    reopen_finding(&mut world, "cleo").unwrap();
    world
}

pub(super) fn fixed_by_ben_and_claimed() -> World {
    let mut world = World::fixed_by_ben();
    world.claim("ana", "api").unwrap();
    world
}

pub(super) fn fixed_and_passed_and_claimed() -> World {
    let mut world = fixed_by_ben_and_claimed();
    world.verdict("cleo", "api", Outcome::Pass).unwrap();
    world.commit(&["api/b"]);
    world.claim("ana", "api").unwrap();
    world
}

pub(super) fn judged_of_ben() -> World {
    let mut world = World::planned();
    let reasoning = hide(&key("ben"), &"Because.".parse().unwrap()).digest;
    let claim = Claim { reasoning: Some(reasoning), ..World::claimed("api") };
    world.step("ben", Step::Claim(claim)).unwrap();
    world.verdict("cleo", "api", Outcome::Pass).unwrap();
    world
}

pub(super) fn judged_and_claimant_retired() -> World {
    let mut world = judged();
    let mut plan = planned();
    plan.signers[0].retired = true;
    world.step("cleo", Step::Plan(plan)).unwrap();
    world
}

pub(super) fn excused() -> World {
    let mut world = judged();
    excuse(&mut world, "cleo").unwrap();
    world
}

pub(super) fn ben_vetoed_and_retired() -> World {
    let mut world = vetoed();
    retire_ben(&mut world);
    world
}

pub(super) fn promised() -> World {
    let mut world = World::planned();
    let reasoning = hide(&key("ana"), &"Because.".parse().unwrap()).digest;
    let claim = Claim { reasoning: Some(reasoning), ..World::claimed("api") };
    world.step("ana", Step::Claim(claim)).unwrap();
    world
}

pub(super) fn judged() -> World {
    let mut world = promised();
    world.verdict("ben", "api", Outcome::Pass).unwrap();
    world
}

pub(super) fn owing() -> World {
    let mut world = judged();
    world.commit(&["api/a"]);
    world
}

pub(super) fn plan(world: &mut World, change: fn(&mut Plan)) -> Result<(), Refusal> {
    let mut plan = planned();
    change(&mut plan);
    world.step("ben", Step::Plan(plan))
}

pub(super) fn two_names(world: &mut World) -> Result<(), Refusal> {
    plan(world, |plan| {
        plan.signers.push(Signer { name: name("ana-two"), ..signer("ana", Role::Verifier) });
    })
}

pub(super) fn again(world: &mut World, change: fn(&mut Record)) -> Result<(), Refusal> {
    let mut record = world.next("ana", world.head(), Step::Claim(World::claimed("api")));
    change(&mut record);
    world.take(record)
}

pub(super) fn claim(world: &mut World, change: fn(&mut Claim)) -> Result<(), Refusal> {
    let mut claim = World::claimed("api");
    change(&mut claim);
    world.step("ana", Step::Claim(claim))
}

pub(super) fn verdict(world: &mut World, change: fn(&mut Verdict)) -> Result<(), Refusal> {
    let mut verdict = world.verdict_on("api", Outcome::Pass);
    change(&mut verdict);
    world.give("ben", verdict)
}

pub(super) fn fail_without_control(world: &mut World) -> Result<(), Refusal> {
    let verdict = Verdict { controls: Vec::new(), ..world.verdict_on("api", Outcome::Fail) };
    world.give("ben", verdict)
}

pub(super) fn on_another_commit(world: &mut World) -> Result<(), Refusal> {
    let mut verdict = world.verdict_on("api", Outcome::Pass);
    let (commit, at) = (world.commit(&["elsewhere"]), world.at().plus(1));
    for each in verdict.evidence.iter_mut().chain(&mut verdict.controls) {
        *each = Evidence { at, commit: commit.clone(), ..each.clone() };
    }
    world.step("ben", Step::Verdict(verdict))
}

pub(super) fn touched_since(world: &mut World) -> Result<(), Refusal> {
    world.commit(&["elsewhere", "api/deep/b"]);
    world.verdict("ben", "api", Outcome::Pass)
}

pub(super) fn reopen(world: &mut World) -> Result<(), Refusal> {
    world.step("ana", Step::ReopenGate(ReopenGate { gate: name("api"), why: text("It is mended") }))
}

pub(super) fn reveal(world: &mut World, by: &str, said: &str) -> Result<(), Refusal> {
    let reasoning: Prose = said.parse().unwrap();
    let salt = hide(&key("ana"), &reasoning).salt;
    world.step(by, Step::Reveal(Reveal { claim: 2, salt, reasoning }))
}

pub(super) fn excuse(world: &mut World, by: &str) -> Result<(), Refusal> {
    world.step(by, Step::Excuse(Excuse { claim: 2, why: text("The file is lost") }))
}

pub(super) fn find(world: &mut World, by: &str, change: fn(&mut Find)) -> Result<(), Refusal> {
    let mut find = World::finding(1);
    change(&mut find);
    world.step(by, Step::Find(find))
}

pub(super) fn correct(world: &mut World, by: &str) -> Result<(), Refusal> {
    world.step(by, Step::Find(Find { corrects: Some(FindingId(1)), ..World::finding(2) }))
}

pub(super) fn retest(world: &mut World, change: fn(&mut Retest)) -> Result<(), Refusal> {
    let evidence = vec![Evidence { what: text("400"), at: world.at().plus(1), commit: world.head() }];
    let mut retest = Retest { finding: FindingId(1), outcome: Outcome::Pass, evidence };
    change(&mut retest);
    world.step("ben", Step::Retest(retest))
}

pub(super) fn without_fix(world: &mut World) -> Result<(), Refusal> {
    let first = world.first();
    let evidence = vec![Evidence { what: text("400"), at: world.at(), commit: first.clone() }];
    let retest = Retest { finding: FindingId(1), outcome: Outcome::Pass, evidence };
    world.step_on("ben", first, Step::Retest(retest))
}

pub(super) fn reopen_finding(world: &mut World, by: &str) -> Result<(), Refusal> {
    let reopen = ReopenFinding { finding: FindingId(1), why: text("It is still there") };
    world.step(by, Step::ReopenFinding(reopen))
}

pub(super) fn defer(world: &mut World, by: &str) -> Result<(), Refusal> {
    let defer = Defer { finding: FindingId(1), trigger: text("a second client"), until: None };
    world.step(by, Step::Defer(defer))
}

pub(super) fn withdraw(world: &mut World, by: &str) -> Result<(), Refusal> {
    withdraw_of(world, by, 1)
}

pub(super) fn withdraw_of(world: &mut World, by: &str, id: u32) -> Result<(), Refusal> {
    world.step(by, Step::Withdraw(Withdraw { finding: FindingId(id), why: text("It was another file") }))
}
