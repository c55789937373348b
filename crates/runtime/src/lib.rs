//! What every process of Casebook needs before it does its own work: configuration that is read in two steps,
//! logs on standard error, a metrics registry, an orderly end, and queues and budgets that have a bound and show it.
//! It must never know what the process is for: no word about events, incidents or upstreams.

pub mod config;

mod budget;
mod drain;
mod listen;
mod metrics;
mod queue;
mod reload;
mod telemetry;
mod tls;

pub use budget::{Budget, BudgetFull, Hold};
pub use drain::{Drain, DrainHandle, on_termination};
pub use listen::listen;
pub use metrics::{MetricSpec, Metrics};
pub use queue::{Closed, QueueGauges, QueueReceiver, QueueSender, TrySendError, bounded};
pub use reload::each_second_and_at_hangup;
pub use telemetry::{
    LogFilterError, init as init_telemetry, init_reserved as init_reserved_telemetry, log_filter,
};
pub use tls::{TlsFiles, TlsMetrics, TlsSource};
