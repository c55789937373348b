//! The register itself: every setting of `casebook-edge`, once.

use super::register::Absent::{Is, Means, Refused};
use super::register::{Kind, Setting, Table, setting};
use super::shape::{Schemes, Shape};

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

const COUNT_MAX: u64 = 1_000_000;
const KIND_WORDS: &[&str] = &["execution", "consensus", "http"];
const TIER_WORDS: &[&str] = &["primary", "backup"];

const EXECUTION: &[Kind] = &[Kind::Execution];
const CHAIN: &[Kind] = &[Kind::Execution, Kind::Consensus];
const PLAIN: &[Kind] = &[Kind::Http];

/// Every setting, in the order of the page.
pub static REGISTER: &[Setting] = &[
    setting(Table::Edge, "listen", Shape::Address, Is("127.0.0.1:8545"), "Where clients connect.")
        .at_restart(),
    setting(
        Table::Edge,
        "admin_listen",
        Shape::Address,
        Is("127.0.0.1:9545"),
        "Where /livez, /readyz, /status and /metrics are.",
    )
    .at_restart(),
    setting(
        Table::Edge,
        "allow_public_without_keys",
        Shape::Flag,
        Is("false"),
        "Start though other machines can reach listen without a key, or admin_listen, which asks nobody for one.",
    ),
    setting(
        Table::Edge,
        "connections_max",
        count(COUNT_MAX),
        Is("10000"),
        "Most connections of clients at once; further ones wait in the system's queue.",
    ),
    setting(
        Table::Edge,
        "request_timeout",
        duration(100, 10 * MINUTE),
        Is("30s"),
        "How long a request's head and body may take to arrive, and how long a client may take nothing of what it is sent.",
    ),
    setting(
        Table::Edge,
        "idle_timeout",
        duration(SECOND, HOUR),
        Is("75s"),
        "After how long a connection without requests is closed; a WebSocket stays while it answers pings.",
    ),
    setting(
        Table::Edge,
        "drain_lead",
        duration(0, 10 * MINUTE),
        Is("2s"),
        "How long /readyz says no while all is still served when the process stops: longer than balancers take to notice.",
    ),
    setting(
        Table::Edge,
        "drain_grace",
        duration(0, 10 * MINUTE),
        Is("30s"),
        "How long calls in flight may take to end after that.",
    ),
    setting(Table::Edge, "log", Shape::Filter, Is("info"), "Which log lines go to standard error.")
        .at_restart(),
    setting(
        Table::Tls,
        "certificate",
        Shape::File,
        Refused,
        "PEM file with the certificate chain for clients; read again when it changes and at SIGHUP.",
    )
    .at_restart(),
    setting(Table::Tls, "key", Shape::File, Refused, "PEM file with the private key of the certificate.")
        .at_restart(),
    setting(
        Table::Tls,
        "client_ca",
        Shape::File,
        Means("clients need no certificate"),
        "PEM file with authorities; every client then needs a certificate of one of them.",
    )
    .at_restart(),
    setting(
        Table::Casebook,
        "url",
        Shape::Url(Schemes::Http),
        Refused,
        "The API of a Casebook server, which is told of failovers as signals.",
    ),
    setting(
        Table::Casebook,
        "otlp_url",
        Shape::Url(Schemes::Http),
        Means("no spans are sent"),
        "Where the same server takes OTLP over HTTP.",
    ),
    setting(
        Table::Casebook,
        "key",
        Shape::Secret,
        Means("no key is sent"),
        "The key to send there, with the scope write.",
    ),
    setting(
        Table::Casebook,
        "service",
        Shape::Name,
        Is("casebook-edge"),
        "As which service the edge speaks of itself.",
    ),
    setting(
        Table::Casebook,
        "env",
        Shape::Name,
        Means("none is told"),
        "The environment that signals and spans are of.",
    ),
    setting(Table::Key, "name", Shape::Name, Refused, "Whom logs name; no two keys share one."),
    setting(
        Table::Key,
        "sha256",
        Shape::Hashes,
        Refused,
        "SHA-256 of the key, or several while clients change from one to the next; the key itself stands nowhere.",
    ),
    setting(
        Table::Key,
        "connections_max",
        count(COUNT_MAX),
        Is("1000"),
        "Most connections at once with this key.",
    ),
    setting(
        Table::Key,
        "subscriptions_max",
        count(COUNT_MAX),
        Is("10000"),
        "Most subscriptions at once with this key.",
    ),
    setting(
        Table::Key,
        "requests_per_second",
        count(1_000 * COUNT_MAX),
        Is("100000"),
        "Calls a second; each call of a batch counts.",
    ),
    setting(Table::Key, "bytes_per_second", size(KIB, 1024 * GIB), Is("1GiB"), "Bytes of requests a second."),
    setting(Table::Pool, "kind", Shape::Word(KIND_WORDS), Refused, "What the nodes are.").at_restart(),
    setting(
        Table::Pool,
        "chain_id",
        count(i64::MAX as u64),
        Means("execution needs it; without it consensus nodes are not compared"),
        "The chain that every node must be on: eth_chainId, or DEPOSIT_CHAIN_ID of a consensus node.",
    )
    .only(CHAIN)
    .at_restart(),
    setting(
        Table::Pool,
        "block_time",
        duration(50, 10 * MINUTE),
        Is("12s"),
        "The usual time between blocks, or of a slot.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "health_path",
        Shape::Path,
        Means("a node is well while it can be connected to"),
        "Asked with GET of every node; an answer of 2xx says that it is well.",
    )
    .only(PLAIN),
    setting(
        Table::Pool,
        "deadline",
        duration(100, HOUR),
        Is("30s"),
        "How long a call may take in all, further attempts at other nodes and the wait for others of its batch included.",
    ),
    setting(
        Table::Pool,
        "attempt_timeout",
        duration(50, HOUR),
        Is("10s"),
        "How long one node may take for its answer while another could be asked; at most the deadline.",
    ),
    setting(
        Table::Pool,
        "dial_timeout",
        duration(50, MINUTE),
        Is("2s"),
        "How long a connection to a node may take to open, TLS included; at most attempt_timeout.",
    ),
    setting(Table::Pool, "attempts_max", count(64), Is("4"), "Most attempts of one call, further ones at the same node included."),
    setting(
        Table::Pool,
        "hedge_percent_max",
        Shape::Count { min: 0, max: 100 },
        Is("5"),
        "Most second attempts made before the first has failed, of a hundred calls. Whatever it says, another node is asked beside a silent one.",
    ),
    setting(
        Table::Pool,
        "request_bytes_max",
        size(KIB, GIB),
        Is("16MiB"),
        "Largest request of a client; it is kept while another node may still be tried.",
    ),
    setting(
        Table::Pool,
        "frame_bytes_max",
        size(64 * KIB, GIB),
        Is("64MiB"),
        "Largest answer of a node, and of a batch; what is longer is an error of that one call.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "probe_every",
        duration(100, 10 * MINUTE),
        Is("3s"),
        "How often a node is asked how it is, beside what the traffic shows.",
    ),
    setting(
        Table::Pool,
        "failback_after",
        duration(0, 24 * HOUR),
        Is("30s"),
        "How long a node must have been well again before it is preferred again.",
    ),
    setting(
        Table::Pool,
        "stall_after",
        duration(50, HOUR),
        Means("three times block_time, at most 5s"),
        "How long a node may be silent where others have a new head, or leave a probe unanswered.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "lag_blocks_max",
        Shape::Count { min: 0, max: 100_000 },
        Is("5"),
        "How far a node may be behind the served head and still be chosen while others are not.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "gap_blocks_max",
        count(100_000),
        Is("1024"),
        "Most blocks that are fetched to close a gap; a longer one ends the subscriptions with a reason.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "trust_logs_bloom",
        Shape::Flag,
        Is("true"),
        "Ask for logs only where a header's logsBloom shows some; false for chains with logs that it does not show.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "linger",
        duration(0, HOUR),
        Is("10s"),
        "How long a node's subscription or event stream is kept after its last client; beyond 1000 of those the oldest end.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "client_buffer_bytes_max",
        size(64 * KIB, GIB),
        Is("4MiB"),
        "Most bytes that wait for one client that reads slowly; then it is closed with a reason.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "calls_per_client_max",
        count(COUNT_MAX),
        Is("1000"),
        "Most calls of one WebSocket that are worked on at once; further ones wait to be read.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "subscriptions_per_client_max",
        count(COUNT_MAX),
        Is("256"),
        "Most subscriptions of one WebSocket.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "filters_per_address_max",
        count(COUNT_MAX),
        Is("1000"),
        "Most filters (eth_newFilter and its like) of one address's clients without keys; of IPv6 the first half counts.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "subscriptions_max",
        count(100 * COUNT_MAX),
        Is("100000"),
        "Most subscriptions and event streams of all clients together.",
    )
    .only(CHAIN),
    setting(
        Table::Pool,
        "batch_max",
        count(100_000),
        Is("1000"),
        "Most calls in one batch; a longer one is refused whole.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "broadcast_transactions",
        Shape::Flag,
        Is("true"),
        "Send a signed transaction to three nodes that serve at once, not only to one.",
    )
    .only(EXECUTION),
    setting(
        Table::Pool,
        "origins",
        Shape::Origins,
        Means("pages in browsers may not call; programs, which name no site, may"),
        "Whose pages may call: the sites, as browsers name them.",
    )
    .only(EXECUTION),
    setting(Table::Node, "name", Shape::Name, Refused, "Whom logs and metrics name; once in a pool."),
    setting(Table::Node, "http_url", Shape::Url(Schemes::Http), Refused, "Where the node answers over HTTP."),
    setting(
        Table::Node,
        "ws_url",
        Shape::Url(Schemes::WebSocket),
        Means("its heads are asked for instead of announced"),
        "Where the node takes WebSockets.",
    )
    .only(EXECUTION),
    setting(
        Table::Node,
        "headers",
        Shape::Headers,
        Means("none are added"),
        "Sent with every request to the node. A user and password in a URL become the header Authorization.",
    ),
    setting(
        Table::Node,
        "tier",
        Shape::Word(TIER_WORDS),
        Is("primary"),
        "Nodes of the tier backup are used while no primary one can serve.",
    ),
    setting(Table::Node, "weight", count(1_000), Is("1"), "Its share of the calls within its tier."),
    setting(
        Table::Node,
        "calls_max",
        count(COUNT_MAX),
        Is("1024"),
        "Most calls that the node works on at once; further ones go elsewhere.",
    ),
    setting(
        Table::Node,
        "attempt_timeout",
        duration(50, HOUR),
        Means("as the pool says"),
        "How long this node may take for its answer while another could be asked.",
    ),
    setting(
        Table::Node,
        "dial_timeout",
        duration(50, MINUTE),
        Means("as the pool says"),
        "How long a connection to this node may take to open.",
    ),
];

const fn count(max: u64) -> Shape {
    Shape::Count { min: 1, max }
}

const fn duration(min_ms: u64, max_ms: u64) -> Shape {
    Shape::Duration { min: min_ms, max: max_ms }
}

const fn size(min: u64, max: u64) -> Shape {
    Shape::Size { min, max }
}
