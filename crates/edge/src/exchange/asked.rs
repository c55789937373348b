//! A request as a client sent it and as nodes are asked it. It must never know who answers.

use std::sync::Arc;

use bytes::Bytes;

use crate::core::{Class, Request, Route, route_of};
use crate::keys::Holder;

/// What stands for the id of a notification.
const NO_ID: &[u8] = b"0";

/// A request as a client sent it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// As it was written; `None` for a notification, whose answer nobody is told.
    pub(super) id: Option<Bytes>,
    pub(super) whole: Bytes,
    pub(crate) route: Route,
    pub(super) asks_for_head: bool,
    /// Who asks, where what is made for it counts.
    pub(crate) holder: Option<Arc<Holder>>,
}

impl Asked {
    /// `request` was found in `message`.
    pub(crate) fn new(message: &Bytes, request: &Request<'_>, holder: Option<&Arc<Holder>>) -> Self {
        let whole = match request.id {
            Some(_) => message.slice_ref(request.whole),
            None => with_id(request),
        };
        let route = route_of(request.method, request.params);
        let asks_for_head = request.method == b"eth_blockNumber";
        let holder = holder.filter(|_| route.class == Class::StatefulFilter).cloned();
        Self { id: request.id.map(|id| message.slice_ref(id)), whole, route, asks_for_head, holder }
    }

    /// From brace to brace.
    pub(crate) fn whole(&self) -> &Bytes {
        &self.whole
    }

    /// Another method under the same id.
    pub(crate) fn instead(self, method: &[u8], params: &[u8]) -> Self {
        let before = [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], self.id(), b",\"method\":\"", method].concat();
        let whole = [&before[..], b"\",\"params\":", params, b"}"].concat().into();
        Self { whole, route: route_of(method, Some(params)), asks_for_head: false, ..self }
    }

    pub(crate) fn is_notification(&self) -> bool {
        self.id.is_none()
    }

    pub(crate) fn id(&self) -> &[u8] {
        self.id.as_deref().unwrap_or(NO_ID)
    }
}

/// A node answers only what has an id, and only an answer says that it was done.
fn with_id(request: &Request<'_>) -> Bytes {
    let params = request.params.unwrap_or(b"[]");
    [&b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\""[..], request.method, b"\",\"params\":", params, b"}"]
        .concat()
        .into()
}
