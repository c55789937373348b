//! A request of a client on its way to a node: its bytes, its id, and what its method means. It must never know who
//! answers.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::core::{Class, Hash, Request, Route, Ways, route_of, ways_of};
use crate::filters::Network;
use crate::keys::Holder;
use crate::upstream::Share;

/// What stands for the id of a notification.
const NO_ID: &[u8] = b"0";
const BEFORE_ID: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":";

/// A request as a client sent it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// As it was written; `None` for a notification, whose answer nobody is told.
    pub(super) id: Option<Bytes>,
    whole: Bytes,
    /// Where the id stands in it.
    id_range: Range<usize>,
    pub(crate) route: Route,
    pub(super) ways: Ways,
    pub(super) asks_for_head: bool,
    /// Who asks, where what is made for it counts.
    pub(crate) holder: Option<Arc<Holder>>,
    /// Where it comes from.
    pub(crate) network: Network,
    /// When it came: its client waits since then, whatever it waits for first.
    pub(crate) came: Instant,
    /// Of a batch.
    pub(super) share: Option<Arc<Share>>,
}

impl Asked {
    /// `request` was found in `message`, which came from that network.
    pub(crate) fn new(
        message: &Bytes,
        request: &Request<'_>,
        holder: Option<&Arc<Holder>>,
        network: Network,
    ) -> Self {
        let (whole, id_range) = match request.id {
            Some(_) => (message.slice_ref(request.whole), request.id_range.clone()),
            None => with_id(request),
        };
        let route = route_of(request.method, request.params);
        let ways = ways_of(request.method);
        let asks_for_head = request.method == b"eth_blockNumber";
        let holder = holder.filter(|_| route.class == Class::StatefulFilter).cloned();
        let id = request.id.map(|id| message.slice_ref(id));
        let (came, share) = (Instant::now(), None);
        Self { id, whole, id_range, route, ways, asks_for_head, holder, network, came, share }
    }

    /// From brace to brace.
    pub(crate) fn whole(&self) -> &Bytes {
        &self.whole
    }

    pub(super) fn id_range(&self) -> Range<usize> {
        self.id_range.clone()
    }

    /// Another method under the same id.
    pub(crate) fn instead(self, method: &[u8], params: &[u8]) -> Self {
        let (whole, id_range) = request(self.id(), method, params);
        let (route, ways) = (route_of(method, Some(params)), ways_of(method));
        Self { whole, id_range, route, ways, asks_for_head: false, ..self }
    }

    /// As one of a batch.
    pub(super) fn sharing(self, share: Arc<Share>) -> Self {
        Self { share: Some(share), ..self }
    }

    pub(crate) fn is_notification(&self) -> bool {
        self.id.is_none()
    }

    pub(crate) fn id(&self) -> &[u8] {
        self.id.as_deref().unwrap_or(NO_ID)
    }
}

/// A node answers only what has an id, and only an answer says that it was done.
fn with_id(notification: &Request<'_>) -> (Bytes, Range<usize>) {
    request(NO_ID, notification.method, notification.params.unwrap_or(b"[]"))
}

fn request(id: &[u8], method: &[u8], params: &[u8]) -> (Bytes, Range<usize>) {
    let whole = [BEFORE_ID, id, b",\"method\":\"", method, b"\",\"params\":", params, b"}"].concat();
    (whole.into(), BEFORE_ID.len()..BEFORE_ID.len() + id.len())
}

pub(super) fn look_up(hash: Hash) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":0,"method":"eth_getTransactionByHash","params":["{hash}"]}}"#).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Scanned, scan_request};

    fn asked(text: &'static str) -> Asked {
        let message = Bytes::from_static(text.as_bytes());
        let Ok(Scanned::Single(request)) = scan_request(&message, 1) else { panic!("no request: {text}") };
        Asked::new(&message, &request, None, Network::of([127, 0, 0, 1].into()))
    }

    #[test]
    fn the_id_stands_where_it_is_said_to() {
        let requests = [
            asked(r#" {"jsonrpc":"2.0","method":"eth_chainId","id":"a-7"} "#),
            asked(r#"{"id":17,"jsonrpc":"2.0","method":"eth_getFilterChanges","params":["0x1"]}"#)
                .instead(b"eth_getLogs", b"[{}]"),
            asked(r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#),
        ];
        for request in requests {
            assert_eq!(&request.whole()[request.id_range()], request.id(), "{request:?}");
        }
    }
}
