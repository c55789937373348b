//! What the answers of a pool's nodes mean, side by side. It must never ask a node, nor trust one alone: the head is the
//! one in the middle.

use std::sync::Arc;

use super::{Failure, Finding, Verdict};
use crate::config::{Node, Pool, Service};
use crate::core::Fault;

/// What a node said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Execution {
        chain_id: u64,
        head: u64,
        is_syncing: bool,
    },
    Consensus {
        /// Of the chain that deposits are made on, where the pool names one.
        chain_id: Option<u64>,
        head_slot: u64,
        sync_distance: u64,
        is_optimistic: bool,
        el_offline: bool,
    },
    Http {
        status: u16,
    },
}

/// In the order of the pool's nodes.
pub(super) type Answers = Vec<Result<Seen, Failure>>;

/// A finding for each node of the pool that was asked.
pub fn judge(pool: &Pool, answers: &[Result<Seen, Failure>]) -> Vec<Finding> {
    let middle = middle_head(pool, answers);
    let nodes = pool.nodes.iter().zip(answers);
    nodes.map(|(node, answer)| finding(pool, node, answer, middle)).collect()
}

fn finding(pool: &Pool, node: &Node, answer: &Result<Seen, Failure>, middle: Option<u64>) -> Finding {
    let (verdict, said) = match answer {
        Ok(seen) => judged(pool, seen, middle),
        Err(failure) => (Verdict::Fail, told(failure)),
    };
    Finding { pool: Arc::clone(&pool.name), node: Arc::clone(&node.name), verdict, said }
}

fn judged(pool: &Pool, seen: &Seen, middle: Option<u64>) -> (Verdict, String) {
    if let (Some(expected), Some(found)) = (pool.chain_id(), seen.chain_id())
        && expected != found
    {
        return (Verdict::Fail, format!("wrong chain: {found} instead of {expected}"));
    }
    match seen {
        Seen::Execution { is_syncing: true, head, .. } => {
            (Verdict::Warn, format!("syncing, at block {head}"))
        }
        Seen::Execution { head, .. } => beside(pool, "block", *head, middle),
        Seen::Consensus { el_offline: true, head_slot, .. } => {
            (Verdict::Warn, format!("its execution node is offline, at slot {head_slot}"))
        }
        Seen::Consensus { is_optimistic: true, head_slot, .. } => {
            (Verdict::Warn, format!("optimistic, at slot {head_slot}"))
        }
        Seen::Consensus { sync_distance, head_slot, .. } if *sync_distance > lag_max(pool) => {
            (Verdict::Warn, format!("{sync_distance} slots behind the clock, at slot {head_slot}"))
        }
        Seen::Consensus { head_slot, .. } => beside(pool, "slot", *head_slot, middle),
        Seen::Http { status } => of_status(pool, *status),
    }
}

/// A head beside the one in the middle.
fn beside(pool: &Pool, unit: &str, head: u64, middle: Option<u64>) -> (Verdict, String) {
    let middle = middle.unwrap_or(head);
    if middle.saturating_sub(head) > lag_max(pool) {
        (Verdict::Warn, format!("{} {unit}s behind the others, at {unit} {head}", middle - head))
    } else if head.saturating_sub(middle) > lag_max(pool) {
        (Verdict::Warn, format!("{} {unit}s ahead of the others, at {unit} {head}", head - middle))
    } else {
        (Verdict::Ok, format!("at {unit} {head}"))
    }
}

/// Without a path to ask, any answer says that the service is there.
fn of_status(pool: &Pool, status: u16) -> (Verdict, String) {
    let is_asked = matches!(&pool.service, Service::Http(http) if http.health_path.is_some());
    let verdict = if is_asked && !(200..300).contains(&status) { Verdict::Fail } else { Verdict::Ok };
    (verdict, format!("answers {status}"))
}

/// Of the nodes that are on the chain and not syncing: half of them are there, or further.
fn middle_head(pool: &Pool, answers: &[Result<Seen, Failure>]) -> Option<u64> {
    let counted = answers.iter().flatten().filter(|seen| {
        seen.chain_id().is_none() || pool.chain_id().is_none() || seen.chain_id() == pool.chain_id()
    });
    let mut heads: Vec<u64> = counted.filter_map(Seen::head).collect();
    heads.sort_unstable();
    heads.get(heads.len().saturating_sub(1) / 2).copied()
}

fn lag_max(pool: &Pool) -> u64 {
    pool.chain().map_or(0, |chain| chain.lag_blocks_max)
}

impl Seen {
    fn chain_id(&self) -> Option<u64> {
        match self {
            Self::Execution { chain_id, .. } => Some(*chain_id),
            Self::Consensus { chain_id, .. } => *chain_id,
            Self::Http { .. } => None,
        }
    }

    fn head(&self) -> Option<u64> {
        match self {
            Self::Execution { head, is_syncing: false, .. } => Some(*head),
            Self::Consensus { head_slot, .. } => Some(*head_slot),
            Self::Execution { .. } | Self::Http { .. } => None,
        }
    }
}

fn told(failure: &Failure) -> String {
    let what = match failure.fault {
        Fault::Refused => "cannot be reached".to_owned(),
        Fault::DialTimeout => "cannot be reached in time".to_owned(),
        Fault::Timeout => "did not answer in time".to_owned(),
        Fault::Reset => "broke off".to_owned(),
        Fault::TooLarge => "answers too much".to_owned(),
        Fault::Malformed => "answers something else than was asked for".to_owned(),
        Fault::RateLimited { .. } => "answers 429, too many requests".to_owned(),
        Fault::Status(status) => format!("answers {status}"),
        Fault::NodeError => "refuses the call".to_owned(),
        other => other.class().to_owned(),
    };
    match &failure.cause {
        Some(cause) => format!("{what}: {cause}"),
        None => what,
    }
}
