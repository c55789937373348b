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

#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    slots: Vec<Slot>,
    /// Where the slot of a hash stands; of equal hashes the later ones stand under the next free number. Asked for one
    /// hash at a time, so its order reaches nothing.
    index: HashMap<u64, usize, FixedState>,
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
        self.digest(place, || event.operation.clone()).add(event, trace);
    }

    pub(super) fn add_log(&mut self, log: &LogRecord, bucket: Bucket) {
        let (env, service) = (&log.env, &log.service);
        let place = Place { env, service, kind: EventKind::Internal, name: LOGS, bucket };
        self.digest(place, || LOGS.into()).add_log(log);
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= SLOTS_MAX
    }

    /// What was added, in the order in which each place came first. The room for it stays: there will be as much again.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Slot> {
        self.index.clear();
        self.slots.drain(..)
    }

    /// `name` is the place's, to keep.
    fn digest(&mut self, place: Place<'_>, name: impl FnOnce() -> Str) -> &mut Digest {
        let mut hash = FixedState::default().hash_one(place);
        let at = loop {
            match self.index.get(&hash) {
                Some(at) if self.slots[*at].is_at(place) => break *at,
                Some(_) => hash = hash.wrapping_add(1),
                None => break self.begin(hash, place, name()),
            }
        };
        &mut self.slots[at].digest
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
            let digest = open.digest(slot.place(), || slot.operation.name.clone());
            *digest = slot.digest.clone();
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
