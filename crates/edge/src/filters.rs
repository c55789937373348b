//! Filters whose news clients ask for (`eth_newFilter` and its like). They are kept here and at no node: each is a
//! subscription to the pool's own chain, whose news wait until they are asked for. So an id is of no node, and what a
//! filter tells is in order, once and without a gap, whatever becomes of nodes. It must never know a node.

mod news;
mod shares;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use runtime::DrainHandle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::core::filter::Filter;
use crate::core::params::{BlockAt, LogsAt, logs_at, nth};
use crate::core::streams::{SubscriptionId, Topic};
use crate::core::{Class, Scanned, SessionId, error_response, hex, result_response, scan_request, wire};
use crate::exchange::{Asked, BatchRoom};
use crate::keys::{Place, subscribed};
use crate::metrics::{Each, Limit, PoolMetrics};
use crate::pool_loop::{Event, not_subscribed};

pub(crate) use news::News;
use news::Room;
pub(crate) use shares::Network;
use shares::{Share, Shares};

/// Filters of a pool at once. One more takes the place of one that nobody has asked about for a while, or is refused.
const FILTERS_MAX: usize = 10_000;
/// A filter that nobody asked about for so long is forgotten, as nodes have it.
const IDLE: Duration = Duration::from_secs(300);
/// The same where another one needs its place.
const IDLE_WHEN_FULL: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Filters are sessions of the pool beside those of connections.
const SESSIONS_FROM: u64 = 1 << 63;
/// In the words of nodes, by which clients know that they have to make it again.
const NOT_FOUND: &str = "filter not found";

pub(crate) struct Filters {
    /// A pool is over when nobody can ask it for anything; filters alone do not keep it.
    pool: mpsc::WeakSender<Event>,
    kept: Mutex<HashMap<SubscriptionId, Kept>>,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    /// Of clients of one network that show no key.
    per_address_max: AtomicUsize,
    sessions: AtomicU64,
    room: Arc<Room>,
    metrics: PoolMetrics,
    refused: Each<Limit, Counter>,
}

/// What becomes of a call.
pub(crate) enum Taken {
    Answered(Bytes),
    /// A node answers this.
    Call(Asked),
}

struct Kept {
    what: What,
    news: Arc<News>,
    asked: Instant,
    subscribed: Subscribed,
    held: Held,
}

/// What is given back when a filter is forgotten.
struct Held {
    _counted: Option<Place>,
    /// Where its client showed no key.
    share: Option<Share>,
    _place: OwnedSemaphorePermit,
}

enum What {
    /// With the filter as it was written.
    Logs {
        written: Bytes,
        range: Range,
    },
    Others,
}

/// The numbers of the blocks whose logs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: Option<u64>,
    to: Option<u64>,
}

/// Ends the subscription when it is dropped, even where nobody waited for its beginning.
struct Subscribed {
    session: SessionId,
    pool: mpsc::WeakSender<Event>,
}

impl Filters {
    pub(crate) fn new(
        pool: mpsc::WeakSender<Event>,
        metrics: PoolMetrics,
        refused: Each<Limit, Counter>,
    ) -> Self {
        Self {
            pool,
            kept: Mutex::default(),
            places: Arc::new(Semaphore::new(FILTERS_MAX)),
            shares: Arc::default(),
            per_address_max: AtomicUsize::new(FILTERS_MAX),
            sessions: AtomicU64::new(SESSIONS_FROM),
            room: Arc::default(),
            metrics,
            refused,
        }
    }

    /// The configuration was read. Who has more keeps them.
    pub(crate) fn hold_to(&self, per_address_max: usize) {
        self.per_address_max.store(per_address_max, Ordering::Relaxed);
    }

    /// Forgets what nobody asks about, until the drain starts.
    pub(crate) async fn run(self: Arc<Self>, mut drain: DrainHandle) {
        loop {
            tokio::select! {
                () = drain.started() => return,
                () = sleep(LOOK_EVERY) => self.forget_idle(Instant::now()),
            }
        }
    }

    /// `room` is that of its batch. Nothing else of the batch comes between this and what the answer takes of the room.
    pub(crate) async fn take(&self, asked: Asked, room: Option<&BatchRoom>) -> Taken {
        if asked.route.class != Class::StatefulFilter {
            return Taken::Call(asked);
        }
        let whole = asked.whole().clone();
        let Ok(Scanned::Single(request)) = scan_request(&whole, 1) else { return Taken::Call(asked) };
        let params = request.params;
        let answer = match request.method {
            b"eth_newFilter" => self.new_log_filter(&asked, &whole, params).await,
            b"eth_newBlockFilter" => self.make(&asked, Topic::Heads, What::Others).await,
            b"eth_newPendingTransactionFilter" => {
                let topic = Topic::Relay(pending(params.and_then(|params| nth(params, 0))));
                self.make(&asked, topic, What::Others).await
            }
            b"eth_getFilterChanges" => self.changes(&asked, params, room),
            b"eth_getFilterLogs" => return self.logs(asked, params),
            b"eth_uninstallFilter" => self.uninstall(&asked, params),
            _ => return Taken::Call(asked),
        };
        Taken::Answered(answer)
    }

