//! Files that change while the process runs: somebody looks at them every second, and at once when told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use crate::DrainHandle;

const PAUSE: Duration = Duration::from_secs(1);

/// Looks every second and at every SIGHUP until the drain starts. A look may block, on a slow disk for instance.
pub async fn each_second_and_at_hangup(mut drain: DrainHandle, look: impl Fn() + Send + Sync + 'static) {
    let look = Arc::new(look);
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::error!(%error, "SIGHUP cannot be received; files are not read again");
            return;
        }
    };
    let mut pause = tokio::time::interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.started() => return,
            _ = pause.tick() => {}
            _ = hangup.recv() => {}
        }
        let looking = Arc::clone(&look);
        // One that panicked has said so already; the next look may do better.
        let _ = tokio::task::spawn_blocking(move || looking()).await;
    }
}
