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
        bloom: BloomUse::Trusted,
    })
}

fn voters() -> Vec<Voter> {
    let voter =
        |node| Voter { node, tier: Tier::Primary, is_routable: true, http: Standing::Serving, votes: true };
    vec![voter(NODE), voter(OTHER)]
}

fn log() -> Log {
    Log { key: LogKey { address: [1; 20], topics: Vec::new() }, index: 0, raw: Arc::from(&b"{}"[..]) }
}

/// The node says a head, and has it.
fn seen(chain: &mut Chain, node: NodeId, block: &Block) {
    chain.claimed(Millis(1), node, block);
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
    assert_eq!(chain.fetched(Millis(1), NODE, hash(0, 2), other), [Step::Lie { node: NODE }]);
}

fn standing(chain: &Chain, now: u64) -> Option<u64> {
    chain.standing(Millis(now)).map(|head| head.number)
}

/// A head that a liar alone had was waited for until the others were as high, and whatever needs the head failed meanwhile.
#[test]
fn what_a_liar_alone_had_is_waited_for_a_while_and_what_another_had_for_longer() {
    for (had_by_another, then) in [(false, 1), (true, 2)] {
        let mut chain = begun();
        seen(&mut chain, NODE, &block(0, 2, 0));
        if had_by_another {
            // Which ends at once.
            seen(&mut chain, OTHER, &block(0, 2, 0));
            chain.forget(OTHER);
            seen(&mut chain, OTHER, &block(0, 1, 0));
        }
        assert_eq!(told(&wants(&mut chain, false)), [(true, 2, 0)]);
        chain.lied(Millis(1), NODE);
        let mut shunned = voters();
        (shunned[0].is_routable, shunned[0].votes, shunned[0].http) = (false, false, Standing::Out);
        let at = |chain: &mut Chain, now| told(&chain.advance(Millis(now), &shunned, |_| false));
        assert_eq!(
            (at(&mut chain, 2_000), standing(&chain, 2_000)),
            (vec![], Some(2)),
            "another may be late"
        );
        assert_eq!((at(&mut chain, 2_001), standing(&chain, 2_001)), (vec![], Some(then)));
        // It is told once, whoever has it in the end.
        seen(&mut chain, OTHER, &block(0, 2, 0));
        assert_eq!((at(&mut chain, 2_002), standing(&chain, 2_002)), (vec![], Some(2)));
    }
}

/// A node on a branch of its own was ahead, and came back to the others. Clients were told the height of a block that nobody
/// had, and the contents of another.
#[test]
fn a_branch_that_all_have_left_is_waited_for_a_while() {
    for ahead in [2, 3, 9] {
        let mut chain = begun();
        let own = |number| block(1, number, if number == 2 { 0 } else { 1 });
        for number in 2..=2 + ahead {
            seen(&mut chain, NODE, &own(number));
        }
        seen(&mut chain, OTHER, &block(0, 2, 0));
        wants(&mut chain, false);
        assert_eq!((standing(&chain, 9_000), chain.height_of(NODE)), (Some(2 + ahead), 2 + ahead));

        seen(&mut chain, NODE, &block(0, 2, 0));
        assert_eq!(chain.height_of(NODE), 1, "what it had it has left");
        assert_eq!(told(&chain.advance(Millis(5_000), &voters(), |_| false)), []);
        // What nobody can link yet is no return.
        chain.claimed(Millis(6_000), OTHER, &block(0, 3, 0));
        chain.advance(Millis(6_000), &voters(), |_| false);
        assert_eq!(standing(&chain, 6_999), Some(2 + ahead), "they may come back to it");
        assert_eq!(chain.wake_at(Millis(6_999)), Some(Millis(7_000)));
        assert_eq!(standing(&chain, 7_000), Some(1));
        chain.claimed(Millis(8_000), NODE, &own(2 + ahead));
        chain.advance(Millis(8_000), &voters(), |_| false);
        assert_eq!(standing(&chain, 10_000), Some(2 + ahead), "one came back");
    }
}

#[test]
fn the_end_of_waiting_for_what_a_liar_had_wakes() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 2, 0));
    wants(&mut chain, false);
    chain.lied(Millis(5), NODE);
    assert_eq!(chain.wake_at(Millis(5)), Some(Millis(2_005)));
}

