//! What a pool's calls, sessions and nodes are held to, from its configuration. It must never know a socket.

use std::time::Duration;

use crate::config::{self, Origins, Service};
use crate::core::chain::{BloomUse, ChainSettings};
use crate::core::health::HealthTimes;
use crate::core::pool::{Heads, NodeSettings, PoolSettings};
use crate::core::rest::beacon::TOPICS;
use crate::core::streams::StreamLimits;
use crate::core::tracker::Numbering;
use crate::core::{Budget, CallLimits, HedgeDelay, NodeId, Pace};

/// Requests of one connection that are worked on at once are no longer together than this, or are one. Others wait unread.
pub(crate) const REQUEST_BYTES_AT_ONCE_MAX: usize = 64 << 20;

const FIRST_HEAD_WAIT_MS: u64 = 2_000;
/// Of a thousand calls, so many may be tried again.
const RETRIES_PERMILLE: u64 = 200;
/// So many calls a second may be tried again however few there are, and so many are saved up.
const RETRIES_FLOOR: u64 = 50;
const SAVED_MAX: u64 = 500;
const HEDGE_DELAY: HedgeDelay = HedgeDelay { min_ms: 20, max_ms: 1_000, half_life_ms: 30_000 };

/// Where there is no chain, nothing of it is ever looked at.
const NO_CHAIN: ChainSettings = ChainSettings {
    numbering: Numbering::Dense,
    block_time_ms: 1_000,
    gap_blocks_max: 0,
    first_head_wait_ms: 0,
    bloom: BloomUse::Ignored,
};
const NO_STREAMS: StreamLimits = StreamLimits { per_session_max: 0, per_pool_max: 0, linger_ms: 0 };

/// Of calls and sessions. They are read anew for every call and every message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) limits: CallLimits,
    pub(crate) batch_max: usize,
    /// At once, of one session.
    pub(crate) calls_max: usize,
    /// Of a session that begins now.
    pub(crate) outbound_bytes_max: usize,
    pub(crate) request_bytes_max: usize,
    /// Of an answer, and of all answers of a batch together.
    pub(crate) frame_bytes_max: usize,
    /// Whose pages may call.
    pub(crate) origins: Origins,
}

impl Rules {
    pub(crate) fn new(pool: &config::Pool) -> Self {
        let (batch_max, calls_max, origins) = match &pool.service {
            Service::Execution(execution) => {
                (execution.batch_max, execution.calls_per_client_max, execution.origins.clone())
            }
            // A request is one call there, and nodes say themselves whose pages may call.
            Service::Consensus(_) | Service::Http(_) => (1, 1, Origins::All),
        };
        Self {
            limits: call_limits(pool),
            batch_max,
            calls_max,
            outbound_bytes_max: pool.chain().map_or(0, |chain| chain.client_buffer_bytes_max),
            request_bytes_max: pool.limits.request_bytes_max,
            frame_bytes_max: frame_bytes_max(pool),
            origins,
        }
    }
}

/// Of an answer that has to be held whole.
pub(crate) fn frame_bytes_max(pool: &config::Pool) -> usize {
    match &pool.service {
        Service::Execution(execution) => execution.frame_bytes_max,
        Service::Consensus(_) | Service::Http(_) => 0,
    }
}

/// `ids` are those of the pool's nodes, in their order; a node without one is not of the pool yet.
pub(crate) fn settings(pool: &config::Pool, ids: &[Option<NodeId>], seed: u64) -> PoolSettings {
    let node = |(node, id): (&config::Node, &Option<NodeId>)| {
        Some(NodeSettings {
            id: (*id)?,
            tier: node.tier,
            weight: node.weight,
            attempt_ms: ms(node.attempt_timeout),
        })
    };
    let (numbering, bloom, per_session_max) = match &pool.service {
        Service::Execution(execution) => {
            let bloom = if execution.trust_logs_bloom { BloomUse::Trusted } else { BloomUse::Ignored };
            (Numbering::Dense, bloom, execution.subscriptions_per_client_max)
        }
        // Slots are left out where nobody made a block, and have no logs; a client follows each topic once.
        Service::Consensus(_) | Service::Http(_) => (Numbering::Sparse, BloomUse::Ignored, TOPICS.len()),
    };
    let chain = pool.chain().map_or(NO_CHAIN, |chain| ChainSettings {
        numbering,
        block_time_ms: ms(chain.block_time),
        gap_blocks_max: chain.gap_blocks_max,
        first_head_wait_ms: FIRST_HEAD_WAIT_MS,
        bloom,
    });
    let streams = pool.chain().map_or(NO_STREAMS, |chain| StreamLimits {
        per_session_max,
        per_pool_max: chain.subscriptions_max,
        linger_ms: ms(chain.linger),
    });
    PoolSettings {
        heads: if pool.chain().is_some() { Heads::Followed } else { Heads::None },
        chain,
        health: HealthTimes { failback_after_ms: ms(pool.failback_after), ..HealthTimes::default() },
        streams,
        chain_id: pool.chain_id(),
        nodes: pool.nodes.iter().zip(ids).filter_map(node).collect(),
        probe_ms: ms(pool.probe_every),
        stall_after_ms: pool.chain().map_or(u64::MAX, |chain| ms(chain.stall_after)),
        lag_blocks_max: pool.chain().map_or(0, |chain| chain.lag_blocks_max),
        seed,
    }
}

fn call_limits(pool: &config::Pool) -> CallLimits {
    let attempt = pool.nodes.iter().map(|node| node.attempt_timeout).max().unwrap_or(pool.limits.deadline);
    CallLimits {
        deadline_ms: ms(pool.limits.deadline),
        attempt_ms: ms(attempt),
        attempts_max: pool.limits.attempts_max,
        hedge: pool.limits.hedge_percent_max > 0,
        broadcast: matches!(&pool.service, Service::Execution(execution) if execution.broadcast_transactions),
    }
}

pub(crate) fn pace(pool: &config::Pool) -> Pace {
    Pace::new(Budget::new(RETRIES_PERMILLE, RETRIES_FLOOR, SAVED_MAX), hedges(pool), HEDGE_DELAY)
}

/// Second attempts before the first has failed.
pub(crate) fn hedges(pool: &config::Pool) -> Budget {
    Budget::new(u64::from(pool.limits.hedge_percent_max) * 10, 0, SAVED_MAX)
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
