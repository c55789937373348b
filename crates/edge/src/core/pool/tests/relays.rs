//! Subscriptions that one node feeds: who is asked, who is answered, and what is told once.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_relay_moves_to_another_node_and_tells_nothing_twice() {
    let mut stage = Stage::new(2);
    let params: Arc<[u8]> = Arc::from(&b"[\"newPendingTransactions\"]"[..]);
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic: Topic::Relay(params), until: NEVER });
    let (stream, node) = stage.relays[0];
    assert_eq!(node, NodeId(0));
    stage.say(Input::RelayOpened { stream, node });
    let item = |pool: &mut Pool, node, text: &str| {
        let raw: Arc<[u8]> = Arc::from(text.as_bytes());
        let effects = pool.step(Millis(50), Input::RelayItem { stream, node, identity: identity(&raw), raw });
        effects.iter().filter(|effect| matches!(effect, Effect::Deliver { .. })).count()
    };
    assert_eq!(item(&mut stage.pool, NodeId(0), "a"), 1);
    stage.kill(0);
    assert_eq!(stage.relays[1], (stream, NodeId(1)));
    stage.say(Input::RelayOpened { stream, node: NodeId(1) });
    assert_eq!(item(&mut stage.pool, NodeId(1), "a"), 0);
    assert_eq!(item(&mut stage.pool, NodeId(1), "b"), 1);
    assert_eq!(item(&mut stage.pool, NodeId(0), "c"), 0, "it feeds no more");
}

/// What another node said is not said again; of a state that is true of the last one alone.
#[test]
fn a_relay_tells_again_what_is_so_again() {
    for (params, of_the_second) in [("[\"x\"]", [0, 0, 1]), ("[\"syncing\"]", [0, 1, 1])] {
        let mut stage = Stage::new(2);
        let topic = Topic::Relay(Arc::from(params.as_bytes()));
        stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic, until: NEVER });
        let (stream, node) = stage.relays[0];
        stage.say(Input::RelayOpened { stream, node });
        let told = |pool: &mut Pool, node| {
            ["true", "false", "true"].map(|text| {
                let raw: Arc<[u8]> = Arc::from(text.as_bytes());
                let item = Input::RelayItem { stream, node: NodeId(node), identity: identity(&raw), raw };
                let effects = pool.step(Millis(50), item);
                effects.iter().filter(|effect| matches!(effect, Effect::Deliver { .. })).count()
            })
        };
        assert_eq!(told(&mut stage.pool, 0), [1, 1, 1], "{params}: a node that says so again means it");
        stage.kill(0);
        stage.say(Input::RelayOpened { stream, node: NodeId(1) });
        assert_eq!(told(&mut stage.pool, 1), of_the_second, "{params}");
    }
}

#[test]
fn a_relay_that_every_node_refuses_ends_the_session() {
    let mut stage = Stage::new(2);
    stage.say(Input::Subscribe {
        session: CLIENT,
        ticket: 1,
        topic: Topic::Relay(Arc::from(&b"[\"x\"]"[..])),
        until: NEVER,
    });
    let (stream, node) = stage.relays[0];
    stage.say(Input::RelayOpened { stream, node });
    for _ in 0..20 {
        let (stream, node) = *stage.relays.last().unwrap();
        stage.say(Input::RelayLost { stream, node, fault: Fault::NodeError });
        stage.pass(1_000);
    }
    assert_eq!(stage.ended, [EndReason::Refused]);
    let nodes: BTreeSet<NodeId> = stage.relays.iter().map(|(_, node)| *node).collect();
    assert_eq!(nodes.len(), 2, "both were asked");
}

#[test]
fn a_kind_that_no_node_takes_is_told_to_who_asked_and_ends_nothing() {
    let mut stage = Stage::new(2);
    let topic = || Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic: topic(), until: NEVER });
    assert!(stage.answered.is_empty(), "nobody knows yet");
    let (stream, node) = stage.relays[0];
    stage.say(Input::RelayLost { stream, node, fault: Fault::NodeError });
    let (stream, node) = stage.relays[1];
    stage.say(Input::RelayLost { stream, node, fault: Fault::NodeError });
    assert_eq!(stage.answered, [(1, Err(WhyNot::Refused))]);
    stage.pass(900);
    assert_eq!((stage.relays.len(), stage.ended.len()), (2, 0), "it is over, and asked no more");
    assert_eq!(stage.pool.streams().subscriptions(), 1, "the heads alone are left");
    // Another time a node may take it.
    stage.say(Input::Subscribe { session: CLIENT, ticket: 2, topic: topic(), until: NEVER });
    let (stream, node) = stage.relays[2];
    stage.say(Input::RelayOpened { stream, node });
    stage.say(Input::Subscribe { session: CLIENT, ticket: 3, topic: topic(), until: NEVER });
    let made: Vec<u64> =
        stage.answered.iter().filter(|(_, result)| result.is_ok()).map(|(ticket, _)| *ticket).collect();
    assert_eq!(made, [2, 3]);
}