fn fetches(steps: &[Step], of: Hash) -> Vec<NodeId> {
    let fetch = |step: &Step| match step {
        Step::FetchBlock { node, hash } if *hash == of => Some(*node),
        _ => None,
    };
    steps.iter().filter_map(fetch).collect()
}

fn lies(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step, Step::Lie { .. })).count()
}

/// A node that tells of its head before it has its data was taken for one that hides the parent.
#[test]
fn who_only_claims_a_block_is_not_asked_for_its_parent() {
    let mut chain = begun();
    chain.claimed(Millis(1), NODE, &block(0, 3, 0));
    let steps = wants(&mut chain, false);
    assert_eq!(fetches(&steps, hash(0, 3)), [NODE]);
    chain.fetched(Millis(1), NODE, hash(0, 3), Fetched::Absent);
    seen(&mut chain, OTHER, &block(0, 3, 0));
    let steps = wants(&mut chain, false);
    assert_eq!((fetches(&steps, hash(0, 2)), lies(&steps)), (vec![OTHER], 0));
}

#[test]
fn one_null_for_a_parent_is_early_and_many_over_seconds_are_a_lie() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 3, 0));
    let mut lied_at = None;
    for at in (1..8_000).step_by(50) {
        let steps = chain.advance(Millis(at), &voters(), |_| false);
        if fetches(&steps, hash(0, 2)).contains(&NODE) {
            chain.fetched(Millis(at), NODE, hash(0, 2), Fetched::Absent);
        }
        lied_at = lied_at.or((lies(&steps) > 0).then_some(at));
    }
    assert!(lied_at.is_some_and(|at| (5_000..6_000).contains(&at)), "{lied_at:?}");
}

/// A question that was open counted as one more answer, and the silence before it as time in which the node had said no.
#[test]
fn silence_about_a_parent_is_no_lie_however_long() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 3, 0));
    for at in [1, 60, 200] {
        assert_eq!(fetches(&chain.advance(Millis(at), &voters(), |_| false), hash(0, 2)), [NODE]);
        chain.fetched(Millis(at), NODE, hash(0, 2), Fetched::Absent);
    }
    let steps = (500..20_000).step_by(500).flat_map(|at| chain.advance(Millis(at), &voters(), |_| false));
    assert_eq!(lies(&steps.collect::<Vec<_>>()), 0);
}

/// The pause was forgotten in the step that began it, and nothing woke anybody at its end.
#[test]
fn a_node_that_lags_is_asked_for_what_it_claimed_before_at_growing_intervals() {
    let mut chain = begun();
    for number in 2..=3 {
        seen(&mut chain, NODE, &block(0, number, 0));
        wants(&mut chain, false);
    }
    chain.claimed(Millis(1), OTHER, &block(0, 3, 0));
    let mut asked = Vec::new();
    let mut now = Millis(1);
    while now < Millis(2_000) {
        for step in chain.advance(now, &voters(), |_| false) {
            if let Step::FetchBlock { node: OTHER, hash } = step {
                asked.push((hash, now.0));
                chain.fetched(now, OTHER, hash, Fetched::Absent);
            }
        }
        now = chain.wake_at(now).expect("it is asked again");
    }
    let of =
        |number| asked.iter().filter(|(of, _)| *of == hash(0, number)).map(|(_, at)| *at).collect::<Vec<_>>();
    assert_eq!(of(2), [1, 51, 151, 351, 751, 1_151, 1_551, 1_951]);
    assert_eq!(of(3), of(2));
}

#[test]
fn who_may_not_be_asked_is_not() {
    let mut chain = begun();
    let mut paused = voters();
    paused[0].http = Standing::Out;
    chain.claimed(Millis(1), NODE, &block(0, 2, 0));
    assert_eq!(chain.advance(Millis(1), &paused, |_| false), []);
    assert_eq!(fetches(&wants(&mut chain, false), hash(0, 2)), [NODE]);
}

