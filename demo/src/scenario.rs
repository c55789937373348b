//! The scenarios: what goes wrong in each, and the truth that the report must find. Data only.

use std::fmt;

/// In the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    BadDeploy,
    Canary,
    DependencyOutage,
    OomLoop,
    RetryStorm,
    SlowDatabase,
    TrafficSurge,
    ConfigFlag,
    Panic,
    CertificateExpiry,
    LostMessages,
    NoisyNeighbour,
    Quiet,
    QuietDoubling,
    QuietDeploy,
}

/// What a correct Casebook says at the end. Where several answers would be right, each of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Kinds of cause; none of them where nothing may open.
    pub causes: &'static [&'static str],
    /// What the cause is about; empty where only the kind is demanded.
    pub subjects: &'static [&'static str],
    pub origins: &'static [&'static str],
    /// The guilty change: a version, as `service version`, or a flag.
    pub change: Option<&'static str>,
    /// Innocent changes that a report must not name as the cause.
    pub decoys: &'static [&'static str],
    /// Not one span of the fault carries an error status.
    pub without_errors: bool,
}

const NOTHING: Truth =
    Truth { causes: &[], subjects: &[], origins: &[], change: None, decoys: &[], without_errors: false };

impl Truth {
    const fn of(causes: &'static [&'static str], origins: &'static [&'static str]) -> Self {
        Self { causes, origins, ..NOTHING }
    }

    const fn about(self, subjects: &'static [&'static str]) -> Self {
        Self { subjects, ..self }
    }

    const fn by(self, change: &'static str) -> Self {
        Self { change: Some(change), ..self }
    }

    const fn not_by(self, decoys: &'static [&'static str]) -> Self {
        Self { decoys, ..self }
    }

    const fn without_errors(self) -> Self {
        Self { without_errors: true, ..self }
    }

    /// Must an incident open?
    pub const fn opens(&self) -> bool {
        !self.causes.is_empty()
    }
}

struct Entry {
    name: &'static str,
    /// What happens, for the one who watches.
    story: &'static str,
    truth: Truth,
}

const fn entry(name: &'static str, story: &'static str, truth: Truth) -> Entry {
    Entry { name, story, truth }
}

const BAD_DEPLOY: Entry = entry(
    "bad-deploy",
    "checkout 2.4.1 is rolled out next to 2.4.0",
    Truth::of(&["deploy"], &["checkout"]).about(&["checkout 2.4.1"]).by("checkout 2.4.1"),
);
const CANARY: Entry = entry(
    "canary",
    "three services deploy within two minutes; payment 3.2.0, on a fifth of the charges, is the bad one",
    Truth::of(&["deploy"], &["payment"])
        .about(&["payment 3.2.0"])
        .by("payment 3.2.0")
        .not_by(&["inventory 5.1.0", "store 1.13.0"]),
);
const DEPENDENCY_OUTAGE: Entry = entry(
    "dependency-outage",
    "the card provider that payment calls goes down",
    Truth::of(&["dependency"], &["payment"]).about(&["card-provider"]),
);
const OOM_LOOP: Entry = entry(
    "oom-loop",
    "an instance of inventory runs out of memory, is killed, comes back, and is killed again",
    Truth::of(&["runtime"], &["inventory"]),
);
const RETRY_STORM: Entry = entry(
    "retry-storm",
    "a third of payment's charges fail, and the retries of checkout bury the rest",
    Truth::of(&["app"], &["payment"]),
);
// Databases are called by what they are and hold, where a span says so.
const SLOW_DATABASE: Entry = entry(
    "slow-database",
    "the database of store answers late; nothing fails",
    Truth::of(&["dependency"], &["store"]).about(&["orders-db", "postgresql/shop"]).without_errors(),
);
const TRAFFIC_SURGE: Entry = entry(
    "traffic-surge",
    "six times the customers come, more than payment can serve",
    Truth::of(&["traffic"], &["payment"]),
);
const CONFIG_FLAG: Entry = entry(
    "config-flag",
    "the flag checkout.tax-engine-v2 is turned on, and its code fails",
    Truth::of(&["config"], &["checkout"]).about(&["checkout.tax-engine-v2"]).by("checkout.tax-engine-v2"),
);
const PANIC: Entry = entry(
    "panic",
    "customers begin to order gift cards, and inventory panics on each",
    Truth::of(&["runtime"], &["inventory"]).about(&["inventory"]),
);
// A certificate that nobody renewed is a setting of the callee, which the caller can only meet as a dependency.
const CERTIFICATE_EXPIRY: Entry = entry(
    "certificate-expiry",
    "the certificate of the card provider expires, and no handshake with it succeeds",
    Truth::of(&["dependency", "config"], &["payment"]).about(&["card-provider"]),
);
// That a consumer stopped is seen from outside only; why it did is not.
const LOST_MESSAGES: Entry = entry(
    "lost-messages",
    "shipping takes no more messages while orders go on; nothing fails",
    Truth::of(&["runtime", "unknown"], &["shipping"]).without_errors(),
);
const NOISY_NEIGHBOUR: Entry = entry(
    "noisy-neighbour",
    "another tenant takes the processors of node-c; inventory-2 and store-2 on it are slow and fail",
    Truth::of(&["runtime"], &["inventory", "store"]).about(&["node-c"]),
);
const QUIET: Entry = entry("quiet", "nothing goes wrong beyond the usual", NOTHING);
const QUIET_DOUBLING: Entry =
    entry("quiet-doubling", "twice the customers come, and all of them are served", NOTHING);
