//! Walks through a trunk and its forks.

use proptest::prelude::*;

use super::*;
use crate::core::testing::{block, hash};

/// A trunk of ten blocks 1 to 10, and a fork of three on top of 7.
fn forked() -> Tracker {
    let mut tracker = Tracker::new(Numbering::Dense);
    for number in 1..=10 {
        assert_eq!(tracker.insert(block(0, number, 0)), Inserted::New);
    }
    for number in 8..=10 {
        assert_eq!(tracker.insert(block(1, number, if number == 8 { 0 } else { 1 })), Inserted::New);
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
    tracker.insert(block(0, 13, 0));
    assert_eq!(tracker.path(hash(0, 10), hash(0, 13), 16), Path::Missing(hash(0, 12)));
    assert_eq!(tracker.path(hash(0, 1), hash(0, 10), 8), Path::TooLong);
    tracker.insert(block(7, 13, 7));
    assert_eq!(tracker.path(hash(7, 13), hash(0, 10), 16), Path::MissingBehind(hash(7, 12)));
}

#[test]
fn a_block_that_contradicts_its_links_is_refused() {
    let mut tracker = forked();
    let wrong_number = Block { number: 12, ..block(4, 11, 0) };
    let wrong_number = Block { parent: hash(0, 10), ..wrong_number };
    assert_eq!(tracker.insert(wrong_number), Inserted::Contradicts);
    let other_parent = Block { parent: hash(1, 9), ..block(0, 10, 0) };
    assert_eq!(tracker.insert(other_parent), Inserted::Contradicts);
    let own_parent = Block { parent: hash(5, 20), ..block(5, 20, 0) };
    assert_eq!(tracker.insert(own_parent), Inserted::Contradicts);
    // Its child is known, and says another number.
    tracker.insert(block(0, 13, 0));
    let too_low = Block { number: 11, parent: hash(0, 10), ..block(0, 12, 0) };
    assert_eq!(tracker.insert(too_low), Inserted::Contradicts);
}

#[test]
fn slots_may_be_left_out_and_blocks_may_not() {
    let skipping = Block { number: 14, ..block(0, 11, 0) };
    let mut slots = Tracker::new(Numbering::Sparse);
    slots.insert(block(0, 10, 0));
    assert_eq!(slots.insert(skipping.clone()), Inserted::New);
    assert_eq!(forked().insert(skipping), Inserted::Contradicts);
}

#[test]
fn who_has_a_block_has_those_before_it() {
    let mut tracker = forked();
    tracker.seen_at(hash(1, 9), NodeId(3));
    assert!(tracker.holders(hash(0, 2)).contains(NodeId(3)));
    assert!(!tracker.holders(hash(1, 10)).contains(NodeId(3)));
    assert!(!tracker.holders(hash(0, 8)).contains(NodeId(3)));
    tracker.forget_node(NodeId(3));
    assert!(tracker.holders(hash(0, 2)).is_empty());
}

#[test]
fn forks_of_one_height_are_bounded() {
    let mut tracker = Tracker::new(Numbering::Dense);
    for branch in 0..16 {
        assert_eq!(tracker.insert(block(branch, 5, branch)), Inserted::New);
    }
    assert_eq!(tracker.insert(block(16, 5, 16)), Inserted::Crowded);
    tracker.prune(6, 9);
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
        tracker.insert(made[0].clone());
        for (at, parent) in parents.iter().enumerate() {
            let parent = &made[parent % made.len()];
            let child = Block { parent: parent.hash, number: parent.number + 1, ..block(at as u8 + 1, 200, 0) };
            if tracker.insert(child.clone()) == Inserted::New {
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
