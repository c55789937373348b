//! One customer's request through the shop: who calls whom, how long it takes, how it ends, and the spans that
//! tell of it. It asks the world what is the matter and knows no scenario.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Nanos, SECOND_NS};

use super::dice::Dice;
use super::place::{Place, Service};
use super::wire::{self, Attribute, CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, int, text};
use super::world::{Provider, World};

const MS: u64 = SECOND_NS / 1_000;
/// On the wire, each way.
const NETWORK_NS: u64 = MS / 2;
/// Longer than this nobody waits for a worker of payment.
const QUEUE_MAX_NS: u64 = SECOND_NS;
/// How often checkout tries a charge.
const CHARGE_ATTEMPTS: u8 = 4;

/// How a piece of work failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: u64,
    error_type: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Failure {
    fn new(status: u64, error_type: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error_type: error_type.into(), message: message.into() }
    }

    /// What a caller makes of a callee's failure.
    fn bad_gateway(message: Cow<'static, str>) -> Self {
        Self { status: 502, error_type: "502".into(), message }
    }
}

type Ended = (Nanos, Result<(), Failure>);

/// What one request leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) spans: Vec<(Nanos, Place, wire::Span)>,
    pub(crate) logs: Vec<(Nanos, Place, wire::LogRecord)>,
}

/// When each worker of each instance of payment is free again.
#[derive(Debug, Default)]
pub(crate) struct Workers(BTreeMap<u8, Vec<Nanos>>);

pub(crate) struct Request<'a> {
    pub(crate) world: &'a World,
    pub(crate) dice: Dice,
    pub(crate) workers: &'a mut Workers,
    /// 128 bits in hex.
    pub(crate) trace: String,
    pub(crate) user: u64,
    /// Whether anybody listens: what is not sampled is only lived through.
    pub(crate) told: Option<Told>,
    pub(crate) trace_state: &'a str,
}

/// The span at work: what the next one is a child of.
#[derive(Debug, Clone)]
struct Within {
    place: Place,
    span: String,
}