const QUIET_DEPLOY: Entry =
    entry("quiet-deploy", "checkout 2.4.1 is rolled out, and changes nothing", NOTHING);

impl Scenario {
    pub const ALL: [Self; 15] = [
        Self::BadDeploy,
        Self::Canary,
        Self::DependencyOutage,
        Self::OomLoop,
        Self::RetryStorm,
        Self::SlowDatabase,
        Self::TrafficSurge,
        Self::ConfigFlag,
        Self::Panic,
        Self::CertificateExpiry,
        Self::LostMessages,
        Self::NoisyNeighbour,
        Self::Quiet,
        Self::QuietDoubling,
        Self::QuietDeploy,
    ];

    pub fn name(self) -> &'static str {
        self.entry().name
    }

    pub fn story(self) -> &'static str {
        self.entry().story
    }

    pub fn truth(self) -> &'static Truth {
        &self.entry().truth
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Can real processes play it, or does it have a script only?
    pub fn has_processes(self) -> bool {
        crate::plan::Plan::of(self).is_some()
    }

    const fn entry(self) -> &'static Entry {
        match self {
            Self::BadDeploy => &BAD_DEPLOY,
            Self::Canary => &CANARY,
            Self::DependencyOutage => &DEPENDENCY_OUTAGE,
            Self::OomLoop => &OOM_LOOP,
            Self::RetryStorm => &RETRY_STORM,
            Self::SlowDatabase => &SLOW_DATABASE,
            Self::TrafficSurge => &TRAFFIC_SURGE,
            Self::ConfigFlag => &CONFIG_FLAG,
            Self::Panic => &PANIC,
            Self::CertificateExpiry => &CERTIFICATE_EXPIRY,
            Self::LostMessages => &LOST_MESSAGES,
            Self::NoisyNeighbour => &NOISY_NEIGHBOUR,
            Self::Quiet => &QUIET,
            Self::QuietDoubling => &QUIET_DOUBLING,
            Self::QuietDeploy => &QUIET_DEPLOY,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
    fn a_truth_says_where_it_began_exactly_where_something_must_open() {
        for scenario in Scenario::ALL {
            let truth = scenario.truth();
            assert_eq!(truth.opens(), !truth.origins.is_empty(), "{scenario}");
            assert_eq!(truth.opens(), !scenario.name().starts_with("quiet"), "{scenario}");
            assert!(truth.change.is_none_or(|change| truth.subjects.contains(&change)), "{scenario}");
            assert!(truth.decoys.iter().all(|decoy| !truth.subjects.contains(decoy)), "{scenario}");
        }
    }
}
