//! One task a target: takes what is pending for it from the store, in order, and tries until each is taken or given
//! up. What waits for one incident never overtakes; a target that hangs holds up nobody but itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::report::Report;
use model::Nanos;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use runtime::DrainHandle;
use store::{Delivery, DeliveryState, ListedNotification, NotificationFilter, Outbox, ReadError, Store};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::{Attempt, Client};
use crate::config::Notifications;
use crate::payload::{self, Told};
use crate::target::Target;

/// Deliveries that are looked at together; of more incidents than this the rest wait their turn.
const PAGE: usize = 200;
/// A task looks again after this long even if nobody woke it.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const STORE_RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default)]
pub struct NotifyMetrics {
    pub sent: Counter,
    pub attempts_failed: Counter,
    pub dead: Counter,
    pub pending: Gauge,
    pub dead_letters: Gauge,
}

/// How the deliveries stand, and the way to wake those who make them.
#[derive(Debug, Default)]
pub struct Outgoing {
    targets: Vec<TargetState>,
}

#[derive(Debug, Default)]
struct TargetState {
    name: String,
    wake: Notify,
    pending: AtomicU64,
    dead: AtomicU64,
}

impl Outgoing {
    pub fn new(notifications: &Notifications) -> Self {
        let state = |target: &Target| TargetState { name: target.name.clone(), ..TargetState::default() };
        Self { targets: notifications.targets.iter().map(state).collect() }
    }

    /// Something new is in the store.
    pub fn wake(&self) {
        self.targets.iter().for_each(|target| target.wake.notify_one());
    }

    pub fn knows(&self, target: &str) -> bool {
        self.targets.iter().any(|known| known.name == target)
    }

    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub fn pending(&self) -> u64 {
        self.targets.iter().map(|target| target.pending.load(Ordering::Relaxed)).sum()
    }

    pub fn dead(&self) -> u64 {
        self.targets.iter().map(|target| target.dead.load(Ordering::Relaxed)).sum()
    }
}

/// Everything that deliveries need.
#[derive(Debug, Clone)]
pub struct Workers {
    pub notifications: Arc<Notifications>,
    pub client: Client,
    pub outbox: Arc<dyn Outbox>,
    pub reports: Arc<dyn Store>,
    pub outgoing: Arc<Outgoing>,
    pub metrics: NotifyMetrics,
    pub clock: fn() -> Nanos,
}

