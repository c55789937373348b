//! What intake promises of whole requests: both encodings mean the same, nothing from outside makes it fail in any
//! other way than by saying so, and what the journal keeps reads back as what was decoded.

mod differential;
mod documentation;
mod hostile;
mod otlp_logs_and_metrics;
mod otlp_requests;
mod records;
mod transcoded;

use intake::{Context, Limits};
use model::Nanos;

pub(crate) const RECEIVED: Nanos = Nanos::from_secs(1_800_000_000);

pub(crate) fn with_context<T>(f: impl FnOnce(&Context<'_>) -> T) -> T {
    f(&Context { received: RECEIVED, limits: &Limits::default(), user_salt: &[7; 16] })
}