    async fn new_log_filter(&self, asked: &Asked, whole: &Bytes, params: Option<&[u8]>) -> Bytes {
        let written = params.and_then(|params| nth(params, 0));
        match Filter::parse(written) {
            Err(problem) => error_response(asked.id(), -32602, &problem).into(),
            Ok(filter) => {
                let range = Range::of(params);
                let written = written.map_or(Bytes::from_static(b"{}"), |written| whole.slice_ref(written));
                self.make(asked, Topic::Logs(filter), What::Logs { written, range }).await
            }
        }
    }

    async fn make(&self, asked: &Asked, topic: Topic, what: What) -> Bytes {
        let held = match self.hold(Instant::now(), asked) {
            Ok(held) => held,
            Err(said) => return error_response(asked.id(), -32005, &said).into(),
        };
        // Whoever knows the id may take the news away, so nobody can guess it.
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_err() {
            return error_response(asked.id(), -32603, "no id can be made for a filter").into();
        }
        let id = SubscriptionId(u128::from_be_bytes(random));
        let session = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed));
        let subscribed = Subscribed { session, pool: self.pool.clone() };
        let news = Arc::new(News::new(Arc::clone(&self.room)));
        let (reply, made) = oneshot::channel();
        let event = Event::Filter { session, news: Arc::clone(&news), topic, came: asked.came, reply };
        let is_told = match self.pool.upgrade() {
            Some(pool) => pool.send(event).await.is_ok(),
            None => false,
        };
        match (is_told, made.await) {
            (true, Ok(Ok(_))) => {
                self.lock().insert(id, Kept { what, news, asked: Instant::now(), subscribed, held });
                self.metrics.filters.inc();
                result_response(asked.id(), format!("\"{id}\"").as_bytes()).into()
            }
            (true, Ok(Err(why))) => not_subscribed(asked.id(), &why),
            _ => error_response(asked.id(), -32000, "the proxy is shutting down").into(),
        }
    }

    /// What one more filter of this client needs, or why it cannot be.
    fn hold(&self, now: Instant, asked: &Asked) -> Result<Held, String> {
        let counted = subscribed(asked.holder.as_ref()).map_err(|said| {
            self.refused.of(Limit::KeySubscriptions).inc();
            said.to_owned()
        })?;
        // A key says how many it may have.
        let share = asked.holder.is_none().then(|| self.share(now, asked.network)).transpose()?;
        // Last, because somebody's idle filter may have to end for it.
        let place = self.place(now).ok_or_else(|| {
            self.refused.of(Limit::Filters).inc();
            format!("there are {FILTERS_MAX} filters here, and may be no more")
        })?;
        Ok(Held { _counted: counted, share, _place: place })
    }

    /// For one more. Nobody keeps all places without asking about what holds them.
    fn place(&self, now: Instant) -> Option<OwnedSemaphorePermit> {
        let free = || Arc::clone(&self.places).try_acquire_owned().ok();
        free().or_else(|| self.frees_one(now, |_| true).then(free).flatten())
    }

    /// For one more of somebody without a key, as a place is had.
    fn share(&self, now: Instant, network: Network) -> Result<Share, String> {
        let max = self.per_address_max.load(Ordering::Relaxed);
        let free = || self.shares.enter(network, max);
        let is_of = |kept: &Kept| kept.held.share.as_ref().is_some_and(|share| share.network == network);
        // Who has more than it may have, because the configuration changed, has no place by giving up one.
        let frees_one = || self.shares.of(network) == max && self.frees_one(now, is_of);
        free().or_else(|| frees_one().then(free).flatten()).ok_or_else(|| {
            self.refused.of(Limit::FiltersPerAddress).inc();
            format!("clients of this address have {max} filters, and may have no more")
        })
    }

    /// Whether the one of these that nobody asked about for longest gave way, which it does after a while.
    fn frees_one(&self, now: Instant, is_of: impl Fn(&Kept) -> bool) -> bool {
        let mut all = self.lock();
        let oldest = all.iter().filter(|(_, kept)| is_of(kept)).min_by_key(|(_, kept)| kept.asked);
        let is_idle = |kept: &Kept| now.saturating_duration_since(kept.asked) >= IDLE_WHEN_FULL;
        let Some(id) = oldest.filter(|(_, kept)| is_idle(kept)).map(|(id, _)| *id) else { return false };
        self.forget(&mut all, id)
    }

    /// News that will not be told stay for the next time: that this answer has no room, or that nobody waits for it, must
    /// be no gap.
    fn changes(&self, asked: &Asked, params: Option<&[u8]>, room: Option<&BatchRoom>) -> Bytes {
        let Some(id) = id(params) else { return not_found(asked) };
        let mut all = self.lock();
        let Some(kept) = all.get_mut(&id) else { return not_found(asked) };
        kept.asked = Instant::now();
        let Some(items) = kept.news.take() else {
            // Something is missing, and the client has to know.
            self.forget(&mut all, id);
            self.metrics.filters_lost.inc();
            return not_found(asked);
        };
        let is_asked_for = |item: &Arc<[u8]>| match &kept.what {
            What::Logs { range, .. } => range.has(item),
            What::Others => true,
        };
        let mut result = vec![b'['];
        for item in items.iter().filter(|item| is_asked_for(item)) {
            if result.len() > 1 {
                result.push(b',');
            }
            result.extend_from_slice(item);
        }
        result.push(b']');
        let answer = result_response(asked.id(), &result);
        if asked.is_notification() || room.is_some_and(|room| !room.has(answer.len())) {
            kept.news.put_back(items);
        }
        answer.into()
    }

    /// All logs that the filter is about are what any node says of it.
    fn logs(&self, asked: Asked, params: Option<&[u8]>) -> Taken {
        let mut all = self.lock();
        match id(params).and_then(|id| all.get_mut(&id)) {
            Some(Kept { what: What::Logs { written, .. }, asked: at, .. }) => {
                *at = Instant::now();
                Taken::Call(asked.instead(b"eth_getLogs", &[&b"["[..], written, b"]"].concat()))
            }
            _ => Taken::Answered(not_found(&asked)),
        }
    }

    fn uninstall(&self, asked: &Asked, params: Option<&[u8]>) -> Bytes {
        let was_there = id(params).is_some_and(|id| self.forget(&mut self.lock(), id));
        result_response(asked.id(), if was_there { b"true" } else { b"false" }).into()
    }

    fn forget_idle(&self, now: Instant) {
        let mut all = self.lock();
        let is_idle = |kept: &Kept| now.saturating_duration_since(kept.asked) >= IDLE;
        let idle: Vec<SubscriptionId> =
            all.iter().filter(|(_, kept)| is_idle(kept)).map(|(id, _)| *id).collect();
        for id in idle {
            self.forget(&mut all, id);
        }
    }

    fn forget(&self, all: &mut HashMap<SubscriptionId, Kept>, id: SubscriptionId) -> bool {
        let gone = all.remove(&id);
        if let Some(kept) = &gone {
            self.metrics.filters.dec();
            tracing::debug!(session = kept.subscribed.session.0, "a filter is forgotten");
        }
        gone.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SubscriptionId, Kept>> {
        // Whoever panicked left whole filters behind.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Range {
    fn of(params: Option<&[u8]>) -> Self {
        let number = |block| match block {
            BlockAt::Number(number) => Some(number),
            _ => None,
        };
        match logs_at(params, 0) {
            LogsAt::Block(_) => Self { from: None, to: None },
            LogsAt::Range { from, to } => Self { from: number(from), to: number(to) },
        }
    }

    fn has(self, log: &[u8]) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        wire::number_of_log(log).is_some_and(|number| {
            self.from.is_none_or(|from| from <= number) && self.to.is_none_or(|to| number <= to)
        })
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let ended = Event::SessionEnded { session: self.session };
        if let (Err(TrySendError::Full(ended)), Ok(runtime)) =
            (pool.try_send(ended), tokio::runtime::Handle::try_current())
        {
            // A pool that is gone has forgotten it.
            runtime.spawn(async move { _ = pool.send(ended).await });
        }
    }
}

fn pending(full: Option<&[u8]>) -> Arc<[u8]> {
    match full {
        Some(b"true") => Arc::from(&b"[\"newPendingTransactions\",true]"[..]),
        _ => Arc::from(&b"[\"newPendingTransactions\"]"[..]),
    }
}

fn id(params: Option<&[u8]>) -> Option<SubscriptionId> {
    let text: &str = serde_json::from_slice(nth(params?, 0)?).ok()?;
    hex::bytes::<16>(text).map(|bytes| SubscriptionId(u128::from_be_bytes(bytes)))
}

fn not_found(asked: &Asked) -> Bytes {
    error_response(asked.id(), -32000, NOT_FOUND).into()
}

#[cfg(test)]
mod tests;
