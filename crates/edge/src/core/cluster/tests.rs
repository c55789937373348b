//! Whose head is believed.

use super::*;
use crate::core::testing::{block, hash};
use crate::core::tracker::Numbering;

fn claim(node: u8, branch: u8, number: u64) -> Claim {
    let head = Head { number, hash: hash(branch, number) };
    Claim {
        node: NodeId(node),
        tier: Tier::Primary,
        head,
        parent: hash(branch, number.wrapping_sub(1)),
        moved: Millis(0),
        steps: 0,
        is_served: true,
        is_backed: true,
    }
}

/// Branch 0 from 1 to 20, branch 1 leaves it after 10.
fn tracker() -> Tracker {
    let mut tracker = Tracker::new(Numbering::Dense);
    for number in 1..=20 {
        tracker.insert(block(0, number, 0), NodeId(0), &[]);
    }
    for number in 11..=20 {
        tracker.insert(block(1, number, if number == 11 { 0 } else { 1 }), NodeId(0), &[]);
    }
    tracker
}

fn chosen(claims: &[Claim], served: Option<Claim>) -> Option<(u8, u64)> {
    chosen_after(claims, served, 0)
}

fn chosen_after(claims: &[Claim], served: Option<Claim>, ms: u64) -> Option<(u8, u64)> {
    let gate = Gate { block_time_ms: 1_000 };
    let head = choose(claims, &tracker(), served.map(|claim| gate.served(claim.head, ms)))?;
    Some((head.hash.0[0], head.number))
}

#[test]
fn the_branch_of_most_nodes_is_served_and_not_the_highest_number() {
    assert_eq!(chosen(&[claim(0, 1, 15), claim(1, 0, 12), claim(2, 0, 12)], None), Some((0, 12)));
}

#[test]
fn who_lags_votes_for_those_who_went_on() {
    assert_eq!(chosen(&[claim(0, 0, 9), claim(1, 0, 12), claim(2, 0, 10)], None), Some((0, 12)));
    // Behind, and of one branch alone: its vote decides against the higher one.
    assert_eq!(chosen(&[claim(0, 0, 11), claim(1, 0, 12), claim(2, 1, 14)], None), Some((0, 12)));
    // It is on both branches and decides nothing; what is served stays.
    let forked = [claim(0, 0, 9), claim(1, 0, 12), claim(2, 1, 14)];
    assert_eq!(chosen(&forked, Some(claim(9, 0, 11))), Some((0, 12)));
    assert_eq!(chosen(&forked, Some(claim(9, 1, 12))), Some((1, 14)));
}

#[test]
fn who_lags_is_no_reason_to_take_back_what_is_served() {
    // One goes its own way; the others are still on the way to what was told.
    let alone = [claim(0, 1, 12), claim(1, 0, 10), claim(2, 0, 10)];
    assert_eq!(chosen(&alone, Some(claim(9, 0, 11))), Some((0, 11)));
    // A second one is half of them.
    let half = [claim(0, 1, 12), claim(1, 1, 11), claim(2, 0, 10), claim(3, 0, 10)];
    assert_eq!(chosen(&half, Some(claim(9, 0, 11))), Some((1, 12)));
    // Of two nodes one is.
    assert_eq!(chosen(&alone[..2], Some(claim(9, 0, 11))), Some((1, 12)));
    // Who is far behind is nobody's reason to wait.
    let far = [claim(0, 1, 15), claim(1, 0, 3), claim(2, 0, 4)];
    assert_eq!(chosen(&far, Some(claim(9, 0, 12))), Some((1, 15)));
}

#[test]
fn who_cannot_be_told_yet_is_no_reason_to_take_back_what_is_served() {
    // Two told of what nobody has fetched, and one has something else.
    let untold = |node, branch| Claim { is_served: false, is_backed: false, ..claim(node, branch, 13) };
    let unknown = [claim(0, 1, 12), untold(1, 7), untold(2, 7)];
    assert_eq!(chosen(&unknown, Some(claim(9, 0, 11))), Some((0, 11)));
    // Nothing goes on for longer than a chain pauses.
    assert_eq!(chosen_after(&unknown, Some(claim(9, 0, 11)), 9_999), Some((0, 11)));
    assert_eq!(chosen_after(&unknown, Some(claim(9, 0, 11)), 10_000), Some((1, 12)));
}

