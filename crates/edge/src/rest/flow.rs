//! The rest of an answer that is too long to be held, on its way from a node to a client. Nothing can be put in its place: if
//! it stops, the client sees that it stopped. It must never end as if it were whole.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::Busy;
use super::flight::is_of_type;
use crate::core::{Fault, NodeId};
use crate::exchange::Exchange;
use crate::metrics::{Direction, Side};

pub(crate) struct Flow {
    exchange: Arc<Exchange>,
    /// While it is held, the id is this node's.
    _token: Option<Arc<()>>,
    node: NodeId,
    body: Incoming,
    /// How long it may pause. An event stream may for as long as it likes.
    pause_max: Option<Duration>,
    _busy: Busy,
}

/// The rest did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node's answer broke off")]
pub(crate) struct BrokeOff;

impl Flow {
    pub(super) fn new(
        exchange: &Arc<Exchange>,
        node: NodeId,
        head: &Parts,
        body: Incoming,
        busy: Busy,
    ) -> Self {
        let is_events = is_of_type(&head.headers, "text/event-stream");
        let reach = exchange.nodes.get(node);
        let pause_max = reach.as_ref().map(|reach| reach.attempt_timeout).filter(|_| !is_events);
        let token = reach.and_then(|reach| reach.token());
        Self { exchange: Arc::clone(exchange), _token: token, node, body, pause_max, _busy: busy }
    }

    /// Whether it goes on until somebody ends it.
    pub(crate) fn is_endless(&self) -> bool {
        self.pause_max.is_none()
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BrokeOff>> {
        loop {
            let frame = match self.pause_max {
                None => self.body.frame().await,
                Some(pause_max) => match timeout(pause_max, self.body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => return self.broke_off(Fault::Timeout),
                },
            };
            match frame? {
                Err(_) => return self.broke_off(Fault::Reset),
                Ok(frame) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let metrics = &self.exchange.record.metrics;
                    metrics.bytes(Side::Node, Direction::In).inc_by(piece.len() as u64);
                    metrics.bytes(Side::Client, Direction::Out).inc_by(piece.len() as u64);
                    return Some(Ok(piece));
                }
            }
        }
    }

    fn broke_off(&self, fault: Fault) -> Option<Result<Bytes, BrokeOff>> {
        self.exchange.failed(self.node, fault);
        Some(Err(BrokeOff))
    }
}
