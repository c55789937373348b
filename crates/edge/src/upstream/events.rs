//! The event streams of one Beacon node: one for its heads, and one for each other topic that somebody wants, because a node
//! refuses a stream as a whole for one topic that it does not know. It dials until the process ends. It must never judge
//! what it hears; that is the pool's.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use runtime::DrainHandle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::stream::{End, Order, REDIAL_MIN, pause_after, wait};
use super::{RestClient, RestRequest};
use crate::core::chain::Fetched;
use crate::core::pool::Input;
use crate::core::rest::beacon;
use crate::core::rest::sse::{Reader, Said};
use crate::core::streams::StreamId;
use crate::core::{Fault, NodeId};

/// A sidecar of a block is some hundred kilobytes.
const EVENT_BYTES_MAX: usize = 2 << 20;
/// Heads whose parents are asked for at once. While there are so many, no more is read.
const HEADS_MAX: usize = 32;
/// A node may tell of a head a little before it can be asked for it.
const HEADER_TRIES: u32 = 10;
const HEADER_AGAIN: Duration = Duration::from_millis(25);

/// Everything that it needs to know of its node.
#[derive(Clone)]
pub(crate) struct FollowedEvents {
    pub(crate) node: NodeId,
    pub(crate) client: RestClient,
    /// Milliseconds; looked at with every question.
    pub(crate) within_ms: Arc<AtomicU64>,
}

type Linked = Pin<Box<dyn Future<Output = Option<[Input; 2]>> + Send>>;

/// An open stream of one topic.
struct Events {
    body: Incoming,
    reader: Reader,
    said: std::vec::IntoIter<Said>,
}

struct Connection<'a> {
    followed: &'a FollowedEvents,
    heads: Events,
    /// Heads that were told of and whose parents are not known yet, in their order.
    linking: FuturesOrdered<Linked>,
    relays: HashMap<StreamId, AbortHandle>,
    /// What ends with the connection.
    tasks: JoinSet<()>,
}

/// Follows a node until the drain starts, or until nobody listens any more.
pub(crate) async fn follow_events(
    followed: FollowedEvents,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Input>,
    mut drain: DrainHandle,
) {
    let node = followed.node;
    let mut pause = REDIAL_MIN;
    loop {
        let (end, lived) = match followed.open(beacon::HEAD).await {
            Err(fault) => (End::Lost(fault), Duration::ZERO),
            Ok(heads) => {
                let opened = Instant::now();
                if events.send(Input::Connected { node }).await.is_err() {
                    return;
                }
                let mut connection = Connection {
                    followed: &followed,
                    heads,
                    linking: FuturesOrdered::new(),
                    relays: HashMap::new(),
                    tasks: JoinSet::new(),
                };
                (connection.run(&mut orders, &events, &mut drain).await, opened.elapsed())
            }
        };
        match end {
            End::Drain => return,
            End::Redial => pause = REDIAL_MIN,
            End::Lost(fault) => {
                if events.send(Input::Lost { node, fault }).await.is_err() {
                    return;
                }
                pause = pause_after(fault, pause, lived);
            }
        }
        if wait(pause, node, &mut orders, &events, &mut drain).await.is_break() {
            return;
        }
    }
}

impl FollowedEvents {
    async fn open(&self, topic: &str) -> Result<Events, Fault> {
        let mut request = RestRequest::get(&format!("/eth/v1/events?topics={topic}"));
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let response =
            timeout(self.within(), self.client.send(&request)).await.unwrap_or(Err(Fault::Timeout))?;
        match response.status() {
            StatusCode::OK => Ok(Events {
                body: response.into_body(),
                reader: Reader::new(EVENT_BYTES_MAX),
                said: Vec::new().into_iter(),
            }),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(Fault::RateLimited { retry_after_ms: super::retry_after_ms(response.headers()) })
            }
            status => Err(Fault::Status(status.as_u16())),
        }
    }

    /// An event of a head names no parent, so the node is asked for it. Whoever answers has the block.
    async fn link(self, data: String) -> Option<[Input; 2]> {
        let (_, root) = beacon::head_event(data.as_bytes())?;
        for _ in 0..HEADER_TRIES {
            match self.client.document(&format!("/eth/v1/beacon/headers/{root}"), self.within()).await {
                Ok((StatusCode::OK, body)) => {
                    let mut block = beacon::header(&body).filter(|block| block.hash == root)?;
                    block.header = Arc::from(data.into_bytes());
                    let fetched = Fetched::Found(block.clone());
                    let fetched = Input::Fetched { node: self.node, hash: root, result: fetched };
                    return Some([fetched, Input::Head { node: self.node, block }]);
                }
                Ok(_) => sleep(HEADER_AGAIN).await,
                // Whether it is well is seen elsewhere.
                Err(_) => return None,
            }
        }
        None
    }

    fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms.load(Ordering::Relaxed))
    }

    async fn is_there(&self) -> bool {
        self.client.document("/eth/v1/node/health", self.within()).await.is_ok()
    }
}

