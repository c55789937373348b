//! Whom a pool believes when its nodes contradict each other, and whom it asks when they do not answer.

use std::ops::{Range, RangeInclusive};

use super::*;

/// Whoever is told a head may ask for it at once.
pub(super) fn is_published_before_it_is_told(effects: &[Effect]) {
    let told = effects.iter().position(|effect| matches!(effect, Effect::Deliver { .. }));
    let published = effects.iter().position(|effect| matches!(effect, Effect::Publish(_)));
    if let (Some(told), Some(published)) = (told, published) {
        assert!(published < told, "{effects:?}");
    }
}

/// A pool whose nodes have said nothing yet, and a client that follows the heads.
fn silent(nodes: usize) -> Stage {
    let mut stage = Stage::new(1);
    stage = Stage {
        pool: Pool::new(settings(nodes)),
        peers: vec![Peer::default(); nodes],
        heads: Vec::new(),
        told: Vec::new(),
        ..stage
    };
    stage.say(Input::Time);
    (0..nodes).for_each(|node| stage.say(Input::Connected { node: NodeId(node as u8) }));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 0, topic: Topic::Heads, until: NEVER });
    stage
}

fn has_trunk(stage: &mut Stage, node: usize, last: u64) {
    for number in 1..=last {
        let mined = block(0, number, 0);
        stage.peers[node].has.insert(mined.hash, mined);
    }
}

fn lied(stage: &Stage) -> Vec<NodeId> {
    let lied = |told: &Happening| match told {
        Happening::Lied { node } => Some(*node),
        _ => None,
    };
    stage.told.iter().filter_map(lied).collect()
}

fn served(stage: &Stage) -> Option<u64> {
    stage.pool.view().served.map(|head| head.number)
}

/// The lower of two far apart was believed for ever, though it stood still, and the other shunned for ever.
#[test]
fn of_two_far_apart_at_the_start_the_one_that_moves_is_believed() {
    let mut stage = silent(2);
    has_trunk(&mut stage, 0, 200);
    has_trunk(&mut stage, 1, 10);
    stage.mine(1, 0, 10);
    stage.mine(0, 0, 200);
    assert_eq!(served(&stage), None);
    stage.pass(500);
    stage.mine(0, 0, 201);
    assert_eq!(served(&stage), Some(201));
    assert_eq!(lied(&stage), []);
}

#[test]
fn one_that_was_believed_and_stands_still_gives_way_to_one_that_goes_on() {
    let mut stage = silent(2);
    has_trunk(&mut stage, 0, 200);
    has_trunk(&mut stage, 1, 10);
    stage.mine(1, 0, 10);
    stage.mine(0, 0, 200);
    stage.pass(2_500);
    assert_eq!(served(&stage), Some(10), "neither moved, and the lower can be made good");
    for number in 201..=215 {
        stage.pass(1_000);
        stage.mine(0, 0, number);
    }
    assert_eq!(served(&stage), Some(215));
    assert_eq!(lied(&stage), []);
    assert_eq!(stage.heads, trunk(10..=215));
}

impl Stage {
    /// These nodes go on with the trunk, a block a second.
    fn grow(&mut self, nodes: Range<usize>, numbers: RangeInclusive<u64>) {
        for number in numbers {
            self.pass(1_000);
            nodes.clone().for_each(|node| self.mine(node, 0, number));
        }
    }
}

/// Its stream stopped at the head, and then the chain was reorganised: what was announced stood still as well, so it was never behind.
#[test]
fn a_stream_that_stopped_where_the_head_is_is_not_believed_against_one_that_goes_on() {
    let mut stage = Stage::new(2);
    stage.grow(0..2, 2..=10);
    for number in 8..=12 {
        stage.pass(500);
        stage.mine(0, 9, number);
        stage.has_untold(1, block(9, number, if number == 8 { 0 } else { 9 }));
    }
    assert_eq!(served(&stage), Some(10), "one against one");
    stage.pass(STALL_MS);
    assert_eq!(stage.heads.last(), Some(&(9, 12)));
    assert_eq!(stage.told.iter().filter(|told| matches!(told, Happening::Reorganised { .. })).count(), 1);
}