impl Workers {
    /// Runs until the process ends. What is on its way then is tried again at the next start.
    pub async fn run(self, draining: DrainHandle) {
        let mut tasks = JoinSet::new();
        let shared = Arc::new(self);
        if let Err(error) = shared.give_up_orphans().await {
            tracing::warn!(%error, "notifications for targets that are gone could not be looked through");
        }
        for place in 0..shared.notifications.targets.len() {
            let (shared, mut draining) = (Arc::clone(&shared), draining.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = draining.started() => {}
                    () = shared.serve(place) => {}
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// What waits for a target that the configuration no longer has would wait for ever.
    async fn give_up_orphans(&self) -> Result<(), ReadError> {
        let filter =
            NotificationFilter { state: Some(DeliveryState::Pending), ..NotificationFilter::default() };
        let mut before = None;
        loop {
            let page = self.outbox.notifications(&filter, before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.sequence);
            for listed in page.iter().filter(|listed| !self.outgoing.knows(&listed.notification.target)) {
                let error = "no target of this name is configured".to_owned();
                self.set(listed, Delivery { state: DeliveryState::Dead, error, ..listed.delivery.clone() })
                    .await;
            }
        }
    }

    async fn serve(&self, place: usize) {
        let (Some(target), Some(state)) =
            (self.notifications.targets.get(place), self.outgoing.targets.get(place))
        else {
            return;
        };
        loop {
            self.count(target, state).await;
            let wait = match self.next(target).await {
                Ok(Next::Now(listed)) => {
                    self.deliver(target, &listed).await;
                    continue;
                }
                Ok(Next::In(wait)) => wait,
                Err(error) => {
                    tracing::warn!(target = target.name, %error, "pending notifications cannot be read");
                    STORE_RETRY
                }
            };
            tokio::select! {
                () = state.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The oldest that is due and is the first of its incident.
    async fn next(&self, target: &Target) -> Result<Next, ReadError> {
        let page = self.outbox.notifications_pending(&target.name, PAGE).await?;
        let now = (self.clock)();
        let (mut seen, mut wait) = (BTreeSet::new(), LOOK_EVERY);
        for listed in page {
            if !seen.insert(listed.notification.incident.id) {
                continue;
            }
            match listed.delivery.next_at.since(now) {
                0 => return Ok(Next::Now(Box::new(listed))),
                left => wait = wait.min(Duration::from_nanos(left)),
            }
        }
        Ok(Next::In(wait))
    }

    async fn deliver(&self, target: &Target, listed: &ListedNotification) {
        let notification = &listed.notification;
        let report = self.report(&notification.incident.report_hash).await;
        let public_url = self.notifications.public_url.as_deref();
        let told = Told { notification, report: report.as_ref(), public_url };
        let attempt = match payload::request(target, told, (self.clock)()) {
            Some(request) => self.client.attempt(target, request).await,
            None => Attempt::Never { error: "no request can be made for this target".to_owned() },
        };
        let attempts = listed.delivery.attempts.saturating_add(1);
        let delivery = self.after(&notification.id, attempts, attempt);
        match delivery.state {
            DeliveryState::Sent => drop(self.metrics.sent.inc()),
            DeliveryState::Pending => drop(self.metrics.attempts_failed.inc()),
            DeliveryState::Dead => {
                self.metrics.attempts_failed.inc();
                self.metrics.dead.inc();
                let (id, error) = (&notification.id, &delivery.error);
                tracing::warn!(target = target.name, id, attempts, error, "a notification was given up");
            }
        }
        self.set(listed, delivery).await;
    }

    fn after(&self, id: &str, attempts: u32, attempt: Attempt) -> Delivery {
        let now = (self.clock)();
        let backoff = self.notifications.backoff;
        let ended = |state, error| Delivery { state, attempts, next_at: now, error };
        match attempt {
            Attempt::Taken => ended(DeliveryState::Sent, String::new()),
            Attempt::Never { error } => ended(DeliveryState::Dead, error),
            Attempt::Later { error, .. } if attempts >= backoff.attempts_max => {
                ended(DeliveryState::Dead, error)
            }
            Attempt::Later { error, retry_after } => {
                let pause = backoff.pause(id, attempts, retry_after);
                let pause_ns = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
                let next_at = Nanos(now.0.saturating_add(pause_ns));
                Delivery { state: DeliveryState::Pending, attempts, next_at, error }
            }
        }
    }

    /// A delivery whose outcome is not kept would be made again, so this is tried until it is.
    async fn set(&self, listed: &ListedNotification, delivery: Delivery) {
        while let Err(error) = self.outbox.set_delivery(&listed.notification.id, &delivery).await {
            tracing::warn!(%error, "the outcome of a delivery cannot be kept; trying again");
            tokio::time::sleep(STORE_RETRY).await;
        }
    }

    /// A report that is missing or damaged is left out; the incident itself is told all the same.
    async fn report(&self, hash: &str) -> Option<Report> {
        let document = self.reports.report_by_hash(hash).await.ok().flatten()?;
        serde_json::from_slice(&document.bytes).ok()
    }

    async fn count(&self, target: &Target, state: &TargetState) {
        for (kind, count) in [(DeliveryState::Pending, &state.pending), (DeliveryState::Dead, &state.dead)] {
            if let Ok(found) = self.outbox.notifications_count(&target.name, kind).await {
                count.store(found, Ordering::Relaxed);
            }
        }
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.pending.set(gauge(self.outgoing.pending()));
        self.metrics.dead_letters.set(gauge(self.outgoing.dead()));
    }
}

enum Next {
    Now(Box<ListedNotification>),
    In(Duration),
}
