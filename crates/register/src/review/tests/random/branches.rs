//! What happens to the repository between two steps: commits, branches with records of their own, and merges, of which
//! some take a side away. It expects nothing.

use std::collections::BTreeSet;

use super::super::repository::Tree;
use super::super::world::World;
use super::{Dice, take};
use crate::review::*;

const PATHS: &[&str] = &["api/x", "api/y", "docs/x", "elsewhere"];

/// Records that were signed anew after a merge, and how many of them were taken.
#[derive(Default)]
pub(super) struct Anew {
    pub(super) merges: usize,
    pub(super) tried: usize,
    pub(super) taken: usize,
}

pub(super) fn wander(dice: &mut Dice, world: &mut World, old: &mut Option<usize>, anew: &mut Anew) {
    if dice.one_in(14) {
        world.commit(&[dice.of(PATHS)]);
    }
    if dice.one_in(60) {
        revert(dice, world);
    }
    if !dice.one_in(10) {
        return;
    }
    match (&world.aside, dice.below(3)) {
        (None, 0) => {
            if let Some(other) = old.take() {
                let tree = merged(dice, world, other);
                world.commit_tree(&[world.checked_out, other], tree);
                anew.merges += 1;
            }
        }
        (None, _) => world.fork(),
        (Some(_), 0) => world.switch(),
        (Some(_), _) => merge(dice, world, anew),
    }
}

/// One path as it was in an earlier commit.
fn revert(dice: &mut Dice, world: &mut World) {
    let (path, from) = (dice.of(PATHS), dice.below(world.git.commits.len() as u64) as usize);
    let mut tree = world.tree();
    if let Some(what) = world.git.commits[from].tree.get(path) {
        tree.insert(path.to_owned(), *what);
        world.commit_tree(&[world.checked_out], tree);
    }
}

/// The records of one side stay; of the other, some are signed anew.
fn merge(dice: &mut Dice, world: &mut World, anew: &mut Anew) {
    if dice.one_in(2) {
        world.switch();
    }
    let Some(aside) = world.aside.as_ref().map(|aside| aside.checked_out) else { return };
    let tree = merged(dice, world, aside);
    let lost = world.merge(tree);
    anew.merges += 1;
    for record in lost {
        if dice.one_in(3) {
            continue;
        }
        let commit = if dice.one_in(2) { record.commit } else { world.head() };
        let next = world.next(record.by.as_str(), commit, renumbered(world, record.step));
        world.now += dice.below(90);
        anew.tried += 1;
        anew.taken += usize::from(take(world, Record { at: world.at(), ..next }).is_ok());
    }
}

fn renumbered(world: &World, step: Step) -> Step {
    match step {
        Step::Find(find) => Step::Find(Find { id: world.state.next_finding(), ..find }),
        Step::Veto(veto) => Step::Veto(Veto { id: world.state.next_veto(), ..veto }),
        Step::Verdict(verdict) => {
            let standing = world.state.gate(&verdict.gate).and_then(GatePhase::claim);
            let claim = standing.map_or(verdict.claim, |claim| claim.seq);
            Step::Verdict(Verdict { claim, ..verdict })
        }
        step => step,
    }
}

/// Both sides brought together, one of them thrown away, or something of each.
fn merged(dice: &mut Dice, world: &World, other: usize) -> Tree {
    let (ours, theirs) = (world.tree(), world.git.commits[other].tree.clone());
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let pick = |which: &mut dyn FnMut(&String) -> Option<u64>| {
        paths.iter().filter_map(|path| Some(((*path).clone(), which(path)?))).collect::<Tree>()
    };
    let mut newest = |path: &String| ours.get(path).max(theirs.get(path)).copied();
    match dice.below(7) {
        0 => ours.clone(),
        1 => theirs.clone(),
        2 => pick(&mut |path| if dice.one_in(2) { ours.get(path) } else { theirs.get(path) }.copied()),
        3 => {
            let mut tree = pick(&mut newest);
            tree.insert(dice.of(PATHS).to_owned(), world.git.commits.len() as u64 + 1);
            tree
        }
        _ => pick(&mut newest),
    }
}
