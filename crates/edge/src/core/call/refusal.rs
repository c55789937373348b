//! Why a client gets no node's answer, in words that say what would help. They name no node and no address.

use std::fmt;

use crate::core::{Fault, Hash};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The method is not passed on, and why.
    Unsupported(&'static str),
    /// Nobody could be asked until the deadline.
    NoNode {
        waited_ms: u64,
    },
    /// Somebody was asked, and nobody answered until the deadline.
    Late {
        waited_ms: u64,
        fault: Fault,
    },
    /// As many attempts as a call has, and all failed.
    Failed {
        attempts: u32,
        fault: Fault,
    },
    RateLimited {
        retry_after_ms: Option<u64>,
    },
    TooLarge,
    /// A node may have taken the transaction.
    FateUnknown {
        transaction: Option<Hash>,
    },
    /// The request may have been acted on, and a second time may do it twice.
    NotRepeated {
        fault: Fault,
    },
}

impl Refusal {
    /// Of the JSON-RPC error. Libraries repeat -32603 and -32005 by themselves, so these say that repeating may help.
    pub fn code(&self) -> i64 {
        match self {
            Self::Unsupported(_) => -32601,
            Self::NoNode { .. } | Self::Late { .. } | Self::Failed { .. } => -32603,
            Self::RateLimited { .. } => -32005,
            Self::TooLarge | Self::FateUnknown { .. } | Self::NotRepeated { .. } => -32000,
        }
    }

    /// The value of the label `refusal`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => "unsupported",
            Self::NoNode { .. } => "no_node",
            Self::Late { .. } => "late",
            Self::Failed { .. } => "failed",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooLarge => "too_large",
            Self::FateUnknown { .. } => "fate_unknown",
            Self::NotRepeated { .. } => "not_repeated",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(why) => f.write_str(why),
            Self::NoNode { waited_ms } => write!(
                f,
                "no node could be asked within {waited_ms} ms: none is up that has the block this is about; try again later"
            ),
            Self::Late { waited_ms, fault } => write!(
                f,
                "no node answered within {waited_ms} ms, the last one failed with {}; try again, or ask for less",
                fault.class()
            ),
            Self::Failed { attempts, fault } => write!(
                f,
                "no node answered in {attempts} attempts, the last one failed with {}; try again later",
                fault.class()
            ),
            Self::RateLimited { retry_after_ms: Some(ms) } => {
                write!(f, "limit exceeded: all nodes are asked too much; try again in {ms} ms")
            }
            Self::RateLimited { retry_after_ms: None } => {
                f.write_str("limit exceeded: all nodes are asked too much; try again later")
            }
            Self::TooLarge => f.write_str("the answer is larger than what is passed on; ask for less at once"),
            Self::FateUnknown { transaction: Some(hash) } => write!(
                f,
                "a node may have taken the transaction, but none confirmed it; look up {hash}, or send the same bytes again"
            ),
            Self::FateUnknown { transaction: None } => f.write_str(
                "a node may have taken the transaction, but none confirmed it; look it up, or send the same bytes again",
            ),
            Self::NotRepeated { fault } => write!(
                f,
                "the request may have been carried out, but its answer was lost ({}); it is not repeated, because the \
                 method may not be safe to repeat: find out before sending it again",
                fault.class()
            ),
        }
    }
}

impl std::error::Error for Refusal {}