#[test]
fn the_logs_are_asked_for_elsewhere_when_they_take_their_time_and_first_of_the_best() {
    let mut chain = begun();
    let mut some = voters();
    some[0].http = Standing::Suspect;
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &block(0, 2, 0));
    }
    let mut ask = |now| chain.advance(Millis(now), &some, |_| true);
    assert_eq!(ask(1), [Step::FetchLogs { node: OTHER, hash: hash(0, 2) }]);
    assert_eq!(ask(300), []);
    assert_eq!(ask(301), [Step::FetchLogs { node: NODE, hash: hash(0, 2) }]);
    chain.logs_fetched(Millis(302), NODE, hash(0, 2), Some(vec![log()]));
    assert_eq!(told(&wants(&mut chain, true)), [(true, 2, 1)]);
    // The first answers as well; nothing is told twice, nor kept.
    chain.logs_fetched(Millis(400), OTHER, hash(0, 2), Some(vec![log(); 2]));
    assert_eq!((wants(&mut chain, true), chain.logs.len()), (Vec::new(), 0));
}

#[test]
fn a_pause_wakes_for_the_logs_of_another() {
    let mut chain = begun();
    seen(&mut chain, NODE, &block(0, 2, 0));
    wants(&mut chain, true);
    assert_eq!(chain.wake_at(Millis(1)), Some(Millis(301)));
}

#[test]
fn heads_of_nodes_that_are_never_served_are_bounded() {
    let mut chain = chain();
    let mut nobody = voters();
    nobody.iter_mut().for_each(|voter| (voter.is_routable, voter.votes) = (false, false));
    for number in 1..2_000 {
        seen(&mut chain, NODE, &block(0, number, 0));
        chain.advance(Millis(number), &nobody, |_| true);
    }
    assert!(chain.tracker.len() <= 513, "{}", chain.tracker.len());
    assert!(chain.told_of.len() <= 513, "{}", chain.told_of.len());
}

#[test]
fn numbers_at_the_end_of_all_numbers_overflow_nothing() {
    let mut chain = chain();
    for number in [u64::MAX - 1, u64::MAX] {
        seen(&mut chain, NODE, &block(0, number, 0));
        seen(&mut chain, OTHER, &block(0, number, 0));
        wants(&mut chain, true);
        chain.logs_fetched(Millis(1), NODE, hash(0, number), Some(vec![log()]));
        wants(&mut chain, true);
    }
    assert_eq!(chain.head().map(|head| head.number), Some(u64::MAX));
}

/// The logs of a block that a node had not indexed yet were taken to be none.
#[test]
fn an_answer_without_the_logs_that_the_header_shows_is_none() {
    let mut chain = begun();
    let bloom = Bloom::of([&log().key].into_iter());
    let shown = Block { bloom: Some(bloom), ..block(0, 2, 0) };
    seen(&mut chain, NODE, &shown);
    wants(&mut chain, true);
    chain.logs_fetched(Millis(1), NODE, hash(0, 2), Some(Vec::new()));
    assert_eq!(told(&wants(&mut chain, true)), []);
    chain.advance(Millis(60), &voters(), |_| true);
    chain.logs_fetched(Millis(60), NODE, hash(0, 2), Some(vec![log()]));
    assert_eq!(told(&wants(&mut chain, true)), [(true, 2, 1)]);
}

#[test]
fn a_header_that_shows_logs_that_nobody_has_holds_nothing_up_for_ever() {
    let mut chain = begun();
    let shown = Block { bloom: Some(Bloom(Box::new([255; 256]))), ..block(0, 2, 0) };
    seen(&mut chain, NODE, &shown);
    let mut now = Millis(1);
    while now < Millis(20_000) && chain.head().is_some_and(|head| head.number == 1) {
        for step in chain.advance(now, &voters(), |_| true) {
            if let Step::FetchLogs { node, hash } = step {
                chain.logs_fetched(now, node, hash, Some(Vec::new()));
            }
        }
        now = now.plus(100);
    }
    assert!((10_000..15_000).contains(&now.0), "{now:?}");
}

#[test]
fn where_blooms_show_nothing_they_are_not_looked_at() {
    let mut settings = chain().settings;
    settings.bloom = BloomUse::Ignored;
    let mut chain = Chain::new(settings);
    let shown = Block { bloom: Some(Bloom(Box::new([255; 256]))), ..block(0, 2, 0) };
    for node in [NODE, OTHER] {
        seen(&mut chain, node, &shown);
    }
    wants(&mut chain, true);
    chain.logs_fetched(Millis(1), NODE, hash(0, 2), Some(Vec::new()));
    assert_eq!(told(&wants(&mut chain, true)), [(true, 2, 0)]);
}
