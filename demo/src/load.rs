//! The customers: a plain HTTP client that sends at a fixed rate whatever comes back, and counts for itself.
//! It carries no trace and reports to nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use crate::counts::{Answer, Counts, Route, Tally};
use crate::shop::{Cart, GIFT_CARD, PRODUCTS};

const USERS: u64 = 40;
/// Longer than the gateway waits, which then fails on record.
const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const UNDER_WAY_MAX: usize = 1_024;

/// The customers of one shop; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    rate: u32,
    under_way: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Shared {
    client: reqwest::Client,
    gateway: String,
    counts: Counts,
    gift_cards: AtomicBool,
}

impl Load {
    pub(crate) fn new(gateway_port: u16, rate: u32) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
        let shared = Shared {
            client: client.context("no HTTP client for the customers")?,
            gateway: format!("http://127.0.0.1:{gateway_port}"),
            counts: Counts::default(),
            gift_cards: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), rate, under_way: None })
    }

    pub(crate) fn start(&mut self) {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(send_all(Arc::clone(&self.shared), every(self.rate), stopped));
        self.under_way = Some((stop, task));
    }

    /// Sends no more, and waits for every answer that is still out.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some((stop, task)) = self.under_way.take() else { return Ok(()) };
        stop.send_replace(true);
        task.await.context("the customers stopped short")
    }

    /// From now on one order in three is for a gift card.
    pub(crate) fn order_gift_cards(&self) {
        self.shared.gift_cards.store(true, Ordering::SeqCst);
    }

    pub(crate) fn tally(&self) -> Tally {
        self.shared.counts.tally()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.under_way {
            task.abort();
        }
    }
}

/// A machine that stalls sends late rather than less.
fn every(rate: u32) -> Interval {
    let mut interval = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    interval
}

async fn send_all(shared: Arc<Shared>, mut pace: Interval, mut stopped: watch::Receiver<bool>) {
    let mut requests = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = pace.tick() => {}
        }
        while requests.try_join_next().is_some() {}
        if requests.len() < UNDER_WAY_MAX {
            requests.spawn(send(Arc::clone(&shared), number));
        } else {
            shared.counts.hold_back();
        }
    }
    while requests.join_next().await.is_some() {}
}

async fn send(shared: Arc<Shared>, number: u64) {
    let route = Route::of(number);
    let request = match route {
        Route::Products => shared.client.get(format!("{}/products", shared.gateway)),
        Route::Checkout => {
            let cart = cart(number, shared.gift_cards.load(Ordering::SeqCst));
            shared.client.post(format!("{}/checkout", shared.gateway)).json(&cart)
        }
    };
    let user = format!("user-{:02}", number % USERS);
    let answer = match request.header("x-user-id", user).send().await {
        Ok(response) if !response.status().is_server_error() => Answer::Good,
        Ok(_) | Err(_) => Answer::Failed,
    };
    shared.counts.add(route, answer);
}

fn cart(number: u64, gift_cards: bool) -> Cart {
    // Checkouts are numbers 0, 2 and 4 of every five, so this is one in three of them.
    if gift_cards && number % 5 == 2 {
        return Cart { sku: GIFT_CARD.to_owned(), quantity: 1 };
    }
    let product = PRODUCTS[usize::try_from(number / 5).unwrap_or(0) % PRODUCTS.len()];
    Cart { sku: product.to_owned(), quantity: 1 + u32::try_from(number % 3).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gift_cards_are_ordered_only_once_they_are_on() {
        let gifts = |on| {
            let checkouts = (0..1_500).filter(|&n| Route::of(n) == Route::Checkout);
            checkouts.filter(|&n| cart(n, on).sku == GIFT_CARD).count()
        };
        assert_eq!(gifts(false), 0);
        assert_eq!(gifts(true), 300);
    }

    /// A server that answers nothing but 503 and 200 in turn, for the counts to be compared with.
    async fn flaky() -> (u16, Arc<std::sync::atomic::AtomicU64>) {
        use axum::http::StatusCode;
        let failed = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let seen = Arc::clone(&failed);
        let app =
            axum::Router::new().fallback(move || {
                let number = seen.fetch_add(1, Ordering::SeqCst);
                async move {
                    if number.is_multiple_of(2) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
                }
            });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (port, failed)
    }

    #[tokio::test]
    async fn every_request_sent_is_answered_and_counted_when_the_load_has_stopped() {
        let (port, seen) = flaky().await;
        let mut load = Load::new(port, 500).unwrap();
        load.start();
        while load.tally().answered() < 100 {
            tokio::task::yield_now().await;
        }
        load.stop().await.unwrap();
        let (tally, seen) = (load.tally(), seen.load(Ordering::SeqCst));
        assert_eq!(tally.answered(), seen);
        assert_eq!(tally.failed(), seen.div_ceil(2));
    }

    #[tokio::test]
    async fn nobody_listening_is_a_failure_that_the_customer_counts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut load = Load::new(port, 500).unwrap();
        load.start();
        while load.tally().failed() < 5 {
            tokio::task::yield_now().await;
        }
        load.stop().await.unwrap();
        assert_eq!(load.tally().failed(), load.tally().answered());
    }
}
