//! What is the case in the shop at a time: who runs, how fast, what fails. The whole difference between the
//! scenarios stands here. Knows no span.

use model::Nanos;

use super::dice::Dice;
use super::place::{Place, Service};
use crate::scenario::Scenario;

/// Sixty in a minute, so that a fault is all there at once.
const OOM_EVERY_S: u64 = 10;
const OOM_DOWN_S: u64 = 5;

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    /// When the fault begins.
    pub(crate) fault: Nanos,
    /// Requests a second while nothing is the matter.
    pub(crate) rate: u32,
    /// Inventory, store and a fifth of payment get new versions within a minute before the fault.
    pub(crate) three_deploy: bool,
}

/// How the callee that reports nothing takes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Answers,
    /// 503, once in a while.
    Fails,
    Refuses,
    CertificateExpired,
}

impl World {
    pub(crate) fn broken(&self, scenario: Scenario, at: Nanos) -> bool {
        self.scenario == scenario && at >= self.fault
    }

    /// Seconds since the fault began, negative before.
    fn since_s(&self, at: Nanos) -> i64 {
        i64::try_from(at.as_secs()).unwrap_or(0) - i64::try_from(self.fault.as_secs()).unwrap_or(0)
    }

    /// Requests in the second that begins at `at`.
    pub(crate) fn rate_at(&self, at: Nanos) -> u32 {
        match self.scenario {
            Scenario::TrafficSurge if at >= self.fault => self.rate * 6,
            Scenario::QuietDoubling if at >= self.fault => self.rate * 2,
            _ => self.rate,
        }
    }

    /// The instance that takes the next call of a service.
    pub(crate) fn place(&self, service: Service, at: Nanos, dice: &mut Dice) -> Place {
        let turn = u8::try_from(dice.below(u64::from(service.instances()))).unwrap_or(0);
        let share = dice.below(10);
        let since_s = self.since_s(at);
        let usual = Place { service, number: turn + 1, version: service.version() };
        let moved = |version| Place { number: turn + 3, version, ..usual };
        match (self.scenario, service) {
            (Scenario::BadDeploy, Service::Checkout) if since_s >= 0 && share < 5 => moved("2.4.1"),
            (_, Service::Inventory) if self.three_deploy && since_s >= -55 => moved("5.1.0"),
            (_, Service::Store) if self.three_deploy && since_s >= -30 => moved("1.13.0"),
            (_, Service::Payment) if self.three_deploy && since_s >= 0 && share < 2 => {
                Place { number: 3, version: "3.2.0", ..usual }
            }
            (Scenario::QuietDeploy, Service::Checkout) if since_s >= 0 && share < 5 => moved("2.4.1"),
            (Scenario::QuietDeploy, Service::Checkout) if since_s >= 12 => moved("2.4.1"),
            _ => usual,
        }
    }

    /// Is nobody there to take a connection?
    pub(crate) fn down(&self, place: &Place, at: Nanos) -> bool {
        self.broken(Scenario::OomLoop, at)
            && is_inventory_2(place)
            && at.as_secs().saturating_sub(self.fault.as_secs()) % OOM_EVERY_S < OOM_DOWN_S
    }

    /// When `place` was killed for its memory, up to `end`.
    pub(crate) fn kills(&self, end: Nanos) -> Vec<Nanos> {
        if self.scenario != Scenario::OomLoop {
            return Vec::new();
        }
        let first = self.fault.as_secs();
        let step = usize::try_from(OOM_EVERY_S).unwrap_or(1);
        (first..end.as_secs()).step_by(step).map(Nanos::from_secs).collect()
    }

    /// By how much the work of an instance is slower than usual.
    pub(crate) fn slowness(&self, place: &Place, at: Nanos) -> u64 {
        match place.node() {
            "node-c" if self.broken(Scenario::NoisyNeighbour, at) => 20,
            _ => 1,
        }
    }

    /// Of a thousand requests, how many an instance fails because it gets no processor in time.
    pub(crate) fn starved_per_mille(&self, place: &Place, at: Nanos) -> u64 {
        if self.slowness(place, at) > 1 { 250 } else { 0 }
    }

    /// Of the processors of a node, in percent.
    pub(crate) fn node_busy_percent(&self, node: &str, at: Nanos, dice: &mut Dice) -> u64 {
        match node {
            "node-c" if self.broken(Scenario::NoisyNeighbour, at) => 97 + dice.below(3),
            _ if self.broken(Scenario::TrafficSurge, at) => 55 + dice.below(10),
            _ => 22 + dice.below(8),
        }
    }

    /// How long payment works at a charge, the call of the provider aside.
    pub(crate) fn charge_ms(&self) -> u64 {
        match self.scenario {
            // Slow enough that the surge, or the retries, are more than payment can take.
            Scenario::TrafficSurge => 35,
            Scenario::RetryStorm => 70,
            _ => 8,
        }
    }

    /// Charges that an instance of payment can work at side by side.
    pub(crate) fn charge_workers(&self) -> usize {
        usize::try_from(self.rate.div_ceil(20)).unwrap_or(1)
    }

    /// Does checkout try a charge again that failed?
    pub(crate) fn retries(&self) -> bool {
        self.scenario == Scenario::RetryStorm
    }

    pub(crate) fn ledger_conflict(&self, at: Nanos, dice: &mut Dice) -> bool {
        self.broken(Scenario::RetryStorm, at) && dice.chance(330)
    }

    pub(crate) fn provider(&self, at: Nanos, dice: &mut Dice) -> Provider {
        match self.scenario {
            Scenario::DependencyOutage if at >= self.fault => Provider::Refuses,
            Scenario::CertificateExpiry if at >= self.fault => Provider::CertificateExpired,
            Scenario::Quiet if dice.chance(5) => Provider::Fails,
            _ => Provider::Answers,
        }
    }

    pub(crate) fn database_ms(&self, at: Nanos) -> u64 {
        if self.broken(Scenario::SlowDatabase, at) { 450 } else { 4 }
    }

    /// Does a consumer take messages?
    pub(crate) fn consumes(&self, at: Nanos) -> bool {
        !self.broken(Scenario::LostMessages, at)
    }

    /// Why checkout cannot price this cart.
    pub(crate) fn pricing_fails(
        &self,
        place: &Place,
        at: Nanos,
        dice: &mut Dice,
    ) -> Option<(&'static str, &'static str)> {
        if self.broken(Scenario::BadDeploy, at) && place.version == "2.4.1" {
            return Some(("PricingError", "price list 2026-11 has no entry for currency EUR"));
        }
        let flagged = self.broken(Scenario::ConfigFlag, at) && dice.chance(600);
        flagged.then_some(("TaxTableMissing", "tax engine v2: no table for region DE-BY"))
    }

    /// Does the version of payment reject every card?
    pub(crate) fn token_rejected(&self, place: &Place) -> bool {
        self.scenario == Scenario::Canary && place.service == Service::Payment && place.version == "3.2.0"
    }

    /// Does the order hold the product on which inventory panics?
    pub(crate) fn gift_card(&self, at: Nanos, dice: &mut Dice) -> bool {
        self.broken(Scenario::Panic, at) && dice.chance(333)
    }
}

pub(crate) fn is_inventory_2(place: &Place) -> bool {
    place.service == Service::Inventory && place.number == 2
}
