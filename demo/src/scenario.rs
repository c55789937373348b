//! The scenarios: what goes wrong in each, and the truth that the report must find. Data only.

use std::time::Duration;

use crate::protocol::Role;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    DependencyOutage,
    BadDeploy,
    Panic,
    Quiet,
}

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

/// What a correct Casebook says at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// Exactly one incident, with this report.
    Incident {
        cause: &'static str,
        subject: &'static str,
        origin: Role,
        /// Services, from the origin to the edge.
        propagation: &'static [Role],
    },
    /// No incident at all, though this share of the charges failed, steadily.
    Nothing { failures_per_mille: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    /// What happens, for the one who watches.
    pub(crate) story: &'static str,
    pub(crate) healthy: Duration,
    pub(crate) duration: Duration,
    pub(crate) truth: Truth,
}

const HEALTHY: Duration = Duration::from_secs(15);
const FAULTY: Duration = Duration::from_secs(10);

const DEPENDENCY_OUTAGE: Plan = Plan {
    name: "dependency-outage",
    fault: Fault::CardProviderDown,
    story: "the card provider that payment calls goes down",
    healthy: HEALTHY,
    duration: FAULTY,
    truth: Truth::Incident {
        cause: "dependency",
        subject: "card-provider",
        origin: Role::Payment,
        propagation: &[Role::Payment, Role::Checkout, Role::Gateway],
    },
};

const BAD_DEPLOY: Plan = Plan {
    name: "bad-deploy",
    fault: Fault::BrokenCheckout,
    story: "checkout 2.4.1 is rolled out next to 2.4.0",
    healthy: HEALTHY,
    duration: FAULTY,
    truth: Truth::Incident {
        cause: "deploy",
        subject: "checkout 2.4.1",
        origin: Role::Checkout,
        propagation: &[Role::Checkout, Role::Gateway],
    },
};

const PANIC: Plan = Plan {
    name: "panic",
    fault: Fault::GiftCards,
    story: "customers begin to order gift cards, and inventory panics on each",
    healthy: HEALTHY,
    duration: FAULTY,
    truth: Truth::Incident {
        cause: "runtime",
        subject: "inventory",
        origin: Role::Inventory,
        propagation: &[Role::Inventory, Role::Checkout, Role::Gateway],
    },
};

const QUIET: Plan = Plan {
    name: "quiet",
    fault: Fault::Nothing,
    story: "nothing goes wrong beyond the usual",
    healthy: Duration::ZERO,
    duration: Duration::from_secs(600),
    truth: Truth::Nothing { failures_per_mille: 5 },
};

impl Scenario {
    pub const ALL: [Self; 4] = [Self::DependencyOutage, Self::BadDeploy, Self::Panic, Self::Quiet];

    pub fn name(self) -> &'static str {
        self.plan().name
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    pub(crate) const fn plan(self) -> &'static Plan {
        match self {
            Self::DependencyOutage => &DEPENDENCY_OUTAGE,
            Self::BadDeploy => &BAD_DEPLOY,
            Self::Panic => &PANIC,
            Self::Quiet => &QUIET,
        }
    }
}

impl Plan {
    /// Of a thousand charges, how many fail all the time.
    pub(crate) const fn failures_per_mille(&self) -> u32 {
        match self.truth {
            Truth::Incident { .. } => 0,
            Truth::Nothing { failures_per_mille } => failures_per_mille,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::from_name("meteor"), None);
    }

    #[test]
    fn every_truth_leads_from_its_origin_to_the_edge() {
        for scenario in Scenario::ALL {
            if let Truth::Incident { origin, propagation, .. } = scenario.plan().truth {
                assert_eq!(propagation.first(), Some(&origin), "{}", scenario.name());
                assert_eq!(propagation.last(), Some(&Role::Gateway), "{}", scenario.name());
            }
        }
    }

    #[test]
    fn the_deployment_blamed_is_the_one_that_breaks() {
        let Truth::Incident { subject, origin, .. } = BAD_DEPLOY.truth else { panic!("no incident") };
        assert_eq!(subject, format!("{} {}", origin.as_str(), crate::shop::BROKEN_CHECKOUT_VERSION));
    }

    #[test]
    fn a_fault_is_planned_exactly_where_an_incident_is_expected() {
        for scenario in Scenario::ALL {
            let plan = scenario.plan();
            let expects = matches!(plan.truth, Truth::Incident { .. });
            assert_eq!(plan.fault != Fault::Nothing, expects, "{}", plan.name);
            assert!(!expects || plan.healthy + plan.duration < Duration::from_secs(40), "{}", plan.name);
        }
    }
}
