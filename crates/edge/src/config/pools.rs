//! What the tables of pools and their nodes mean. It must never know how a node is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::endpoint;
use super::meaning::name;
use super::reading::{Reading, Said, Section, is_shown, join};
use super::{
    CallLimits, Chain, Consensus, Execution, Http, Kind, Node, Origins, Pool, Service, Shape, Table,
};
use crate::core::{NodeSet, Tier};

const POOLS_MAX: usize = 64;
const POOL_NAME_BYTES_MAX: usize = 63;
/// Paths of the process itself; a pool of that name would be taken for one.
const RESERVED: &[&str] = &["livez", "readyz", "status", "metrics"];
/// Without a word about it, a stall is told after so many block times, and at the latest after `STALL_AFTER_MAX`.
const STALL_BLOCKS: u32 = 3;
const STALL_AFTER_MAX: Duration = Duration::from_secs(5);

pub(super) fn pools<'a>(reading: &mut Reading<'a>, said: Option<Said<'a>>) -> Vec<Pool> {
    let none = "has no pool; expected a table [pools.NAME] and at least one [[pools.NAME.nodes]]";
    let Some(said) = said else {
        reading.fault_at(0, "", none.to_owned());
        return Vec::new();
    };
    let DeValue::Table(entries) = said.value else {
        reading.fault_at(said.at, "pools", "expected tables such as [pools.mainnet]".to_owned());
        return Vec::new();
    };
    if !(1..=POOLS_MAX).contains(&entries.len()) {
        let problem = format!("has {} pools; at least 1 and at most {POOLS_MAX} may be", entries.len());
        reading.fault_at(said.at, "pools", problem);
        return Vec::new();
    }
    let mut pools = Vec::new();
    for (name, value) in entries {
        let said = Said { at: name.span().start, value: value.get_ref() };
        let shown: &str = if is_shown(name.get_ref()) { name.get_ref() } else { "…" };
        let path = join("pools", shown);
        if let Some(problem) = name_fault(name.get_ref()) {
            reading.fault_at(said.at, &path, problem);
        }
        if let Some(section) = reading.section(Table::Pool, &path, said) {
            pools.extend(pool(reading, &section, name.get_ref()));
        }
    }
    pools
}

/// The name is a part of clients' paths.
fn name_fault(name: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=POOL_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Some(format!("the name of a pool has 1 to {POOL_NAME_BYTES_MAX} of a-z 0-9 -"));
    }
    RESERVED.contains(&name).then(|| format!("no pool can be called so: {} are taken", RESERVED.join(", ")))
}

fn pool<'a>(reading: &mut Reading<'a>, section: &Section<'a>, name: &str) -> Option<Pool> {
    let kind = reading.get(section, "kind", kind);
    if let Some(kind) = kind {
        reading.check_kind(section, kind);
    }
    let limits = call_limits(reading, section);
    let probe_every = reading.get(section, "probe_every", Shape::duration);
    let failback_after = reading.get(section, "failback_after", Shape::duration);
    let timeouts = Timeouts::of_pool(reading, section);
    if let (Some(limits), Some(attempt)) = (&limits, timeouts.attempt)
        && attempt > limits.deadline
    {
        reading.fault(section, "attempt_timeout", "is longer than deadline");
    }
    let service = kind.map(|kind| service(reading, section, kind));
    let nodes = nodes(reading, section, kind, &timeouts, limits.as_ref());
    Some(Pool {
        name: name.into(),
        limits: limits?,
        probe_every: probe_every?,
        failback_after: failback_after?,
        service: service??,
        nodes,
    })
}

fn kind(shape: Shape, text: &str) -> Option<Kind> {
    let word = shape.word(text)?;
    Kind::ALL.iter().copied().find(|kind| kind.word() == word)
}

