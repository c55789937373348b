//! Gaps that come together with a reorganisation, and those that only seem to.

use super::*;

#[test]
fn a_gap_that_is_closed_together_with_a_reorganisation_is_a_gap_as_well() {
    let mut stage = Stage::new(2);
    for number in 2..=5 {
        (0..2).for_each(|node| stage.mine(node, 0, number));
    }
    stage.kill(0);
    // The other is led to another branch, and tells of its end alone.
    for number in 4..=6 {
        let parent = if number == 4 { 0 } else { 7 };
        stage.has_untold(1, block(7, number, parent));
    }
    stage.mine(1, 7, 7);
    stage.pass(20_000);
    assert_eq!(stage.heads[5..], [(7, 4), (7, 5), (7, 6), (7, 7)]);
    assert!(stage.told.contains(&Happening::Reorganised { depth: 2 }), "{:?}", stage.told);
    assert!(stage.told.contains(&Happening::Bridged { blocks: 3 }), "{:?}", stage.told);
}

/// What was told of once is known, however often the chain goes back and forth.
#[test]
fn a_branch_that_is_left_and_taken_again_is_no_gap() {
    let mut stage = Stage::new(3);
    (0..3).for_each(|node| stage.mine(node, 0, 2));
    (0..3).for_each(|node| stage.mine(node, 0, 3));
    for number in 3..=4 {
        (0..3).for_each(|node| stage.mine(node, 7, number));
    }
    for number in 4..=5 {
        (0..3).for_each(|node| stage.mine(node, 0, number));
    }
    assert_eq!(stage.heads[3..], [(7, 3), (7, 4), (0, 3), (0, 4), (0, 5)]);
    assert!(!stage.told.iter().any(|told| matches!(told, Happening::Bridged { .. })), "{:?}", stage.told);
}
