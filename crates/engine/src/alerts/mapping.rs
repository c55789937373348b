//! From labels to what an alert is about. Each field has a list of labels; the first that an alert has counts.

use model::{Alert, Str};
use serde::{Deserialize, Serialize};

use crate::window::Window;

const NAMES_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 256;

/// Which labels of an alert say what it is about, in order of preference. What the alert itself says comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertLabels {
    pub service: Vec<String>,
    pub env: Vec<String>,
    pub operation: Vec<String>,
    pub code: Vec<String>,
}

impl Default for AlertLabels {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            service: names(&[
                "service",
                "service_name",
                "app",
                "app_kubernetes_io_name",
                "application",
                "job",
            ]),
            env: names(&[
                "env",
                "environment",
                "deployment_environment",
                "deployment_environment_name",
                "stage",
            ]),
            operation: names(&["operation", "endpoint", "route", "http_route", "handler"]),
            code: names(&["code", "error_code", "error_type"]),
        }
    }
}

impl AlertLabels {
    /// Everything that is wrong with the lists.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let lists = [
            ("service", &self.service),
            ("env", &self.env),
            ("operation", &self.operation),
            ("code", &self.code),
        ];
        lists.into_iter().filter_map(|(field, names)| {
            let fits = |name: &String| (1..=NAME_BYTES_MAX).contains(&name.len());
            (names.len() > NAMES_MAX || !names.iter().all(fits)).then(|| {
                format!(
                    "alert_labels.{field}: must be at most {NAMES_MAX} names of 1 to {NAME_BYTES_MAX} bytes"
                )
            })
        })
    }

    /// The alert with what its labels say of it. An environment that nothing names is that of the service, where the
    /// service reports in only one.
    pub(super) fn applied(&self, alert: Alert, window: &Window) -> Alert {
        let labelled = |said: &Option<Str>, names: &[String]| {
            let label = || names.iter().find_map(|name| alert.labels.get(name.as_str()));
            said.as_ref().or_else(label).cloned()
        };
        let service = labelled(&alert.service, &self.service);
        let inferred = || service.as_ref().and_then(|service| window.only_env_of(service)).cloned();
        let env = labelled(&alert.env, &self.env).or_else(inferred);
        let operation = labelled(&alert.operation, &self.operation);
        let code = labelled(&alert.code, &self.code);
        Alert { env, service, operation, code, ..alert }
    }
}
