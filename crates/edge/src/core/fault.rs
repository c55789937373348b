//! How a node can fail a call, a probe or a connection. It must never know the words a node used: what reaches a log or a
//! metric is the class.

/// What went wrong on the way to a node, or at it. An answer that the node gave and meant is none of these: a revert is
/// an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nobody listens, or the name has no address.
    Refused,
    DialTimeout,
    /// The connection ended before the whole answer came.
    Reset,
    /// The connection was closed in order: a WebSocket close, or an end of the stream.
    Closed,
    /// No answer in the time that an attempt has.
    Timeout,
    /// Connected, and silent where heads were due.
    Stalled,
    /// A status that is no answer: 5xx, or 4xx where the request was well formed.
    Status(u16),
    /// 429, or the JSON-RPC error that stands for it. Until then nothing should be sent.
    RateLimited {
        retry_after_ms: Option<u64>,
    },
    /// Neither JSON nor what was asked for.
    Malformed,
    /// The answer is longer than may be relayed.
    TooLarge,
    /// A JSON-RPC error that speaks of the node and not of the call: internal error, overload, header not found.
    NodeError,
    /// `null` for what others have.
    Missing,
    WrongChain,
    /// The node says that it is syncing, or its head is too far behind.
    Behind,
    /// The node's word contradicts what the others know.
    Lying,
}

impl Fault {
    /// The value of the label `error_class`, and the word in every message.
    pub fn class(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::DialTimeout => "dial_timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Stalled => "stalled",
            Self::Status(_) => "status",
            Self::RateLimited { .. } => "rate_limited",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::NodeError => "node_error",
            Self::Missing => "missing",
            Self::WrongChain => "wrong_chain",
            Self::Behind => "behind",
            Self::Lying => "lying",
        }
    }
}
