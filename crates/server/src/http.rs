//! What every request on every listener goes through: an id, a place among those worked on, bounded bodies, and
//! failures written in the form that the listener's clients read. It must never know what a request is for.

mod body;
mod failure;
mod guard;
mod layer;
mod request_id;
mod routes;
mod signpost;
mod status_wire;
mod unread;

pub(crate) use body::{BodyLimits, BodyReader, Framing, GRPC_PREFIX_BYTES, ReadBody, too_large};
use body::{discard, discard_of_stranger};
pub(crate) use failure::{ErrorForm, Failure};
use guard::GuardedBody;
pub(crate) use layer::{Shell, wrap};
pub(crate) use request_id::RequestIds;
pub(crate) use routes::{Answers, Routes};
pub(crate) use signpost::{Door, Signpost};
pub(crate) use status_wire::MessageWriter;
