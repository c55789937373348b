//! What a call is told, and what it wants done. It must never know how a call decides.

use smallvec::SmallVec;

use crate::core::{Fault, Hash, Meaning, NodeId, OnNull, ResponseKind, Route, Transport, error_meaning};

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
    /// What a node's answer is to a call with that route. `body` is the message in which it was found.
    pub fn of(route: &Route, body: &[u8], answer: &ResponseKind) -> Self {
        match answer {
            ResponseKind::Result { is_null: true, .. } => Self::null(route),
            ResponseKind::Result { .. } => Self::Value,
            ResponseKind::Error { code, message, .. } => {
                Self::Error(error_meaning(*code, body.get(message.clone()).unwrap_or_default()))
            }
        }
    }

    fn null(route: &Route) -> Self {
        match route.on_null {
            OnNull::Answer | OnNull::AskOthers | OnNull::NoSuchBlock => Self::Null,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{route_of, scan_response};

    #[test]
    fn what_a_node_says_is_judged_by_what_was_asked() {
        let fault = |fault| AnswerKind::Error(Meaning::NodeFault(fault));
        let reverted = r#""error":{"code":3,"message":"execution reverted: header not found"}"#;
        let cases = [
            ("eth_call", r#""result":"0x1""#, AnswerKind::Value),
            ("eth_call", r#""result":null"#, fault(Fault::Malformed)),
            ("eth_getBlockByHash", r#""result":null"#, AnswerKind::Null),
            ("eth_call", reverted, AnswerKind::Error(Meaning::Answer)),
            ("eth_call", r#""error":{"code":-32000,"message":"header not found"}"#, fault(Fault::NodeError)),
            ("eth_call", r#""error":{"code":-32603}"#, fault(Fault::NodeError)),
        ];
        for (method, said, expected) in cases {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,{said}}}"#).into_bytes();
            let response = scan_response(&body).unwrap();
            let route = route_of(method.as_bytes(), Some(b"[]"));
            assert_eq!(AnswerKind::of(&route, &body, &response.kind), expected, "{method} {said}");
        }
    }
}
