//! The document of `/status` for people. It must never show what is not in the document, nor let a word of it act.

use edge::status::{
    CasebookStatus, HeadStatus, Latency, NodeStatus, PoolStatus, ReportStatus, Status, TransportStatus,
};

use super::super::columns::{Columns, inert};

const TITLES: [&str; 11] = [
    "NODE",
    "ADDRESS",
    "TIER",
    "HTTP",
    "STREAM",
    "HEAD",
    "LAG",
    "IN FLIGHT",
    "CALLS",
    "FAILED",
    "MEDIAN / 99 %",
];
/// Of a hash, as much as tells it from another one.
const HASH_CHARS: usize = 10;

pub(super) fn page(status: &Status) -> String {
    let clients = &status.clients;
    let mut page = format!(
        "casebook-edge {}, up {}{}: {} connections, {} sessions, {} subscriptions\n",
        inert(&status.version),
        span(status.uptime_ms),
        if status.is_draining { ", draining" } else { "" },
        clients.connections,
        clients.sessions,
        clients.subscriptions,
    );
    if let Some(casebook) = &status.casebook {
        page.push_str(&told(casebook));
    }
    for fault in &status.config.faults {
        page.push_str(&format!("the configuration file is not in force: {}\n", inert(fault)));
    }
    for setting in &status.config.awaits_restart {
        page.push_str(&format!("counts after a restart: {}\n", inert(setting)));
    }
    for pool in &status.pools {
        page.push_str(&format!("\n{}\n{}", heading(pool), nodes(pool)));
        page.push_str(&failovers(pool));
    }
    page
}

fn told(casebook: &CasebookStatus) -> String {
    let counts = |what: &str, report: &ReportStatus| {
        format!("; {what}: {} sent, {} waiting, {} dropped", report.sent, report.waiting, report.dropped)
    };
    let traces = casebook.traces.as_ref().map(|traces| counts("traces", traces)).unwrap_or_default();
    let trouble =
        casebook.trouble.as_ref().map(|trouble| format!("; {}", inert(trouble))).unwrap_or_default();
    format!("tells {}{}{traces}{trouble}\n", inert(&casebook.address), counts("signals", &casebook.signals))
}

fn heading(pool: &PoolStatus) -> String {
    let chain = pool.chain_id.map(|id| format!(", chain {id}")).unwrap_or_default();
    let head = pool.head.as_ref().map(head).unwrap_or_default();
    format!(
        "/{}  {}{chain}{head}, {} sessions, {} subscriptions over {} streams",
        inert(&pool.name),
        inert(&pool.kind),
        pool.sessions,
        pool.subscriptions,
        pool.streams_shared,
    )
}

fn head(head: &HeadStatus) -> String {
    let hash: String = head.hash.chars().take(HASH_CHARS).collect();
    format!(", head {} {} {} ago", head.number, inert(&hash), span(head.age_ms))
}

fn nodes(pool: &PoolStatus) -> String {
    let mut columns = Columns::new("  ", &TITLES);
    pool.nodes.iter().for_each(|node| columns.row(cells(node)));
    columns.render()
}

fn cells(node: &NodeStatus) -> [String; 11] {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    [
        node.name.clone(),
        node.address.clone(),
        if node.is_draining { format!("{}, drained", node.tier) } else { node.tier.clone() },
        transport(Some(&node.http)),
        transport(node.stream.as_ref()),
        number(node.head),
        number(node.lag_blocks),
        node.calls_in_flight.to_string(),
        node.calls.to_string(),
        node.calls_failed.to_string(),
        node.latency.as_ref().map_or_else(|| "-".to_owned(), latency),
    ]
}

fn transport(transport: Option<&TransportStatus>) -> String {
    let Some(TransportStatus { state, since_ms, fault }) = transport else { return "-".to_owned() };
    let fault = fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default();
    format!("{}{fault} {}", state.word(), span(*since_ms))
}

fn latency(latency: &Latency) -> String {
    format!("{:.1} / {:.1} ms", latency.median_ms, latency.p99_ms)
}

fn failovers(pool: &PoolStatus) -> String {
    let Some(last) = &pool.last_failover else { return String::new() };
    format!(
        "  failovers: {}, the last {} ago from {} to {} ({}), in {} ms\n",
        pool.failovers,
        span(last.age_ms),
        inert(&last.from),
        inert(&last.to),
        inert(&last.reason),
        last.took_ms,
    )
}

/// A time that has passed, in its two largest units.
fn span(ms: u64) -> String {
    let (s, m, h, d) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..60_000 => format!("{s}s"),
        60_000..3_600_000 => format!("{m}m{:02}s", s % 60),
        3_600_000..86_400_000 => format!("{h}h{:02}m", m % 60),
        _ => format!("{d}d{:02}h", h % 24),
    }
}
