//! The loop of one pool: what happens goes into the core one by one, and what the core wants is carried out. It must never
//! wait for a node or a client.

mod answers;
mod nodes;
mod probes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::DrainHandle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::asking::{self, Asking};
use crate::core::pool::{Effect, EndReason, Happening, Input, Item, Pool, WhyNot};
use crate::core::streams::{Counts, Full, StreamId, SubscriptionId, Topic};
use crate::core::{Fault, Millis, NodeId, SessionId, View};
use crate::exchange::Exchange;
use crate::filters::News;
use crate::keys::Place;
use crate::metrics::{Direction, Limit, Side};
use crate::outbound::{GAP, Outbound, REFUSED};
use crate::record::PoolRecord;
use crate::telling::Telling;
use crate::upstream::Order;
use nodes::Nodes;

pub(crate) use answers::{not_subscribed, subscription_answer, unsubscription_answer};
pub(crate) use nodes::Configured;

/// Shorter than what stands between us and a client takes for gone, which is a minute and rarely half of one.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);

/// Where the subscription's id is to be told.
#[derive(Debug)]
pub(crate) enum ReplyTo {
    /// As an answer of its own, under this id.
    Client { id: Bytes },
    /// To somebody who answers for it; the subscription is held until then.
    Batch(oneshot::Sender<Result<SubscriptionId, WhyNot>>),
}

/// Where it is to be told that a subscription is over.
#[derive(Debug)]
pub(crate) enum Left {
    Client {
        id: Bytes,
        outbound: Arc<Outbound>,
    },
    /// The reply says whether there was such a subscription.
    Batch(oneshot::Sender<bool>),
}

/// Everything that wakes the loop.
pub(crate) enum Event {
    /// `came` is when the request did; its answer is waited for as long as one of a call. `place` is the one of its key,
    /// given back when the subscription ends.
    Subscribe {
        session: SessionId,
        outbound: Arc<Outbound>,
        topic: Topic,
        came: Instant,
        reply: ReplyTo,
        place: Option<Place>,
    },
    Unsubscribe {
        session: SessionId,
        subscription: SubscriptionId,
        reply: Left,
    },
    /// A filter whose news are asked for.
    Filter {
        session: SessionId,
        news: Arc<News>,
        topic: Topic,
        came: Instant,
        reply: oneshot::Sender<Result<SubscriptionId, WhyNot>>,
    },
    SessionEnded {
        session: SessionId,
    },
    Configure(Box<Configured>),
    /// By an operator's word. The reply says whether there is such a node.
    Drain {
        node: Arc<str>,
        draining: bool,
        reply: oneshot::Sender<bool>,
    },
}

pub(crate) struct PoolLoop {
    core: Pool,
    nodes: Nodes,
    view: watch::Sender<Arc<View>>,
    exchange: Arc<Exchange>,
    /// What subscription ids are made of.
    seed: u64,
    telling: Telling,
    sessions: HashMap<SessionId, Arc<Outbound>>,
    filters: HashMap<SessionId, Arc<News>>,
    making: HashMap<u64, oneshot::Sender<Result<SubscriptionId, WhyNot>>>,
    waiting: HashMap<u64, (ReplyTo, Arc<Outbound>, Option<Place>)>,
    leaving: HashMap<u64, Left>,
    places: HashMap<SessionId, HashMap<SubscriptionId, Place>>,
    tickets: u64,
    waiting_seen: i64,
    counted: Counts,
}