/// Two that are far behind and come nearer are on the way to both sides of a reorganisation.
#[test]
fn a_reorganisation_waits_for_nobody_who_is_far_behind() {
    let mut stage = Stage::new(3);
    for number in 2..=30 {
        stage.pass(1_000);
        stage.mine(0, 0, number);
    }
    assert_eq!(stage.heads.last(), Some(&(0, 30)));
    for number in 30..=31 {
        stage.pass(500);
        (1..3).for_each(|node| stage.mine(node, 0, number - 20));
        stage.mine(0, 9, number);
    }
    assert_eq!(stage.heads.last(), Some(&(9, 31)));
}

/// Two nodes tell of blocks faster than these can be fetched, and one is elsewhere.
#[test]
fn who_tells_of_what_cannot_be_had_yet_is_not_elsewhere() {
    let mut stage = Stage::new(3);
    stage.grow(0..3, 2..=10);
    stage.mine(0, 9, 10);
    for node in [1, 2] {
        stage.peers[node].is_empty = true;
        (11..=12).for_each(|number| stage.mine(node, 0, number));
    }
    assert_eq!(stage.heads.last(), Some(&(0, 10)));
    for node in [1, 2] {
        stage.peers[node].is_empty = false;
    }
    stage.pass(1_000);
    assert_eq!(stage.heads, trunk(1..=12), "nothing was taken back");
}

/// The tip of the one that goes on can never be had: its data comes after the next head.
#[test]
fn one_that_stands_still_gives_way_to_one_whose_data_is_always_late() {
    let mut stage = Stage::new(2);
    stage.grow(0..2, 2..=10);
    let mined = |number| block(9, number, if number == 8 { 0 } else { 9 });
    for number in 8..=30 {
        stage.pass(1_000);
        let late = mined(number.max(9) - 1);
        stage.peers[0].has.insert(late.hash, late);
        stage.say(Input::Head { node: NodeId(0), block: mined(number) });
    }
    assert!(stage.heads.last() >= Some(&(9, 25)), "{:?}", stage.heads);
}

/// All that are left is one, and it went on beyond what a chain can grow to while nobody listened.
#[test]
fn a_lone_survivor_is_believed_after_it_was_seen_to_go_on() {
    let mut stage = Stage::new(2);
    has_trunk(&mut stage, 1, 240);
    stage.kill(0);
    stage.mine(1, 0, 230);
    assert_eq!(served(&stage), Some(1));
    for number in 231..=240 {
        stage.pass(1_000);
        stage.mine(1, 0, number);
    }
    assert_eq!(served(&stage), Some(240));
    assert_eq!(stage.heads, trunk(1..=240));
}

/// Everybody's vote went to whoever went on from their head, whatever it went on with.
#[test]
fn one_that_goes_on_from_the_head_of_three_is_followed_a_block_or_two() {
    let mut stage = Stage::new(3);
    for number in 2..=400 {
        stage.mine(0, 9, number);
    }
    let ahead = served(&stage).unwrap();
    assert!(ahead <= 3, "{ahead}");
    stage.grow(1..3, 2..=8);
    assert_eq!(stage.heads.last(), Some(&(0, 8)));
    assert!(stage.heads.iter().filter(|(branch, _)| *branch == 9).count() <= 2, "{:?}", stage.heads);
    assert_eq!(stage.standing(1), (Standing::Serving, Standing::Serving));
}

#[test]
fn of_two_nodes_one_that_invents_grows_no_faster_than_a_chain_can() {
    let mut stage = Stage::new(2);
    for number in 2..=1_000 {
        stage.mine(0, 9, number);
    }
    assert!(served(&stage).unwrap() <= 100, "{:?}", served(&stage));
}