impl Request<'_> {
    pub(crate) fn checkout(&mut self, start: Nanos) {
        let place = self.place(Service::Gateway, start);
        let _ = self.server(None, place, "POST", "/checkout", start, |request, within, start| {
            request.call(within, Service::Checkout, "POST", "/checkout", start)
        });
    }

    pub(crate) fn products(&mut self, start: Nanos) {
        let place = self.place(Service::Gateway, start);
        let _ = self.server(None, place, "GET", "/products", start, |request, within, start| {
            request.call(within, Service::Store, "GET", "/products", start)
        });
    }

    fn place(&mut self, service: Service, at: Nanos) -> Place {
        self.world.place(service, at, &mut self.dice)
    }

    /// Own work of about so many milliseconds, longer where the instance is short of processors.
    fn work(&mut self, place: &Place, at: Nanos, ms: u64) -> Nanos {
        let ns = ms * MS * 3 / 4 + self.dice.below(ms * MS / 2 + 1);
        at.saturating_add(ns * self.world.slowness(place, at))
    }

    fn server(
        &mut self,
        parent: Option<&Within>,
        place: Place,
        method: &'static str,
        route: &'static str,
        start: Nanos,
        work: impl FnOnce(&mut Self, &Within, Nanos) -> Ended,
    ) -> Ended {
        let within = Within { place, span: self.id() };
        let begun = self.work(&place, start, 1);
        let (end, done) = if self.dice.chance(self.world.starved_per_mille(&place, start)) {
            let message = "deadline of 300 ms exceeded before the handler finished";
            (start.saturating_add(300 * MS), Err(Failure::new(504, "deadline_exceeded", message)))
        } else {
            work(self, &within, begun)
        };
        let status = done.as_ref().map_or_else(|failure| failure.status, |()| 200);
        if self.told.is_some() {
            let mut attributes = vec![
                text("http.request.method", method),
                text("http.route", route),
                text("url.path", route),
                text("url.scheme", "http"),
                text("server.address", place.service.name()),
                text("user.id", format!("user-{:03}", self.user)),
                int("http.response.status_code", status),
            ];
            let failure = done.as_ref().err();
            attributes.extend(failure.map(|failure| text("error.type", failure.error_type.clone())));
            let name = format!("{method} {route}").into();
            self.tell(parent, &within, (SERVER, name), (start, end), attributes, failure);
        }
        if let Err(failure) = &done {
            self.log(&within, end, &format!("{method} {route} answered {status}: {}", failure.message));
        }
        (end, done)
    }

    fn internal(
        &mut self,
        within: &Within,
        name: &'static str,
        start: Nanos,
        ms: u64,
        failure: Option<Failure>,
    ) -> Ended {
        let end = self.work(&within.place, start, ms);
        let step = Within { place: within.place, span: self.id() };
        if self.told.is_some() {
            let attributes = failure.iter().map(|f| text("error.type", f.error_type.clone())).collect();
            self.tell(
                Some(within),
                &step,
                (INTERNAL, name.into()),
                (start, end),
                attributes,
                failure.as_ref(),
            );
            self.exception(end, failure.as_ref());
        }
        (end, failure.map_or(Ok(()), Err))
    }

    /// A call to another service of the shop.
    fn call(
        &mut self,
        within: &Within,
        to: Service,
        method: &'static str,
        route: &'static str,
        start: Nanos,
    ) -> Ended {
        let place = self.place(to, start);
        let client = Within { place: within.place, span: self.id() };
        let (end, done) = if self.world.down(&place, start) {
            let message = format!("{} refused the connection", to.name());
            (start.saturating_add(MS), Err(Failure::new(0, "connection_refused", message)))
        } else {
            let (end, done) = self.handle(&client, place, method, route, start.saturating_add(NETWORK_NS));
            let done = done.map_err(|failure| Failure {
                status: failure.status,
                error_type: failure.status.to_string().into(),
                message: format!("{} answered {}", to.name(), failure.status).into(),
            });
            (end.saturating_add(NETWORK_NS), done)
        };
        if self.told.is_some() {
            let name = (CLIENT, format!("{method} {route}").into());
            let attributes = http_client(method, to.name(), route, done.as_ref().err());
            self.tell(Some(within), &client, name, (start, end), attributes, done.as_ref().err());
        }
        (end, done.map_err(|failure| Failure::bad_gateway(failure.message)))
    }

    fn handle(
        &mut self,
        client: &Within,
        place: Place,
        method: &'static str,
        route: &'static str,
        start: Nanos,
    ) -> Ended {
        self.server(Some(client), place, method, route, start, |request, within, start| {
            match (place.service, method) {
                (Service::Checkout, _) => request.take_order(within, start),
                (Service::Inventory, _) => request.reserve(within, start),
                (Service::Payment, _) => request.charge(within, start),
                (Service::Store, "GET") => request.query(within, "SELECT", "products", start),
                (Service::Store, _) => request.query(within, "INSERT", "orders", start),
                (Service::Gateway | Service::Shipping, _) => (start, Ok(())),
            }
        })
    }

    /// Checkout: reserve, price, charge, save, and tell shipping.
    fn take_order(&mut self, within: &Within, start: Nanos) -> Ended {
        let (at, reserved) = self.call(within, Service::Inventory, "POST", "/reservations", start);
        if reserved.is_err() {
            return (at, reserved);
        }
        let wrong = self.world.pricing_fails(&within.place, at, &mut self.dice);
        let wrong = wrong.map(|(code, message)| Failure::new(500, code, message));
        let (at, priced) = self.internal(within, "price cart", at, 2, wrong);
        if priced.is_err() {
            return (at, priced);
        }
        let (mut at, mut charged) = self.call(within, Service::Payment, "POST", "/charges", at);
        for _ in 1..CHARGE_ATTEMPTS {
            if charged.is_ok() || !self.world.retries() {
                break;
            }
            (at, charged) = self.call(within, Service::Payment, "POST", "/charges", at);
        }
        if charged.is_err() {
            return (at, charged);
        }
        let (at, saved) = self.call(within, Service::Store, "POST", "/orders", at);
        if saved.is_err() {
            return (at, saved);
        }
        (self.publish(within, at), Ok(()))
    }

    fn reserve(&mut self, within: &Within, start: Nanos) -> Ended {
        let panics = self.world.gift_card(start, &mut self.dice);
        let message = "attempt to divide by zero at src/packs.rs:31";
        let failure = panics.then(|| Failure::new(500, "panic", message));
        self.internal(within, "split into packs", start, 3, failure)
    }

    /// Payment: wait for a worker, write the ledger, call the provider.
    fn charge(&mut self, within: &Within, start: Nanos) -> Ended {
        if self.world.token_rejected(&within.place) {
            let failure = Failure::new(500, "TokenVersionError", "card token v2 is not supported");
            return self.internal(within, "open card token", start, 2, Some(failure));
        }
        let all = self.world.charge_workers();
        let free = self.workers.0.entry(within.place.number).or_insert_with(|| vec![Nanos(0); all]);
        let (worker, free_at) =
            free.iter().copied().enumerate().min_by_key(|(_, at)| *at).unwrap_or((0, start));
        let begun = start.max(free_at);
        if begun.since(start) > QUEUE_MAX_NS {
            let message = "no worker became free in time; the charge was turned away";
            return (start.saturating_add(MS), Err(Failure::new(503, "Overloaded", message)));
        }
        let conflict = self.world.ledger_conflict(begun, &mut self.dice);
        let failure =
            conflict.then(|| Failure::new(500, "LedgerConflict", "ledger row is locked by another entry"));
        let (at, written) = self.internal(within, "write ledger", begun, self.world.charge_ms(), failure);
        let (at, done) = match written {
            Ok(()) => self.call_provider(within, at),
            Err(failure) => (at, Err(failure)),
        };
        if let Some(free) = self.workers.0.get_mut(&within.place.number).and_then(|all| all.get_mut(worker)) {
            *free = at;
        }
        (at, done)
    }

    /// The third party, which reports nothing.
    fn call_provider(&mut self, within: &Within, start: Nanos) -> Ended {
        let answer = self.world.provider(start, &mut self.dice);
        let took = 4 * MS + self.dice.below(3 * MS);
        let (ns, failure) = match answer {
            Provider::Answers => (took, None),
            Provider::Fails => (took, Some(Failure::new(503, "503", "card-provider answered 503"))),
            Provider::Refuses => {
                (MS, Some(Failure::new(0, "connection_refused", "card-provider refused the connection")))
            }
            Provider::CertificateExpired => {
                let message = "TLS handshake with card-provider: certificate has expired (CN=card-provider)";
                (2 * MS, Some(Failure::new(0, "tls_certificate_expired", message)))
            }
        };
        let end = start.saturating_add(ns);
        let client = Within { place: within.place, span: self.id() };
        if self.told.is_some() {
            let attributes = http_client("POST", "card-provider", "/v1/charges", failure.as_ref());
            let name = (CLIENT, "POST /v1/charges".into());
            self.tell(Some(within), &client, name, (start, end), attributes, failure.as_ref());
        }
        let failure = failure.map(|failure| Failure::new(502, "CardProviderError", failure.message));
        (end, failure.map_or(Ok(()), Err))
    }

    /// The database, which reports nothing either.
    fn query(
        &mut self,
        within: &Within,
        operation: &'static str,
        table: &'static str,
        start: Nanos,
    ) -> Ended {
        let ms = self.world.database_ms(start);
        let end = start.saturating_add(ms * MS * 3 / 4 + self.dice.below(ms * MS / 2 + 1));
        let client = Within { place: within.place, span: self.id() };
        if self.told.is_some() {
            let attributes = vec![
                text("db.system.name", "postgresql"),
                text("db.namespace", "shop"),
                text("db.operation.name", operation),
                text("db.collection.name", table),
                text("server.address", "orders-db"),
                int("server.port", 5_432),
            ];
            let name = (CLIENT, format!("{operation} {table}").into());
            self.tell(Some(within), &client, name, (start, end), attributes, None);
        }
        (end, Ok(()))
    }

    /// The order becomes a message, which shipping takes some time later.
    fn publish(&mut self, within: &Within, start: Nanos) -> Nanos {
        let end = start.saturating_add(MS + self.dice.below(MS));
        let producer = Within { place: within.place, span: self.id() };
        let taken = end.saturating_add(10 * MS + self.dice.below(60 * MS));
        let place = self.place(Service::Shipping, taken);
        let consumer = Within { place, span: self.id() };
        let done = self.work(&place, taken, 12);
        if self.told.is_some() {
            let kafka = |operation: &'static str, kind: &'static str| {
                vec![
                    text("messaging.system", "kafka"),
                    text("messaging.operation.name", operation),
                    text("messaging.operation.type", kind),
                    text("messaging.destination.name", "orders"),
                    text("server.address", "broker"),
                ]
            };
            let name = (PRODUCER, "send orders".into());
            self.tell(Some(within), &producer, name, (start, end), kafka("send", "send"), None);
            if self.world.consumes(taken) {
                let mut attributes = kafka("process", "process");
                attributes.push(text("messaging.consumer.group.name", "shipping"));
                let name = (CONSUMER, "process orders".into());
                self.tell(Some(&producer), &consumer, name, (taken, done), attributes, None);
            }
        }
        end
    }

    fn id(&mut self) -> String {
        let word = self.dice.word() | 1;
        if self.told.is_some() { format!("{word:016x}") } else { String::new() }
    }

    fn tell(
        &mut self,
        parent: Option<&Within>,
        own: &Within,
        (kind, name): (u8, Cow<'static, str>),
        (start, end): (Nanos, Nanos),
        attributes: Vec<Attribute>,
        failure: Option<&Failure>,
    ) {
        let Some(told) = &mut self.told else { return };
        let span = wire::Span {
            trace_id: self.trace.clone(),
            span_id: own.span.clone(),
            parent_span_id: parent.map(|parent| parent.span.clone()).unwrap_or_default(),
            trace_state: self.trace_state.to_owned(),
            name,
            kind,
            start_time_unix_nano: start.0.to_string(),
            end_time_unix_nano: end.0.to_string(),
            attributes,
            events: Vec::new(),
            status: failure.map(|failure| wire::Status { code: 2, message: failure.message.to_string() }),
        };
        told.spans.push((end, own.place, span));
    }

    /// The failure of the span told last, as an SDK records an exception.
    fn exception(&mut self, at: Nanos, failure: Option<&Failure>) {
        let span = self.told.as_mut().and_then(|told| told.spans.last_mut());
        let (Some((_, _, span)), Some(failure)) = (span, failure) else { return };
        span.events.push(wire::SpanEvent {
            time_unix_nano: at.0.to_string(),
            name: "exception",
            attributes: vec![
                text("exception.type", failure.error_type.clone()),
                text("exception.message", failure.message.clone()),
            ],
        });
    }

    fn log(&mut self, within: &Within, at: Nanos, message: &str) {
        let Some(told) = &mut self.told else { return };
        let record = wire::LogRecord {
            time_unix_nano: at.0.to_string(),
            severity_number: 17,
            severity_text: "ERROR",
            body: serde_json::json!({ "stringValue": format!("{message} (user-{:03})", self.user) }),
            attributes: Vec::new(),
            trace_id: self.trace.clone(),
            span_id: within.span.clone(),
        };
        told.logs.push((at, within.place, record));
    }
}

fn http_client(
    method: &'static str,
    host: &'static str,
    path: &'static str,
    failure: Option<&Failure>,
) -> Vec<Attribute> {
    let mut attributes = vec![
        text("http.request.method", method),
        text("url.template", path),
        text("url.full", format!("http://{host}:8080{path}")),
        text("server.address", host),
        int("server.port", 8_080),
    ];
    match failure {
        None => attributes.push(int("http.response.status_code", 200)),
        Some(failure) => {
            if failure.status > 0 {
                attributes.push(int("http.response.status_code", failure.status));
            }
            attributes.push(text("error.type", failure.error_type.clone()));
        }
    }
    attributes
}