#[test]
fn a_node_that_does_not_say_whether_it_takes_a_subscription_is_not_waited_for() {
    let mut stage = Stage::new(2);
    let topic = Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic, until: NEVER });
    let (stream, silent) = stage.relays[0];
    stage.pass(2_000);
    assert_eq!(stage.closed, [(stream, silent)]);
    assert_eq!(stage.relays[1].0, stream);
    assert_ne!(stage.relays[1].1, silent);
    // It speaks after all, and is told that it is too late.
    stage.say(Input::RelayOpened { stream, node: silent });
    assert_eq!(stage.closed.len(), 2);
    assert!(stage.answered.is_empty());
    stage.say(Input::RelayOpened { stream, node: stage.relays[1].1 });
    assert_eq!(stage.answered.len(), 1);
}

/// However many nodes are still to be asked, whoever waits is answered in time, and is subscribed to nothing.
#[test]
fn who_has_waited_for_long_enough_is_told_so_and_another_who_waits_on_is_not() {
    let mut stage = Stage::new(4);
    let topic = || Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    let until = stage.now.plus(3_000);
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic: topic(), until });
    stage.say(Input::Subscribe { session: SessionId(9), ticket: 2, topic: topic(), until: NEVER });
    assert!(stage.pool.wake_at(stage.now).is_some_and(|at| at <= until));
    let subscriptions = stage.pool.streams().subscriptions();
    stage.pass(2_900);
    assert!(stage.answered.is_empty(), "{:?}", stage.answered);
    stage.pass(200);
    assert_eq!(stage.answered, [(1, Err(WhyNot::Late))]);
    assert_eq!(stage.pool.streams().subscriptions(), subscriptions - 1);
    let (stream, node) = *stage.relays.last().unwrap();
    stage.say(Input::RelayOpened { stream, node });
    assert!(matches!(stage.answered[..], [_, (2, Ok(_))]), "{:?}", stage.answered);
    // One that has no time left is told at once, and one whose kind is known has it all the same.
    let other = Topic::Relay(Arc::from(&b"[\"y\"]"[..]));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 3, topic: other, until: stage.now });
    stage.say(Input::Subscribe { session: CLIENT, ticket: 4, topic: topic(), until: stage.now });
    assert!(matches!(stage.answered[2..], [(3, Err(WhyNot::Late)), (4, Ok(_))]), "{:?}", stage.answered);
}

#[test]
fn a_node_that_was_too_late_for_one_client_is_asked_for_the_next() {
    let mut stage = Stage::new(1);
    let topic = || Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    let until = stage.now.plus(1_500);
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic: topic(), until });
    // Its stream lingers for a second.
    stage.pass(2_200);
    assert_eq!((&stage.answered[..], stage.closed.len()), (&[(1, Err(WhyNot::Late))][..], 1));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 2, topic: topic(), until: NEVER });
    assert_eq!((stage.answered.len(), stage.relays.len()), (1, 2), "it is asked, and nobody is refused");
}

#[test]
fn whoever_leaves_before_the_answer_is_forgotten() {
    let mut stage = Stage::new(2);
    let topic = Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    stage.say(Input::Subscribe { session: SessionId(9), ticket: 1, topic, until: NEVER });
    stage.say(Input::SessionEnded { session: SessionId(9) });
    assert_eq!(stage.answered, [(1, Err(WhyNot::Refused))]);
    let (stream, node) = stage.relays[0];
    stage.say(Input::RelayOpened { stream, node });
    assert_eq!(stage.answered.len(), 1, "once is enough");
}

#[test]
fn a_subscription_without_a_node_is_made_and_fed_when_one_comes() {
    let mut stage = Stage::new(1);
    stage.kill(0);
    let topic = Topic::Relay(Arc::from(&b"[\"x\"]"[..]));
    stage.say(Input::Subscribe { session: CLIENT, ticket: 1, topic, until: NEVER });
    assert!(matches!(stage.answered[..], [(1, Ok(_))]), "{:?}", stage.answered);
    assert!(stage.relays.is_empty());
    stage.peers[0].is_dead = false;
    stage.pass(5_000);
    stage.say(Input::Connected { node: NodeId(0) });
    assert_eq!(stage.relays.len(), 1);
}
