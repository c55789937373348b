//! The values that labels can have. Each comes from a list here, from the classes of faults, or is a name of the
//! configuration, so the number of series is bounded. It must never hold a word that a client or a node said.

use std::marker::PhantomData;

use crate::core::Class;
use crate::core::{Fault, Standing, Transport};

/// One of a closed list of words.
pub trait Label: Copy + 'static {
    const ALL: &'static [Self];

    fn word(self) -> &'static str;

    /// Its place in `ALL`.
    fn index(self) -> usize;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $name {
                $($(#[$of])* $variant,)*
            }

            impl Label for $name {
                const ALL: &'static [Self] = &[$(Self::$variant,)*];

                fn word(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)*
                    }
                }

                fn index(self) -> usize {
                    self as usize
                }
            }
        )*
    };
}

labels! {
    /// What became of a client's call: the label `outcome`.
    Outcome {
        /// By a node; a revert is an answer.
        Answered = "answered",
        /// No node could answer.
        Failed = "failed",
        /// No answer before the deadline.
        Deadline = "deadline",
        /// Beyond a limit, or not allowed.
        Refused = "refused",
        /// The client left.
        Abandoned = "abandoned",
    }
    /// What is followed: the label `kind`.
    Followed {
        Heads = "heads",
        Logs = "logs",
        /// Relayed from one node's subscription.
        Relayed = "relayed",
        Events = "events",
    }
    /// Whose bytes: the label `side`.
    Side {
        Client = "client",
        Node = "node",
    }
    /// As the edge sees it: the label `direction`.
    Direction {
        In = "in",
        Out = "out",
    }
    /// Where something waits: the label `queue`.
    Queue {
        /// What nodes said, for a pool's loop.
        PoolInputs = "pool_inputs",
        /// Calls, for answers over the WebSockets of nodes.
        NodeCalls = "node_calls",
        /// Signals and spans, for the Casebook server.
        Reports = "reports",
    }
    /// What was full: the label `limit`.
    Limit {
        Connections = "connections",
        CallsPerClient = "calls_per_client",
        SubscriptionsPerClient = "subscriptions_per_client",
        Subscriptions = "subscriptions",
        Filters = "filters",
        FiltersPerAddress = "filters_per_address",
        Batch = "batch",
        RequestBytes = "request_bytes",
        FrameBytes = "frame_bytes",
        KeyConnections = "key_connections",
        KeySubscriptions = "key_subscriptions",
        Origin = "origin",
        KeyRequests = "key_requests",
        KeyBytes = "key_bytes",
    }
    /// What a Casebook server is told: the label `kind`.
    ReportKind {
        Signals = "signals",
        Traces = "traces",
    }
    /// What became of it: the label `outcome`.
    ReportOutcome {
        Sent = "sent",
        /// There was no room for it, or the server did not want it.
        Dropped = "dropped",
    }
    /// Why a connection of a client was closed: the label `why`.
    Cut {
        /// A request was not sent in time.
        Late = "late",
        Idle = "idle",
        /// Nothing was taken of what was sent.
        Stuck = "stuck",
        /// No sign of life.
        Silent = "silent",
        /// What came was not HTTP, or no WebSocket frame.
        Protocol = "protocol",
    }
    /// What became of a changed configuration: the label `outcome`.
    Reload {
        Taken = "taken",
        Refused = "refused",
    }
}

impl Label for Class {
    const ALL: &'static [Self] = &[
        Self::ReadAtTag,
        Self::ImmutableRead,
        Self::Write,
        Self::StatefulFilter,
        Self::Subscription,
        Self::Unsupported,
    ];

    fn word(self) -> &'static str {
        self.name()
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Label for Transport {
    const ALL: &'static [Self] = &[Self::Http, Self::Stream];

    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stream => "stream",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// A fault by its class, or none: the label `error_class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorClass(Option<Fault>);

impl ErrorClass {
    pub const NONE: Self = Self(None);
}

impl From<Fault> for ErrorClass {
    fn from(fault: Fault) -> Self {
        Self(Some(fault))
    }
}

impl Label for ErrorClass {
    /// One of each class; what a fault carries besides is not told.
    const ALL: &'static [Self] = &[
        Self(None),
        Self(Some(Fault::Refused)),
        Self(Some(Fault::DialTimeout)),
        Self(Some(Fault::Reset)),
        Self(Some(Fault::Closed)),
        Self(Some(Fault::Timeout)),
        Self(Some(Fault::Stalled)),
        Self(Some(Fault::Status(0))),
        Self(Some(Fault::RateLimited { retry_after_ms: None })),
        Self(Some(Fault::Malformed)),
        Self(Some(Fault::TooLarge)),
        Self(Some(Fault::NodeError)),
        Self(Some(Fault::Missing)),
        Self(Some(Fault::WrongChain)),
        Self(Some(Fault::Behind)),
        Self(Some(Fault::Lying)),
    ];

    fn word(self) -> &'static str {
        self.0.map_or("none", Fault::class)
    }

    fn index(self) -> usize {
        let Some(fault) = self.0 else { return 0 };
        match fault {
            Fault::Refused => 1,
            Fault::DialTimeout => 2,
            Fault::Reset => 3,
            Fault::Closed => 4,
            Fault::Timeout => 5,
            Fault::Stalled => 6,
            Fault::Status(_) => 7,
            Fault::RateLimited { .. } => 8,
            Fault::Malformed => 9,
            Fault::TooLarge => 10,
            Fault::NodeError => 11,
            Fault::Missing => 12,
            Fault::WrongChain => 13,
            Fault::Behind => 14,
            Fault::Lying => 15,
        }
    }
}

/// One of a metric for each value of a label, made beforehand so that counting costs no search.
#[derive(Debug, Clone)]
pub struct Each<L, M> {
    all: Vec<M>,
    of: PhantomData<L>,
}

impl<L: Label, M> Each<L, M> {
    pub(super) fn new(make: impl FnMut(L) -> M) -> Self {
        Self { all: L::ALL.iter().copied().map(make).collect(), of: PhantomData }
    }

    pub fn of(&self, label: impl Into<L>) -> &M {
        &self.all[label.into().index()]
    }
}

/// A standing as a number: more is better.
pub fn standing_value(standing: Standing) -> i64 {
    match standing {
        Standing::Out | Standing::Leaving => 0,
        Standing::Suspect | Standing::Silent => 1,
        Standing::Draining => 2,
        Standing::Serving => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<L: Label>() {
        for (at, label) in L::ALL.iter().enumerate() {
            assert_eq!(label.index(), at, "{}", label.word());
            assert!(L::ALL[..at].iter().all(|other| other.word() != label.word()), "{}", label.word());
        }
    }

    #[test]
    fn every_word_stands_once_and_in_its_place() {
        check::<Class>();
        check::<Outcome>();
        check::<Followed>();
        check::<Side>();
        check::<Direction>();
        check::<Queue>();
        check::<Limit>();
        check::<Cut>();
        check::<Reload>();
        check::<ReportKind>();
        check::<ReportOutcome>();
        check::<Transport>();
        check::<ErrorClass>();
    }

    #[test]
    fn what_a_fault_carries_makes_no_series_of_its_own() {
        let each = Each::new(|class: ErrorClass| class.index());
        assert_eq!(each.of(Fault::Status(503)), each.of(Fault::Status(500)));
        assert_eq!(*each.of(ErrorClass::NONE), 0);
    }
}
