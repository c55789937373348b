//! Random sequences of moves, right ones and wrong ones by anybody: what was accepted never holds what must not be.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{World, gate, key, name, planned, text};
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
        if self.one_in(60) { "zoe" } else { self.of(&["ana", "ben", "cleo"]) }
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
}

/// Plays one sequence and holds each moment of it to the oracle.
fn play(seed: u64, seen: &mut Seen) -> Result<(), String> {
    let mut dice = Dice(seed);
    let mut world = World::planned();
    for _ in 0..ATTEMPTS {
        if dice.one_in(12) {
            let path = dice.of(&["api/x", "docs/x", "elsewhere"]);
            world.commit(&[path]);
        }
        if dice.one_in(10) {
            world.now += dice.of(&[1, HOUR_S, 7 * HOUR_S, 24 * HOUR_S]);
        }
        let before = world.records.len();
        match attempt(&mut dice, &mut world) {
            Ok(()) => *seen.accepted.entry(world.records[before].step.name()).or_default() += 1,
            Err(refused) => *seen.refused.entry(refused.ground).or_default() += 1,
        }
        let (said, is_so) =
            (world.state.is_done(world.at(), &world.history()), world.past().is_done(world.at()));
        if said != is_so {
            return Err(format!("seed {seed}: DONE is said to be {said} after {:#?}", world.records));
        }
        seen.done += usize::from(said);
    }
    match world.past().forbidden() {
        Some(fault) => Err(format!("seed {seed}: {fault} in {:#?}", world.records)),
        None => Ok(()),
    }
}

fn attempt(dice: &mut Dice, world: &mut World) -> Result<(), Refusal> {
    let (who, gate) = (dice.who(), dice.gate());
    let newest = world.state.next_finding().0;
    let finding = FindingId(1 + dice.below(u64::from(newest)) as u32);
    let why = text("A reason");
    let step = match dice.below(30) {
        0 if dice.one_in(4) => Step::Plan(replanned(dice)),
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
            Step::Find(Find { corrects, ..World::finding(newest) })
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
    if dice.one_in(40) {
        // A clock that stands wrong.
        let at = At::from_secs(super::world::BEGIN);
        return world.take(Record { at, ..world.next(who, world.head(), step) });
    }
    world.step(who, step)
}

fn replanned(dice: &mut Dice) -> Plan {
    let mut plan = planned();
    match dice.below(4) {
        0 => drop(plan.gates.pop()),
        1 => drop(plan.signers.remove(0)),
        2 => plan.gates[1] = gate("docs", dice.of(&["docs", "elsewhere"])),
        _ => plan.signers[2].retired = dice.one_in(3),
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
    let first = world.commits[0].id.clone();
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
    let commit = if dice.one_in(5) { world.commits[0].id.clone() } else { world.head() };
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
}
