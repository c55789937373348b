//! A pool beside nodes that answer at once, each with blocks of its own, in time that the test moves.

mod believed;
mod branches;
mod configure;
mod lines;
mod moves;
mod relays;

use std::collections::BTreeMap;

use super::*;
use crate::core::Standing;
use crate::core::chain::BloomUse;
use crate::core::testing::{block, hash};
use crate::core::tracker::Numbering;

const STALL_MS: u64 = 3_000;
const CLIENT: SessionId = SessionId(1);

/// What a node has, and what it does not do.
#[derive(Debug, Default, Clone)]
struct Peer {
    has: BTreeMap<Hash, Block>,
    head: Option<Hash>,
    is_dead: bool,
    is_mute: bool,
    /// Announces, and has no data yet.
    is_empty: bool,
}

impl Peer {
    fn fetched(&self, hash: Hash) -> Fetched {
        let found = self.has.get(&hash).filter(|_| !self.is_empty).cloned();
        match found {
            _ if self.is_dead => Fetched::Failed(Fault::Refused),
            _ if self.is_mute => Fetched::Failed(Fault::Timeout),
            Some(block) => Fetched::Found(block),
            None => Fetched::Absent,
        }
    }
}

struct Stage {
    pool: Pool,
    peers: Vec<Peer>,
    now: Millis,
    /// Numbers and branches of heads that the client was told.
    heads: Vec<(u8, u64)>,
    ended: Vec<EndReason>,
    told: Vec<Happening>,
    /// What was opened and closed at nodes.
    relays: Vec<(StreamId, NodeId)>,
    closed: Vec<(StreamId, NodeId)>,
    /// By their tickets.
    answered: Vec<(u64, Result<SubscriptionId, WhyNot>)>,
    /// Requests of each node.
    asked: BTreeMap<NodeId, usize>,
}

/// Whoever asks waits for as long as it takes.
const NEVER: Millis = Millis(u64::MAX);

fn identity(raw: &[u8]) -> Hash {
    Hash(crate::core::keccak::keccak256(raw))
}

fn settings(nodes: usize) -> PoolSettings {
    let node = |at: usize| NodeSettings {
        id: NodeId(at as u8),
        tier: if at == 0 { Tier::Primary } else { Tier::Backup },
        weight: 1,
        attempt_ms: 10_000,
    };
    PoolSettings {
        heads: Heads::Followed,
        chain: ChainSettings {
            numbering: Numbering::Dense,
            block_time_ms: 1_000,
            gap_blocks_max: 250,
            first_head_wait_ms: 2_000,
            bloom: BloomUse::Trusted,
        },
        health: HealthTimes::default(),
        streams: StreamLimits { per_session_max: 8, per_pool_max: 100, linger_ms: 1_000 },
        chain_id: Some(1),
        nodes: (0..nodes).map(node).collect(),
        probe_ms: 5_000,
        stall_after_ms: STALL_MS,
        lag_blocks_max: 5,
        seed: 1,
    }
}

impl Stage {
    /// All nodes up and at block 1 of branch 0, and a client that follows the heads.
    fn new(nodes: usize) -> Self {
        let mut stage = Self {
            pool: Pool::new(settings(nodes)),
            peers: vec![Peer::default(); nodes],
            now: Millis(1),
            heads: Vec::new(),
            ended: Vec::new(),
            told: Vec::new(),
            relays: Vec::new(),
            closed: Vec::new(),
            answered: Vec::new(),
            asked: BTreeMap::new(),
        };
        stage.say(Input::Time);
        (0..nodes).for_each(|node| stage.say(Input::Connected { node: NodeId(node as u8) }));
        stage.say(Input::Subscribe { session: CLIENT, ticket: 0, topic: Topic::Heads, until: NEVER });
        (0..nodes).for_each(|node| stage.mine(node, 0, 1));
        assert_eq!(stage.heads, [(0, 1)]);
        // Until then they had nothing, which is held against them for a while.
        stage.pass(1_100);
        stage
    }

