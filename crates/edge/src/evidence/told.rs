//! What is remembered of a call, of a question of our own, or of an event, until it is sent. It must never know how it is
//! written down, and holds nothing that was asked or answered.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::config;
use crate::core::{Class, Fault, NodeId, Transport};
use crate::metrics::Outcome;

/// A pool and its nodes, as they are called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) pool: Arc<str>,
    pub(super) nodes: Vec<NodeName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeName {
    pub(super) name: Arc<str>,
    /// Of its address no more than this: the rest may be a secret.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl NodeName {
    pub(super) fn of(node: &config::Node) -> Self {
        let url = node.http.url.expose();
        Self {
            name: Arc::clone(&node.name),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
        }
    }
}

/// One trace.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) names: Arc<Names>,
    /// Its ids are made of these.
    pub(super) ids: Ids,
    /// It stands for two to the power of so many.
    pub(super) halvings: u32,
    pub(super) began_ns: u64,
    pub(super) ended_ns: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Call {
        class: Class,
        outcome: Outcome,
        attempts: SmallVec<[Attempt; 2]>,
    },
    /// A question of our own, or a connection that is kept.
    Watch {
        node: NodeId,
        fault: Option<Fault>,
    },
    Failover {
        from: NodeId,
        to: NodeId,
        fault: Fault,
    },
    /// Blocks that no node had told of; they were fetched, or could not be.
    Gap {
        blocks: u64,
        is_closed: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) node: NodeId,
    pub(super) via: Transport,
    pub(super) began_ns: u64,
    pub(super) ended_ns: u64,
    pub(super) ended: Ended,
}

/// An attempt while its call goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) attempt: u32,
    pub(crate) node: NodeId,
    pub(crate) via: Transport,
    pub(crate) began: Instant,
    pub(crate) over: Option<(Instant, Ended)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Answered,
    Failed(Fault),
    /// Nobody waited for it any more.
    GivenUp,
}

/// The ids of one trace: no other trace of this process has them, nor, but for chance, one of another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    high: u64,
    low: u64,
}

/// Of the trace id so many bits say whether it is in a sample.
const SAMPLE_BITS: u32 = 56;
/// An odd number, far from any simple fraction: multiples of it spread.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Ids {
    /// Of the trace with that number.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let at = seed.wrapping_add(number.wrapping_mul(STEP));
        Self { high: mix(seed ^ mix(number)), low: mix(at) }
    }

    pub(super) fn trace(self) -> [u8; 16] {
        (u128::from(self.high.max(1)) << 64 | u128::from(self.low)).to_be_bytes()
    }

    /// Of the span at that place in the trace.
    pub(super) fn span(self, at: u64) -> [u8; 8] {
        mix(self.low ^ (at + 1).wrapping_mul(STEP)).max(1).to_be_bytes()
    }

    /// Whether it is one of those of which half are taken so often, by OpenTelemetry's rule.
    pub(super) fn is_sampled(self, halvings: u32) -> bool {
        let randomness = self.low & ((1 << SAMPLE_BITS) - 1);
        randomness >= threshold(halvings)
    }
}

/// What the random part of a trace id must reach.
pub(super) fn threshold(halvings: u32) -> u64 {
    (1 << SAMPLE_BITS) - ((1 << SAMPLE_BITS) >> halvings.min(SAMPLE_BITS))
}

/// Every bit of the number counts for every bit of the result.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Names {
    pub(super) fn node(&self, id: NodeId) -> Option<&NodeName> {
        self.nodes.get(usize::from(id.0))
    }

    /// A node that nobody knows has no name.
    pub(super) fn name(&self, id: NodeId) -> &str {
        self.node(id).map_or("?", |node| &node.name)
    }
}

impl Told {
    /// Whether something in it did not go well.
    pub(super) fn has_failed(what: &What) -> bool {
        match what {
            What::Call { outcome, attempts, .. } => {
                matches!(outcome, Outcome::Failed | Outcome::Deadline)
                    || attempts.iter().any(|attempt| matches!(attempt.ended, Ended::Failed(_)))
            }
            What::Watch { fault, .. } => fault.is_some(),
            What::Failover { .. } | What::Gap { .. } => true,
        }
    }
}