/// The made-up blocks of one node took all places of a height, and the honest one was fetched for ever.
#[test]
fn made_up_blocks_of_one_height_keep_no_other_out() {
    let mut stage = Stage::new(3);
    for branch in 20..60 {
        stage.mine(0, branch, 2);
    }
    stage.asked.clear();
    for node in [1, 2] {
        stage.mine(node, 0, 2);
    }
    stage.mine(1, 0, 3);
    assert_eq!(stage.heads.last(), Some(&(0, 3)));
    assert_eq!(stage.ended, [], "what had been told was not made room with");
    assert!(stage.asked.values().all(|times| *times < 12), "{:?}", stage.asked);
}

#[test]
fn who_tells_a_wrong_parent_of_a_true_block_first_is_the_liar() {
    let mut stage = Stage::new(3);
    let lie = Block { parent: hash(3, 1), ..block(0, 2, 0) };
    stage.peers[0].has.insert(lie.hash, lie.clone());
    stage.say(Input::Head { node: NodeId(0), block: lie });
    (1..3).for_each(|node| stage.mine(node, 0, 2));
    assert_eq!(lied(&stage), [NodeId(0)]);
    assert_eq!(stage.heads, trunk(1..=2));
}

/// What it was polled for at once was the same lie, which counted when nobody shunned it any more.
#[test]
fn what_a_shunned_node_says_is_not_held_against_it_later() {
    let mut stage = Stage::new(3);
    stage.mine(2, 9, 9_000_000);
    assert_eq!(lied(&stage), [NodeId(2)]);
    // It tells the truth, to those who ask.
    stage.peers[2].head = Some(hash(0, 1));
    stage.pass(61_000);
    assert_eq!(lied(&stage), [NodeId(2)]);
    assert_eq!(stage.standing(2), (Standing::Serving, Standing::Serving));
}

#[test]
fn a_node_that_asked_for_a_pause_is_left_alone_and_its_head_is_told_by_another() {
    let mut stage = Stage::new(2);
    stage.say(Input::Traffic {
        node: NodeId(0),
        transport: Transport::Http,
        result: Err(Fault::RateLimited { retry_after_ms: Some(10_000) }),
    });
    stage.asked.clear();
    stage.grow(0..2, 2..=9);
    assert_eq!(stage.asked.get(&NodeId(0)), None);
    assert_eq!(stage.heads, trunk(1..=9));
    stage.pass(5_000);
    assert!(stage.asked.contains_key(&NodeId(0)));
    assert_eq!(stage.standing(0).0, Standing::Serving);
}

#[test]
fn an_error_about_a_block_that_is_just_told_of_is_no_fault() {
    let mut stage = Stage::new(2);
    let fresh = hash(0, 2);
    for _ in 0..10 {
        let result = Err(Fault::NodeError);
        stage.say(Input::LogsFetched { node: NodeId(0), hash: fresh, result });
        let result = Fetched::Failed(Fault::NodeError);
        stage.say(Input::Fetched { node: NodeId(0), hash: fresh, result });
    }
    assert_eq!(stage.standing(0).0, Standing::Serving);
    stage.pass(6_000);
    stage.say(Input::Fetched { node: NodeId(0), hash: fresh, result: Fetched::Failed(Fault::NodeError) });
    assert_eq!(stage.standing(0).0, Standing::Suspect, "by now it is one");
}

#[test]
fn a_node_that_was_of_another_chain_is_told_to_be_back() {
    let mut stage = Stage::new(2);
    let node = NodeId(0);
    let probe =
        |chain_id| Input::Probed { node, result: Ok(Probe { chain_id, readiness: Readiness::Ready }) };
    stage.say(probe(5));
    stage.say(probe(1));
    let back = Happening::CameBack { node, transport: Transport::Http };
    assert_eq!(stage.told.iter().filter(|told| **told == back).count(), 1);
}

#[test]
fn blocks_that_waited_for_their_logs_were_not_missing() {
    let mut stage = Stage::new(2);
    stage.peers[0].is_empty = true;
    (2..=4).for_each(|number| stage.mine(0, 0, number));
    stage.peers[0].is_empty = false;
    stage.pass(1_000);
    assert_eq!(stage.heads, trunk(1..=4));
    assert!(!stage.told.iter().any(|told| matches!(told, Happening::Bridged { .. })), "{:?}", stage.told);
}