impl PoolLoop {
    pub(crate) fn new(
        core: Pool,
        view: watch::Sender<Arc<View>>,
        exchange: Arc<Exchange>,
        seed: u64,
        telling: Telling,
    ) -> Self {
        let (sessions, waiting, leaving, places) =
            (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Self {
            core,
            nodes: Nodes::default(),
            view,
            exchange,
            seed,
            telling,
            sessions,
            filters: HashMap::new(),
            making: HashMap::new(),
            waiting,
            leaving,
            places,
            tickets: 0,
            waiting_seen: 0,
            counted: Counts::default(),
        }
    }

    /// Until the drain starts, or nobody is left who could come in.
    pub(crate) async fn run(
        mut self,
        first: Configured,
        mut clients: mpsc::Receiver<Event>,
        mut facts: mpsc::Receiver<Input>,
        mut drain: DrainHandle,
    ) {
        let ending = drain.clone();
        self.configure(first, &ending);
        let mut signs = tokio::time::interval(SIGN_OF_LIFE_EVERY);
        loop {
            self.part(!facts.is_empty(), &ending);
            let wake = self.core.wake_at(self.now());
            let pause = wake.map_or(Duration::from_secs(1), |at| Duration::from_millis(at.since(self.now())));
            tokio::select! {
                () = drain.started() => break,
                Some(fact) = facts.recv() => {
                    let waiting = i64::try_from(facts.len()).unwrap_or(i64::MAX);
                    let before = std::mem::replace(&mut self.waiting_seen, waiting);
                    self.record().inputs_waiting.inc_by(waiting - before);
                    self.note_stream(&fact);
                    self.telling.heard(&fact);
                    self.say(fact);
                }
                event = clients.recv() => match event {
                    Some(event) => self.take(event, &ending),
                    None => break,
                },
                _ = signs.tick() => self.give_signs_of_life(),
                () = sleep_until(Instant::now() + pause) => self.say(Input::Time),
            }
        }
        // Whoever still has something to say finds nobody, and ends.
        drop(facts);
        self.nodes.end().await;
    }

    fn record(&self) -> &Arc<PoolRecord> {
        &self.exchange.record
    }

    fn note_stream(&self, fact: &Input) {
        match fact {
            Input::Connected { node } => {
                self.record().connected(*node, true);
                self.record().witness.watched(*node, Instant::now(), None);
            }
            Input::Lost { node, fault } => {
                self.record().connected(*node, false);
                self.record().witness.watched(*node, Instant::now(), Some(*fault));
            }
            _ => {}
        }
    }

    fn now(&self) -> Millis {
        self.exchange.now()
    }

    /// How long whoever asked at that moment waits.
    fn until(&self, came: Instant) -> Millis {
        self.exchange.clock.at(came).plus(self.exchange.rules().limits.deadline_ms)
    }

    fn take(&mut self, event: Event, ending: &DrainHandle) {
        match event {
            Event::Subscribe { session, outbound, topic, came, reply, place } => {
                self.tickets += 1;
                let ticket = self.tickets;
                self.sessions.insert(session, Arc::clone(&outbound));
                self.waiting.insert(ticket, (reply, outbound, place));
                self.say(Input::Subscribe { session, ticket, topic, until: self.until(came) });
            }
            Event::Unsubscribe { session, subscription, reply } => {
                self.tickets += 1;
                let ticket = self.tickets;
                self.leaving.insert(ticket, reply);
                self.places.get_mut(&session).and_then(|places| places.remove(&subscription));
                self.say(Input::Unsubscribe { session, ticket, subscription });
            }
            Event::Filter { session, news, topic, came, reply } => {
                self.tickets += 1;
                let ticket = self.tickets;
                self.filters.insert(session, news);
                self.making.insert(ticket, reply);
                self.say(Input::Subscribe { session, ticket, topic, until: self.until(came) });
            }
            Event::SessionEnded { session } => {
                self.sessions.remove(&session);
                self.filters.remove(&session);
                self.places.remove(&session);
                self.say(Input::SessionEnded { session });
            }
            Event::Configure(configured) => self.configure(*configured, ending),
            Event::Drain { node, draining, reply } => {
                // Whoever asked may be gone.
                let _ = reply.send(self.drain(&node, draining));
            }
        }
    }

    fn count_followers(&mut self) {
        let counts = self.core.streams().counts();
        if std::mem::replace(&mut self.counted, counts) != counts {
            self.record().followed(counts, self.telling.kinds());
        }
    }

    fn give_signs_of_life(&self) {
        let Some(sign) = self.telling.sign_of_life() else { return };
        self.sessions.values().for_each(|outbound| outbound.sign(sign.clone()));
    }

    fn say(&mut self, input: Input) {
        let effects = self.core.step(self.now(), input);
        for effect in effects {
            self.carry_out(effect);
        }
        self.count_followers();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Probe { node } => self.probe(node),
            Effect::Poll { node } => self.ask(node, move |asking, within| async move {
                match asking.latest(within).await {
                    Ok(block) => Input::Polled { node, block },
                    Err(fault) => Input::PollFailed { node, fault },
                }
            }),
            Effect::FetchBlock { node, hash } => self.ask(node, move |asking, within| async move {
                Input::Fetched { node, hash, result: asking.block(hash, within).await }
            }),
            Effect::FetchLogs { node, hash } => self.ask(node, move |asking, within| async move {
                Input::LogsFetched { node, hash, result: asking.logs(hash, within).await }
            }),
            Effect::Ping { node } => self.order(node, Order::Ping),
            Effect::Redial { node } => self.order(node, Order::Redial),
            Effect::OpenRelay { stream, node, params } => {
                self.order(node, Order::OpenRelay { stream, params })
            }
            Effect::CloseRelay { stream, node } => self.order(node, Order::CloseRelay { stream }),
            Effect::Subscribed { session, ticket, subscription } => {
                self.subscribed(session, ticket, Ok(subscription))
            }
            Effect::NotSubscribed { session, ticket, why } => self.subscribed(session, ticket, Err(why)),
            Effect::Unsubscribed { ticket, was_subscribed, .. } => self.unsubscribed(ticket, was_subscribed),
            Effect::Deliver { stream, item, announced } => self.deliver(stream, &item, announced),
            Effect::EndSession { session, reason } => {
                if let Some(news) = self.filters.remove(&session) {
                    news.end();
                }
                if let Some(outbound) = self.sessions.get(&session) {
                    outbound.end(match reason {
                        EndReason::GapTooLarge { .. } => GAP,
                        EndReason::Refused => REFUSED,
                    });
                }
            }
            Effect::Publish(view) => {
                self.record().published(&view);
                self.view.send_replace(view);
            }
            Effect::Tell(happening) => {
                self.record().told(&happening);
                self.telling.happened(&happening);
                self.tell(happening);
            }
        }
    }

