//! The way to the nodes: a pool of HTTP connections and one WebSocket for each. What goes wrong comes back as a `Fault`, never
//! in words: words may hold an address. It must never decide whether to try again.

mod answer;
mod connection;
mod dial;
mod http;
mod stream;
mod tls;

pub(crate) use http::HttpClient;
pub(crate) use stream::{Followed, Order, follow};
pub(crate) use tls::client_tls;
