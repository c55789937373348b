//! The keys under which the window remembers: operations, and families of symptoms on them.

use model::{EventKind, Str};
use serde::{Deserialize, Serialize};

use crate::sketch::OTHER;
use crate::summary::ServiceKey;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct OperationKey {
    pub(crate) env: Str,
    pub(crate) service: Str,
    pub(crate) kind: EventKind,
    pub(crate) operation: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FamilyKey {
    pub(crate) operation: OperationKey,
    pub(crate) sign: Sign,
    /// Of a failure; empty for the other signs.
    pub(crate) code: Str,
}

/// By what a symptom is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Sign {
    Failure,
    Latency,
    /// More or fewer requests than there ever were.
    Traffic,
    /// None at all.
    Silence,
    /// A resource stands at its limit and never came near it before.
    Saturation,
    /// Requests end early, or log an error that nobody logged before.
    Behaviour,
    /// Requests take longer than ever by themselves, whatever they wait for.
    SelfTime,
    /// What a service counts of its own requests left what it was, and an alert says so.
    Metric,
}

/// Requests that an operation's digests count as showing a symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Failed,
    Slow,
}

impl Sign {
    /// `None` where the digests tell nothing of it.
    pub(crate) const fn counted(self) -> Option<Counted> {
        match self {
            Self::Failure => Some(Counted::Failed),
            Self::Latency => Some(Counted::Slow),
            Self::Traffic
            | Self::Silence
            | Self::Saturation
            | Self::Behaviour
            | Self::SelfTime
            | Self::Metric => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Latency => "latency",
            Self::Traffic => "traffic",
            Self::Silence => "silence",
            Self::Saturation => "saturation",
            Self::Behaviour => "behaviour",
            Self::SelfTime => "self_time",
            Self::Metric => "metric",
        }
    }
}

/// The operation that stands for a whole service.
pub(crate) const WHOLE_SERVICE: &str = "(all)";

impl OperationKey {
    pub(crate) fn whole(service: &ServiceKey) -> Self {
        Self {
            env: service.env.clone(),
            service: service.service.clone(),
            kind: EventKind::Internal,
            operation: WHOLE_SERVICE.into(),
        }
    }

    pub(crate) fn service_key(&self) -> ServiceKey {
        ServiceKey { env: self.env.clone(), service: self.service.clone() }
    }
}

/// What an accepted baseline is of: everything, an environment, a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) env: Option<Str>,
    pub(crate) service: Option<Str>,
}

impl Scope {
    pub(crate) fn covers(&self, key: &OperationKey) -> bool {
        self.env.as_ref().is_none_or(|env| *env == key.env)
            && self.service.as_ref().is_none_or(|service| *service == key.service)
    }
}

impl FamilyKey {
    pub(crate) fn failure(operation: OperationKey, code: Str) -> Self {
        Self { operation, sign: Sign::Failure, code }
    }

    /// Of a whole service, by its own numbers.
    pub(crate) fn metric(service: &ServiceKey, failures: bool) -> Self {
        let code = if failures { "failures" } else { "latency" };
        Self { operation: OperationKey::whole(service), sign: Sign::Metric, code: code.into() }
    }

    pub(crate) fn of(operation: OperationKey, sign: Sign) -> Self {
        Self { operation, sign, code: "".into() }
    }

    /// The family of the operation's codes that have none of their own.
    pub(crate) fn without_code(&self) -> Self {
        Self { code: OTHER.into(), ..self.clone() }
    }
}
