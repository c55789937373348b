//! Random sequences of moves, right ones and wrong ones by anybody: what was accepted never holds what must not be.

mod branches;

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::branches::{Anew, wander};
use super::ledger::seal_all;
use super::world::{BEGIN, World, gate, key, name, planned, signer, text};
use crate::review::*;

const ATTEMPTS: usize = 160;
const HOUR_S: u64 = 3600;

/// A stream of choices that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn who(&mut self) -> &'static str {
        // Zoe is a stranger, and Dan one until a plan has him.
        match self.below(60) {
            0 => "zoe",
            1..=4 => "dan",
            _ => self.of(&["ana", "ben", "cleo"]),
        }
    }

    fn gate(&mut self) -> &'static str {
        self.of(&["api", "docs"])
    }

    fn outcome(&mut self) -> Outcome {
        if self.one_in(4) { Outcome::Fail } else { Outcome::Pass }
    }
}

#[derive(Default)]
struct Seen {
    accepted: BTreeMap<&'static str, usize>,
    refused: BTreeMap<Ground, usize>,
    done: usize,
    anew: Anew,
}

/// Plays one sequence and holds each moment of it to the oracle.
fn play(seed: u64, seen: &mut Seen) -> Result<(), String> {
    let mut dice = Dice(seed);
    let (mut world, old) = match dice.one_in(3) {
        true => World::planned_beside_an_old_branch(),
        false => (World::planned(), 0),
    };
    let mut old = Some(old).filter(|old| *old > 0);
    for _ in 0..ATTEMPTS {
        wander(&mut dice, &mut world, &mut old, &mut seen.anew);
        if dice.one_in(10) {
            world.now += dice.of(&[1, HOUR_S, 7 * HOUR_S, 24 * HOUR_S]);
        }
        let before = world.records.len();
        match attempt(&mut dice, &mut world) {
            Ok(()) => *seen.accepted.entry(world.records[before].step.name()).or_default() += 1,
            Err(refused) => *seen.refused.entry(refused.ground).or_default() += 1,
        }
        // By the clock of this machine, or by one that is behind.
        let now = At::from_secs(world.now - dice.of(&[0, 0, 0, 250, 400, HOUR_S, 20 * HOUR_S]));
        let (said, is_so) = (world.state.is_done(now, &world.history()), world.past().is_done(now));
        if said != is_so {
            return Err(format!(
                "seed {seed}: DONE at {now} is said to be {said} after {:#?}",
                world.records
            ));
        }
        seen.done += usize::from(said);
    }
    if let Some(fault) = world.past().forbidden() {
        return Err(format!("seed {seed}: {fault} in {:#?}", world.records));
    }
    read_again(&mut dice, &world).map_err(|fault| format!("seed {seed}: {fault} in {:#?}", world.records))
}

/// From its files the ledger is the same, with all commits since; and before its time it is believed as far as it has come.
fn read_again(dice: &mut Dice, world: &World) -> Result<(), String> {
    let judge_at = |now: At| judge(seal_all(&world.records), &world.history(), now);
    let judged = judge_at(world.at());
    if !judged.faults.is_empty() || judged.state != world.state {
        return Err(format!("its files say something else: {:?}", judged.faults));
    }
    let then = At::from_secs(world.now - dice.below(world.now - BEGIN));
    let is_past = |record: &&Record| record.at.secs() <= then.secs() + 300;
    let (believed, past) = (judge_at(then).records.len(), world.records.iter().take_while(is_past).count());
    if believed == past { Ok(()) } else { Err(format!("at {then} {believed} are believed, not {past}")) }
}

/// What is dated later than now is taken by nobody who reads it now.
fn take(world: &mut World, record: Record) -> Result<(), Refusal> {
    if record.at > world.at() {
        let records = [world.records.as_slice(), std::slice::from_ref(&record)].concat();
        if let Some(fault) = judge(seal_all(&records), &world.history(), world.at()).faults.pop() {
            return Err(Refusal { ground: fault.ground, reason: fault.reason });
        }
    }
    world.take(record)
}

