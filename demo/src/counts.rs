//! What the shop's customers counted: requests and failures by route. The independent witness against which
//! the report is held.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Checkout,
    Products,
}

/// How a request ended for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Good,
    Failed,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    checkout: RouteCounts,
    products: RouteCounts,
    /// Requests that were not sent, because too many were under way.
    held_back: AtomicU64,
    first_failure: OnceLock<Instant>,
}

#[derive(Debug, Default)]
struct RouteCounts {
    answered: AtomicU64,
    failed: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) checkout: RouteTally,
    pub(crate) products: RouteTally,
    pub(crate) held_back: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RouteTally {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
}

impl Route {
    /// Three of five customers buy, the others look around.
    pub(crate) const fn of(number: u64) -> Self {
        match number % 5 {
            0 | 2 | 4 => Self::Checkout,
            _ => Self::Products,
        }
    }
}

impl Counts {
    pub(crate) fn add(&self, route: Route, answer: Answer) {
        let counts = match route {
            Route::Checkout => &self.checkout,
            Route::Products => &self.products,
        };
        counts.answered.fetch_add(1, Ordering::SeqCst);
        if answer == Answer::Failed {
            counts.failed.fetch_add(1, Ordering::SeqCst);
            self.first_failure.get_or_init(Instant::now);
        }
    }

    pub(crate) fn hold_back(&self) {
        self.held_back.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn first_failure(&self) -> Option<Instant> {
        self.first_failure.get().copied()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            checkout: self.checkout.tally(),
            products: self.products.tally(),
            held_back: self.held_back.load(Ordering::SeqCst),
        }
    }
}

impl RouteCounts {
    fn tally(&self) -> RouteTally {
        let failed = self.failed.load(Ordering::SeqCst);
        RouteTally { answered: self.answered.load(Ordering::SeqCst), failed }
    }
}

impl Tally {
    pub(crate) const fn answered(&self) -> u64 {
        self.checkout.answered + self.products.answered
    }

    pub(crate) const fn failed(&self) -> u64 {
        self.checkout.failed + self.products.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_counted_once_on_its_route() {
        let counts = Counts::default();
        assert_eq!(counts.first_failure(), None);
        for number in 0..100 {
            let answer = if number == 40 { Answer::Failed } else { Answer::Good };
            counts.add(Route::of(number), answer);
        }
        let tally = counts.tally();
        assert_eq!(tally.checkout, RouteTally { answered: 60, failed: 1 });
        assert_eq!(tally.products, RouteTally { answered: 40, failed: 0 });
        assert_eq!((tally.answered(), tally.failed(), tally.held_back), (100, 1, 0));
        assert!(counts.first_failure().is_some());
    }

    #[test]
    fn what_was_never_sent_is_no_request() {
        let counts = Counts::default();
        counts.hold_back();
        assert_eq!(counts.tally().held_back, 1);
        assert_eq!(counts.tally().answered(), 0);
    }
}
