//! A random system: services in layers, their operations, whom they call, and what they call that reports nothing.

use model::Str;

use super::dice::Dice;

pub(crate) const ENV: &str = "prod";
/// Spans that a request may come to on average.
const SPANS_PER_REQUEST_MAX: f64 = 28.0;
const CALLS_PER_OPERATION_MAX: usize = 5;

const NOUNS: [&str; 60] = [
    "account",
    "address",
    "audit",
    "basket",
    "billing",
    "booking",
    "campaign",
    "card",
    "catalog",
    "channel",
    "checkout",
    "claims",
    "contact",
    "content",
    "contract",
    "coupon",
    "courier",
    "credit",
    "currency",
    "customer",
    "delivery",
    "device",
    "discount",
    "document",
    "export",
    "feed",
    "fraud",
    "gift",
    "identity",
    "inventory",
    "invoice",
    "ledger",
    "loyalty",
    "mail",
    "market",
    "media",
    "member",
    "notice",
    "offer",
    "order",
    "parcel",
    "payment",
    "policy",
    "price",
    "product",
    "profile",
    "quote",
    "rating",
    "refund",
    "report",
    "return",
    "review",
    "route",
    "seat",
    "session",
    "shipment",
    "stock",
    "tariff",
    "ticket",
    "voucher",
];
const GATEWAYS: [&str; 3] = ["web-gateway", "mobile-gateway", "partner-gateway"];
const EXTERNALS: [&str; 10] = [
    "postgresql",
    "redis",
    "mysql",
    "mongodb",
    "elasticsearch",
    "api.bank.example",
    "api.maps.example",
    "sms.example",
    "s3.example",
    "tax.example",
];
const STEPS: [&str; 8] =
    ["validate", "load settings", "compute", "serialize", "authorize", "render", "convert", "plan"];
pub(crate) const CODES: [&str; 8] = [
    "ValidationError",
    "IllegalStateException",
    "KeyError",
    "HTTP_500",
    "TypeError",
    "DataError",
    "HTTP_422",
    "ConflictError",
];

#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) services: Vec<Service>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) externals: Vec<External>,
    pub(crate) entries: Vec<Entry>,
    /// How often each operation is visited, a second.
    pub(crate) rates: Vec<f64>,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: Str,
    pub(crate) layer: usize,
    pub(crate) operations: Vec<usize>,
    pub(crate) instances: usize,
    pub(crate) version: usize,
    /// What each instance's clock is ahead, in milliseconds.
    pub(crate) skew_ms: Vec<f64>,
    /// The share of its events that are lost on their way.
    pub(crate) lost: f64,
    /// Does not hand on the trace: whatever it is asked to do begins a trace of its own.
    pub(crate) breaks_traces: bool,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) service: usize,
    pub(crate) name: Str,
    /// An inner event, where the service reports one.
    pub(crate) step: Option<Str>,
    pub(crate) median_ms: f64,
    pub(crate) sigma: f64,
    pub(crate) calls: Vec<Call>,
    /// Fails at this rate always.
    pub(crate) error_rate: f64,
    pub(crate) code: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callee {
    Operation(usize),
    External(usize),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Callee,
    pub(crate) name: Str,
    pub(crate) peer: Str,
    pub(crate) probability: f64,
    pub(crate) retries: usize,
    pub(crate) timeout_ms: f64,
    /// Its failure does not fail the caller.
    pub(crate) optional: bool,
    /// Through a broker: the caller does not wait.
    pub(crate) asynchronous: bool,
}

#[derive(Debug)]
pub(crate) struct External {
    pub(crate) name: Str,
    pub(crate) median_ms: f64,
    pub(crate) sigma: f64,
    pub(crate) error_rate: f64,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) operation: usize,
    pub(crate) rate: f64,
}

impl Topology {
    pub(crate) fn random(dice: &mut Dice, noise: f64) -> Self {
        let count = dice.log_between(5.0, 61.0) as usize;
        let mut topology = Self {
            services: Vec::new(),
            operations: Vec::new(),
            externals: Vec::new(),
            entries: Vec::new(),
            rates: Vec::new(),
        };
        topology.add_services(count.clamp(5, 60), dice, noise);
        topology.add_externals(dice);
        topology.link(dice);
        topology.add_external_calls(dice);
        topology.add_steady_errors(dice, noise);
        topology.open_entries(dice);
        topology
    }

