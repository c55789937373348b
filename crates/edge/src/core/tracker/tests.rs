//! Walks through a trunk and its forks.

use proptest::prelude::*;

use super::*;
use crate::core::testing::{block, hash};

const ONE: NodeId = NodeId(5);
const OTHER: NodeId = NodeId(6);
const THIRD: NodeId = NodeId(7);

/// A trunk of ten blocks 1 to 10, and a fork of three on top of 7.
fn forked() -> Tracker {
    let mut tracker = Tracker::new(Numbering::Dense);
    for number in 1..=10 {
        assert_eq!(tracker.insert(block(0, number, 0), ONE, &[]), Inserted::New);
    }
    for number in 8..=10 {
        assert_eq!(
            tracker.insert(block(1, number, if number == 8 { 0 } else { 1 }), ONE, &[]),
            Inserted::New
        );
    }
    tracker
}

fn numbers(blocks: &[Arc<Block>]) -> Vec<u64> {
    blocks.iter().map(|block| block.number).collect()
}

#[test]
fn a_fork_is_left_at_the_common_ancestor() {
    let Path::Linked { retract, apply } = forked().path(hash(0, 10), hash(1, 9), 16) else {
        panic!("not linked")
    };
    assert_eq!((numbers(&retract), numbers(&apply)), (vec![10, 9, 8], vec![8, 9]));
    assert_eq!(apply[0].hash, hash(1, 8));
}

#[test]
fn what_is_not_known_is_named() {
    let tracker = forked();
    assert_eq!(tracker.path(hash(0, 10), hash(3, 12), 16), Path::Missing(hash(3, 12)));
    let mut tracker = forked();
    tracker.insert(block(0, 13, 0), ONE, &[]);
    assert_eq!(tracker.path(hash(0, 10), hash(0, 13), 16), Path::Missing(hash(0, 12)));
    assert_eq!(tracker.path(hash(0, 1), hash(0, 10), 8), Path::TooLong);
    tracker.insert(block(7, 13, 7), ONE, &[]);
    assert_eq!(tracker.path(hash(7, 13), hash(0, 10), 16), Path::MissingBehind(hash(7, 12)));
}

#[test]
fn a_block_that_contradicts_its_links_is_refused() {
    let mut tracker = forked();
    let wrong_number = Block { number: 12, ..block(4, 11, 0) };
    let wrong_number = Block { parent: hash(0, 10), ..wrong_number };
    assert_eq!(
        tracker.insert(wrong_number, OTHER, &[]),
        Inserted::Disputed(NodeSet::EMPTY),
        "one word against one"
    );
    let other_parent = Block { parent: hash(1, 9), ..block(0, 10, 0) };
    assert_eq!(
        tracker.insert(other_parent, OTHER, &[]),
        Inserted::Disputed(NodeSet::EMPTY),
        "one word against one"
    );
    let own_parent = Block { parent: hash(5, 20), ..block(5, 20, 0) };
    assert_eq!(tracker.insert(own_parent, OTHER, &[]), Inserted::Disputed(NodeSet::only(OTHER)));
    // Its child is known, and says another number.
    tracker.insert(block(0, 13, 0), ONE, &[]);
    let too_low = Block { number: 11, parent: hash(0, 10), ..block(0, 12, 0) };
    assert_eq!(
        tracker.insert(too_low, OTHER, &[]),
        Inserted::Disputed(NodeSet::EMPTY),
        "one word against one"
    );
}

#[test]
fn who_speaks_first_of_a_hash_is_outvoted_when_it_lied() {
    let mut tracker = forked();
    let lie = Block { parent: hash(1, 10), ..block(0, 11, 0) };
    assert_eq!(tracker.insert(lie.clone(), ONE, &[]), Inserted::New);
    assert_eq!(tracker.insert(block(0, 11, 0), OTHER, &[]), Inserted::Disputed(NodeSet::EMPTY));
    assert!(!tracker.is_on_branch(hash(0, 10), hash(0, 11)));
    assert_eq!(tracker.insert(block(0, 11, 0), THIRD, &[]), Inserted::Disputed(NodeSet::only(ONE)));
    assert!(tracker.is_on_branch(hash(0, 10), hash(0, 11)));
    assert_eq!(tracker.holders(hash(0, 11)), [OTHER, THIRD].into_iter().collect());
    assert_eq!(tracker.insert(lie, ONE, &[]), Inserted::Disputed(NodeSet::only(ONE)));

    let mut tracker = forked();
    assert_eq!(tracker.insert(block(0, 11, 0), OTHER, &[]), Inserted::New);
    let lie = Block { parent: hash(1, 10), ..block(0, 11, 0) };
    assert_eq!(tracker.insert(lie, ONE, &[]), Inserted::Disputed(NodeSet::EMPTY));
    assert_eq!(tracker.insert(block(0, 11, 0), THIRD, &[]), Inserted::Disputed(NodeSet::only(ONE)));
}

