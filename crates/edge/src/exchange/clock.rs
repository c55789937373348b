//! The time of a pool, in milliseconds since it was made. It must never go back.

use tokio::time::Instant;

use crate::core::Millis;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }

    pub(crate) fn now(self) -> Millis {
        self.at(Instant::now())
    }

    pub(crate) fn at(self, instant: Instant) -> Millis {
        let since = instant.saturating_duration_since(self.began);
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
