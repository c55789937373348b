//! One target: where it is, what it wants to hear of, and how it is spoken to.

use http::Uri;
use model::{Incident, Severity};

use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct Target {
    /// Stands in the store, on pages and in logs; unique in the configuration.
    pub name: String,
    pub kind: Kind,
    /// May hold a token, as Slack's does.
    pub(crate) url: Secret,
    /// Incidents graver than or as grave as this.
    pub severity_min: Severity,
    /// Of these environments; of all where it is empty.
    pub envs: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Slack,
    Pagerduty { routing_key: Secret },
    Webhook { secret: Secret },
    Alertmanager { authorization: Option<Secret> },
}

impl Kind {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }
}

impl Target {
    /// Whether it wants to hear of an incident that it knows nothing of yet.
    pub(crate) fn wants(&self, incident: &Incident) -> bool {
        incident.severity <= self.severity_min && (self.envs.is_empty() || self.envs.contains(&incident.env))
    }

    /// The address was read when the configuration was.
    pub(crate) fn uri(&self) -> Option<Uri> {
        self.url.expose().parse().ok()
    }

    /// `text` without anything that this target keeps secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        let own = match &self.kind {
            Kind::Slack => None,
            Kind::Pagerduty { routing_key: secret } | Kind::Webhook { secret } => Some(secret),
            Kind::Alertmanager { authorization } => authorization.as_ref(),
        };
        let path = self.uri().and_then(|uri| uri.path_and_query().map(ToString::to_string));
        let path = path.filter(|path| path.len() > 1);
        let hidden = [Some(self.url.expose()), path.as_deref(), own.map(Secret::expose)];
        let hidden = hidden.into_iter().flatten().filter(|secret| !secret.is_empty());
        hidden.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}