fn attempt(dice: &mut Dice, world: &mut World) -> Result<(), Refusal> {
    let (who, gate) = (dice.who(), dice.gate());
    let newest = world.state.next_finding().0;
    let finding = FindingId(1 + dice.below(u64::from(newest)) as u32);
    let why = text("A reason");
    let step = match dice.below(30) {
        0 if dice.one_in(4) => Step::Plan(replanned(dice, world)),
        0..=4 => Step::Claim(claim(dice, gate)),
        5..=10 => {
            let verdict = verdict(dice, world, gate);
            return if dice.one_in(10) {
                world.step(who, Step::Verdict(verdict))
            } else {
                world.give(who, verdict)
            };
        }
        11 => Step::ReopenGate(ReopenGate { gate: name(gate), why }),
        12 => {
            let reasoning: Prose = dice.of(&["Because.", "Because.", "Otherwise."]).parse().unwrap();
            let claim = world.state.promised(&name(gate)).unwrap_or(1);
            Step::Reveal(Reveal { claim, salt: hide(&key("ana"), &reasoning).salt, reasoning })
        }
        13 | 28 if dice.one_in(3) => {
            let claim = world.state.promised(&name(gate)).unwrap_or(1);
            Step::Excuse(Excuse { claim, why })
        }
        14 if newest < 4 => {
            let corrects = dice.one_in(4).then_some(finding);
            Step::Find(Find { corrects, gate: Some(name(gate)), ..World::finding(newest) })
        }
        14..=15 => {
            let symptom = text("200");
            Step::Observe(Observe { finding, symptom, duration_s: 1, as_predicted: Likeness::Partly })
        }
        16..=18 => Step::Fix(Fix { finding, what: why }),
        19..=21 => return retest(dice, world, who, finding),
        22..=24 => Step::Close(Close { finding }),
        25 => Step::ReopenFinding(ReopenFinding { finding, why }),
        26 if dice.one_in(2) => {
            let until = dice.one_in(2).then(|| world.at().plus(HOUR_S));
            Step::Defer(Defer { finding, trigger: why, until })
        }
        26 => Step::Withdraw(Withdraw { finding, why }),
        27 if dice.one_in(3) => {
            let gate = dice.one_in(2).then(|| name(gate));
            Step::Veto(Veto { id: world.state.next_veto(), gate, why })
        }
        _ => {
            let newest = u64::from(world.state.next_veto().0);
            Step::Lift(Lift { veto: VetoId(1 + dice.below(newest) as u32), why })
        }
    };
    record(dice, world, who, step)
}

/// As a rule now and about what is checked out.
fn record(dice: &mut Dice, world: &mut World, who: &str, step: Step) -> Result<(), Refusal> {
    world.now += 60;
    let right = world.next(who, world.head(), step);
    // Whatever commit there is, also of another branch or from before the review.
    let any = dice.below(world.git.commits.len() as u64) as usize;
    let any = world.git.commits[any].facts.id.clone();
    let record = match dice.below(80) {
        0 => Record { at: At::from_secs(BEGIN), ..right },
        1 => Record { at: At::from_secs(world.now - dice.below(200)), ..right },
        2 => Record { at: world.at().plus(dice.of(&[200, 400, HOUR_S])), ..right },
        3 => Record { head: any, ..right },
        4..=12 => Record { commit: any, ..right },
        _ => right,
    };
    take(world, record)
}

fn replanned(dice: &mut Dice, world: &World) -> Plan {
    let mut plan = world.state.plan().cloned().unwrap_or_else(planned);
    match dice.below(8) {
        0 => drop(plan.gates.pop()),
        1 => drop(plan.signers.remove(0)),
        2 => plan.gates[1] = gate("docs", dice.of(&["docs", "elsewhere"])),
        3 => plan.gates[0] = gate("api", dice.of(&["api", "api/x"])),
        4 | 5 if plan.signers.len() == 3 => plan.signers.push(signer("dan", Role::Verifier)),
        _ => plan.signers[2].retired = dice.one_in(2),
    }
    plan
}

