//! The register of the server's metrics: every name with its help, once.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::decoders::Decoders;
use crate::overload::Shedding;
use engine::Totals;
use journal::Reader;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use runtime::{Budget, MetricSpec, Metrics, QueueGauges, TlsMetrics};

use crate::auth::{KeyMetrics, People};

/// From a quarter of a millisecond to sixteen seconds.
const DURATION_BUCKETS_S: [f64; 9] = [0.00025, 0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SurfaceLabel {
    pub surface: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OutcomeLabels {
    pub surface: &'static str,
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabels {
    pub surface: &'static str,
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ListenerLabel {
    pub listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResponseLabels {
    pub listener: &'static str,
    pub status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DenialLabels {
    pub listener: &'static str,
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LimitLabels {
    pub listener: &'static str,
    pub by: &'static str,
}

#[derive(Debug)]
struct Watched {
    budget: Budget,
    journal: Reader,
}

/// All metrics of the server. Label values come from fixed lists, so their number is bounded.
#[derive(Debug)]
pub(crate) struct ServerMetrics {
    registry: Mutex<Metrics>,
    watched: OnceLock<Watched>,
    pub requests: Family<OutcomeLabels, Counter>,
    pub events_accepted: Family<SurfaceLabel, Counter>,
    pub events_duplicate: Family<SurfaceLabel, Counter>,
    pub events_rejected: Family<ReasonLabels, Counter>,
    pub events_warned: Family<ReasonLabels, Counter>,
    pub payload_bytes: Family<SurfaceLabel, Counter>,
    pub shedding: Shedding,
    pub turn_seconds: Histogram,
    pub commit_seconds: Histogram,
    pub bytes_in_flight: Gauge,
    pub connections: Family<ListenerLabel, Gauge>,
    pub connections_closed_idle: Family<ListenerLabel, Counter>,
    pub answers_not_taken: Family<ListenerLabel, Counter>,
    pub connections_refused: Family<ListenerLabel, Counter>,
    pub connections_full: Family<ListenerLabel, Counter>,
    pub handshakes_failed: Family<DenialLabels, Counter>,
    pub responses: Family<ResponseLabels, Counter>,
    pub denied: Family<DenialLabels, Counter>,
    pub limited: Family<LimitLabels, Counter>,
    pub engine_queue: QueueGauges,
    pub engine_entries: Counter,
    pub engine_step_seconds: Histogram,
    pub engine_ticks: Counter,
    pub engine_position: Gauge,
    pub engine_late: Gauge,
    pub engine_duplicates: Gauge,
    pub engine_overflowed: Gauge,
    pub engine_left_out: Gauge,
    pub incidents_live: Gauge,
    pub incidents_refused: Gauge,
    pub evidence_captured: Counter,
    pub evidence_unchanged: Counter,
    pub store_queue: QueueGauges,
    pub store_failures: Counter,
    pub reports_archived: Counter,
    pub snapshots_written: Counter,
    pub snapshots_failed: Counter,
    pub retention_segments: Counter,
    pub retention_bytes: Counter,
    pub journal_end: Gauge,
    pub journal_bytes: Gauge,
    pub journal_corrupt_frames: Gauge,
    pub resident_bytes: Gauge,
    pub notify: notify::NotifyMetrics,
}

macro_rules! specs {
    ($($name:ident = $text:literal, $help:literal;)*) => {
        $(const $name: MetricSpec = MetricSpec { name: $text, help: $help };)*

        /// The whole register, in the order of the page that lists it.
        pub static METRICS: &[MetricSpec] = &[$($name),*];
    };
}

specs! {
    REQUESTS = "ingest_requests", "Requests that brought something to take in, by surface and outcome.";
    ACCEPTED = "ingest_events_accepted", "Events, log records, data points, signals, alerts and deployments that were made durable.";
    DUPLICATE = "ingest_events_duplicate", "Events that this process had taken in before.";
    REJECTED = "ingest_events_rejected", "Events, log records, data points, signals, alerts and deployments that were not taken in, by reason.";
    WARNED = "ingest_events_warned", "Events, log records and data points that were taken in, but not as they came, by what was changed or missing.";
    PAYLOAD = "ingest_payload_bytes", "Bytes of accepted requests after decompression.";
    SHED = "shed_requests", "Requests refused with 503 for want of room, by class and by what was scarce.";
    TURN = "turn_wait_seconds", "Time that a task waits for its turn on the processor, looked at twenty times a second.";
    DECODERS_WAITING = "decoders_waiting", "Large or compressed bodies that wait for a decoder, of which there are as many as cores.";
    DECODER_WAIT = "decoder_wait_seconds", "Time that a large or compressed body waited for a decoder.";
    COMMIT = "journal_commit_seconds", "Time from handing an entry to the journal until it is durable.";
    IN_FLIGHT = "ingest_in_flight_bytes", "Bytes of requests held in memory now.";
    CONNECTIONS = "connections", "Open connections.";
    CONNECTIONS_IDLE = "connections_closed_idle", "Connections closed because no request came in time.";
    ANSWERS_NOT_TAKEN = "answers_not_taken", "Answers that were given up because their client took nothing of them for --idle-timeout; over HTTP/1.1 with their connection.";
    CONNECTIONS_REFUSED = "connections_refused", "Connections closed at once because their address had as many as it may.";
    CONNECTIONS_FULL = "connections_full", "How often new connections had to wait because a listener had as many as it may.";
    RESPONSES = "http_responses", "Answers, by listener and status.";
    DENIED = "requests_denied", "Requests whose caller is not known or may not do what was asked, by listener and reason.";
    LIMITED = "requests_limited", "Requests beyond a limit of a key, an address, all clients, or refusals of an address.";
    KEYS = "keys_known", "Keys of the file that is in force.";
    KEYS_BROKEN = "keys_file_broken", "1 while the keys file cannot be read or understood, so that the keys from before stay in force.";
    KEYS_RELOADS = "keys_reloads", "How often a changed keys file was taken over.";
    LOGINS = "logins", "Logins of people and their ends, by what became of them.";
    SESSIONS = "sessions_open", "Sessions of people that are not over.";
    HANDSHAKES_FAILED = "tls_handshakes_failed", "TLS handshakes that came to nothing, by listener and reason: no_certificate, bad_certificate, refused, slow or crowded.";
    TLS_BROKEN = "tls_files_broken", "1 while the files of certificates cannot be used, so that the ones from before stay in force.";
    TLS_RELOADS = "tls_reloads", "How often changed certificates were taken over.";
    ENGINE_DEPTH = "engine_queue_depth", "Groups of durable entries that wait for the engine.";
    ENGINE_CAPACITY = "engine_queue_capacity", "Most groups that may wait for the engine.";
    ENGINE_FULL = "engine_queue_full", "How often the journal had to wait for the engine.";
    ENGINE_ENTRIES = "engine_entries", "Journal entries that the engine has applied.";
    ENGINE_STEP = "engine_step_seconds", "Time of one step of the engine.";
    ENGINE_TICKS = "engine_ticks", "Ticks that the engine has evaluated.";
    ENGINE_POSITION = "engine_position", "Journal position of the entry that was applied last.";
    ENGINE_LATE = "engine_late_events", "Events that came too late to count.";
    ENGINE_DUPLICATES = "engine_duplicate_events", "Deliveries of an event that had been counted before.";
    ENGINE_OVERFLOWED = "engine_overflowed", "Names beyond a bound that were counted under __other__.";
    ENGINE_LEFT_OUT = "engine_left_out", "Points of metrics, traces, spans and notifications of alerts beyond a bound, of which nothing or not all is known.";
    INCIDENTS_LIVE = "incidents_live", "Incidents that are not resolved.";
    INCIDENTS_REFUSED = "incidents_refused", "Symptoms for which no incident was opened because too many were live.";
    EVIDENCE_CAPTURED = "evidence_captured", "Evidence entries that were journaled.";
    EVIDENCE_UNCHANGED = "evidence_unchanged", "Captures that found the same as before and were not journaled again.";
    STORE_DEPTH = "store_queue_depth", "Batches of changes that wait for the store.";
    STORE_CAPACITY = "store_queue_capacity", "Most batches of changes that may wait for the store.";
    STORE_FULL = "store_queue_full", "How often the engine had to wait for the store.";
    STORE_FAILURES = "store_failures", "Writes to the store that failed and were tried again.";
    REPORTS = "reports_archived", "Reports handed to the archive.";
    SNAPSHOTS = "snapshots_written", "Snapshots of the engine that were written.";
    SNAPSHOTS_FAILED = "snapshots_failed", "Snapshots of the engine that could not be written.";
    RETENTION_SEGMENTS = "retention_removed_segments", "Journal segments that retention removed.";
    RETENTION_BYTES = "retention_removed_bytes", "Bytes of journal that retention removed.";
    JOURNAL_END = "journal_end_position", "Position behind the journal's last entry.";
    JOURNAL_BYTES = "journal_size_bytes", "Size of the journal on disk.";
    JOURNAL_CORRUPT = "journal_corrupt_frames", "Damaged frames that were isolated.";
    NOTIFY_SENT = "notifications_sent", "Notifications that a target took.";
    NOTIFY_FAILED = "notifications_failed_attempts", "Attempts to deliver a notification that failed.";
    NOTIFY_DEAD = "notifications_given_up", "Notifications that became dead letters after an attempt.";
    NOTIFY_PENDING = "notifications_pending", "Notifications that wait for their target.";
    NOTIFY_LETTERS = "notifications_dead_letters", "Dead letters that the store holds, of all targets.";
    RESIDENT = "process_resident_memory_bytes", "Resident memory of the process.";
}

impl ServerMetrics {
    pub(crate) fn new() -> Self {
        let mut registry = Metrics::default();
        let r = &mut registry;
        let durations = || Histogram::new(DURATION_BUCKETS_S);
        let engine_queue = queue(r, ENGINE_DEPTH, ENGINE_CAPACITY, ENGINE_FULL);
        let store_queue = queue(r, STORE_DEPTH, STORE_CAPACITY, STORE_FULL);
        Self {
            requests: r.add(REQUESTS, Family::default()),
            events_accepted: r.add(ACCEPTED, Family::default()),
            events_duplicate: r.add(DUPLICATE, Family::default()),
            events_rejected: r.add(REJECTED, Family::default()),
            events_warned: r.add(WARNED, Family::default()),
            payload_bytes: r.add(PAYLOAD, Family::default()),
            shedding: shedding(r),
            turn_seconds: r.add(TURN, durations()),
            commit_seconds: r.add(COMMIT, durations()),
            bytes_in_flight: r.add(IN_FLIGHT, Gauge::default()),
            connections: r.add(CONNECTIONS, Family::default()),
            connections_closed_idle: r.add(CONNECTIONS_IDLE, Family::default()),
            answers_not_taken: r.add(ANSWERS_NOT_TAKEN, Family::default()),
            connections_refused: r.add(CONNECTIONS_REFUSED, Family::default()),
            connections_full: r.add(CONNECTIONS_FULL, Family::default()),
            handshakes_failed: r.add(HANDSHAKES_FAILED, Family::default()),
            responses: r.add(RESPONSES, Family::default()),
            denied: r.add(DENIED, Family::default()),
            limited: r.add(LIMITED, Family::default()),
            engine_queue,
            engine_entries: r.add(ENGINE_ENTRIES, Counter::default()),
            engine_step_seconds: r.add(ENGINE_STEP, durations()),
            engine_ticks: r.add(ENGINE_TICKS, Counter::default()),
            engine_position: r.add(ENGINE_POSITION, Gauge::default()),
            engine_late: r.add(ENGINE_LATE, Gauge::default()),
            engine_duplicates: r.add(ENGINE_DUPLICATES, Gauge::default()),
            engine_overflowed: r.add(ENGINE_OVERFLOWED, Gauge::default()),
            engine_left_out: r.add(ENGINE_LEFT_OUT, Gauge::default()),
            incidents_live: r.add(INCIDENTS_LIVE, Gauge::default()),
            incidents_refused: r.add(INCIDENTS_REFUSED, Gauge::default()),
            evidence_captured: r.add(EVIDENCE_CAPTURED, Counter::default()),
            evidence_unchanged: r.add(EVIDENCE_UNCHANGED, Counter::default()),
            store_queue,
            store_failures: r.add(STORE_FAILURES, Counter::default()),
            reports_archived: r.add(REPORTS, Counter::default()),
            snapshots_written: r.add(SNAPSHOTS, Counter::default()),
            snapshots_failed: r.add(SNAPSHOTS_FAILED, Counter::default()),
            retention_segments: r.add(RETENTION_SEGMENTS, Counter::default()),
            retention_bytes: r.add(RETENTION_BYTES, Counter::default()),
            journal_end: r.add(JOURNAL_END, Gauge::default()),
            journal_bytes: r.add(JOURNAL_BYTES, Gauge::default()),
            journal_corrupt_frames: r.add(JOURNAL_CORRUPT, Gauge::default()),
            notify: notify_metrics(r),
            resident_bytes: r.add(RESIDENT, Gauge::default()),
            registry: Mutex::new(registry),
            watched: OnceLock::new(),
        }
    }

    /// What is looked at whenever the page is asked for.
    pub(crate) fn watch(&self, budget: Budget, journal: Reader) {
        let _ = self.watched.set(Watched { budget, journal });
    }

    pub(crate) fn watch_keys(&self, keys: &KeyMetrics) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.add(KEYS, keys.known.clone());
        registry.add(KEYS_BROKEN, keys.broken.clone());
        registry.add(KEYS_RELOADS, keys.reloads.clone());
    }

    pub(crate) fn watch_people(&self, people: &People) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.add(LOGINS, people.logins.clone());
        registry.add(SESSIONS, people.sessions_open());
    }

    pub(crate) fn watch_tls(&self, tls: &TlsMetrics) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.add(TLS_BROKEN, tls.broken.clone());
        registry.add(TLS_RELOADS, tls.reloads.clone());
    }

    /// The engine's own counters, as of the last tick.
    pub(crate) fn note_totals(&self, totals: Totals) {
        self.engine_late.set(gauge(totals.late));
        self.engine_duplicates.set(gauge(totals.duplicates));
        self.engine_overflowed.set(gauge(totals.overflowed));
        self.engine_left_out.set(gauge(totals.left_out));
        self.incidents_live.set(gauge(totals.incidents_live));
        self.incidents_refused.set(gauge(totals.incidents_refused));
    }

    /// The page of `/metrics`.
    pub(crate) fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        if let Some(Watched { budget, journal }) = self.watched.get() {
            let stats = journal.stats();
            self.bytes_in_flight.set(gauge(budget.bytes_in_use()));
            self.journal_end.set(gauge(journal.end().0));
            self.journal_bytes.set(gauge(stats.bytes));
            self.journal_corrupt_frames.set(gauge(stats.corrupt_frames));
        }
        match self.registry.lock() {
            Ok(registry) => registry.render(),
            Err(poisoned) => poisoned.into_inner().render(),
        }
    }
}

/// Gauges are signed; no count here comes near the bound.
fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn queue(registry: &mut Metrics, depth: MetricSpec, capacity: MetricSpec, full: MetricSpec) -> QueueGauges {
    QueueGauges {
        depth: registry.add(depth, Gauge::default()),
        capacity: registry.add(capacity, Gauge::default()),
        full: registry.add(full, Counter::default()),
    }
}

fn shedding(registry: &mut Metrics) -> Shedding {
    let requests = registry.add(SHED, Family::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let waiting = registry.add(DECODERS_WAITING, Gauge::default());
    let waited = registry.add(DECODER_WAIT, Histogram::new(DURATION_BUCKETS_S));
    Shedding::new(requests, Decoders::new(cores, waiting, waited))
}

fn notify_metrics(registry: &mut Metrics) -> notify::NotifyMetrics {
    notify::NotifyMetrics {
        sent: registry.add(NOTIFY_SENT, Counter::default()),
        attempts_failed: registry.add(NOTIFY_FAILED, Counter::default()),
        dead: registry.add(NOTIFY_DEAD, Counter::default()),
        pending: registry.add(NOTIFY_PENDING, Gauge::default()),
        dead_letters: registry.add(NOTIFY_LETTERS, Gauge::default()),
    }
}

/// From the second number of `/proc/self/statm`, in pages.
fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_metric_with_its_help_and_ends_as_openmetrics_says() {
        let metrics = ServerMetrics::new();
        metrics.events_rejected.get_or_create(&ReasonLabels { surface: "otlp_http", reason: "future" }).inc();
        let page = metrics.render();
        assert!(page.ends_with("# EOF\n"), "{page}");
        let rejected = "casebook_ingest_events_rejected_total{surface=\"otlp_http\",reason=\"future\"} 1";
        assert!(page.contains(rejected), "{page}");
        assert!(page.contains("# HELP casebook_journal_size_bytes Size of the journal on disk."), "{page}");
    }
}
