//! Every bound that intake keeps, in one place, and what a decoder is told besides the bytes.
//!
//! What is larger is refused or cut, never guessed. All limits but `body_bytes_max` shape the decoded events, so
//! changing one changes what a replay derives: they are defaults of the version, not settings of an installation.

use model::{Nanos, SECOND_NS};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of one request after decompression. Larger: the request is refused. Not consulted on replay.
    pub body_bytes_max: usize,
    /// Spans, log records, data points of metrics, or wide events and their steps, in one request. More: the request is refused.
    pub events_per_request_max: usize,
    /// OTLP resource blocks in one request. More: the request is refused.
    pub resources_per_request_max: usize,
    /// Signals, deployments or alerts in one request. More: the request is refused.
    pub facts_per_request_max: usize,
    /// Attributes of a span or a resource that are looked at. Further ones are left out, with a warning.
    pub attributes_per_event_max: usize,
    /// Attributes that an event keeps beside what is mapped to its fields. None on the way in, because only captured
    /// traces are looked at so closely; those are read with [`Limits::for_evidence`].
    pub attributes_kept_max: usize,
    /// Of a name: service, operation, version, peer, code. Longer ones of a span are cut, with a warning.
    pub name_bytes_max: usize,
    /// Of a text for people: reason, message, attribute value. Longer ones of a span are cut, with a warning.
    pub text_bytes_max: usize,
    /// Of an id that a caller gives to a signal, a deployment or an alert. Longer: the item is rejected.
    pub id_bytes_max: usize,
    /// Steps of a wide event. More: the event is rejected.
    pub steps_per_event_max: usize,
    /// Quantiles of one data point of a summary. More: the data point is rejected.
    pub quantiles_per_summary_max: usize,
    /// JSON values in a wide event, a signal or a deployment. More: the item is rejected.
    pub values_per_item_max: usize,
    /// Nesting of JSON values in such an item. Deeper: the item is rejected.
    pub item_depth_max: usize,
    /// JSON values in a request of alerts. More: the request is refused.
    pub alert_values_per_request_max: usize,
    /// Labels of an alert, in order of name. Further ones are left out, with a warning.
    pub alert_labels_max: usize,
    /// Attributes of a signal. More: the signal is rejected.
    pub signal_attributes_max: usize,
    /// Problems that are reported of one rejected item.
    pub problems_per_item_max: usize,
    /// How far behind the receive time an event may end. Later: the event is rejected.
    pub future_max_ns: u64,
    /// Different names of one request that are kept for sharing. Further ones are allocated each on its own.
    pub shared_names_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            events_per_request_max: 50_000,
            resources_per_request_max: 10_000,
            facts_per_request_max: 1_000,
            attributes_per_event_max: 256,
            attributes_kept_max: 0,
            name_bytes_max: 256,
            text_bytes_max: 1_024,
            id_bytes_max: 128,
            steps_per_event_max: 256,
            quantiles_per_summary_max: 16,
            values_per_item_max: 10_000,
            item_depth_max: 16,
            alert_values_per_request_max: 100_000,
            alert_labels_max: 64,
            signal_attributes_max: 64,
            problems_per_item_max: 20,
            future_max_ns: 5 * 60 * SECOND_NS,
            shared_names_max: 4_096,
        }
    }
}

impl Limits {
    /// The same, but events keep their attributes.
    pub fn for_evidence(&self) -> Self {
        Self { attributes_kept_max: 32, ..self.clone() }
    }
}

/// What a decoder is told besides the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the bytes came, as the journal keeps it.
    pub received: Nanos,
    pub limits: &'a Limits,
    /// The installation's salt for the hashes of user ids.
    pub user_salt: &'a [u8; 16],
}

impl Context<'_> {
    /// The time from which on an event lies too far in the future.
    pub(crate) fn future_from(&self) -> Nanos {
        self.received.saturating_add(self.limits.future_max_ns)
    }
}
