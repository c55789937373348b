//! A shop of five services as a generator of traces: gateway, checkout, payment, inventory, store, and a card provider
//! that reports nothing. What fails, and since when, is a fault.

use model::{Event, EventKind, Failure, FailureStatus, Nanos, Outcome, SpanId, TraceId};

use crate::Rng;

const MS: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// payment's calls to the card provider fail.
    CardProviderDown,
    /// checkout fails in its own code on version 2.4.1, which takes half of the traffic.
    BadVersion,
    /// inventory panics on one request in four.
    Panic,
    /// Every request that payment gets fails in payment itself.
    PaymentDown,
}

/// How much of what.
#[derive(Debug, Clone)]
pub struct Traffic {
    pub seed: u64,
    pub requests_per_s: u64,
    /// Of a thousand requests so many fail at the gateway without any fault.
    pub noise_per_thousand: u64,
}

#[derive(Debug)]
pub struct Shop {
    traffic: Traffic,
    rng: Rng,
    requests: u64,
}

/// One service's part in a trace being built.
struct Builder<'a> {
    rng: &'a mut Rng,
    trace: TraceId,
    user: u64,
    events: Vec<Event>,
}

impl Shop {
    pub fn new(traffic: Traffic) -> Self {
        Self { rng: Rng::new(traffic.seed), traffic, requests: 0 }
    }

    /// All requests that start in the second from `at`, as whole traces; the flag says whether the client saw a failure.
    pub fn second(&mut self, at: Nanos, fault: Fault) -> Vec<(Vec<Event>, bool)> {
        let count = self.traffic.requests_per_s;
        (0..count).map(|i| self.request(Nanos(at.0 + i * 1_000 * MS / count), fault)).collect()
    }

    fn request(&mut self, start: Nanos, fault: Fault) -> (Vec<Event>, bool) {
        self.requests += 1;
        let noise = self.rng.chance(self.traffic.noise_per_thousand, 1_000);
        let trace =
            TraceId((u128::from(self.rng.word()) << 64 | u128::from(self.rng.word()) | 1).to_be_bytes());
        let user = self.rng.below(500);
        let failed_dice = self.rng.below(100);
        let mut build = Builder { rng: &mut self.rng, trace, user, events: Vec::new() };
        let failed = build.checkout(start, fault, noise, failed_dice);
        (build.events, failed)
    }
}

impl Builder<'_> {
    fn checkout(&mut self, start: Nanos, fault: Fault, noise: bool, dice: u64) -> bool {
        let panics = fault == Fault::Panic && dice < 25;
        let bad_version = fault == Fault::BadVersion && dice < 50;
        let card_fails = fault == Fault::CardProviderDown;
        let payment_fails = card_fails || fault == Fault::PaymentDown;
        let failed = noise || panics || bad_version || payment_fails;
        let code = |fails: bool, code: &'static str| fails.then_some(code);

        let gateway = self.event(
            None,
            EventKind::Server,
            "gateway",
            "POST /checkout",
            start,
            60,
            code(failed, "HTTP_502"),
        );
        let call = self.call(gateway, "gateway", "checkout", start, 55, code(failed && !noise, "HTTP_500"));
        let in_checkout = panics || bad_version || payment_fails;
        let checkout = self.event(
            Some(call),
            EventKind::Server,
            "checkout",
            "POST /orders",
            start,
            50,
            code(in_checkout, "HTTP_500"),
        );
        if bad_version {
            self.event(
                Some(checkout),
                EventKind::Internal,
                "checkout",
                "price order",
                start,
                5,
                Some("PricingError"),
            );
        }
        if fault == Fault::BadVersion {
            let version = if bad_version { "2.4.1" } else { "2.4.0" };
            self.events
                .iter_mut()
                .filter(|e| &*e.service == "checkout")
                .for_each(|e| e.version = version.into());
        }
        let reserve = self.call(checkout, "checkout", "inventory", start, 15, code(panics, "HTTP_500"));
        self.event(
            Some(reserve),
            EventKind::Server,
            "inventory",
            "POST /reservations",
            start,
            12,
            code(panics, "panic"),
        );
        if !panics && !bad_version {
            self.pay(checkout, start, card_fails, payment_fails);
        }
        if !in_checkout {
            let save = self.call(checkout, "checkout", "store", start, 9, None);
            self.event(Some(save), EventKind::Server, "store", "POST /orders", start, 8, None);
        }
        failed
    }

    fn pay(&mut self, checkout: SpanId, start: Nanos, card_fails: bool, fails: bool) {
        let charge = self.call(checkout, "checkout", "payment", start, 20, fails.then_some("HTTP_500"));
        let own = if card_fails { "HTTP_502" } else { "LedgerError" };
        let payment = self.event(
            Some(charge),
            EventKind::Server,
            "payment",
            "POST /charges",
            start,
            18,
            fails.then_some(own),
        );
        if card_fails || !fails {
            self.call(payment, "payment", "card-provider", start, 15, card_fails.then_some("ECONNREFUSED"));
        }
    }

    fn call(
        &mut self,
        parent: SpanId,
        from: &str,
        to: &str,
        start: Nanos,
        ms: u64,
        code: Option<&str>,
    ) -> SpanId {
        let span = self.event(Some(parent), EventKind::Client, from, &format!("POST {to}"), start, ms, code);
        if let Some(event) = self.events.last_mut() {
            event.peer = to.into();
        }
        span
    }

    #[expect(clippy::too_many_arguments, reason = "one row of a table of spans")]
    fn event(
        &mut self,
        parent: Option<SpanId>,
        kind: EventKind,
        service: &str,
        operation: &str,
        start: Nanos,
        ms: u64,
        code: Option<&str>,
    ) -> SpanId {
        let span = SpanId((self.rng.word() | 1).to_be_bytes());
        let jitter_ns = self.rng.below(ms * MS / 4 + 1);
        let failure =
            code.map(|code| Failure { status: FailureStatus::Error, code: code.into(), reason: "".into() });
        self.events.push(Event {
            trace: self.trace,
            span,
            parent,
            kind,
            env: "demo".into(),
            service: service.into(),
            operation: operation.into(),
            version: "2.4.0".into(),
            instance: format!("{service}-0").into(),
            peer: "".into(),
            start,
            end: Nanos(start.0 + ms * MS + jitter_ns),
            outcome: failure.map_or(Outcome::Ok, Outcome::Failed),
            user: Some(self.user),
            attributes: Vec::new(),
        });
        span
    }
}
