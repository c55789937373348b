//! Filters over a pool that says yes to everything, in time that the test moves.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::config::{ApiKey, KeyHash, KeyLimits};
use crate::core::pool::WhyNot;
use crate::keys::Keys;
use crate::metrics::EdgeMetrics;

struct Stage {
    filters: Arc<Filters>,
    pool: mpsc::Receiver<Event>,
    _sender: mpsc::Sender<Event>,
}

fn stage() -> Stage {
    let (sender, pool) = mpsc::channel(16);
    let metrics = EdgeMetrics::default();
    let filters = Filters::new(sender.downgrade(), metrics.pool(&"net".into()), metrics.refused.clone());
    Stage { filters: Arc::new(filters), pool, _sender: sender }
}

fn asked(text: &str) -> Asked {
    let message = Bytes::copy_from_slice(text.as_bytes());
    let Ok(Scanned::Single(request)) = scan_request(&message, 1) else { panic!("{text}") };
    Asked::new(&message, &request, None, Network::of([192, 0, 2, 7].into()))
}

fn call(method: &str, params: &str) -> Asked {
    asked(&format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#))
}

impl Stage {
    async fn answer(&self, method: &str, params: &str) -> String {
        match self.filters.take(call(method, params), None).await {
            Taken::Answered(answer) => String::from_utf8(answer.to_vec()).unwrap(),
            Taken::Call(_) => panic!("{method} is no node's"),
        }
    }

    /// The id, and where its news go.
    async fn made(&mut self, result: Result<SubscriptionId, WhyNot>) -> (String, Arc<News>, SessionId) {
        let filters = Arc::clone(&self.filters);
        let making = tokio::spawn(async move {
            match filters.take(call("eth_newBlockFilter", "[]"), None).await {
                Taken::Answered(answer) => String::from_utf8(answer.to_vec()).unwrap(),
                Taken::Call(_) => panic!(),
            }
        });
        let Some(Event::Filter { session, news, reply, topic, .. }) = self.pool.recv().await else {
            panic!()
        };
        assert_eq!(topic, Topic::Heads);
        reply.send(result).unwrap();
        (making.await.unwrap(), news, session)
    }

    fn ended(&mut self) -> Option<SessionId> {
        match self.pool.try_recv() {
            Ok(Event::SessionEnded { session }) => Some(session),
            _ => None,
        }
    }
}

fn id_of(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    format!("[{}]", answer["result"])
}

const MADE: Result<SubscriptionId, WhyNot> = Ok(SubscriptionId(1));

#[tokio::test]
async fn a_filter_that_nobody_asks_about_is_forgotten_after_five_minutes_and_one_that_is_used_is_not() {
    let mut stage = stage();
    let (used, ..) = stage.made(MADE).await;
    let (idle, _, session) = stage.made(MADE).await;
    let made = Instant::now();
    while Instant::now() <= made {}
    assert!(stage.answer("eth_getFilterChanges", &id_of(&used)).await.contains("\"result\":[]"));
    stage.filters.forget_idle(made);
    assert_eq!(stage.ended(), None);
    stage.filters.forget_idle(made + IDLE);
    assert_eq!(stage.ended(), Some(session), "the pool is told");
    assert_eq!(stage.ended(), None);
    assert!(stage.answer("eth_getFilterChanges", &id_of(&idle)).await.contains(NOT_FOUND));
    assert!(stage.answer("eth_getFilterChanges", &id_of(&used)).await.contains("\"result\":[]"));
    assert_eq!(stage.filters.metrics.filters.get(), 1);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let mut stage = stage();
    let (answer, _, session) = stage.made(Err(WhyNot::Refused)).await;
    assert!(answer.contains("no node takes this subscription"), "{answer}");
    assert_eq!(stage.ended(), Some(session));
    assert_eq!(stage.filters.places.available_permits(), FILTERS_MAX);
}

#[tokio::test]
async fn who_leaves_while_a_filter_is_made_leaves_nothing_behind() {
    let mut stage = stage();
    let filters = Arc::clone(&stage.filters);
    let making = tokio::spawn(async move { filters.take(call("eth_newBlockFilter", "[]"), None).await });
    let Some(Event::Filter { session, .. }) = stage.pool.recv().await else { panic!() };
    making.abort();
    assert!(making.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(stage.ended(), Some(session));
}

#[tokio::test]
async fn there_are_only_so_many_filters() {
    let mut stage = stage();
    let (first, ..) = stage.made(MADE).await;
    let all = stage.filters.places.available_permits() as u32;
    let others = Arc::clone(&stage.filters.places).try_acquire_many_owned(all).unwrap();
    let refused = stage.answer("eth_newBlockFilter", "[]").await;
    assert!(refused.contains("-32005") && refused.contains("may be no more"), "{refused}");
    assert_eq!(stage.filters.refused.of(Limit::Filters).get(), 1);
    assert!(stage.answer("eth_uninstallFilter", &id_of(&first)).await.contains("true"));
    assert!(stage.ended().is_some());
    drop(others);
    stage.made(MADE).await;
}

/// Room was made for it first, and then it was told that its address has enough.
#[tokio::test]
async fn nobody_gives_way_to_one_that_is_refused() {
    let mut stage = stage();
    let (idle, _, session) = stage.made(MADE).await;
    let all = stage.filters.places.available_permits() as u32;
    let _others = Arc::clone(&stage.filters.places).try_acquire_many_owned(all).unwrap();
    let mut newcomer = call("eth_newBlockFilter", "[]");
    newcomer.network = Network::of([192, 0, 2, 8].into());
    let later = Instant::now() + IDLE_WHEN_FULL;
    stage.filters.hold_to(0);
    let refused = stage.filters.hold(later, &newcomer).err();
    assert_eq!(refused.as_deref(), Some("clients of this address have 0 filters, and may have no more"));
    assert_eq!(stage.ended(), None);
    // It would still have more than it may have.
    stage.filters.hold_to(0);
    assert!(stage.filters.hold(later, &call("eth_newBlockFilter", "[]")).is_err());
    assert_eq!(stage.ended(), None);
    stage.filters.hold_to(1);
    assert!(stage.filters.hold(later, &newcomer).is_ok());
    assert_eq!(stage.ended(), Some(session));
    assert!(stage.answer("eth_getFilterChanges", &id_of(&idle)).await.contains(NOT_FOUND));
}

/// Who shows no key has as many as its address may have; others have theirs.
#[tokio::test]
async fn clients_of_one_address_have_only_so_many_filters_without_a_key() {
    let mut stage = stage();
    stage.filters.hold_to(2);
    let (idle, _, session) = stage.made(MADE).await;
    let (used, ..) = stage.made(MADE).await;
    let refused = stage.answer("eth_newBlockFilter", "[]");
    let refused = tokio::time::timeout(Duration::from_secs(5), refused).await.expect("it is refused at once");
    assert!(refused.contains("-32005") && refused.contains("clients of this address have 2"), "{refused}");
    assert_eq!(stage.filters.refused.of(Limit::FiltersPerAddress).get(), 1);
    let [here, elsewhere] = [[192, 0, 2, 7], [192, 0, 2, 8]].map(|address| Network::of(address.into()));
    assert!(stage.filters.share(Instant::now(), elsewhere).is_ok());
    // Nobody keeps its places without asking about what holds them.
    let made = Instant::now();
    while Instant::now() <= made {}
    assert!(stage.answer("eth_getFilterChanges", &id_of(&used)).await.contains("\"result\":[]"));
    let _theirs = [(); 2].map(|()| stage.filters.share(made, elsewhere).unwrap());
    assert!(stage.filters.share(made + IDLE_WHEN_FULL, elsewhere).is_err());
    assert_eq!(stage.ended(), None, "nobody gives way to other addresses");
    let share = stage.filters.share(made + IDLE_WHEN_FULL, here);
    assert!(share.is_ok());
    assert_eq!(stage.ended(), Some(session));
    assert!(stage.answer("eth_getFilterChanges", &id_of(&idle)).await.contains(NOT_FOUND));
    assert!(stage.filters.share(made + IDLE_WHEN_FULL, here).is_err(), "the other one is used");
    drop(share);
    stage.made(MADE).await;
    assert!(stage.answer("eth_uninstallFilter", &id_of(&used)).await.contains("true"));
    assert!(stage.ended().is_some());
    stage.made(MADE).await;
}

#[tokio::test]
async fn where_all_places_are_taken_who_was_not_asked_about_for_longest_gives_his_back() {
    let mut stage = stage();
    let (idle, _, session) = stage.made(MADE).await;
    let (used, ..) = stage.made(MADE).await;
    let all = stage.filters.places.available_permits() as u32;
    let _others = Arc::clone(&stage.filters.places).try_acquire_many_owned(all).unwrap();
    let made = Instant::now();
    while Instant::now() <= made {}
    assert!(stage.answer("eth_getFilterChanges", &id_of(&used)).await.contains("\"result\":[]"));
    assert!(stage.filters.place(made).is_none(), "not so soon");
    let place = stage.filters.place(made + IDLE_WHEN_FULL);
    assert!(place.is_some());
    assert_eq!(stage.ended(), Some(session));
    assert!(stage.answer("eth_getFilterChanges", &id_of(&idle)).await.contains(NOT_FOUND));
    assert!(stage.filters.place(made + IDLE_WHEN_FULL).is_none(), "the other one is used");
    assert!(stage.answer("eth_getFilterChanges", &id_of(&used)).await.contains("\"result\":[]"));
}

#[tokio::test]
async fn a_filter_that_missed_something_is_told_once_as_not_found_and_is_gone() {
    let mut stage = stage();
    let (filter, news, session) = stage.made(MADE).await;
    assert!(news.add(Arc::from(&b"1"[..])) && news.add(Arc::from(&b"2"[..])));
    assert!(stage.answer("eth_getFilterChanges", &id_of(&filter)).await.contains("\"result\":[1,2]"));
    news.end();
    assert!(stage.answer("eth_getFilterChanges", &id_of(&filter)).await.contains(NOT_FOUND));
    assert_eq!(stage.ended(), Some(session));
    assert_eq!(stage.filters.metrics.filters_lost.get(), 1);
}

#[tokio::test]
async fn news_that_are_not_told_stay_for_the_next_time() {
    let mut stage = stage();
    let (filter, news, _) = stage.made(MADE).await;
    assert!(news.add(Arc::from(&b"1"[..])));
    let filter = id_of(&filter);
    let notification = format!(r#"{{"method":"eth_getFilterChanges","params":{filter}}}"#);
    assert!(matches!(stage.filters.take(asked(&notification), None).await, Taken::Answered(_)));
    let room = BatchRoom::new(30);
    let poll = call("eth_getFilterChanges", &filter);
    assert!(matches!(stage.filters.take(poll, Some(&room)).await, Taken::Answered(_)));
    assert!(news.add(Arc::from(&b"2"[..])));
    assert!(stage.answer("eth_getFilterChanges", &filter).await.contains("\"result\":[1,2]"));
}

#[tokio::test]
async fn other_calls_are_let_through() {
    let stage = stage();
    assert!(matches!(stage.filters.take(call("eth_chainId", "[]"), None).await, Taken::Call(_)));
}

#[tokio::test]
async fn a_filter_counts_for_whoever_shows_a_key_until_it_is_gone() {
    let limits =
        KeyLimits { connections_max: 1, subscriptions_max: 1, requests_per_second: 1, bytes_per_second: 1 };
    let key = ApiKey { name: "one".into(), hashes: vec![KeyHash::of(b"quiet")], limits };
    let shown =
        HeaderMap::from_iter([(HeaderName::from_static("x-api-key"), HeaderValue::from_static("quiet"))]);
    let holder = Keys::default().reloaded(&[key]).holder(&shown).unwrap();
    let mut stage = stage();
    let filters = Arc::clone(&stage.filters);
    let make = async move || {
        let mut call = call("eth_newBlockFilter", "[]");
        call.holder.clone_from(&holder);
        let Taken::Answered(answer) = filters.take(call, None).await else { panic!() };
        String::from_utf8(answer.to_vec()).unwrap()
    };
    let yes = async |pool: &mut mpsc::Receiver<Event>| {
        let Some(Event::Filter { reply, .. }) = pool.recv().await else { panic!() };
        reply.send(MADE).unwrap();
    };
    let (first, ()) = tokio::join!(make(), yes(&mut stage.pool));
    let second = tokio::time::timeout(Duration::from_secs(5), make()).await.expect("it is refused at once");
    assert!(second.contains("as many subscriptions as it may have"), "{second}");
    stage.answer("eth_uninstallFilter", &id_of(&first)).await;
    assert!(stage.ended().is_some());
    let (third, ()) = tokio::join!(make(), yes(&mut stage.pool));
    assert!(third.contains("result"), "{third}");
}
