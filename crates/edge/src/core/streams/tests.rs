//! Subscriptions, their ids and their ends.

use std::collections::BTreeSet;

use super::*;

const LIMITS: StreamLimits = StreamLimits { per_session_max: 3, per_pool_max: 5, linger_ms: 1_000 };
const ONE: SessionId = SessionId(1);
const TWO: SessionId = SessionId(2);

fn relay(text: &str) -> Topic {
    Topic::Relay(Arc::from(text.as_bytes()))
}

#[test]
fn equal_subscriptions_share_a_stream_and_have_ids_of_their_own() {
    let mut streams = Streams::new(7, LIMITS);
    let (first, stream) = streams.subscribe(ONE, Topic::Heads, 4).unwrap();
    let (second, same) = streams.subscribe(TWO, Topic::Heads, 9).unwrap();
    assert_eq!(stream, same);
    assert_ne!(first, second);
    let cursors: Vec<u64> = streams.members(stream).iter().map(|member| member.cursor).collect();
    assert_eq!(cursors, [4, 9]);
}

#[test]
fn ids_do_not_repeat_and_look_like_a_nodes() {
    let mut streams =
        Streams::new(7, StreamLimits { per_session_max: 5_000, per_pool_max: 5_000, linger_ms: 0 });
    let ids: BTreeSet<_> = (0..5_000).map(|_| streams.subscribe(ONE, Topic::Heads, 0).unwrap().0).collect();
    assert_eq!(ids.len(), 5_000);
    assert_eq!(ids.first().unwrap().to_string().len(), 34);
}

#[test]
fn limits_are_named_and_nothing_is_left_behind() {
    let mut streams = Streams::new(7, LIMITS);
    for _ in 0..3 {
        streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    }
    assert_eq!(streams.subscribe(ONE, relay("x"), 0), Err(Full::Session { max: 3 }));
    streams.subscribe(TWO, Topic::Heads, 0).unwrap();
    streams.subscribe(TWO, Topic::Heads, 0).unwrap();
    assert_eq!(streams.subscribe(SessionId(3), relay("x"), 0), Err(Full::Pool { max: 5 }));
    streams.close(Millis(0), ONE);
    assert_eq!(streams.subscriptions(), 2);
    assert!(streams.subscribe(SessionId(3), relay("x"), 0).is_ok());
}

#[test]
fn only_its_owner_ends_a_subscription_and_only_once() {
    let mut streams = Streams::new(7, LIMITS);
    let (id, stream) = streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    assert!(!streams.unsubscribe(Millis(0), TWO, id));
    assert!(streams.unsubscribe(Millis(0), ONE, id));
    assert!(!streams.unsubscribe(Millis(0), ONE, id));
    assert!(streams.members(stream).is_empty());
}

#[test]
fn a_stream_lingers_and_is_taken_up_again() {
    let mut streams = Streams::new(7, LIMITS);
    let (_, stream) = streams.subscribe(ONE, relay("x"), 0).unwrap();
    streams.close(Millis(100), ONE);
    assert_eq!(streams.wake_at(), Some(Millis(1_100)));
    assert!(streams.release(Millis(1_099)).is_empty());
    assert_eq!(streams.subscribe(TWO, relay("x"), 0).unwrap().1, stream);
    assert!(streams.release(Millis(5_000)).is_empty(), "somebody came back");
    streams.close(Millis(5_000), TWO);
    assert_eq!(streams.release(Millis(6_000)), [(stream, Arc::new(relay("x")))]);
    assert_ne!(streams.subscribe(TWO, relay("x"), 0).unwrap().1, stream);
}

#[test]
fn only_so_many_linger_and_the_oldest_go_first() {
    let mut streams = Streams::new(7, StreamLimits { linger_ms: 3_600_000, ..LIMITS });
    let followed = streams.subscribe(TWO, Topic::Heads, 0).unwrap().1;
    let topic = |number: usize| relay(&number.to_string());
    let (mut order, mut gone) = (Vec::new(), Vec::new());
    for number in 0..LINGERING_MAX + 10 {
        let (subscription, stream) = streams.subscribe(ONE, topic(number), 0).unwrap();
        assert!(streams.unsubscribe(Millis(number as u64), ONE, subscription));
        order.push(stream);
        gone.extend(streams.release(Millis(number as u64)).into_iter().map(|(stream, _)| stream));
        assert!(streams.iter().count() <= LINGERING_MAX + 1, "and one that is followed");
    }
    assert_eq!(gone, order[..10]);
    assert!(streams.topic(followed).is_some());
    // Who comes back finds it; it lingers no more, and the others still do.
    let (again, same) = streams.subscribe(ONE, topic(10), 0).unwrap();
    assert_eq!((same, streams.wake_at()), (order[10], Some(Millis(11 + 3_600_000))));
    assert!(streams.unsubscribe(Millis(5_000), ONE, again));
    assert_eq!(streams.release(Millis(5_000 + 3_600_000)).len(), LINGERING_MAX);
    assert_eq!((streams.counts().streams, streams.wake_at()), ([1, 0, 0], None));
}