#[test]
fn a_parent_that_comes_later_is_known_to_be_at_those_who_have_its_child() {
    let mut tracker = Tracker::new(Numbering::Dense);
    tracker.insert(block(0, 2, 0), ONE, &[]);
    tracker.insert(block(0, 1, 0), OTHER, &[]);
    assert!(tracker.holders(hash(0, 1)).contains(ONE));
}

/// A node that changes what it said could have led a walk round and round.
#[test]
fn no_walk_runs_in_a_circle_whatever_a_node_says_later() {
    let mut tracker = Tracker::new(Numbering::Dense);
    tracker.insert(block(0, 5, 0), ONE, &[]);
    tracker.insert(block(0, 4, 7), ONE, &[]);
    let round = Block { parent: hash(0, 5), ..block(0, 4, 0) };
    assert_eq!(tracker.insert(round, ONE, &[]), Inserted::Disputed(NodeSet::only(ONE)));
    assert_eq!(tracker.ancestry(hash(0, 5)).count(), 2);
}

#[test]
fn numbers_say_how_long_a_gap_is_without_a_walk() {
    let mut tracker = forked();
    tracker.insert(block(0, 50, 0), ONE, &[]);
    assert_eq!(tracker.path(hash(0, 10), hash(0, 50), 16), Path::TooLong);
    assert_eq!(tracker.path(hash(0, 10), hash(0, 50), 64), Path::Missing(hash(0, 49)));
}

#[test]
fn slots_may_be_left_out_and_blocks_may_not() {
    let skipping = Block { number: 14, ..block(0, 11, 0) };
    let mut slots = Tracker::new(Numbering::Sparse);
    slots.insert(block(0, 10, 0), ONE, &[]);
    assert_eq!(slots.insert(skipping.clone(), ONE, &[]), Inserted::New);
    assert_eq!(forked().insert(skipping, ONE, &[]), Inserted::Disputed(NodeSet::only(ONE)));
}

#[test]
fn who_has_a_block_has_those_before_it() {
    let mut tracker = forked();
    tracker.seen_at(hash(1, 9), NodeId(3));
    assert!(tracker.holders(hash(0, 2)).contains(NodeId(3)));
    assert!(!tracker.holders(hash(1, 10)).contains(NodeId(3)));
    assert!(!tracker.holders(hash(0, 8)).contains(NodeId(3)));
    tracker.forget_node(NodeId(3));
    assert!(!tracker.holders(hash(0, 2)).contains(NodeId(3)));
}

#[test]
fn forks_of_one_height_are_bounded() {
    let mut tracker = Tracker::new(Numbering::Dense);
    for branch in 0..16 {
        assert_eq!(tracker.insert(block(branch, 5, branch), ONE, &[]), Inserted::New);
    }
    assert_eq!(tracker.insert(block(16, 5, 16), ONE, &[]), Inserted::Crowded);
    assert_eq!(
        tracker.insert(block(17, 5, 17), OTHER, &[]),
        Inserted::New,
        "it is not the one that fills it"
    );
    assert_eq!(tracker.len(), FORKS_MAX);
    assert!(tracker.get(hash(0, 5)).is_none(), "it made room");
    assert_eq!(tracker.insert(block(18, 5, 18), OTHER, &[hash(1, 5)]), Inserted::New);
    assert!(tracker.get(hash(1, 5)).is_some(), "this one is kept");
    tracker.prune(6, 9, &[hash(17, 5)]);
    assert_eq!(tracker.len(), 1);
    tracker.prune(6, 9, &[]);
    assert!(tracker.is_empty());
}

proptest! {
    /// A walk that is carried out ends where it should, each block on its parent.
    #[test]
    fn a_path_leads_from_one_block_to_the_other(
        parents in proptest::collection::vec(0_usize..1000, 1..60), from in 0_usize..1000, to in 0_usize..1000,
    ) {
        let mut tracker = Tracker::new(Numbering::Dense);
        let mut made = vec![Block { number: 0, ..block(0, 1, 0) }];
        tracker.insert(made[0].clone(), ONE, &[]);
        for (at, parent) in parents.iter().enumerate() {
            let parent = &made[parent % made.len()];
            let child = Block { parent: parent.hash, number: parent.number + 1, ..block(at as u8 + 1, 200, 0) };
            if tracker.insert(child.clone(), ONE, &[]) == Inserted::New {
                made.push(child);
            }
        }
        let (from, to) = (&made[from % made.len()], &made[to % made.len()]);
        let Path::Linked { retract, apply } = tracker.path(from.hash, to.hash, 1000) else {
            return Err(TestCaseError::fail("blocks of one tree are linked"));
        };
        let mut at = from.hash;
        for gone in &retract {
            prop_assert_eq!(gone.hash, at);
            at = gone.parent;
        }
        for next in &apply {
            prop_assert_eq!(next.parent, at);
            at = next.hash;
        }
        prop_assert_eq!(at, to.hash);
        prop_assert!(!retract.iter().any(|gone| apply.contains(gone)), "nothing is taken back and told again");
    }
}