fn call_limits(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<CallLimits> {
    let deadline = reading.get(section, "deadline", Shape::duration);
    let attempts_max = reading.get(section, "attempts_max", Shape::count);
    let hedge_percent_max = reading.get(section, "hedge_percent_max", Shape::count);
    let request_bytes_max = reading.get(section, "request_bytes_max", Shape::size);
    Some(CallLimits {
        deadline: deadline?,
        attempts_max: u32::try_from(attempts_max?).ok()?,
        hedge_percent_max: u8::try_from(hedge_percent_max?).ok()?,
        request_bytes_max: request_bytes_max? as usize,
    })
}

fn service(reading: &mut Reading<'_>, section: &Section<'_>, kind: Kind) -> Option<Service> {
    match kind {
        Kind::Execution => execution(reading, section).map(Service::Execution),
        Kind::Consensus => {
            let chain_id = reading.get(section, "chain_id", Shape::count);
            let chain = chain(reading, section);
            Some(Service::Consensus(Consensus { chain_id, chain: chain? }))
        }
        Kind::Http => {
            Some(Service::Http(Http { health_path: reading.get(section, "health_path", request_path) }))
        }
    }
}

fn execution(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<Execution> {
    let chain_id = reading.get(section, "chain_id", Shape::count);
    if section.get("chain_id").is_none() {
        let problem =
            "has to be given: the number of the chain, such as 1; a node of another chain is found by it";
        reading.fault(section, "chain_id", problem);
    }
    let chain = chain(reading, section);
    let frame_bytes_max = reading.get(section, "frame_bytes_max", Shape::size);
    let calls_per_client_max = reading.get(section, "calls_per_client_max", Shape::count);
    let subscriptions_per_client_max = reading.get(section, "subscriptions_per_client_max", Shape::count);
    let filters_per_address_max = reading.get(section, "filters_per_address_max", Shape::count);
    let batch_max = reading.get(section, "batch_max", Shape::count);
    let broadcast_transactions = reading.get(section, "broadcast_transactions", Shape::flag);
    let origins = Origins::read(reading, section);
    let trust_logs_bloom = reading.get(section, "trust_logs_bloom", Shape::flag);
    Some(Execution {
        chain_id: chain_id?,
        chain: chain?,
        frame_bytes_max: frame_bytes_max? as usize,
        calls_per_client_max: calls_per_client_max? as usize,
        subscriptions_per_client_max: subscriptions_per_client_max? as usize,
        filters_per_address_max: filters_per_address_max? as usize,
        batch_max: batch_max? as usize,
        broadcast_transactions: broadcast_transactions?,
        origins: origins?,
        trust_logs_bloom: trust_logs_bloom?,
    })
}

fn chain(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<Chain> {
    let block_time = reading.get(section, "block_time", Shape::duration);
    let stall_after = reading.get(section, "stall_after", Shape::duration);
    let lag_blocks_max = reading.get(section, "lag_blocks_max", Shape::count);
    let gap_blocks_max = reading.get(section, "gap_blocks_max", Shape::count);
    let linger = reading.get(section, "linger", Shape::duration);
    let subscriptions_max = reading.get(section, "subscriptions_max", Shape::count);
    let client_buffer_bytes_max = reading.get(section, "client_buffer_bytes_max", Shape::size);
    let block_time = block_time?;
    Some(Chain {
        block_time,
        stall_after: stall_after.unwrap_or((block_time * STALL_BLOCKS).min(STALL_AFTER_MAX)),
        lag_blocks_max: lag_blocks_max?,
        gap_blocks_max: gap_blocks_max?,
        linger: linger?,
        subscriptions_max: subscriptions_max? as usize,
        client_buffer_bytes_max: client_buffer_bytes_max? as usize,
    })
}

/// From its slash on, in characters that a request line can have.
fn request_path(_: Shape, text: &str) -> Option<String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    fits.then(|| text.to_owned())
}

/// Of the pool, where a node says nothing of its own. `None` where what was said is wrong.
struct Timeouts {
    dial: Option<Duration>,
    attempt: Option<Duration>,
}

impl Timeouts {
    fn of_pool(reading: &mut Reading<'_>, section: &Section<'_>) -> Self {
        let dial = reading.get(section, "dial_timeout", Shape::duration);
        let attempt = reading.get(section, "attempt_timeout", Shape::duration);
        let timeouts = Self { dial, attempt };
        timeouts.check(reading, section);
        timeouts
    }

    fn of_node(&self, reading: &mut Reading<'_>, section: &Section<'_>) -> Self {
        let dial = reading.get(section, "dial_timeout", Shape::duration);
        let attempt = reading.get(section, "attempt_timeout", Shape::duration);
        let timeouts = Self { dial: dial.or(self.dial), attempt: attempt.or(self.attempt) };
        // What comes from the pool alone was judged there.
        if dial.is_some() || attempt.is_some() {
            timeouts.check(reading, section);
        }
        timeouts
    }

    fn check(&self, reading: &mut Reading<'_>, section: &Section<'_>) {
        if let (Some(dial), Some(attempt)) = (self.dial, self.attempt)
            && dial > attempt
        {
            reading.fault(section, "dial_timeout", "is longer than attempt_timeout");
        }
    }
}

fn nodes<'a>(
    reading: &mut Reading<'a>,
    pool: &Section<'a>,
    kind: Option<Kind>,
    timeouts: &Timeouts,
    limits: Option<&CallLimits>,
) -> Vec<Node> {
    let path = join(&pool.path, "nodes");
    let said = pool.get("nodes");
    // What is no list is told of as such.
    let count = said.map_or(0, |said| said.value.as_array().map_or(1, |items| items.len()));
    if !(1..=NodeSet::NODES_MAX).contains(&count) {
        let problem = format!("has {count} nodes; at least 1 and at most {} may be", NodeSet::NODES_MAX);
        reading.fault(pool, "nodes", problem);
        return Vec::new();
    }
    let sections = said.map(|said| reading.sections(Table::Node, &path, said)).unwrap_or_default();
    let (mut nodes, mut names): (Vec<Node>, BTreeSet<Arc<str>>) = (Vec::new(), BTreeSet::new());
    for section in &sections {
        if let Some(kind) = kind {
            reading.check_kind(section, kind);
        }
        let Some(node) = node(reading, section, timeouts) else { continue };
        if !names.insert(Arc::clone(&node.name)) {
            reading.fault(section, "name", "is the name of another node of this pool");
        }
        if nodes.iter().any(|other| other.http == node.http) {
            reading.fault(
                section,
                "http_url",
                "is the address of another node of this pool, with the same headers",
            );
        }
        if limits.is_some_and(|limits| node.attempt_timeout > limits.deadline)
            && section.get("attempt_timeout").is_some()
        {
            reading.fault(section, "attempt_timeout", "is longer than the pool's deadline");
        }
        nodes.push(node);
    }
    nodes
}

fn node(reading: &mut Reading<'_>, section: &Section<'_>, of_pool: &Timeouts) -> Option<Node> {
    let name = reading.get(section, "name", name);
    let headers = endpoint::headers(reading, section);
    let http = endpoint::endpoint(reading, section, "http_url", &headers);
    let ws = section.get("ws_url").map(|_| endpoint::endpoint(reading, section, "ws_url", &headers));
    let tier = reading.get(section, "tier", tier);
    let weight = reading.get(section, "weight", Shape::count);
    let calls_max = reading.get(section, "calls_max", Shape::count);
    let timeouts = of_pool.of_node(reading, section);
    Some(Node {
        name: name?.into(),
        http: http?,
        ws: ws.flatten(),
        tier: tier?,
        weight: u16::try_from(weight?).ok()?,
        calls_max: calls_max? as usize,
        dial_timeout: timeouts.dial?,
        attempt_timeout: timeouts.attempt?,
    })
}

fn tier(shape: Shape, text: &str) -> Option<Tier> {
    match shape.word(text)? {
        "primary" => Some(Tier::Primary),
        "backup" => Some(Tier::Backup),
        _ => None,
    }
}