    fn add_services(&mut self, count: usize, dice: &mut Dice, noise: f64) {
        let gateways = if count < 12 { 1 } else { dice.count(1, 3) };
        let layers = dice.count(2, if count < 10 { 3 } else { 5 });
        let mut nouns: Vec<&str> = NOUNS.to_vec();
        for n in 0..count {
            let layer = if n < gateways { 0 } else { 1 + (n - gateways) * layers / (count - gateways) };
            let name = match layer {
                0 => GATEWAYS.get(n).map_or_else(String::new, |name| (*name).to_owned()),
                _ => format!("{}-service", nouns.swap_remove(dice.index(nouns.len()))),
            };
            let instances = dice.count(1, 5);
            let skewed = if dice.chance(0.1) { 400.0 } else { 4.0 };
            let skew_ms = (0..instances + 8).map(|_| dice.between(-skewed, skewed)).collect();
            let lost = match dice.uniform() {
                x if x < 0.06 => dice.between(0.1, 0.4),
                x if x < 0.3 => dice.between(0.0, 0.03),
                _ => 0.0,
            };
            let breaks_traces = layer > 0 && dice.chance(0.03);
            let version = dice.count(1, 40);
            self.services.push(Service {
                name: name.as_str().into(),
                layer,
                operations: Vec::new(),
                instances,
                version,
                skew_ms,
                lost,
                breaks_traces,
            });
            for _ in 0..dice.count(1, 3) {
                self.add_operation(n, dice, noise);
            }
        }
    }

    fn add_operation(&mut self, service: usize, dice: &mut Dice, noise: f64) {
        let owner = &mut self.services[service];
        let noun = owner.name.trim_end_matches("-service").trim_end_matches("-gateway").to_owned();
        let names = [format!("GET /{noun}/{{id}}"), format!("POST /{noun}"), format!("GET /{noun}/search")];
        let name = names[owner.operations.len() % names.len()].as_str().into();
        let step = dice.chance(0.4).then(|| dice.pick(&STEPS).copied().unwrap_or("compute").into());
        owner.operations.push(self.operations.len());
        self.operations.push(Operation {
            service,
            name,
            step,
            median_ms: dice.log_between(1.0, 40.0),
            sigma: dice.between(0.25, 0.6) * (0.7 + 0.3 * noise),
            calls: Vec::new(),
            error_rate: 0.0,
            code: "",
        });
    }

    fn add_externals(&mut self, dice: &mut Dice) {
        let count = (self.services.len() / 5).clamp(2, EXTERNALS.len());
        for name in EXTERNALS.iter().cycle().skip(dice.index(EXTERNALS.len())).take(count) {
            let third_party = name.contains('.');
            self.externals.push(External {
                name: (*name).into(),
                median_ms: if third_party {
                    dice.log_between(30.0, 200.0)
                } else {
                    dice.log_between(0.5, 8.0)
                },
                sigma: dice.between(0.3, 0.7),
                error_rate: if third_party { dice.log_between(0.0005, 0.004) } else { 0.0001 },
            });
        }
    }

    /// Every operation below the gateways gets one caller or two from the layers above.
    fn link(&mut self, dice: &mut Dice) {
        for callee in 0..self.operations.len() {
            let layer = self.services[self.operations[callee].service].layer;
            if layer == 0 {
                continue;
            }
            for extra in 0..dice.count(1, 2) {
                if let Some(caller) = self.caller_for(layer, dice) {
                    if extra > 0 && self.size_with(caller, callee) > SPANS_PER_REQUEST_MAX {
                        continue;
                    }
                    let call = self.call_to(callee, dice);
                    self.operations[caller].calls.push(call);
                }
            }
        }
    }

    fn caller_for(&self, layer: usize, dice: &mut Dice) -> Option<usize> {
        let fits = |wanted: usize| -> Vec<usize> {
            let above = |id: &usize| {
                let operation = &self.operations[*id];
                self.services[operation.service].layer == wanted
                    && operation.calls.len() < CALLS_PER_OPERATION_MAX
            };
            (0..self.operations.len()).filter(above).collect()
        };
        let wanted = if dice.chance(0.2) { dice.index(layer) } else { layer - 1 };
        dice.pick(&fits(wanted))
            .copied()
            .or_else(|| (0..layer).rev().find_map(|layer| fits(layer).first().copied()))
    }

