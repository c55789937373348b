//! How the scenarios are played that have real processes: what is done to the shop, for how long, and what its
//! report says beyond the scenario's truth. Data only.

use std::time::Duration;

use crate::protocol::Role;
use crate::scenario::Scenario;

/// What is done to the shop once it has run healthily.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The card provider's process is killed.
    CardProviderDown,
    /// A version of checkout that cannot price is put next to the good one.
    BrokenCheckout,
    /// Customers begin to order the product that makes inventory panic.
    GiftCards,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    pub(crate) healthy: Duration,
    pub(crate) duration: Duration,
    /// Services, from the origin to the edge; none where nothing may open.
    pub(crate) propagation: &'static [Role],
    /// Of a thousand charges, how many fail all the time.
    pub(crate) failures_per_mille: u32,
}

const BROKEN: Plan = Plan {
    fault: Fault::Nothing,
    healthy: Duration::from_secs(15),
    duration: Duration::from_secs(10),
    propagation: &[],
    failures_per_mille: 0,
};

const DEPENDENCY_OUTAGE: Plan = Plan {
    fault: Fault::CardProviderDown,
    propagation: &[Role::Payment, Role::Checkout, Role::Gateway],
    ..BROKEN
};

const BAD_DEPLOY: Plan =
    Plan { fault: Fault::BrokenCheckout, propagation: &[Role::Checkout, Role::Gateway], ..BROKEN };

const PANIC: Plan = Plan {
    fault: Fault::GiftCards,
    propagation: &[Role::Inventory, Role::Checkout, Role::Gateway],
    ..BROKEN
};

const QUIET: Plan =
    Plan { healthy: Duration::ZERO, duration: Duration::from_secs(600), failures_per_mille: 5, ..BROKEN };

impl Plan {
    /// `None`: the scenario has a script only.
    pub(crate) const fn of(scenario: Scenario) -> Option<&'static Self> {
        match scenario {
            Scenario::DependencyOutage => Some(&DEPENDENCY_OUTAGE),
            Scenario::BadDeploy => Some(&BAD_DEPLOY),
            Scenario::Panic => Some(&PANIC),
            Scenario::Quiet => Some(&QUIET),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_leads_from_the_origin_to_the_edge() {
        for scenario in Scenario::ALL {
            let (Some(plan), truth) = (Plan::of(scenario), scenario.truth()) else { continue };
            assert_eq!(plan.fault != Fault::Nothing, truth.opens(), "{scenario}");
            let first: Vec<_> = plan.propagation.first().map(|role| role.as_str()).into_iter().collect();
            assert_eq!(first, truth.origins, "{scenario}");
            assert_eq!(plan.propagation.last(), truth.opens().then_some(&Role::Gateway), "{scenario}");
            assert!(!truth.opens() || plan.healthy + plan.duration < Duration::from_secs(40), "{scenario}");
        }
    }

    #[test]
    fn the_deployment_blamed_is_the_one_that_breaks() {
        let broken = format!("checkout {}", crate::shop::BROKEN_CHECKOUT_VERSION);
        assert_eq!(Scenario::BadDeploy.truth().subjects, [broken.as_str()]);
    }
}
