//! Sends what waits, in order, in requests of many; again while the server cannot be reached, ever more rarely. It must never
//! know what it sends.

use std::fmt;
use std::time::Duration;

use runtime::DrainHandle;
use tokio::time::sleep;

use super::Evidence;
use super::lane::Lane;
use super::report::Report;
use super::told::mix;

/// After the first failure, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A server may ask for a longer pause than ours, but not for one without end.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Why a request was not taken; fit to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Unreachable,
    Timeout,
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
    /// It never will be.
    NotTaken(u16),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::Timeout => f.write_str("it does not answer in time"),
            Self::Status { status: 401, .. } => f.write_str("it does not know the key (401)"),
            Self::Status { status: 403, .. } => f.write_str("the key lacks the scope write (403)"),
            Self::Status { status, .. } => write!(f, "it answers {status}"),
            Self::NotTaken(status) => write!(f, "it did not understand what it was sent ({status})"),
        }
    }
}

/// Until the drain starts; then what is left is sent once, as far as the server takes it.
pub(super) async fn run<T: Report>(evidence: &Evidence, lane: &Lane<T>, mut ending: DrainHandle) {
    let mut target = evidence.target.subscribe();
    let mut failures = 0_u32;
    loop {
        let is_ending = tokio::select! {
            biased;
            () = ending.started() => true,
            () = lane.filled() => false,
        };
        if !is_ending {
            tokio::select! { () = sleep(T::GATHER) => {} () = ending.started() => {} }
        }
        let current = target.borrow_and_update().clone();
        let batch = lane.take(T::BATCH_MAX);
        let addressed = current.as_ref().and_then(|target| Some((target, T::uri(target)?)));
        let Some((current, uri)) = addressed.filter(|_| !batch.is_empty()) else {
            // Whoever told just before there was nobody any more.
            lane.dropped(batch.len() as u64);
            if is_ending {
                return;
            }
            continue;
        };
        let sent = current.post(uri, T::CONTENT_TYPE, T::encode(&batch, current)).await;
        let count = batch.len() as u64;
        let pause = match sent {
            Ok(answer) => {
                let refused = T::refused(&answer).min(count);
                lane.sent(count - refused);
                lane.dropped(refused);
                well::<T>(evidence, &mut failures);
                continue;
            }
            Err(trouble @ Trouble::NotTaken(_)) => {
                lane.dropped(count);
                troubled::<T>(evidence, trouble, &mut failures);
                continue;
            }
            Err(trouble) => {
                lane.restore(batch);
                troubled::<T>(evidence, trouble, &mut failures);
                pause(failures, trouble, mix(evidence.seed ^ u64::from(failures)))
            }
        };
        if is_ending {
            return;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = ending.started() => {}
            // Another server may be well.
            _ = target.changed() => {}
        }
    }
}

fn well<T: Report>(evidence: &Evidence, failures: &mut u32) {
    if *failures > 0 {
        tracing::info!(what = T::WHAT, "the Casebook server is told again");
        *failures = 0;
        evidence.troubles()[T::PLACE] = None;
    }
}

/// Told once, not each time that it is tried again.
fn troubled<T: Report>(evidence: &Evidence, trouble: Trouble, failures: &mut u32) {
    *failures = failures.saturating_add(1);
    let before = evidence.troubles()[T::PLACE].replace(trouble);
    if before != Some(trouble) {
        tracing::warn!(what = T::WHAT, %trouble, "the Casebook server is not told");
    }
}

/// Twice as long each time up to the bound, of which the second half is left to chance, so that many edges do not come back
/// together. What the server asks for is a minimum.
fn pause(failures: u32, trouble: Trouble, random: u64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let whole = doubled.min(PAUSE_MAX);
    let spread = whole / 2 + (whole / 2).mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64);
    match trouble {
        Trouble::Status { retry_after: Some(asked), .. } => spread.max(asked.min(RETRY_AFTER_MAX)),
        _ => spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_spread_over_their_second_half() {
        for failures in [1, 2, 5, 8, 40, u32::MAX] {
            let whole = PAUSE_MIN.saturating_mul(1 << (failures - 1).min(20)).min(PAUSE_MAX);
            for random in [0, u64::MAX / 2, u64::MAX] {
                let pause = pause(failures, Trouble::Timeout, random);
                assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause:?}");
            }
        }
        assert_ne!(pause(8, Trouble::Timeout, 1 << 60), pause(8, Trouble::Timeout, 1 << 61));
    }

    #[test]
    fn what_the_server_asks_for_is_a_minimum_with_a_bound() {
        let asked =
            |seconds| Trouble::Status { status: 429, retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(pause(1, asked(7), 0), Duration::from_secs(7));
        assert_eq!(pause(1, asked(1_000_000), 0), RETRY_AFTER_MAX);
        assert!(pause(20, asked(1), 0) >= PAUSE_MAX / 2);
    }
}
