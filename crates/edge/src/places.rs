//! Places of which there are so many, until it is said anew how many. It must never know what takes one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Cheap to clone; each is the same.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: Arc<Mutex<usize>>,
}

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(all)), all: Arc::new(Mutex::new(all)) }
    }

    pub(crate) fn free(&self) -> &Arc<Semaphore> {
        &self.free
    }

    /// Nobody loses a place: where there are to be fewer, those that are left are not given out again.
    pub(crate) fn resize(&self, all: usize) {
        let mut before = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all > *before {
            self.free.add_permits(all - *before);
        } else if all < *before {
            let (free, fewer) = (Arc::clone(&self.free), u32::try_from(*before - all).unwrap_or(u32::MAX));
            // Whoever waits for so many is given every one that comes free.
            tokio::spawn(async move {
                if let Ok(places) = free.acquire_many_owned(fewer).await {
                    places.forget();
                }
            });
        }
        *before = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_are_there_at_once_and_fewer_as_they_are_left() {
        let places = Places::new(2);
        let take = || Arc::clone(places.free()).try_acquire_owned().ok();
        let (first, second) = (take().unwrap(), take().unwrap());
        assert!(take().is_none());
        places.resize(3);
        let third = take().unwrap();
        places.resize(1);
        tokio::task::yield_now().await;
        drop(first);
        assert!(take().is_none(), "three are to be one, and two are still taken");
        drop(second);
        assert!(take().is_none());
        drop(third);
        tokio::task::yield_now().await;
        let only = take().unwrap();
        assert!(take().is_none());
        drop(only);
        assert!(take().is_some());
    }
}
