//! A bounded queue between threads that shows its depth, and how often it was found full.
//! Both ends may be a thread or a task: a thread waits, a task tries.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// What a queue shows of itself.
#[derive(Debug, Clone, Default)]
pub struct QueueGauges {
    pub depth: Gauge,
    pub capacity: Gauge,
    /// How often a sender found no room, and waited or was refused.
    pub full: Counter,
}

#[derive(Debug)]
pub struct QueueSender<T> {
    sender: SyncSender<T>,
    gauges: QueueGauges,
}

#[derive(Debug)]
pub struct QueueReceiver<T> {
    receiver: mpsc::Receiver<T>,
    gauges: QueueGauges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    #[error("the queue is full")]
    Full(T),
    #[error("the queue's reader is gone")]
    Closed(T),
}

/// The other end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the queue is gone")]
pub struct Closed;

pub fn bounded<T>(capacity: usize, gauges: QueueGauges) -> (QueueSender<T>, QueueReceiver<T>) {
    let (sender, receiver) = mpsc::sync_channel(capacity);
    gauges.capacity.set(i64::try_from(capacity).unwrap_or(i64::MAX));
    (QueueSender { sender, gauges: gauges.clone() }, QueueReceiver { receiver, gauges })
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), gauges: self.gauges.clone() }
    }
}

impl<T> QueueSender<T> {
    /// Waits for room: for threads only.
    pub fn send_blocking(&self, value: T) -> Result<(), Closed> {
        let value = match self.try_send(value) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Closed),
            Err(TrySendError::Full(value)) => value,
        };
        self.gauges.depth.inc();
        self.sender.send(value).map_err(|_| {
            self.gauges.depth.dec();
            Closed
        })
    }

    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        // Counted before it is in, so that the receiver can never count it out first.
        self.gauges.depth.inc();
        self.sender.try_send(value).map_err(|error| {
            self.gauges.depth.dec();
            match error {
                mpsc::TrySendError::Full(value) => {
                    self.gauges.full.inc();
                    TrySendError::Full(value)
                }
                mpsc::TrySendError::Disconnected(value) => TrySendError::Closed(value),
            }
        })
    }
}

impl<T> QueueReceiver<T> {
    /// The next value; `Ok(None)` when none came in time.
    pub fn receive(&self, timeout: Duration) -> Result<Option<T>, Closed> {
        match self.receiver.recv_timeout(timeout) {
            Ok(value) => {
                self.gauges.depth.dec();
                Ok(Some(value))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }

    pub fn try_receive(&self) -> Option<T> {
        let value = self.receiver.try_recv().ok()?;
        self.gauges.depth.dec();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_says_so() {
        let gauges = QueueGauges::default();
        let (sender, receiver) = bounded(2, gauges.clone());
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        assert_eq!((gauges.depth.get(), gauges.capacity.get(), gauges.full.get()), (2, 2, 1));
        assert_eq!(receiver.receive(Duration::ZERO), Ok(Some(1)));
        assert_eq!(gauges.depth.get(), 1);
        drop(receiver);
        assert_eq!(sender.send_blocking(4), Err(Closed));
        assert_eq!(gauges.depth.get(), 1);
    }

    #[test]
    fn a_waiting_sender_goes_on_when_there_is_room() {
        let (sender, receiver) = bounded(1, QueueGauges::default());
        let thread = std::thread::spawn(move || (0..100).try_for_each(|n| sender.send_blocking(n)));
        let all: Vec<_> =
            std::iter::from_fn(|| receiver.receive(Duration::from_secs(10)).ok().flatten()).collect();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