    // Nodes.

    fn order(&self, node: NodeId, order: Order) {
        let orders = self.nodes.get(node).and_then(|node| node.orders.as_ref());
        let Some(Err(mpsc::error::TrySendError::Full(order))) = orders.map(|orders| orders.try_send(order))
        else {
            return;
        };
        // A stream that does not take its orders is as good as refusing.
        if let Order::OpenRelay { stream, .. } = order {
            let _ = self.exchange.events.try_send(Input::RelayLost { stream, node, fault: Fault::Stalled });
        }
    }

    /// The answer comes back as an input. What is open is bounded by the core: eight questions to a node.
    fn ask<F>(&self, node: NodeId, question: impl FnOnce(Asking, Duration) -> F)
    where
        F: Future<Output = Input> + Send + 'static,
    {
        let Some(access) = self.nodes.get(node) else { return };
        let (asked, token) = (question(access.asking.clone(), access.within()), Arc::clone(&access.token));
        let answers = self.exchange.events.clone();
        let (record, began) = (Arc::clone(self.record()), Instant::now());
        tokio::spawn(async move {
            let answer = asked.await;
            record.witness.watched(node, began, asking::fault_of(&answer));
            let _ = answers.send(answer).await;
            drop(token);
        });
    }

    // Clients.

    fn subscribed(&mut self, session: SessionId, ticket: u64, result: Result<SubscriptionId, WhyNot>) {
        if let Some(reply) = self.making.remove(&ticket) {
            // Whoever asked is gone; its session's end will be said.
            let _ = reply.send(result);
            return;
        }
        let Some((reply, outbound, place)) = self.waiting.remove(&ticket) else { return };
        if let Err(WhyNot::Full(full)) = &result {
            let limit = match full {
                Full::Session { .. } => Limit::SubscriptionsPerClient,
                Full::Pool { .. } => Limit::Subscriptions,
            };
            self.record().refused.of(limit).inc();
        }
        if let (Ok(subscription), Some(place)) = (&result, place) {
            self.places.entry(session).or_default().insert(*subscription, place);
        }
        match reply {
            ReplyTo::Client { id } => outbound.push(subscription_answer(&id, &result)),
            ReplyTo::Batch(answer) => {
                result.iter().for_each(|subscription| outbound.hold(*subscription));
                // Whoever asked is gone; its session's end will be said.
                let _ = answer.send(result);
            }
        }
    }

