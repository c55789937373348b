//! Calls against nodes that do anything, by seed: whatever happens, a client gets one answer, in time, and never a wrong
//! word about its transaction.

mod invariants;
mod world;

use world::{Plan, World};

/// A failing seed is in the panic's message; the same `run` plays it again.
#[test]
fn whatever_nodes_do_every_call_has_one_answer() {
    (0..1_000).for_each(|seed| World::run(seed, Plan::Anything));
}

#[test]
fn while_one_node_is_well_every_read_is_answered() {
    (0..1_000).for_each(|seed| World::run(seed, Plan::OneIsGood));
}
