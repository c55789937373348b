//! How much room the data directory has. Telemetry is refused while there is less than the reserve, which is kept for
//! the store, for snapshots and for ticks: what a server needs to go on, and retention to make room.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use api::{Check, CheckStatus, ErrorCode};
use runtime::DrainHandle;

use crate::http::Failure;

const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// Shared by whoever takes requests and whoever asks for the state.
#[derive(Debug)]
pub(crate) struct DiskRoom {
    data: PathBuf,
    reserve: u64,
    /// As measured last, less what was taken in since.
    free: AtomicU64,
    is_low: AtomicBool,
}

impl DiskRoom {
    pub(crate) fn new(data: PathBuf, reserve: u64) -> Self {
        Self { data, reserve, free: AtomicU64::new(u64::MAX), is_low: AtomicBool::new(false) }
    }

    /// Keeps the measure up to date until the server ends.
    pub(crate) async fn watch(self: Arc<Self>, mut drain: DrainHandle) {
        let mut every = tokio::time::interval(MEASURE_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = drain.started() => return,
                _ = every.tick() => {}
            }
            let room = Arc::clone(&self);
            // A network's file system may take its time to answer.
            let _ = tokio::task::spawn_blocking(move || room.check()).await;
        }
    }

    /// Takes `bytes` of the room, unless that is low. They are given back where they are not written.
    pub(crate) fn take(&self, bytes: u64) -> Result<Taken<'_>, Failure> {
        let free = self.free.load(Ordering::Relaxed);
        if free.saturating_sub(bytes) < self.reserve {
            self.is_low.store(true, Ordering::Relaxed);
        }
        if self.is_low.load(Ordering::Relaxed) {
            let (free, reserve) = (free >> 20, self.reserve >> 20);
            let detail = format!(
                "the disk has {free} MiB left and telemetry is not taken below {reserve} MiB; it is taken again once there is room"
            );
            return Err(Failure::new(ErrorCode::DiskFull, detail));
        }
        // Two at once may count only one of them; the next measure puts that right.
        self.free.store(free.saturating_sub(bytes), Ordering::Relaxed);
        Ok(Taken { room: self, bytes })
    }

    /// Measures, and says what is to be said of it.
    pub(crate) fn check(&self) -> Check {
        let check = |status, detail| Check { name: "disk".to_owned(), status, detail };
        let free = match rustix::fs::statvfs(&self.data) {
            Ok(stats) => stats.f_bavail.saturating_mul(stats.f_frsize),
            // The journal says for itself whether it can be written.
            Err(error) => return check(CheckStatus::Fail, format!("{}: {error}", self.data.display())),
        };
        self.free.store(free, Ordering::Relaxed);
        let is_low = is_low(free, self.reserve, self.is_low.load(Ordering::Relaxed));
        self.is_low.store(is_low, Ordering::Relaxed);
        let (mib, reserve) = (free >> 20, self.reserve >> 20);
        if is_low {
            let detail = format!(
                "{mib} MiB are free and telemetry is not taken, so that {reserve} MiB stay for the store and snapshots; make room"
            );
            check(CheckStatus::Fail, detail)
        } else if free < self.reserve.saturating_mul(2) {
            check(
                CheckStatus::Warn,
                format!("{mib} MiB are free; below {reserve} MiB telemetry is not taken; make room soon"),
            )
        } else {
            check(CheckStatus::Ok, format!("{mib} MiB are free"))
        }
    }
}

/// Room that was taken for what is about to be written.
#[derive(Debug)]
#[must_use = "what is dropped is given back"]
pub(crate) struct Taken<'a> {
    room: &'a DiskRoom,
    bytes: u64,
}

impl Taken<'_> {
    /// It is written: from now on the next measure tells.
    pub(crate) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // If it was measured meanwhile this is too much, until the next measure.
        let more = |free: u64| (self.bytes > 0).then(|| free.saturating_add(self.bytes));
        let _ = self.room.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

/// An eighth more than the reserve ends it, so that it does not begin again with the next request.
fn is_low(free: u64, reserve: u64, was_low: bool) -> bool {
    let enough = if was_low { reserve.saturating_add(reserve / 8) } else { reserve };
    free < enough
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_low_below_the_reserve_and_until_an_eighth_more_is_there() {
        assert!(!is_low(800, 800, false));
        assert!(is_low(799, 800, false));
        assert!(is_low(899, 800, true));
        assert!(!is_low(900, 800, true));
    }

    #[test]
    fn what_is_taken_between_two_measures_counts() {
        let room = DiskRoom::new(PathBuf::from("/"), 100);
        room.free.store(350, Ordering::Relaxed);
        drop(room.take(200).unwrap());
        room.take(200).unwrap().keep();
        assert_eq!(room.free.load(Ordering::Relaxed), 150, "what was shed takes no room");
        assert_eq!(room.take(51).unwrap_err().code(), ErrorCode::DiskFull);
        assert!(room.take(0).is_err(), "until it is measured again");
    }

    #[test]
    fn a_directory_that_is_gone_is_a_failure() {
        let check = DiskRoom::new(PathBuf::from("/no/such/place"), 1).check();
        assert_eq!(check.status, CheckStatus::Fail);
    }
}
