//! The one place where the server looks at the clock of the wall.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Nanos;

/// Now; zero for a clock set before 1970.
pub fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
