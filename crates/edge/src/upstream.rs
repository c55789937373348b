//! The way to the nodes: a pool of HTTP connections and one WebSocket for each. What goes wrong comes back as a `Fault`, never
//! in words: words may hold an address. It must never decide whether to try again.

mod answer;
mod arrivals;
mod connection;
mod dial;
mod events;
mod http;
mod line;
mod rest;
mod stream;
mod tls;

pub(crate) use arrivals::{Arrivals, Share};
pub(crate) use events::{FollowedEvents, follow_events};
pub(crate) use http::HttpClient;
pub(crate) use line::{Line, Reply, Unasked};
pub(crate) use rest::{RestClient, RestRequest, retry_after_ms};
pub(crate) use stream::{Followed, Order, follow};
pub(crate) use tls::client_tls;

/// How one node is asked.
#[derive(Debug, Clone)]
pub(crate) enum NodeClient {
    Rpc(HttpClient),
    Rest(RestClient),
}