    fn say(&mut self, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let mut effects = Vec::new();
            for input in inputs.drain(..) {
                let came = self.pool.step(self.now, input);
                believed::is_published_before_it_is_told(&came);
                effects.extend(came);
            }
            inputs = effects.into_iter().filter_map(|effect| self.carry_out(effect)).collect();
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        if let Effect::Probe { node }
        | Effect::Poll { node }
        | Effect::FetchBlock { node, .. }
        | Effect::FetchLogs { node, .. } = &effect
        {
            *self.asked.entry(*node).or_default() += 1;
        }
        let peer = |node: NodeId| &self.peers[usize::from(node.0)];
        match effect {
            Effect::Probe { node } => {
                let result = match peer(node) {
                    peer if peer.is_dead => Err(Fault::Refused),
                    peer if peer.is_mute => Err(Fault::Timeout),
                    _ => Ok(Probe { chain_id: 1, readiness: Readiness::Ready }),
                };
                Some(Input::Probed { node, result })
            }
            Effect::Ping { node } => (!peer(node).is_mute).then_some(Input::Pong { node }),
            Effect::Poll { node } => {
                match peer(node).head.filter(|_| !peer(node).is_dead && !peer(node).is_mute) {
                    Some(head) => Some(Input::Polled { node, block: peer(node).has[&head].clone() }),
                    None if peer(node).is_dead => Some(Input::PollFailed { node, fault: Fault::Refused }),
                    None => Some(Input::PollFailed { node, fault: Fault::NodeError }),
                }
            }
            Effect::FetchBlock { node, hash } => {
                Some(Input::Fetched { node, hash, result: peer(node).fetched(hash) })
            }
            Effect::Deliver { stream, item: Item::Head(block), announced }
                if self.pool.receivers(stream, announced).next().is_some() =>
            {
                self.heads.push((block.hash.0[0], block.number));
                None
            }
            Effect::FetchLogs { node, hash } => {
                Some(Input::LogsFetched { node, hash, result: Ok(Vec::new()) })
            }
            Effect::EndSession { reason, .. } => {
                self.ended.push(reason);
                None
            }
            Effect::OpenRelay { stream, node, .. } => {
                self.relays.push((stream, node));
                None
            }
            Effect::CloseRelay { stream, node } => {
                self.closed.push((stream, node));
                None
            }
            Effect::Subscribed { ticket, subscription, .. } if ticket > 0 => {
                self.answered.push((ticket, Ok(subscription)));
                None
            }
            Effect::NotSubscribed { ticket, why, .. } => {
                self.answered.push((ticket, Err(why)));
                None
            }
            Effect::Tell(happening) => {
                self.told.push(happening);
                None
            }
            _ => None,
        }
    }

    /// The node gets a block and tells of it. Branches above 0 leave branch 0 below their first block.
    fn mine(&mut self, node: usize, branch: u8, number: u64) {
        let peer = &mut self.peers[node];
        let parent = if branch == 0 || peer.has.contains_key(&hash(branch, number - 1)) { branch } else { 0 };
        let mined = block(branch, number, parent);
        peer.has.insert(mined.hash, mined.clone());
        peer.head = Some(mined.hash);
        if !peer.is_dead && !peer.is_mute {
            self.say(Input::Head { node: NodeId(node as u8), block: mined });
        }
    }

    /// The node has the block, and its stream does not tell.
    fn has_untold(&mut self, node: usize, block: Block) {
        self.peers[node].head = Some(block.hash);
        self.peers[node].has.insert(block.hash, block);
    }

    /// Time goes on in steps in which everything that is due comes due.
    fn pass(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some(at) = self.pool.wake_at(self.now).filter(|at| *at <= end) {
            self.now = at;
            self.say(Input::Time);
        }
        self.now = end;
    }

    fn kill(&mut self, node: usize) {
        self.peers[node].is_dead = true;
        self.say(Input::Lost { node: NodeId(node as u8), fault: Fault::Reset });
        self.say(Input::Traffic {
            node: NodeId(node as u8),
            transport: Transport::Http,
            result: Err(Fault::Refused),
        });
    }

    fn standing(&self, node: usize) -> (Standing, Standing) {
        let node = &self.pool.view().nodes[node];
        (node.http, node.stream)
    }
}

fn trunk(numbers: impl IntoIterator<Item = u64>) -> Vec<(u8, u64)> {
    numbers.into_iter().map(|number| (0, number)).collect()
}

#[test]
fn each_head_is_told_once_whoever_tells_it_first() {
    let mut stage = Stage::new(3);
    for number in 2..=20 {
        for node in [2, 0, 1] {
            stage.mine(node, 0, number);
        }
    }
    assert_eq!(stage.heads, trunk(1..=20));
}

