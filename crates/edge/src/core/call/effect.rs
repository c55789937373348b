//! What a call is told, and what it wants done. It must never know how a call decides.

use smallvec::SmallVec;

use crate::core::{Fault, Hash, Meaning, NodeId, OnNull, Route, Transport};

use super::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// In which the client has its answer, from when the call began.
    pub deadline_ms: u64,
    /// How long one node may take while another could be asked.
    pub attempt_ms: u64,
    /// At least the number of nodes, or not every node is asked.
    pub attempts_max: u32,
    /// Whether a slow node is raced by a second one.
    pub hedge: bool,
    /// Whether transactions go to several nodes at once.
    pub broadcast: bool,
}

/// What a request may travel by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    Http,
    StreamFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallInput {
    Start,
    Failed {
        attempt: u32,
        fault: Fault,
    },
    Answered {
        attempt: u32,
        answer: AnswerKind,
    },
    ViewChanged,
    /// It is [`super::Call::wake_at`], or later.
    Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    Value,
    Null,
    Error(Meaning),
}

impl AnswerKind {
    /// What `null` is to a call with that route.
    pub fn null(route: &Route) -> Self {
        match route.on_null {
            OnNull::Answer | OnNull::AskOthers => Self::Null,
            OnNull::IsNoAnswer => Self::Error(Meaning::NodeFault(Fault::Malformed)),
        }
    }
}

/// What is to be done. Exactly one of the last three kinds comes in the life of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEffect {
    Send {
        attempt: u32,
        node: NodeId,
        via: Transport,
        within_ms: u64,
    },
    /// Ask that node for the transaction by its hash; what it says comes back as an answer to that attempt.
    LookUp {
        attempt: u32,
        node: NodeId,
        via: Transport,
        hash: Hash,
        within_ms: u64,
    },
    /// That attempt takes longer than its node usually does. Whether the node lives is to be found out.
    Overdue {
        attempt: u32,
    },
    /// Nobody waits for that attempt any more. With a fault, the node had its time and is to be told on.
    Abandon {
        attempt: u32,
        fault: Option<Fault>,
    },
    /// What that attempt was answered is the client's answer.
    Answer {
        attempt: u32,
    },
    /// The client's answer is the hash.
    AnswerAlreadyKnown(Hash),
    Refuse(Refusal),
}

pub type CallEffects = SmallVec<[CallEffect; 4]>;
