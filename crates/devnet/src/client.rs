//! Clients that write down all that they see, and a judge of what they wrote. The record and the judge are pure; the clients
//! are plain ones that any server of JSON-RPC can be tried with. It must never know a node's faults.

mod check;
mod events;
mod http;
mod record;
mod socket;

pub use check::{Expected, check, check_events};
pub use events::{Event, EventStream};
pub use http::{HttpAnswer, HttpClient, HttpFailure};
pub use record::{Entry, HeadSeen, LogSeen, Record, Seen};
pub use socket::{Answered, ClientError, WsClient};