#[test]
fn what_is_served_goes_on_while_others_do_not_agree_on_more() {
    let untold = |node, branch| Claim { is_served: false, is_backed: false, ..claim(node, branch, 13) };
    let split = [claim(0, 0, 13), claim(1, 1, 13), claim(2, 1, 13), untold(3, 7), untold(4, 8)];
    assert_eq!(chosen(&split, Some(claim(9, 0, 12))), Some((0, 13)));
    assert_eq!(chosen(&split[..4], Some(claim(9, 0, 12))), Some((1, 13)), "half of them");
}

#[test]
fn what_nobody_can_serve_is_not_chosen() {
    let unserved = Claim { is_served: false, ..claim(1, 0, 12) };
    assert_eq!(chosen(&[claim(0, 0, 11), unserved], None), Some((0, 11)));
    assert_eq!(chosen(&[unserved], None), None);
}

#[test]
fn between_equals_the_better_tier_and_then_the_higher_head_decide() {
    let backup = Claim { tier: Tier::Backup, ..claim(0, 0, 15) };
    assert_eq!(chosen(&[backup, claim(1, 1, 12)], None), Some((1, 12)));
    assert_eq!(chosen(&[claim(0, 0, 12), claim(1, 1, 13)], None), Some((1, 13)));
}

#[test]
fn nobody_outgrows_the_gate() {
    let gate = Gate { block_time_ms: 12_000 };
    assert_eq!(gate.number_max(100, 0), 164);
    assert_eq!(gate.number_max(100, 120_000), 204);
    assert!(gate.number_max(u64::MAX, u64::MAX) == u64::MAX, "no overflow");
}

#[test]
fn a_lone_claim_far_ahead_is_outvoted_and_of_two_the_lower_is_believed() {
    let numbers =
        |claims: &[Claim]| majority(claims, true).iter().map(|claim| claim.node.0).collect::<Vec<_>>();
    assert_eq!(numbers(&[claim(0, 0, 9_000_000), claim(1, 0, 12), claim(2, 0, 14)]), [1, 2]);
    assert_eq!(numbers(&[claim(0, 0, 9_000_000), claim(1, 0, 12)]), [1]);
    assert_eq!(numbers(&[claim(0, 0, 12), claim(1, 0, 9_000_000), claim(2, 0, 9_000_001)]), [1, 2]);
    assert!(majority(&[], true).is_empty());
}

#[test]
fn a_chain_without_a_pace_is_taken_for_the_fastest() {
    assert_eq!(Gate { block_time_ms: 0 }.number_max(100, 10), 204);
}

#[test]
fn of_two_that_are_equal_in_all_the_first_of_the_configuration_decides() {
    // Claims come in its order, whatever the ids of their nodes.
    assert_eq!(chosen(&[claim(1, 0, 12), claim(0, 1, 12)], None), Some((0, 12)));
    assert_eq!(chosen(&[claim(0, 1, 12), claim(1, 0, 12)], None), Some((1, 12)));
}

#[test]
fn claims_at_the_same_head_do_not_rule_each_other_out() {
    assert_eq!(chosen(&[claim(0, 0, 12), claim(1, 0, 12)], None), Some((0, 12)));
}

#[test]
fn a_cluster_reaches_as_far_as_a_burst_and_no_further() {
    let count = |numbers: &[u64]| {
        let claims: Vec<Claim> = (0..).zip(numbers).map(|(node, number)| claim(node, 0, *number)).collect();
        majority(&claims, true).len()
    };
    assert_eq!(count(&[100, 100 + CLUSTER_BLOCKS]), 2);
    assert_eq!(count(&[100, 101 + CLUSTER_BLOCKS]), 1);
    assert_eq!(count(&[100 + CLUSTER_BLOCKS, 130, 100]), 3, "in whatever order they speak");
}