#[test]
fn whoever_follows_the_chain_is_told_once_of_a_gap_and_nobody_else() {
    let mut streams = Streams::new(7, LIMITS);
    let logs = || Topic::Logs(Filter::parse(None).unwrap());
    streams.subscribe(TWO, Topic::Heads, 0).unwrap();
    streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    streams.subscribe(ONE, logs(), 0).unwrap();
    streams.subscribe(SessionId(3), relay("x"), 0).unwrap();
    assert_eq!(streams.sessions_on_the_chain(), [ONE, TWO]);
    streams.close(Millis(0), ONE);
    assert_eq!(streams.sessions_on_the_chain(), [TWO]);
}

#[test]
fn an_end_takes_the_owners_subscriptions_alone_and_counts_them() {
    let mut streams = Streams::new(7, LIMITS);
    let (first, stream) = streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    let (second, _) = streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    let (other, _) = streams.subscribe(TWO, Topic::Heads, 0).unwrap();
    assert!(streams.unsubscribe(Millis(0), ONE, first));
    assert_eq!(streams.subscriptions(), 2);
    assert_eq!(streams.wake_at(), None, "it is followed still");
    let left: Vec<SubscriptionId> =
        streams.members(stream).iter().map(|member| member.subscription).collect();
    assert_eq!(left, [second, other]);
    streams.close(Millis(0), ONE);
    streams.close(Millis(0), ONE);
    assert!(!streams.unsubscribe(Millis(0), ONE, second));
    assert_eq!((streams.subscriptions(), streams.members(stream).len()), (1, 1));
    assert!(streams.unsubscribe(Millis(0), TWO, other));
    assert_eq!(streams.subscriptions(), 0);
}

#[test]
fn limits_that_were_read_again_count_for_who_comes_next() {
    let mut streams = Streams::new(7, LIMITS);
    streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    streams.set_limits(StreamLimits { per_session_max: 1, ..LIMITS });
    assert_eq!(streams.subscribe(ONE, Topic::Heads, 0), Err(Full::Session { max: 1 }));
}

#[test]
fn both_halves_of_an_id_differ_from_those_of_another_pool() {
    let halves = |seed| {
        let id = Streams::new(seed, LIMITS).subscribe(ONE, Topic::Heads, 0).unwrap().0.0;
        ((id >> 64) as u64, id as u64)
    };
    let (one, other) = (halves(1), halves(9));
    assert!(one.0 != other.0 && one.1 != other.1 && one.0 != 0, "{one:?} {other:?}");
}

#[test]
fn what_there_is_of_each_kind_is_counted_until_it_is_released() {
    let mut streams = Streams::new(7, LIMITS);
    let (id, _) = streams.subscribe(ONE, Topic::Heads, 0).unwrap();
    streams.subscribe(TWO, Topic::Heads, 0).unwrap();
    streams.subscribe(TWO, relay("x"), 0).unwrap();
    assert_eq!(streams.counts(), Counts { subscriptions: [2, 0, 1], streams: [1, 0, 1] });
    streams.unsubscribe(Millis(0), ONE, id);
    streams.close(Millis(0), TWO);
    assert_eq!(streams.counts(), Counts { subscriptions: [0; 3], streams: [1, 0, 1] });
    streams.release(Millis(1_000));
    assert_eq!(streams.counts(), Counts::default());
}

#[test]
fn an_id_is_the_same_however_it_is_written() {
    for id in [0, 1, 0xab << 120 | 0x17, u128::MAX].map(SubscriptionId) {
        assert_eq!(id.digits(), *id.to_string().as_bytes());
    }
}
