//! The clock of one connection. A busy connection puts its deadline off with every request; here that costs no more than
//! writing it down, and the timer behind it is set anew only where it went off too early. It must never know what is waited
//! for.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt;
use tokio::time::{Instant, Sleep, sleep_until};

/// Waited for by one task at a time.
#[derive(Debug, Clone)]
pub(crate) struct Patience(Arc<Mutex<Pin<Box<Sleep>>>>);

/// Over when the deadline is.
#[derive(Debug)]
pub(crate) struct Until {
    clock: Patience,
    deadline: Instant,
}

/// It took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late;

impl Patience {
    /// The first deadline is a guess that saves setting the timer twice.
    pub(crate) fn new(first: Instant) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(sleep_until(first)))))
    }

    pub(crate) fn until(&self, deadline: Instant) -> Until {
        let mut timer = self.lock();
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        Until { clock: self.clone(), deadline }
    }

    /// What the future comes to, if it does before the deadline.
    pub(crate) async fn limit<T>(
        &self,
        deadline: Instant,
        future: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let (mut future, mut until) = (std::pin::pin!(future), self.until(deadline));
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => Pin::new(&mut until).poll(context).map(|()| Err(Late)),
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Pin<Box<Sleep>>> {
        // A timer is whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.clock.lock();
        while timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}

impl rt::Sleep for Until {}

impl rt::Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(self.until(Instant::now() + duration))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(self.until(Instant::from_std(deadline)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn a_deadline_that_was_put_off_is_over_when_it_is_and_not_before() {
        let began = Instant::now();
        let clock = Patience::new(began + ms(5));
        drop(clock.until(began + ms(10)));
        clock.until(began + ms(40)).await;
        assert!(began.elapsed() >= ms(40));
        // An earlier one than the timer was set to.
        let clock = Patience::new(began + Duration::from_secs(3_600));
        clock.until(Instant::now() + ms(5)).await;
    }

    #[tokio::test]
    async fn what_is_ready_is_not_late_and_what_never_is_is() {
        let clock = Patience::new(Instant::now());
        assert_eq!(clock.limit(Instant::now(), async { 7 }).await, Ok(7));
        assert_eq!(clock.limit(Instant::now() + ms(5), std::future::pending::<()>()).await, Err(Late));
        assert_eq!(clock.limit(Instant::now() + ms(5), std::future::pending::<()>()).await, Err(Late));
    }
}