fn claim(dice: &mut Dice, gate: &str) -> Claim {
    let reasoning = dice.one_in(3).then(|| hide(&key("ana"), &"Because.".parse().unwrap()).digest);
    let mut claim = Claim { reasoning, clean: !dice.one_in(10), ..World::claimed(gate) };
    if dice.one_in(10) {
        claim.pushed.clear();
    }
    claim
}

fn verdict(dice: &mut Dice, world: &World, gate: &str) -> Verdict {
    let mut verdict = world.verdict_on(gate, dice.outcome());
    let first = world.git.commits[world.begin].facts.id.clone();
    match dice.below(16) {
        0 => verdict.evidence.clear(),
        1 => verdict.controls.clear(),
        2 => verdict.evidence[0].at = At::from_secs(world.now.saturating_sub(dice.below(9 * HOUR_S))),
        3 => verdict.controls[0].at = At::from_secs(world.now.saturating_sub(dice.below(9 * HOUR_S))),
        4 => verdict.controls[0].at = world.at().plus(dice.below(HOUR_S)),
        5 => verdict.evidence[0].commit = first,
        6 => verdict.claim = verdict.claim.saturating_sub(1),
        _ => {}
    }
    verdict
}

fn retest(dice: &mut Dice, world: &mut World, who: &str, finding: FindingId) -> Result<(), Refusal> {
    let any = dice.below(world.git.commits.len() as u64) as usize;
    let commit = if dice.one_in(4) { world.git.commits[any].facts.id.clone() } else { world.head() };
    let at = At::from_secs(world.now.saturating_sub(dice.of(&[0, 0, 0, 30, HOUR_S])));
    let evidence = vec![Evidence { what: text("400"), at, commit: commit.clone() }];
    let evidence = if dice.one_in(10) { Vec::new() } else { evidence };
    world.step_on(who, commit, Step::Retest(Retest { finding, outcome: dice.outcome(), evidence }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_sequence_of_moves_reaches_a_forbidden_state(seed: u64) {
        prop_assert_eq!(play(seed, &mut Seen::default()), Ok(()));
    }
}

/// Else the property would hold of nothing.
#[test]
fn the_sequences_take_every_step_and_meet_every_refusal_and_reach_done() {
    let mut seen = Seen::default();
    for seed in 0..200 {
        play(seed, &mut seen).unwrap();
    }
    assert_eq!(seen.accepted.len(), 16, "{:?}", seen.accepted);
    assert!(seen.accepted.values().all(|count| *count >= 5), "{:?}", seen.accepted);
    let expected = [
        Ground::Clock,
        Ground::Commit,
        Ground::PlanShrinks,
        Ground::Signer,
        Ground::VerifierOnly,
        Ground::GateState,
        Ground::FindingState,
        Ground::TreeNotClean,
        Ground::NotPushed,
        Ground::SelfReview,
        Ground::NoEvidence,
        Ground::NoControl,
        Ground::EvidenceCommit,
        Ground::EvidenceOld,
        Ground::TouchedSince,
        Ground::HiddenYet,
        Ground::RevealOwed,
        Ground::OtherReasoning,
        Ground::FixOld,
        Ground::RetestOld,
        Ground::RetestFailed,
        Ground::NotObserved,
        Ground::OthersVeto,
    ];
    for ground in expected {
        assert!(seen.refused.contains_key(&ground), "{ground:?} never: {:?}", seen.refused);
    }
    assert!(seen.done > 0, "DONE was never reached");
    let Anew { merges, tried, taken } = seen.anew;
    assert!(merges > 400 && taken > 200 && tried > taken, "{merges} merges, {taken} of {tried} signed anew");
}
