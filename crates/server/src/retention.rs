//! Lets go of what is older or larger than the settings allow, now and then. The journal is never shortened beyond
//! the older of the snapshots kept; if that is what stands in the way, a new snapshot is asked for. What an incident
//! cites is copied when it is captured, so no incident keeps a segment; one that is not captured yet is waited for.

use std::sync::Arc;
use std::time::Duration;

use journal::{Reader, Retained, Retention};
use model::Nanos;
use runtime::{DrainHandle, QueueSender};
use store::{Outbox, Store};
use tokio::sync::{oneshot, watch};

use crate::clock;
use crate::engine_loop::Wake;
use crate::ingest::Committer;
use crate::metrics::ServerMetrics;
use crate::store_writer::StoreState;

/// Deliveries that ended are listed for so long.
const NOTIFICATIONS_AGE_NS: u64 = 30 * 86_400 * model::SECOND_NS;
const EVERY_MAX: Duration = Duration::from_secs(60);
/// How often the journal's size is looked at: a busy minute writes gigabytes.
const SIZE_EVERY: Duration = Duration::from_secs(1);
/// Reading traces for the engine takes a tick or a few. If it takes longer, the journal is shortened all the same: its
/// bound holds whatever happens.
const CAPTURES_WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) struct RetentionTask {
    pub age_max: Duration,
    pub bytes_max: u64,
    pub journal: Reader,
    pub committer: Arc<Committer>,
    pub store: Arc<dyn Store>,
    pub outbox: Arc<dyn Outbox>,
    pub store_state: Arc<StoreState>,
    pub engine: QueueSender<Wake>,
    /// Whether traces wait to be read for the engine for the first time.
    pub captures_wait: watch::Receiver<bool>,
    pub metrics: Arc<ServerMetrics>,
}

impl RetentionTask {
    pub(crate) async fn run(mut self, mut drain: DrainHandle) {
        let mut every = tokio::time::interval((self.age_max / 10).min(EVERY_MAX));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut size = tokio::time::interval(SIZE_EVERY);
        size.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = drain.started() => return,
                _ = every.tick() => {
                    captured(&mut self.captures_wait, CAPTURES_WAIT_MAX).await;
                    self.once().await;
                }
                _ = size.tick() => {
                    if self.journal.stats().bytes > self.bytes_max {
                        captured(&mut self.captures_wait, CAPTURES_WAIT_MAX).await;
                        self.shorten_journal().await;
                    }
                }
            }
        }
    }

    async fn once(&self) {
        if self.shorten_journal().await.is_some_and(|retained| retained.over_limit) {
            // If the queue is full, the next round asks again.
            let _ = self.engine.try_send(Wake::SnapshotDue);
        }
        let age_ns = u64::try_from(self.age_max.as_nanos()).unwrap_or(u64::MAX);
        let before = Nanos(clock::now().0.saturating_sub(age_ns));
        if let Err(error) = self.store.forget_facts(before).await {
            tracing::warn!(%error, "old signals and deployments could not be removed");
        }
        let before = clock::now().saturating_sub(NOTIFICATIONS_AGE_NS);
        if let Err(error) = self.outbox.forget_notifications(before).await {
            tracing::warn!(%error, "old notifications could not be removed");
        }
    }

    async fn shorten_journal(&self) -> Option<Retained> {
        let retention = Retention {
            now_ns: clock::now().0,
            age_max: Some(self.age_max),
            bytes_max: Some(self.bytes_max),
            keep_from: self.store_state.keep_from(),
        };
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |outcome| drop(reply.send(outcome)));
        // A full queue means that there is more urgent work; a closed one that the server ends.
        self.committer.retain(retention, reply).ok()?;
        match answer.await.ok()? {
            Ok(retained) => {
                self.note(&retained);
                Some(retained)
            }
            Err(error) => {
                tracing::warn!(%error, "old journal segments could not be removed");
                None
            }
        }
    }

    fn note(&self, retained: &Retained) {
        self.metrics.retention_segments.inc_by(retained.segments_dropped);
        self.metrics.retention_bytes.inc_by(retained.bytes_dropped);
        if retained.segments_dropped > 0 {
            tracing::info!(
                segments = retained.segments_dropped,
                first = retained.first.0,
                "journal shortened"
            );
        }
    }
}

/// Waits until no capture is outstanding, but not for ever.
async fn captured(captures_wait: &mut watch::Receiver<bool>, wait_max: Duration) {
    // A loop that has ended captures nothing more.
    let _ = tokio::time::timeout(wait_max, captures_wait.wait_for(|waits| !waits)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_journal_is_shortened_once_all_is_captured_or_the_wait_is_over() {
        let (tell, mut told) = watch::channel(true);
        captured(&mut told, Duration::from_millis(1)).await;
        let long = Duration::from_secs(3600);
        let mut other = told.clone();
        let waiting = tokio::spawn(async move { captured(&mut other, long).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        tell.send_replace(false);
        waiting.await.unwrap();
        tell.send_replace(true);
        drop(tell);
        captured(&mut told, long).await;
    }
}
