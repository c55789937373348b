//! A map by operation whose values stand in a line. Every tick walks over all of them, which then goes through memory in one
//! direction; and what a tick brings, being in order of key, finds its places in one pass. Where a value stands follows from
//! when it came, and nothing may follow from that: whoever walks over the line must not depend on its order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeFrom;
use std::sync::Arc;

use model::Str;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::OperationKey;
use crate::summary::{OperationName, ServiceKey};

#[derive(Debug, Clone)]
pub(super) struct Keyed<V> {
    places: BTreeMap<OperationKey, Place>,
    line: Vec<Option<(OperationKey, V)>>,
    /// Of what was taken out.
    free: Vec<Place>,
}

/// Where a value stands until it is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), line: Vec::new(), free: Vec::new() }
    }
}

impl<V> Keyed<V> {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn place(&self, key: &OperationKey) -> Option<Place> {
        self.places.get(key).copied()
    }

    pub(super) fn get(&self, key: &OperationKey) -> Option<&V> {
        self.at(self.place(key)?)
    }

    pub(super) fn get_mut(&mut self, key: &OperationKey) -> Option<&mut V> {
        self.at_mut(self.place(key)?)
    }

    fn at(&self, place: Place) -> Option<&V> {
        self.line.get(place.0)?.as_ref().map(|(_, value)| value)
    }

    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut V> {
        self.line.get_mut(place.0)?.as_mut().map(|(_, value)| value)
    }

    /// Puts a value under a key that has none.
    pub(super) fn insert(&mut self, key: OperationKey, value: V) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.line.push(None);
            Place(self.line.len() - 1)
        });
        self.places.insert(key.clone(), place);
        self.line[place.0] = Some((key, value));
        place
    }

    /// In order of key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&OperationKey, &V)> {
        self.places.iter().filter_map(|(key, place)| Some((key, self.at(*place)?)))
    }

    /// In order of key.
    pub(super) fn range(&self, keys: RangeFrom<OperationKey>) -> impl Iterator<Item = (&OperationKey, &V)> {
        self.places.range(keys).filter_map(|(key, place)| Some((key, self.at(*place)?)))
    }

    /// In no order.
    pub(super) fn each(&self) -> impl Iterator<Item = (&OperationKey, &V)> {
        self.line.iter().flatten().map(|(key, value)| (key, value))
    }

    /// In no order.
    pub(super) fn each_mut(&mut self) -> impl Iterator<Item = (&OperationKey, &mut V)> {
        self.line.iter_mut().flatten().map(|(key, value)| (&*key, value))
    }

    /// Takes out what is not to be kept; asks in no order.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&OperationKey, &mut V) -> bool) {
        for (at, held) in self.line.iter_mut().enumerate() {
            if let Some((key, _)) = held.take_if(|(key, value)| !keep(key, value)) {
                self.places.remove(&key);
                self.free.push(Place(at));
            }
        }
    }

    /// The places of keys that come in order; `None` where there is nothing.
    pub(super) fn find_all<'k>(
        &self,
        keys: impl Iterator<Item = (&'k ServiceKey, &'k OperationName)>,
    ) -> Vec<Option<Place>> {
        let mut known = self.places.iter().peekable();
        let find = |(service, name): (&ServiceKey, &OperationName)| {
            while let Some((key, place)) = known.peek() {
                match compare(key, service, name) {
                    Ordering::Less => known.next(),
                    Ordering::Equal => return Some(**place),
                    Ordering::Greater => return None,
                };
            }
            None
        };
        keys.map(find).collect()
    }
}

/// How a key stands to that of an operation of a service.
fn compare(key: &OperationKey, service: &ServiceKey, name: &OperationName) -> Ordering {
    let text = |ours: &Str, theirs: &Str| match Arc::ptr_eq(ours, theirs) {
        true => Ordering::Equal,
        false => ours.cmp(theirs),
    };
    text(&key.env, &service.env)
        .then_with(|| text(&key.service, &service.service))
        .then_with(|| key.kind.cmp(&name.kind))
        .then_with(|| text(&key.operation, &name.name))
}

/// As a map in order of key: where values stand is nothing to tell.
impl<V: Serialize> Serialize for Keyed<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Keyed<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut keyed = Self::default();
        for (key, value) in BTreeMap::<OperationKey, V>::deserialize(deserializer)? {
            keyed.insert(key, value);
        }
        Ok(keyed)
    }
}

#[cfg(test)]
mod tests {
    use model::EventKind;
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> OperationKey {
        let kind = if n.is_multiple_of(3) { EventKind::Server } else { EventKind::Client };
        let service = format!("service-{}", n / 5).into();
        OperationKey { env: "prod".into(), service, kind, operation: format!("{n:02}").into() }
    }

    proptest! {
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((0u8..30, 1u64..9, any::<bool>()), 0..60),
            asked in prop::collection::btree_set(0u8..30, 0..30),
        ) {
            let (mut keyed, mut tree) = (Keyed::default(), BTreeMap::new());
            for (n, value, stays) in steps {
                if !stays {
                    keyed.retain(|known, _| *known != key(n));
                    tree.remove(&key(n));
                } else if let Some(known) = keyed.get_mut(&key(n)) {
                    *known += value;
                    *tree.entry(key(n)).or_insert(0) += value;
                } else {
                    keyed.insert(key(n), value);
                    tree.insert(key(n), value);
                }
            }
            prop_assert!(keyed.iter().eq(tree.iter()) && keyed.len() == tree.len());
            prop_assert!(keyed.range(key(9)..).eq(tree.range(key(9)..)));
            let each: BTreeMap<OperationKey, u64> = keyed.each().map(|(key, value)| (key.clone(), *value)).collect();
            prop_assert_eq!(&each, &tree);
            let bytes = postcard::to_stdvec(&tree).unwrap();
            prop_assert_eq!(postcard::to_stdvec(&keyed).unwrap(), bytes.clone());
            let read: Keyed<u64> = postcard::from_bytes(&bytes).unwrap();
            prop_assert!(read.iter().eq(tree.iter()));
            let sorted: std::collections::BTreeSet<OperationKey> = asked.into_iter().map(key).collect();
            let asked: Vec<(ServiceKey, OperationName)> = sorted
                .iter()
                .map(|key| (key.service_key(), OperationName { kind: key.kind, name: key.operation.clone() }))
                .collect();
            let found = keyed.find_all(asked.iter().map(|(service, name)| (service, name)));
            prop_assert_eq!(found, sorted.iter().map(|key| keyed.place(key)).collect::<Vec<_>>());
        }
    }
}
