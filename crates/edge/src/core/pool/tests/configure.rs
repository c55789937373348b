//! A pool whose nodes and rules change while it runs.

use super::*;
use crate::core::NodeView;

fn said(ids: &[u8]) -> Input {
    let mut settings = settings(0);
    settings.nodes = ids.iter().map(|id| node(*id, Tier::Primary)).collect();
    Input::Configure(Box::new(settings))
}

fn node(id: u8, tier: Tier) -> NodeSettings {
    NodeSettings { id: NodeId(id), tier, weight: 1, attempt_ms: 10_000 }
}

impl Stage {
    fn views(&self) -> Vec<(u8, Standing)> {
        self.pool.view().nodes.iter().map(|node| (node.id.0, node.http)).collect()
    }

    fn relay(&mut self) -> StreamId {
        let topic = Topic::Relay(Arc::from(&b"[\"newPendingTransactions\"]"[..]));
        self.say(Input::Subscribe { session: CLIENT, ticket: 1, topic, until: NEVER });
        let (stream, node) = *self.relays.last().unwrap();
        self.say(Input::RelayOpened { stream, node });
        stream
    }
}

#[test]
fn who_stays_keeps_what_was_seen_of_it_wherever_it_stands() {
    let mut stage = Stage::new(3);
    stage.mine(0, 0, 2);
    stage.mine(1, 0, 2);
    let before = stage.pool.view().nodes.clone();
    stage.say(said(&[2, 0, 1]));
    let order = [2, 0, 1].map(|at: usize| NodeView { tier: Tier::Primary, ..before[at].clone() });
    assert_eq!(stage.pool.view().nodes, order);
    assert_eq!(stage.heads, [(0, 1), (0, 2)]);
}

#[test]
fn who_leaves_is_given_nothing_and_heard_no_more_until_it_is_over() {
    let mut stage = Stage::new(3);
    stage.say(said(&[0, 1]));
    assert_eq!(stage.views(), [(0, Standing::Serving), (1, Standing::Serving), (2, Standing::Leaving)]);
    // Whatever it still says counts for nothing.
    (2..4).for_each(|number| stage.mine(2, 0, number));
    assert_eq!(stage.heads, [(0, 1)]);
    stage.pass(20_000);
    assert_eq!(stage.pool.view().nodes[2].http, Standing::Leaving, "it is neither probed nor polled");
    stage.say(Input::Left { node: NodeId(2) });
    assert_eq!(stage.views().len(), 2);
    stage.mine(0, 0, 2);
    stage.mine(1, 0, 2);
    assert_eq!(stage.heads, [(0, 1), (0, 2)]);
}

#[test]
fn who_waits_for_one_that_leaves_is_told_when_it_dies() {
    let mut stage = Stage::new(2);
    stage.say(said(&[0]));
    let refused = Input::Traffic { node: NodeId(1), transport: Transport::Http, result: Err(Fault::Refused) };
    stage.say(refused);
    assert_eq!(stage.views()[1], (1, Standing::Out));
    assert!(stage.told.iter().all(|told| !matches!(told, Happening::WentDown { .. })));
}

#[test]
fn all_nodes_can_be_others_and_the_chain_goes_on() {
    let mut stage = Stage::new(2);
    stage.mine(0, 0, 2);
    stage.mine(1, 0, 2);
    stage.peers.extend([stage.peers[0].clone(), stage.peers[1].clone()]);
    stage.say(said(&[2, 3]));
    (2..4).for_each(|node| stage.say(Input::Connected { node: NodeId(node) }));
    for number in 3..8 {
        (2..4).for_each(|node| stage.mine(node, 0, number));
        stage.pass(1_000);
    }
    let expected: Vec<(u8, u64)> = (1..8).map(|number| (0, number)).collect();
    assert_eq!((stage.heads, stage.ended), (expected, Vec::new()));
}

#[test]
fn an_id_that_is_given_out_again_has_nothing_of_its_last_node() {
    let mut stage = Stage::new(2);
    let head = stage.pool.view().served.unwrap();
    stage.say(said(&[0]));
    stage.say(Input::Left { node: NodeId(1) });
    stage.peers[1] = Peer { is_mute: true, ..Peer::default() };
    stage.say(said(&[0, 1]));
    let view = stage.pool.view();
    assert_eq!((view.nodes[1].http, view.nodes[1].head), (Standing::Out, 0));
    assert!(!view.recent.holders[&head.hash].contains(NodeId(1)));
}

#[test]
fn what_a_node_fed_moves_when_it_leaves_and_when_it_is_drained() {
    let mut stage = Stage::new(3);
    let stream = stage.relay();
    assert_eq!(stage.relays, [(stream, NodeId(0))]);
    stage.say(Input::Drain { node: NodeId(0), draining: true });
    assert_eq!(stage.views()[0], (0, Standing::Draining));
    assert_eq!(stage.relays[1], (stream, NodeId(1)));
    stage.say(Input::RelayOpened { stream, node: NodeId(1) });
    stage.say(said(&[0, 2]));
    assert_eq!(stage.relays[2], (stream, NodeId(2)), "one that is drained comes last");
    let item = |node| {
        let raw: Arc<[u8]> = Arc::from(&b"1"[..]);
        Input::RelayItem { stream, node: NodeId(node), identity: identity(&raw), raw }
    };
    stage.say(Input::RelayOpened { stream, node: NodeId(2) });
    let told = |effects: Vec<Effect>| effects.iter().any(|effect| matches!(effect, Effect::Deliver { .. }));
    let now = stage.now;
    assert!(!told(stage.pool.step(now, item(1))), "who left is not listened to");
    assert!(told(stage.pool.step(now, item(2))));
}

#[test]
fn a_drained_node_stays_so_over_a_reload_and_serves_where_nobody_else_can() {
    let mut stage = Stage::new(2);
    stage.say(Input::Drain { node: NodeId(0), draining: true });
    stage.say(said(&[1, 0]));
    assert_eq!(stage.views(), [(1, Standing::Serving), (0, Standing::Draining)]);
    stage.say(Input::Drain { node: NodeId(0), draining: false });
    assert_eq!(stage.views()[1], (0, Standing::Serving));
}

#[test]
fn other_rules_count_at_once() {
    let mut stage = Stage::new(2);
    let subscribe =
        || Input::Subscribe { session: SessionId(2), ticket: 7, topic: Topic::Heads, until: NEVER };
    let mut settings = settings(2);
    settings.streams.per_session_max = 1;
    settings.lag_blocks_max = 0;
    settings.health.failback_after_ms = 100;
    stage.say(Input::Configure(Box::new(settings)));
    let now = stage.now;
    assert!(matches!(stage.pool.step(now, subscribe())[0], Effect::Subscribed { .. }));
    let why = WhyNot::Full(Full::Session { max: 1 });
    let refused = Effect::NotSubscribed { session: SessionId(2), ticket: 7, why };
    assert_eq!(stage.pool.step(now, subscribe())[0], refused);
    stage.mine(0, 0, 2);
    assert_eq!(
        stage.views(),
        [(0, Standing::Serving), (1, Standing::Suspect)],
        "one block is too far behind now"
    );
}