    fn call_to(&self, callee: usize, dice: &mut Dice) -> Call {
        let operation = &self.operations[callee];
        let service = &self.services[operation.service];
        let asynchronous = dice.chance(0.1);
        let name = match asynchronous {
            true => format!("send {}.events", service.name),
            false => operation.name.to_string(),
        };
        Call {
            callee: Callee::Operation(callee),
            name: name.as_str().into(),
            peer: if asynchronous { "kafka".into() } else { service.name.clone() },
            probability: if dice.chance(0.5) { 1.0 } else { dice.between(0.2, 0.9) },
            retries: if dice.chance(0.25) { dice.count(1, 2) } else { 0 },
            timeout_ms: dice.log_between(800.0, 5_000.0),
            optional: dice.chance(0.15),
            asynchronous,
        }
    }

    /// Spans of a request to `caller` if it called `callee` too.
    fn size_with(&self, caller: usize, callee: usize) -> f64 {
        self.size(caller, 8) + self.size(callee, 8)
    }

    fn size(&self, operation: usize, depth: usize) -> f64 {
        let calls = &self.operations[operation].calls;
        let below = |call: &Call| match call.callee {
            Callee::Operation(id) if depth > 0 => call.probability * (1.0 + self.size(id, depth - 1)),
            _ => call.probability,
        };
        1.4 + calls.iter().map(below).sum::<f64>()
    }

    fn add_external_calls(&mut self, dice: &mut Dice) {
        for id in 0..self.operations.len() {
            if self.services[self.operations[id].service].layer == 0 || !dice.chance(0.45) {
                continue;
            }
            let external = dice.index(self.externals.len());
            let name = self.externals[external].name.clone();
            let database = !name.contains('.');
            let operation = if database { format!("SELECT {name}") } else { format!("POST {name}") };
            let call = Call {
                callee: Callee::External(external),
                name: operation.as_str().into(),
                peer: name,
                probability: dice.between(0.6, 1.0),
                retries: usize::from(dice.chance(0.15)),
                timeout_ms: dice.log_between(400.0, 3_000.0),
                optional: dice.chance(0.1),
                asynchronous: false,
            };
            self.operations[id].calls.push(call);
        }
    }

    fn add_steady_errors(&mut self, dice: &mut Dice, noise: f64) {
        for operation in &mut self.operations {
            if dice.chance(0.35) {
                operation.error_rate = (dice.log_between(0.000_3, 0.008) * noise).min(0.05);
                operation.code = dice.pick(&CODES).copied().unwrap_or("HTTP_500");
            }
        }
        for _ in 0..dice.count(0, 2) {
            let id = dice.index(self.operations.len());
            let operation = &mut self.operations[id];
            operation.error_rate = (dice.between(0.02, 0.15) * noise).min(0.3);
            operation.code = dice.pick(&CODES).copied().unwrap_or("HTTP_500");
        }
    }

    /// Rates such that the whole system makes a number of spans a second that can be simulated.
    fn open_entries(&mut self, dice: &mut Dice) {
        let gateways: Vec<usize> = (0..self.operations.len())
            .filter(|id| self.services[self.operations[*id].service].layer == 0)
            .collect();
        let spans = dice.log_between(100.0, 450.0).max(self.services.len() as f64 * 6.0);
        let weights: Vec<f64> = gateways.iter().map(|_| dice.log_between(1.0, 5.0)).collect();
        let size: f64 = gateways.iter().zip(&weights).map(|(id, weight)| weight * self.size(*id, 8)).sum();
        for (operation, weight) in gateways.into_iter().zip(weights) {
            self.entries.push(Entry { operation, rate: weight * spans / size });
        }
        self.rates = vec![0.0; self.operations.len()];
        for entry in 0..self.entries.len() {
            let Entry { operation, rate } = self.entries[entry];
            self.add_rate(operation, rate, 8);
        }
    }

    fn add_rate(&mut self, operation: usize, rate: f64, depth: usize) {
        self.rates[operation] += rate;
        if depth == 0 {
            return;
        }
        let calls: Vec<(usize, f64)> = self.operations[operation]
            .calls
            .iter()
            .filter_map(|call| match call.callee {
                Callee::Operation(id) => Some((id, rate * call.probability)),
                Callee::External(_) => None,
            })
            .collect();
        calls.into_iter().for_each(|(id, rate)| self.add_rate(id, rate, depth - 1));
    }

    /// Operations that call a callee, and how often each does.
    pub(crate) fn callers(&self, callee: Callee) -> Vec<(usize, f64)> {
        let rate = |id: usize| -> f64 {
            let calls = self.operations[id].calls.iter().filter(|call| call.callee == callee);
            calls.map(|call| call.probability * self.rates[id]).sum()
        };
        (0..self.operations.len()).map(|id| (id, rate(id))).filter(|(_, rate)| *rate > 0.0).collect()
    }
}
