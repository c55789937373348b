//! The table of panels: rows, titles and queries. It must never know how a panel is written for Grafana.

pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) help: &'static str,
    pub(super) look: Look,
    /// Each with the legend of its lines.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
pub(super) enum Look {
    /// Lines over time, in a unit of Grafana's.
    Lines(&'static str),
    /// The standing of nodes: four coloured words over time.
    Standing,
    /// Good at 1, bad at 0, or the other way round.
    Flag { good: i64 },
}

pub(super) const ROWS: &[Row] = &[
    Row { title: "Clients", panels: CLIENTS },
    Row { title: "Failover", panels: FAILOVER },
    Row { title: "Nodes", panels: NODES },
    Row { title: "Chain", panels: CHAIN },
    Row { title: "Limits and configuration", panels: LIMITS },
];

const CLIENTS: &[Panel] = &[
    Panel {
        title: "Calls",
        help: "`failed` and `deadline` are calls that a client lost; `refused` is beyond a limit, and `abandoned` was left by its client.",
        look: Look::Lines("reqps"),
        queries: &[(
            r#"sum by (pool, outcome) (rate(casebook_edge_requests_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}} {{outcome}}",
        )],
    },
    Panel {
        title: "Calls not answered",
        help: "By the class of their method.",
        look: Look::Lines("reqps"),
        queries: &[(
            r#"sum by (pool, class, outcome) (rate(casebook_edge_requests_total{pool=~"$pool",outcome!="answered"}[$__rate_interval]))"#,
            "{{pool}} {{class}} {{outcome}}",
        )],
    },
    Panel {
        title: "Time of a call",
        help: "The median and the slowest hundredth.",
        look: Look::Lines("s"),
        queries: &[
            (
                r#"histogram_quantile(0.5, sum by (le, pool, class) (rate(casebook_edge_request_seconds_bucket{pool=~"$pool"}[$__rate_interval])))"#,
                "{{pool}} {{class}} median",
            ),
            (
                r#"histogram_quantile(0.99, sum by (le, pool, class) (rate(casebook_edge_request_seconds_bucket{pool=~"$pool"}[$__rate_interval])))"#,
                "{{pool}} {{class}} 99 %",
            ),
        ],
    },
    Panel {
        title: "Connections and sessions",
        help: "A session keeps a WebSocket or an event stream open. Tasks that only grow are a defect.",
        look: Look::Lines("short"),
        queries: &[
            ("sum(casebook_edge_client_connections)", "connections"),
            ("sum(casebook_edge_tasks)", "tasks"),
            (r#"sum by (pool) (casebook_edge_sessions{pool=~"$pool"})"#, "{{pool}} sessions"),
        ],
    },
    Panel {
        title: "Subscriptions",
        help: "What clients follow, and how few streams that takes.",
        look: Look::Lines("short"),
        queries: &[
            (r#"sum by (pool, kind) (casebook_edge_subscriptions{pool=~"$pool"})"#, "{{pool}} {{kind}}"),
            (
                r#"sum by (pool, kind) (casebook_edge_streams_shared{pool=~"$pool"})"#,
                "{{pool}} {{kind}} streams",
            ),
        ],
    },
    Panel {
        title: "Notifications",
        help: "Handed to clients.",
        look: Look::Lines("cps"),
        queries: &[(
            r#"sum by (pool, kind) (rate(casebook_edge_notifications_sent_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}} {{kind}}",
        )],
    },
    Panel {
        title: "Bytes",
        help: "As the edge sees them.",
        look: Look::Lines("Bps"),
        queries: &[(
            r#"sum by (pool, side, direction) (rate(casebook_edge_bytes_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}} {{side}} {{direction}}",
        )],
    },
];

const FAILOVER: &[Panel] = &[
    Panel {
        title: "Failovers",
        help: "By what the node that was left had done.",
        look: Look::Lines("short"),
        queries: &[(
            r#"sum by (pool, transport, error_class) (increase(casebook_edge_failovers_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}} {{transport}} {{error_class}}",
        )],
    },
    Panel {
        title: "Time of a failover",
        help: "From the fault until another node is used.",
        look: Look::Lines("s"),
        queries: &[
            (
                r#"histogram_quantile(0.5, sum by (le, pool) (rate(casebook_edge_failover_seconds_bucket{pool=~"$pool"}[$__rate_interval])))"#,
                "{{pool}} median",
            ),
            (
                r#"histogram_quantile(0.99, sum by (le, pool) (rate(casebook_edge_failover_seconds_bucket{pool=~"$pool"}[$__rate_interval])))"#,
                "{{pool}} 99 %",
            ),
        ],
    },
    Panel {
        title: "Retries and hedges",
        help: "Retries follow a failed attempt; hedges run beside one that is slow.",
        look: Look::Lines("reqps"),
        queries: &[
            (
                r#"sum by (pool) (rate(casebook_edge_retries_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} retries",
            ),
            (
                r#"sum by (pool) (rate(casebook_edge_hedges_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} hedges",
            ),
            (
                r#"sum by (pool) (rate(casebook_edge_hedge_wins_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} hedges that won",
            ),
        ],
    },
    Panel {
        title: "Share of calls that were hedged",
        help: "Never above hedge_percent_max.",
        look: Look::Lines("percentunit"),
        queries: &[(
            r#"sum by (pool) (rate(casebook_edge_hedges_total{pool=~"$pool"}[$__rate_interval])) / sum by (pool) (rate(casebook_edge_requests_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}}",
        )],
    },
];

const NODES: &[Panel] = &[
    Panel {
        title: "Standing",
        help: "What each node is given, by transport.",
        look: Look::Standing,
        queries: &[(r#"casebook_edge_node_state{pool=~"$pool"}"#, "{{pool}} {{node}} {{transport}}")],
    },
    Panel {
        title: "Attempts that failed",
        help: "By what came of them.",
        look: Look::Lines("reqps"),
        queries: &[(
            r#"sum by (pool, node, error_class) (rate(casebook_edge_attempts_total{pool=~"$pool",error_class!="none"}[$__rate_interval]))"#,
            "{{pool}} {{node}} {{error_class}}",
        )],
    },
    Panel {
        title: "Attempts",
        help: "How the calls are shared out.",
        look: Look::Lines("reqps"),
        queries: &[(
            r#"sum by (pool, node) (rate(casebook_edge_attempts_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}} {{node}}",
        )],
    },
    Panel {
        title: "Time until a node answers",
        help: "The slowest hundredth.",
        look: Look::Lines("s"),
        queries: &[(
            r#"histogram_quantile(0.99, sum by (le, pool, node) (rate(casebook_edge_attempt_seconds_bucket{pool=~"$pool"}[$__rate_interval])))"#,
            "{{pool}} {{node}}",
        )],
    },
    Panel {
        title: "Blocks behind",
        help: "Behind the served head, as last seen.",
        look: Look::Lines("short"),
        queries: &[(r#"casebook_edge_node_lag_blocks{pool=~"$pool"}"#, "{{pool}} {{node}}")],
    },
    Panel {
        title: "Calls in flight and streams",
        help: "At each node.",
        look: Look::Lines("short"),
        queries: &[
            (r#"casebook_edge_node_calls_in_flight{pool=~"$pool"}"#, "{{pool}} {{node}} calls"),
            (r#"casebook_edge_node_streams{pool=~"$pool"}"#, "{{pool}} {{node}} streams"),
        ],
    },
    Panel {
        title: "Stalls and lies",
        help: "Silence where something was due, and words that contradict what the others know.",
        look: Look::Lines("short"),
        queries: &[
            (
                r#"sum by (pool, node, transport) (increase(casebook_edge_stalls_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} {{node}} {{transport}} stalls",
            ),
            (
                r#"sum by (pool, node) (increase(casebook_edge_lies_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} {{node}} lies",
            ),
        ],
    },
];

const CHAIN: &[Panel] = &[
    Panel {
        title: "Served head",
        help: "The block that was announced last.",
        look: Look::Lines("none"),
        queries: &[(r#"max by (pool) (casebook_edge_head_number{pool=~"$pool"})"#, "{{pool}}")],
    },
    Panel {
        title: "Heads announced",
        help: "For each minute.",
        look: Look::Lines("short"),
        queries: &[(
            r#"60 * sum by (pool) (rate(casebook_edge_heads_announced_total{pool=~"$pool"}[$__rate_interval]))"#,
            "{{pool}}",
        )],
    },
    Panel {
        title: "Blocks fetched to close gaps",
        help: "And how many gaps there were.",
        look: Look::Lines("short"),
        queries: &[
            (
                r#"sum by (pool) (increase(casebook_edge_gap_blocks_sum{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} blocks",
            ),
            (
                r#"sum by (pool) (increase(casebook_edge_gap_blocks_count{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} gaps",
            ),
        ],
    },
    Panel {
        title: "Blocks taken back",
        help: "By reorganisations, and how many of them there were.",
        look: Look::Lines("short"),
        queries: &[
            (
                r#"sum by (pool) (increase(casebook_edge_reorg_blocks_sum{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} blocks",
            ),
            (
                r#"sum by (pool) (increase(casebook_edge_reorg_blocks_count{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} reorganisations",
            ),
        ],
    },
];

const LIMITS: &[Panel] = &[
    Panel {
        title: "Refused",
        help: "Beyond a limit, or without a key that counts.",
        look: Look::Lines("reqps"),
        queries: &[
            ("sum by (limit) (rate(casebook_edge_refused_total[$__rate_interval]))", "{{limit}}"),
            ("sum(rate(casebook_edge_denied_total[$__rate_interval]))", "no key"),
        ],
    },
    Panel {
        title: "Clients closed",
        help: "Too much waited for them, or they did not keep to their time or to the protocol.",
        look: Look::Lines("short"),
        queries: &[
            (
                r#"sum by (pool) (increase(casebook_edge_slow_clients_closed_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} slow",
            ),
            ("sum by (why) (increase(casebook_edge_clients_cut_total[$__rate_interval]))", "{{why}}"),
        ],
    },
    Panel {
        title: "Filters",
        help: "Kept until their news are asked for, and ended because something was missing.",
        look: Look::Lines("short"),
        queries: &[
            (r#"sum by (pool) (casebook_edge_filters{pool=~"$pool"})"#, "{{pool}} kept"),
            (
                r#"sum by (pool) (increase(casebook_edge_filters_lost_total{pool=~"$pool"}[$__rate_interval]))"#,
                "{{pool}} lost",
            ),
        ],
    },
    Panel {
        title: "Queues",
        help: "What waits, and how often there was no room.",
        look: Look::Lines("short"),
        queries: &[
            ("sum by (queue) (casebook_edge_queue_depth)", "{{queue}}"),
            ("sum by (queue) (increase(casebook_edge_queue_full_total[$__rate_interval]))", "{{queue}} full"),
        ],
    },
    Panel {
        title: "Casebook server",
        help: "Signals and traces that it was sent, and those that it was not.",
        look: Look::Lines("short"),
        queries: &[(
            "sum by (kind, outcome) (increase(casebook_edge_reports_total[$__rate_interval]))",
            "{{kind}} {{outcome}}",
        )],
    },
    Panel {
        title: "Configuration",
        help: "Whether the file as it stands is in force.",
        look: Look::Flag { good: 1 },
        queries: &[("min(casebook_edge_config_valid)", "valid")],
    },
    Panel {
        title: "Certificates",
        help: "Whether the files as they stand cannot be used.",
        look: Look::Flag { good: 0 },
        queries: &[("max(casebook_edge_tls_files_broken)", "broken")],
    },
    Panel {
        title: "Reloads",
        help: "Of the configuration and of certificates.",
        look: Look::Lines("short"),
        queries: &[
            (
                "sum by (outcome) (increase(casebook_edge_reloads_total[$__rate_interval]))",
                "configuration {{outcome}}",
            ),
            ("sum(increase(casebook_edge_tls_reloads_total[$__rate_interval]))", "certificates"),
        ],
    },
];
