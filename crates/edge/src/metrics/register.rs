//! The register of the edge's metrics: every name once, with its type, labels and help. The page, the dashboard and the
//! handles all go by it. It must never know a value.

use runtime::MetricSpec;

/// How a metric counts, and so what its name ends in on the page of `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// One line of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeMetric {
    pub spec: MetricSpec,
    pub kind: MetricKind,
    pub labels: &'static [&'static str],
}

impl MetricKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }

    /// What the names of its series end in.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
        }
    }
}

macro_rules! register {
    ($($name:ident = $kind:ident $text:literal [$($label:ident),*], $help:literal;)*) => {
        $(pub(super) const $name: MetricSpec = MetricSpec { name: $text, help: $help };)*

        /// The whole register, in the order of the page that lists it.
        pub static METRICS: &[EdgeMetric] =
            &[$(EdgeMetric { spec: $name, kind: MetricKind::$kind, labels: &[$(stringify!($label)),*] }),*];
    };
}

register! {
    REQUESTS = Counter "edge_requests" [pool, class, outcome], "Calls of clients, by class and by what became of them.";
    REQUEST_SECONDS = Histogram "edge_request_seconds" [pool, class], "Time from a call until its answer is on its way to the client.";
    CONNECTIONS = Gauge "edge_client_connections" [], "Open connections of clients.";
    TASKS = Gauge "edge_tasks" [], "Tasks of the process that have not ended.";
    SESSIONS = Gauge "edge_sessions" [pool], "Clients that keep a WebSocket or an event stream open.";
    SUBSCRIPTIONS = Gauge "edge_subscriptions" [pool, kind], "Subscriptions of clients.";
    STREAMS = Gauge "edge_streams_shared" [pool, kind], "Subscriptions at nodes and derived streams that clients share.";
    NOTIFICATIONS = Counter "edge_notifications_sent" [pool, kind], "Notifications and events handed to clients.";
    BYTES = Counter "edge_bytes" [pool, side, direction], "Bytes of requests, answers and notifications.";
    FAILOVERS = Counter "edge_failovers" [pool, transport, error_class], "Changes from the preferred node to another one, by what it had done.";
    FAILOVER_SECONDS = Histogram "edge_failover_seconds" [pool], "Time from a node's fault until another one is used in its place.";
    RETRIES = Counter "edge_retries" [pool, class], "Further attempts of calls after one failed.";
    HEDGES = Counter "edge_hedges" [pool, class], "Second attempts made before the first had failed.";
    HEDGE_WINS = Counter "edge_hedge_wins" [pool, class], "Second attempts that answered first.";
    ATTEMPTS = Counter "edge_attempts" [pool, node, transport, error_class], "Attempts at a node, by what came of them; none is an answer.";
    ATTEMPT_SECONDS = Histogram "edge_attempt_seconds" [pool, node, transport], "Time from an attempt until the node's answer is there: all of it, or of a long one over REST what is held.";
    NODE_STATE = Gauge "edge_node_state" [pool, node, transport], "What a node is given: 3 calls, 2 nothing new, 1 what nobody else can take, 0 nothing.";
    NODE_LAG = Gauge "edge_node_lag_blocks" [pool, node], "How many blocks a node was last seen behind the served head.";
    NODE_IN_FLIGHT = Gauge "edge_node_calls_in_flight" [pool, node], "Calls that a node works on.";
    NODE_STREAMS = Gauge "edge_node_streams" [pool, node], "Open WebSockets and event streams to a node.";
    STALLS = Counter "edge_stalls" [pool, node, transport], "How often a connected node was silent where something was due.";
    LIES = Counter "edge_lies" [pool, node], "How often a node's word contradicted what the others know.";
    HEAD = Gauge "edge_head_number" [pool], "Number of the block that was announced last.";
    HEADS = Counter "edge_heads_announced" [pool], "Blocks announced to clients.";
    GAP_BLOCKS = Histogram "edge_gap_blocks" [pool], "Blocks that had to be fetched to close a gap.";
    REORG_BLOCKS = Histogram "edge_reorg_blocks" [pool], "Announced blocks that a reorganisation took back.";
    REFUSED = Counter "edge_refused" [limit], "What clients asked for beyond a limit.";
    CUT = Counter "edge_clients_cut" [why], "Connections closed because the client did not keep to its time or to the protocol.";
    DENIED = Counter "edge_denied" [], "Requests without a key that counts.";
    SLOW = Counter "edge_slow_clients_closed" [pool], "Clients closed because too much waited for them.";
    FILTERS = Gauge "edge_filters" [pool], "Filters whose news clients ask for.";
    FILTERS_LOST = Counter "edge_filters_lost" [pool], "Filters that ended because blocks were missing or too much waited to be asked for.";
    QUEUE_DEPTH = Gauge "edge_queue_depth" [queue], "What waits in a queue.";
    QUEUE_FULL = Counter "edge_queue_full" [queue], "How often a queue had no room.";
    REPORTS = Counter "edge_reports" [kind, outcome], "Signals and traces for the Casebook server, by what became of them.";
    CONFIG_VALID = Gauge "edge_config_valid" [], "0 while the configuration file has a fault, so that the one from before stays in force.";
    RELOADS = Counter "edge_reloads" [outcome], "How often a changed configuration was taken over or refused.";
    TLS_BROKEN = Gauge "edge_tls_files_broken" [], "1 while the files of certificates cannot be used, so that the ones from before stay in force.";
    TLS_RELOADS = Counter "edge_tls_reloads" [], "How often changed certificates were taken over.";
}