impl Events {
    async fn next(&mut self) -> Result<Said, Fault> {
        loop {
            if let Some(said) = self.said.next() {
                return Ok(said);
            }
            match self.body.frame().await {
                None => return Err(Fault::Closed),
                Some(Err(_)) => return Err(Fault::Reset),
                Some(Ok(frame)) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    self.said = self.reader.read(&piece).map_err(|_| Fault::TooLarge)?.into_iter();
                }
            }
        }
    }
}

impl Connection<'_> {
    async fn run(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        events: &mpsc::Sender<Input>,
        drain: &mut DrainHandle,
    ) -> End {
        let node = self.followed.node;
        loop {
            let is_reading = self.linking.len() < HEADS_MAX;
            let heard = tokio::select! {
                () = drain.started() => return End::Drain,
                order = orders.recv() => match order {
                    None => return End::Drain,
                    Some(Order::Redial) => return End::Redial,
                    Some(order) => {
                        self.obey(order, events);
                        continue;
                    }
                },
                Some(linked) = self.linking.next() => linked,
                said = self.heads.next(), if is_reading => match said {
                    Err(fault) => return End::Lost(fault),
                    Ok(Said::Comment) => None,
                    Ok(Said::Event { topic, data }) => {
                        if topic == beacon::HEAD {
                            self.linking.push_back(Box::pin(self.followed.clone().link(data)));
                        }
                        None
                    }
                },
                Some(_) = self.tasks.join_next() => continue,
            };
            // Whatever came is a sign of life.
            for input in heard.map_or_else(|| vec![Input::Pong { node }], Vec::from) {
                if events.send(input).await.is_err() {
                    return End::Drain;
                }
            }
        }
    }

    fn obey(&mut self, order: Order, events: &mpsc::Sender<Input>) {
        let (followed, events) = (self.followed.clone(), events.clone());
        match order {
            // A stream of events cannot be asked whether it lives, but its node can.
            Order::Ping => {
                _ = self.tasks.spawn(async move {
                    if followed.is_there().await {
                        let _ = events.send(Input::Pong { node: followed.node }).await;
                    }
                })
            }
            Order::OpenRelay { stream, params } => {
                let task = self.tasks.spawn(relay(followed, stream, params, events));
                // A second one takes the place of the first.
                if let Some(before) = self.relays.insert(stream, task) {
                    before.abort();
                }
            }
            Order::CloseRelay { stream } => {
                if let Some(task) = self.relays.remove(&stream) {
                    task.abort();
                }
            }
            Order::Redial => {}
        }
    }
}

/// One topic, until its stream ends.
async fn relay(followed: FollowedEvents, stream: StreamId, params: Arc<[u8]>, events: mpsc::Sender<Input>) {
    let (node, topic) = (followed.node, String::from_utf8_lossy(&params).into_owned());
    let lost = async {
        let mut open = followed.open(&topic).await?;
        if events.send(Input::RelayOpened { stream, node }).await.is_err() {
            return Ok(());
        }
        loop {
            let Said::Event { topic: of, data } = open.next().await? else { continue };
            if of != topic {
                continue;
            }
            let identity = beacon::identity(&topic, data.as_bytes());
            let raw = Arc::from(data.into_bytes());
            if events.send(Input::RelayItem { stream, node, identity, raw }).await.is_err() {
                return Ok(());
            }
        }
    };
    if let Err(fault) = lost.await {
        let _ = events.send(Input::RelayLost { stream, node, fault }).await;
    }
}

#[cfg(test)]
mod tests;