    fn unsubscribed(&mut self, ticket: u64, was_subscribed: bool) {
        match self.leaving.remove(&ticket) {
            None => {}
            Some(Left::Client { id, outbound }) => outbound.push(unsubscription_answer(&id, was_subscribed)),
            // Whoever asked is gone; its session's end will be said.
            Some(Left::Batch(answer)) => _ = answer.send(was_subscribed),
        }
    }

    fn deliver(&mut self, stream: StreamId, item: &Item, announced: u64) {
        let Some(topic) = self.core.streams().topic(stream) else { return };
        let (told, kind) = (self.telling.told(topic, item), self.telling.kind(topic));
        let (mut sent, bytes) = ((0, 0), told.bytes() as u64);
        for member in self.core.receivers(stream, announced) {
            if let Some(news) = self.filters.get(&member.session) {
                if !news.add(news_of(item)) {
                    news.make_room(self.filters.values());
                }
            } else if let Some(outbound) = self.sessions.get(&member.session) {
                sent = (sent.0 + 1, sent.1 + bytes);
                outbound.notify(member.subscription, told.clone());
            }
        }
        self.record().metrics.notifications_sent.of(kind).inc_by(sent.0);
        self.record().metrics.bytes(Side::Client, Direction::Out).inc_by(sent.1);
    }

    fn tell(&self, happening: Happening) {
        let name = |node: NodeId| self.nodes.get(node).map_or("?", |node| &*node.name);
        match happening {
            Happening::WentDown { node, transport, fault, others } => {
                tracing::warn!(node = name(node), ?transport, fault = fault.class(), others, "node is down");
            }
            Happening::Doubted { node, transport, fault } => {
                tracing::info!(
                    node = name(node),
                    ?transport,
                    fault = fault.class(),
                    "others are asked before a node"
                );
            }
            Happening::CameBack { node, transport } => {
                tracing::info!(node = name(node), ?transport, "node is back")
            }
            Happening::Lied { node } => {
                tracing::warn!(node = name(node), "node told of a head that cannot be")
            }
            Happening::Reorganised { depth } => tracing::info!(depth, "chain was reorganised"),
            Happening::Bridged { blocks } => {
                tracing::info!(blocks, "blocks that no node told of were fetched")
            }
            Happening::Jumped { from, to } => {
                tracing::error!(from = from.number, to = to.number, "blocks are missing that cannot be had");
            }
            Happening::RelayMoved { from, to, .. } => {
                tracing::info!(from = name(from), to = name(to), "a subscription is fed by another node");
            }
            Happening::Announced { head } => tracing::debug!(number = head.number, hash = %head.hash, "head"),
        }
    }
}

/// What a filter tells of it: of a block its hash alone.
fn news_of(item: &Item) -> Arc<[u8]> {
    match item {
        Item::Head(block) => Arc::from(format!("\"{}\"", block.hash).into_bytes()),
        Item::Log(raw) | Item::Raw(raw) => Arc::clone(raw),
    }
}
