//! The registry behind `/metrics`. Names and help come from each process's own register.

use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

/// One line of a process's register of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricSpec {
    /// Without the prefix `casebook_`, and without `_total` for counters, which the text format adds.
    pub name: &'static str,
    pub help: &'static str,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { registry: Registry::with_prefix("casebook") }
    }
}

impl Metrics {
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Adds a metric and gives it back for its owner to change.
    pub fn add<M: Metric + Clone>(&mut self, spec: MetricSpec, metric: M) -> M {
        // The registry puts the full stop behind the help itself.
        self.registry.register(spec.name, spec.help.trim_end_matches('.'), metric.clone());
        metric
    }

    /// OpenMetrics text.
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing into a String cannot fail; were it to, a cut page without its end mark shows that.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}
