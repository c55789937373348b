//! The digests of a tick while it is still coming in, found by one hash: an event looks up one place instead of walking
//! down the trees of the summary. What stands here goes into those trees when there is much of it, at the latest when
//! the tick ends. Digests add, so when that happens cannot matter.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use model::{Event, EventKind, LogRecord, Str};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bucket, Digest, LOGS, OperationName, ServiceKey};

/// Places that are kept here before they move into the trees, which have bounds of their own.
const SLOTS_MAX: usize = 8_192;
/// So many slots of one hash are looked at. Names can be chosen whose hashes are equal: then all moves into the trees early.
const TRIES_MAX: u64 = 16;

#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    slots: Vec<Slot>,
    /// Where the slot of a hash stands; of equal hashes the later ones stand under the next free number. Asked for one
    /// hash at a time, so its order reaches nothing.
    index: HashMap<u64, usize, FixedState>,
    /// Too many slots have one hash.
    is_crowded: bool,
}

/// What one operation did in one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) service: ServiceKey,
    pub(super) operation: OperationName,
    pub(super) bucket: Bucket,
    pub(super) digest: Digest,
}

/// Where an event belongs, borrowed from it.
#[derive(Hash, Clone, Copy)]
struct Place<'e> {
    env: &'e Str,
    service: &'e Str,
    kind: EventKind,
    name: &'e str,
    bucket: Bucket,
}

impl Open {
    pub(super) fn add(&mut self, event: &Event, trace: u64, bucket: Bucket) {
        let (env, service) = (&event.env, &event.service);
        let place = Place { env, service, kind: event.kind, name: &event.operation, bucket };
        let at = self.find(hash(place), place, || event.operation.clone());
        self.slots[at].digest.add(event, trace);
    }

    pub(super) fn add_log(&mut self, log: &LogRecord, bucket: Bucket) {
        let (env, service) = (&log.env, &log.service);
        let place = Place { env, service, kind: EventKind::Internal, name: LOGS, bucket };
        let at = self.find(hash(place), place, || LOGS.into());
        self.slots[at].digest.add_log(log);
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= SLOTS_MAX || self.is_crowded
    }

    /// What was added, in the order in which each place came first. The room for it stays: there will be as much again.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Slot> {
        self.index.clear();
        self.is_crowded = false;
        self.slots.drain(..)
    }

    /// The place's slot. `name` is the place's, to keep.
    fn find(&mut self, hash: u64, place: Place<'_>, name: impl FnOnce() -> Str) -> usize {
        let mut tried = 0;
        loop {
            match self.index.get(&hash.wrapping_add(tried)) {
                Some(at) if self.slots[*at].is_at(place) => return *at,
                Some(_) => tried += 1,
                None => break,
            }
        }
        self.is_crowded |= tried > TRIES_MAX;
        self.begin(hash.wrapping_add(tried), place, name())
    }

    fn begin(&mut self, hash: u64, place: Place<'_>, name: Str) -> usize {
        self.index.insert(hash, self.slots.len());
        self.slots.push(Slot {
            service: ServiceKey { env: place.env.clone(), service: place.service.clone() },
            operation: OperationName { kind: place.kind, name },
            bucket: place.bucket,
            digest: Digest::default(),
        });
        self.slots.len() - 1
    }
}

fn hash(place: Place<'_>) -> u64 {
    FixedState::default().hash_one(place)
}

impl Slot {
    fn is_at(&self, place: Place<'_>) -> bool {
        self.bucket == place.bucket
            && self.operation.kind == place.kind
            && &*self.operation.name == place.name
            && self.service.service == *place.service
            && self.service.env == *place.env
    }

    fn place(&self) -> Place<'_> {
        let (service, operation) = (&self.service, &self.operation);
        Place {
            env: &service.env,
            service: &service.service,
            kind: operation.kind,
            name: &operation.name,
            bucket: self.bucket,
        }
    }
}

/// The slots alone: where they stand follows from them.
impl Serialize for Open {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.slots.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Open {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let slots = Vec::<Slot>::deserialize(deserializer)?;
        let mut open = Self::default();
        for slot in slots {
            let at = open.find(hash(slot.place()), slot.place(), || slot.operation.name.clone());
            open.slots[at].digest = slot.digest;
        }
        Ok(open)
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots
    }
}

impl Eq for Open {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::StableHash;
    use crate::summary::Summary;
    use crate::testing::{EventSpec, event};

    /// More places than stand here at once, some of them twice.
    fn events() -> Vec<(Event, Bucket)> {
        let event = event(&EventSpec::default());
        let buckets = (0..SLOTS_MAX as u64 * 5 / 2).map(|n| n % (SLOTS_MAX as u64 * 2));
        buckets.map(|bucket| (event.clone(), bucket)).collect()
    }

    fn of<'e>(events: impl Iterator<Item = &'e (Event, Bucket)>) -> Summary {
        let mut summary = Summary::default();
        events.for_each(|(event, bucket)| summary.add(event, event.trace.stable_hash(), *bucket));
        summary
    }

    #[test]
    fn what_moved_into_the_trees_and_what_did_not_is_one_summary() {
        let events = events();
        let (mut forward, mut backward) = (of(events.iter()), of(events.iter().rev()));
        assert!(forward.services.iter().next().is_some() && !forward.open.slots.is_empty());
        forward.close();
        backward.close();
        let (_, service) = forward.services.iter().next().unwrap();
        let (_, operation) = service.operations.iter().next().unwrap();
        assert_eq!(operation.requests(), events.len() as u64);
        assert_eq!(forward, backward);
    }

    #[test]
    fn names_that_share_a_hash_are_not_searched_for_long() {
        let (mut open, event) = (Open::default(), event(&EventSpec::default()));
        let (mut most, mut folded) = (0, 0);
        for bucket in 0..1_000 {
            let (env, service) = (&event.env, &event.service);
            let place = Place { env, service, kind: event.kind, name: &event.operation, bucket };
            open.find(7, place, || event.operation.clone());
            most = most.max(open.slots.len());
            if open.is_full() {
                folded += open.drain().count();
            }
        }
        assert_eq!(folded + open.slots.len(), 1_000);
        assert!(most as u64 <= TRIES_MAX + 2, "{most} of one hash");
    }

    #[test]
    fn one_read_back_in_the_middle_goes_on_as_it_was() {
        let events = events();
        let (first, second) = events.split_at(SLOTS_MAX + 7);
        let mut whole = of(first.iter());
        let mut read: Summary = postcard::from_bytes(&postcard::to_stdvec(&whole).unwrap()).unwrap();
        for (event, bucket) in second {
            whole.add(event, event.trace.stable_hash(), *bucket);
            read.add(event, event.trace.stable_hash(), *bucket);
        }
        whole.close();
        read.close();
        assert_eq!(read, whole);
    }
}