#[test]
fn heads_go_on_when_a_node_is_killed_and_blocks_that_nobody_told_of_are_fetched() {
    let mut stage = Stage::new(2);
    stage.mine(0, 0, 2);
    stage.kill(0);
    assert_eq!(stage.standing(0), (Standing::Out, Standing::Out));
    // The other knows of 2 to 5 and tells of 5 alone.
    for number in 2..=4 {
        let mined = block(0, number, 0);
        stage.peers[1].has.insert(mined.hash, mined);
    }
    stage.mine(1, 0, 5);
    assert_eq!(stage.heads, trunk(1..=5));
    assert!(stage.told.contains(&Happening::Bridged { blocks: 2 }));
}

#[test]
fn a_backup_that_is_behind_takes_nothing_back() {
    let mut stage = Stage::new(2);
    for number in 2..=6 {
        stage.mine(0, 0, number);
    }
    for number in 2..=3 {
        stage.mine(1, 0, number);
    }
    stage.kill(0);
    for number in 4..=8 {
        assert_eq!(stage.pool.view().served.map(|head| head.number), Some(6.max(number - 1)));
        stage.mine(1, 0, number);
    }
    assert_eq!(stage.heads, trunk(1..=8));
    assert_eq!(stage.pool.view().nodes[1].head, 8);
}

#[test]
fn a_head_waits_for_its_data() {
    let mut stage = Stage::new(2);
    stage.peers[0].is_empty = true;
    stage.mine(0, 0, 2);
    assert_eq!(stage.heads, trunk(1..=1));
    stage.pass(500);
    assert_eq!(stage.heads, trunk(1..=1));
    stage.peers[0].is_empty = false;
    stage.pass(400);
    assert_eq!(stage.heads, trunk(1..=2));
    assert_eq!(stage.pool.view().recent.holders[&hash(0, 2)].iter().collect::<Vec<_>>(), [NodeId(0)]);
}

#[test]
fn a_chain_whose_data_always_comes_after_the_next_head_is_told_all_the_same() {
    let mut stage = Stage::new(2);
    for number in 2..=30 {
        for node in 0..2 {
            let late = block(0, number - 1, 0);
            stage.peers[node].has.insert(late.hash, late);
            stage.say(Input::Head { node: NodeId(node as u8), block: block(0, number, 0) });
        }
        stage.pass(60);
    }
    // Each time in vain doubles the pause.
    stage.pass(400);
    assert_eq!(stage.heads, trunk(1..=29));
}

#[test]
fn a_frozen_node_is_found_by_its_silence() {
    let mut stage = Stage::new(2);
    stage.peers[0].is_mute = true;
    for number in 2..=4 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
    }
    stage.pass(STALL_MS);
    assert_eq!(stage.standing(0).1, Standing::Out);
    assert_eq!(stage.standing(1), (Standing::Serving, Standing::Serving));
    assert_eq!(stage.heads, trunk(1..=4));
}

#[test]
fn a_stream_that_stopped_telling_what_its_node_has_is_dialled_anew_and_a_node_that_lags_is_not() {
    let mut stage = Stage::new(2);
    for number in 2..=9 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
        stage.has_untold(0, block(0, number, 0));
    }
    let stalled = |node| Happening::WentDown {
        node,
        transport: Transport::Stream,
        fault: Fault::Stalled,
        others: true,
    };
    assert!(stage.told.contains(&stalled(NodeId(0))));

    let mut stage = Stage::new(2);
    for number in 2..=20 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
        if number % 4 == 0 {
            stage.mine(0, 0, number / 4 + 1);
        }
    }
    assert!(!stage.told.contains(&stalled(NodeId(0))));
    assert_eq!(stage.heads, trunk(1..=20));
}

#[test]
fn a_reorganisation_is_told_from_the_common_ancestor() {
    let mut stage = Stage::new(3);
    for number in 2..=5 {
        (0..3).for_each(|node| stage.mine(node, 0, number));
    }
    for number in 4..=6 {
        (0..3).for_each(|node| stage.mine(node, 7, number));
    }
    let mut expected = trunk(1..=5);
    expected.extend([(7, 4), (7, 5), (7, 6)]);
    // Until two of three are on the new side the old one stands, and no head goes back.
    assert_eq!(stage.heads, expected);
    assert!(stage.told.contains(&Happening::Reorganised { depth: 2 }));
    assert!(!stage.told.iter().any(|told| matches!(told, Happening::Bridged { .. })), "all were told of");
}

