//! What a chain wants before it announces a block. Which block that is, the pool's tests show.

use super::*;
use crate::core::filter::LogKey;
use crate::core::testing::{block, hash};

const NODE: NodeId = NodeId(0);
const OTHER: NodeId = NodeId(1);

fn chain() -> Chain {
    Chain::new(ChainSettings {
        numbering: Numbering::Dense,
        block_time_ms: 1_000,
        gap_blocks_max: 32,
        first_head_wait_ms: 2_000,
    })
}

fn voters() -> Vec<Voter> {
    let voter = |node| Voter { node, tier: Tier::Primary, is_routable: true, votes: true };
    vec![voter(NODE), voter(OTHER)]
}

fn log() -> Log {
    Log { key: LogKey { address: [1; 20], topics: Vec::new() }, index: 0, raw: Arc::from(&b"{}"[..]) }
}

/// The node says a head, and has it.
fn seen(chain: &mut Chain, node: NodeId, block: &Block) {
    chain.claimed(Millis(1), node, block.clone());
    chain.fetched(Millis(1), node, block.hash, Fetched::Found(block.clone()));
}

fn wants(chain: &mut Chain, wants_logs: bool) -> Vec<Step> {
    chain.advance(Millis(1), &voters(), |_| wants_logs)
}

fn told(steps: &[Step]) -> Vec<(bool, u64, usize)> {
    let told = |step: &Step| match step {
        Step::Announce { block, logs, .. } => Some((true, block.number, logs.len())),
        Step::Retract { block, logs, .. } => Some((false, block.number, logs.len())),
        _ => None,
    };
    steps.iter().filter_map(told).collect()
}

/// Both nodes are at block 1, which is announced.
fn begun() -> Chain {
    let mut chain = chain();
    seen(&mut chain, NODE, &block(0, 1, 0));
    seen(&mut chain, OTHER, &block(0, 1, 0));
    assert_eq!(told(&wants(&mut chain, false)), [(true, 1, 0)]);
    chain
}

#[test]
fn a_block_waits_for_its_logs_where_somebody_wants_them() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 2, 0));
    let asked = Step::FetchLogs { node: NODE, hash: hash(0, 2) };
    assert_eq!(wants(&mut chain, true), std::slice::from_ref(&asked));
    assert!(wants(&mut chain, true).is_empty(), "it is asked once at a time");
    chain.logs_fetched(Millis(1), NODE, hash(0, 2), None);
    assert!(wants(&mut chain, true).is_empty(), "and not at once again");
    let again = chain.advance(Millis(60), &voters(), |_| true);
    assert!(again.contains(&asked), "{again:?}");
    chain.logs_fetched(Millis(60), NODE, hash(0, 2), Some(vec![log()]));
    assert_eq!(told(&wants(&mut chain, true)), [(true, 2, 1)]);
}

#[test]
fn the_first_head_waits_for_its_logs_as_well() {
    let mut chain = chain();
    seen(&mut chain, NODE, &block(0, 1, 0));
    seen(&mut chain, OTHER, &block(0, 1, 0));
    assert_eq!(wants(&mut chain, true), [Step::FetchLogs { node: NODE, hash: hash(0, 1) }]);
    chain.logs_fetched(Millis(1), NODE, hash(0, 1), Some(vec![log()]));
    assert_eq!(told(&wants(&mut chain, true)), [(true, 1, 1)]);
}

#[test]
fn what_was_told_is_taken_back_and_can_be_told_again_without_asking() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 2, 0));
    wants(&mut chain, true);
    chain.logs_fetched(Millis(1), NODE, hash(0, 2), Some(vec![log(); 3]));
    wants(&mut chain, true);
    // Both go to the other side, and back to a longer first one.
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &block(1, 2, 0));
    }
    assert!(told(&wants(&mut chain, true)).is_empty());
    chain.logs_fetched(Millis(1), NODE, hash(1, 2), Some(Vec::new()));
    assert_eq!(told(&wants(&mut chain, true)), [(false, 2, 3), (true, 2, 0)]);
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &block(0, 3, 0));
    }
    wants(&mut chain, true);
    chain.logs_fetched(Millis(1), NODE, hash(0, 3), Some(Vec::new()));
    assert_eq!(told(&wants(&mut chain, true)), [(false, 2, 0), (true, 2, 3), (true, 3, 0)]);
}

#[test]
fn logs_that_nobody_wanted_are_asked_for_when_the_block_comes_again() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 2, 0));
    assert_eq!(told(&wants(&mut chain, false)), [(true, 2, 0)]);
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &block(1, 2, 0));
    }
    assert_eq!(told(&wants(&mut chain, false)), [(false, 2, 0), (true, 2, 0)]);
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &block(0, 3, 0));
    }
    let steps = wants(&mut chain, true);
    assert!(steps.contains(&Step::FetchLogs { node: NODE, hash: hash(0, 2) }), "{steps:?}");
}

#[test]
fn a_block_that_is_not_the_one_asked_for_is_a_lie() {
    let mut chain = begun();
    let other = Fetched::Found(block(0, 3, 0));
    assert_eq!(chain.fetched(Millis(1), NODE, hash(0, 2), other), Some(Step::Lie { node: NODE }));
}
