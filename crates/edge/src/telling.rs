//! How what a pool announces is written for its clients: as notifications of JSON-RPC, or as events of a stream. It must never
//! know who is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::config::Service;
use crate::core::pool::{Happening, Input, Item};
use crate::core::rest::heads::HeadEvents;
use crate::core::rest::{beacon, sse};
use crate::core::streams::Topic;
use crate::metrics::Followed;

pub(crate) enum Telling {
    Notifications,
    Events {
        heads: HeadEvents,
        /// As nodes said it last.
        slots_per_epoch: Arc<AtomicU64>,
    },
}

/// What members of one stream are sent.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Each under the id of its subscription.
    Result(Arc<[u8]>),
    /// All the same.
    Event(Bytes),
}

impl Telling {
    pub(crate) fn of(service: &Service) -> Self {
        match service {
            Service::Consensus(_) => Self::Events {
                heads: HeadEvents::default(),
                slots_per_epoch: Arc::new(AtomicU64::new(beacon::SLOTS_PER_EPOCH)),
            },
            Service::Execution(_) | Service::Http(_) => Self::Notifications,
        }
    }

    /// Where it is to be said how many slots an epoch has.
    pub(crate) fn slots_per_epoch(&self) -> Arc<AtomicU64> {
        match self {
            Self::Events { slots_per_epoch, .. } => Arc::clone(slots_per_epoch),
            Self::Notifications => Arc::default(),
        }
    }

    /// Words of nodes that may be repeated to clients.
    pub(crate) fn heard(&mut self, fact: &Input) {
        if let (Self::Events { heads, .. }, Input::Head { block, .. }) = (self, fact) {
            heads.heard(&block.header);
        }
    }

    pub(crate) fn happened(&mut self, happening: &Happening) {
        if let (Self::Events { heads, .. }, Happening::Announced { head }) = (self, happening) {
            heads.served(head.number);
        }
    }

    pub(crate) fn told(&mut self, topic: &Topic, item: &Item) -> Told {
        match self {
            Self::Notifications => Told::Result(match item {
                Item::Head(block) => Arc::clone(&block.header),
                Item::Log(raw) | Item::Raw(raw) => Arc::clone(raw),
            }),
            Self::Events { heads, slots_per_epoch } => Told::Event(match (topic, item) {
                (_, Item::Head(block)) => {
                    heads.set_slots_per_epoch(slots_per_epoch.load(Ordering::Relaxed));
                    sse::event(beacon::HEAD, &heads.told(block))
                }
                (Topic::Relay(name), Item::Log(raw) | Item::Raw(raw)) => {
                    sse::event(&String::from_utf8_lossy(name), raw)
                }
                (Topic::Heads | Topic::Logs(_), Item::Log(_) | Item::Raw(_)) => Bytes::new(),
            }),
        }
    }

    /// What the places of the counts of streams are here.
    pub(crate) fn kinds(&self) -> [Followed; 3] {
        match self {
            Self::Notifications => [Followed::Heads, Followed::Logs, Followed::Relayed],
            Self::Events { .. } => [Followed::Events; 3],
        }
    }

    pub(crate) fn kind(&self, topic: &Topic) -> Followed {
        match (self, topic) {
            (Self::Events { .. }, _) => Followed::Events,
            (Self::Notifications, Topic::Heads) => Followed::Heads,
            (Self::Notifications, Topic::Logs(_)) => Followed::Logs,
            (Self::Notifications, Topic::Relay(_)) => Followed::Relayed,
        }
    }

    /// What is sent now and then where nothing else is, so that nobody on the way takes the client for gone. A WebSocket has
    /// pings of its own.
    pub(crate) fn sign_of_life(&self) -> Option<Bytes> {
        match self {
            Self::Notifications => None,
            Self::Events { .. } => Some(Bytes::from_static(b":\n\n")),
        }
    }
}