#[test]
fn one_liar_moves_nothing_and_is_shunned() {
    let mut stage = Stage::new(3);
    (0..3).for_each(|node| stage.mine(node, 0, 2));
    stage.mine(0, 9, 9_000_002);
    assert!(stage.told.contains(&Happening::Lied { node: NodeId(0) }));
    assert_eq!(stage.standing(0), (Standing::Out, Standing::Out));
    (1..3).for_each(|node| stage.mine(node, 0, 3));
    assert_eq!(stage.heads, trunk(1..=3));
}

#[test]
fn a_liar_that_speaks_first_is_not_believed() {
    let mut stage = Stage::new(1);
    stage = Stage {
        pool: Pool::new(settings(2)),
        peers: vec![Peer::default(); 2],
        heads: Vec::new(),
        told: Vec::new(),
        ..stage
    };
    stage.say(Input::Time);
    (0..2).for_each(|node| stage.say(Input::Connected { node: NodeId(node) }));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 0, topic: Topic::Heads, until: NEVER });
    stage.mine(0, 9, 9_000_000);
    stage.mine(1, 0, 7);
    stage.pass(2_000);
    assert_eq!(stage.heads, trunk(7..=7));
    // One word stands against one: nobody is shunned for it, and nothing is routed by it.
    assert_eq!(stage.pool.view().nodes[0].head, 0);
}

#[test]
fn a_gap_that_cannot_be_closed_ends_who_follows_and_is_never_passed_over() {
    let mut stage = Stage::new(1);
    stage.kill(0);
    stage.pass(10_000);
    stage.peers[0].is_dead = false;
    for number in 2..=300 {
        let mined = block(0, number, 0);
        stage.peers[0].has.insert(mined.hash, mined);
    }
    stage.pass(5_000);
    stage.say(Input::Connected { node: NodeId(0) });
    stage.mine(0, 0, 300);
    assert_eq!(stage.ended, [EndReason::GapTooLarge { from: 1, to: 300 }]);
    assert_eq!(stage.heads, trunk(1..=1), "nobody is told a head that does not follow");
    assert_eq!(stage.pool.view().served.map(|head| head.number), Some(300));
}

#[test]
fn a_node_of_another_chain_or_one_that_syncs_is_given_nothing() {
    let mut stage = Stage::new(2);
    let node = NodeId(0);
    stage.say(Input::Probed { node, result: Ok(Probe { chain_id: 5, readiness: Readiness::Ready }) });
    assert_eq!(stage.standing(0), (Standing::Out, Standing::Out));
    stage.say(Input::Probed { node, result: Ok(Probe { chain_id: 1, readiness: Readiness::Syncing }) });
    assert_eq!(stage.standing(0), (Standing::Out, Standing::Out));
    stage.say(Input::Probed { node, result: Ok(Probe { chain_id: 1, readiness: Readiness::Ready }) });
    assert_eq!(stage.standing(0), (Standing::Serving, Standing::Serving));
}

#[test]
fn a_node_that_is_far_behind_is_given_what_nobody_else_can_take() {
    let mut stage = Stage::new(2);
    for number in 2..=7 {
        assert_eq!(stage.standing(1).0, Standing::Serving);
        stage.mine(0, 0, number);
    }
    assert_eq!(stage.standing(1).0, Standing::Suspect);
    (2..=4).for_each(|number| stage.mine(1, 0, number));
    assert_eq!(stage.standing(1).0, Standing::Serving);
}

#[test]
fn waiting_always_ends() {
    let mut stage = Stage::new(3);
    stage.peers[1].is_mute = true;
    stage.kill(2);
    for _ in 0..10_000 {
        let Some(at) = stage.pool.wake_at(stage.now) else { return };
        assert!(at > stage.now);
        stage.now = at;
        stage.say(Input::Time);
    }
    assert!(stage.now.0 > 60_000, "{:?}: it wakes too often", stage.now);
}

/// While a long gap was closed block by block, what lay beyond the next few blocks was forgotten and fetched again, for ever.
#[test]
fn a_long_gap_is_closed_however_many_steps_it_takes() {
    let mut stage = Stage::new(1);
    let logs = Topic::Logs(crate::core::filter::Filter::parse(None).unwrap());
    stage.say(Input::Subscribe { session: SessionId(2), ticket: 0, topic: logs, until: NEVER });
    stage.kill(0);
    stage.pass(60_000);
    stage.peers[0].is_dead = false;
    for number in 2..=200 {
        stage.has_untold(0, block(0, number, 0));
    }
    stage.pass(5_000);
    assert_eq!(stage.heads, trunk(1..=200));
}
