//! Which spans and log records came before: their hashes, one table for each stretch of an eighth of a second in which
//! they ended. A table is asked for one number at a time, so how it is laid out reaches nothing. What comes mostly ended
//! just now, so the one table that is asked stays in the processor's cache however much came in the last minute; it is as
//! large as what the stretch before held suggests, so that at a steady pace none has to grow; and a stretch that nobody
//! can ask for any more goes as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Nanos;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds of a stretch as a power of two: 134 ms.
const STRETCH_BITS: u32 = 27;
const PLACES_MIN: usize = 16;
/// Room behind the last place, which is seldom used up.
const BEHIND: usize = 8;
const FREE: u64 = 0;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Shared with copies of the state: those of before are seldom added to.
    stretches: BTreeMap<u64, Arc<Table>>,
}

/// Hashes in the order of their size, each in its place or behind it, without a free one between. So what is written down
/// is the same however large a table is and in whatever order they came.
#[derive(Debug, Clone, Default)]
struct Table {
    /// As many as there are places, and those behind the last of them.
    slots: Vec<u64>,
    places: usize,
    len: usize,
}

impl Seen {
    /// Whether it is new. What is asked for twice has the same end both times.
    pub(crate) fn insert(&mut self, end: Nanos, hash: u64) -> bool {
        let stretch = end.0 >> STRETCH_BITS;
        if let Some(table) = self.stretches.get_mut(&stretch) {
            return Arc::make_mut(table).insert(hash);
        }
        let before = stretch.checked_sub(1).and_then(|before| self.stretches.get(&before));
        let mut table = Table::with_room(before.map_or(0, |table| table.len));
        table.insert(hash);
        self.stretches.insert(stretch, Arc::new(table));
        true
    }

    /// Forgets what ended in stretches before that of `horizon`.
    pub(crate) fn forget_before(&mut self, horizon: Nanos) {
        self.stretches = self.stretches.split_off(&(horizon.0 >> STRETCH_BITS));
    }

    pub(crate) fn len(&self) -> usize {
        self.stretches.values().map(|table| table.len).sum()
    }

    /// By stretch, in order within it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.stretches.iter().flat_map(|(stretch, table)| table.iter().map(|hash| (*stretch, hash)))
    }
}

impl Table {
    fn with_room(len: usize) -> Self {
        // What is three quarters full grows, so a pace may rise by a third first.
        Self::with_places((len + len / 4 * 3).max(PLACES_MIN))
    }

    fn with_places(places: usize) -> Self {
        Self { slots: vec![FREE; places + BEHIND], places, len: 0 }
    }

    /// Where another one stands that is larger, it moves on; so the search for one that is not there ends early.
    fn insert(&mut self, hash: u64) -> bool {
        if (self.len + 1) * 4 > self.places * 3 {
            self.grow();
        }
        // The mark of a free place is no hash; that it is taken for its neighbour changes what collides and no more.
        let mut moved = hash.max(FREE + 1);
        let from = self.place(moved);
        for slot in &mut self.slots[from..] {
            if *slot == moved {
                return false;
            }
            if *slot == FREE {
                *slot = moved;
                self.len += 1;
                return true;
            }
            if *slot > moved {
                std::mem::swap(slot, &mut moved);
            }
        }
        self.slots.push(moved);
        self.len += 1;
        true
    }

    /// Where a hash belongs: as far into the table as the hash is into all numbers.
    fn place(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.places as u128) >> 64) as usize
    }

    fn grow(&mut self) {
        let mut larger = Self::with_places((self.places * 2).max(PLACES_MIN));
        self.iter().for_each(|hash| {
            larger.insert(hash);
        });
        *self = larger;
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|slot| *slot != FREE)
    }
}

/// The hashes alone, in order, eight bytes each: there may be tens of millions of them.
impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.len * 8);
        self.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hashes;

        impl Visitor<'_> for Hashes {
            type Value = Table;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("eight bytes for each hash")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Table, E> {
                let (hashes, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                let mut table = Table::with_room(hashes.len());
                hashes.iter().for_each(|hash| {
                    table.insert(u64::from_le_bytes(*hash));
                });
                Ok(table)
            }
        }

        deserializer.deserialize_bytes(Hashes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn stretch(n: u64) -> Nanos {
        Nanos(n << STRETCH_BITS)
    }

    /// Small numbers and large ones, many of them equal or next to each other.
    fn hashes() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let hash = prop_oneof![0..40_u64, (u64::MAX - 40)..=u64::MAX, any::<u64>()];
        proptest::collection::vec((0..3_u64, hash), 0..300)
    }

    fn of(hashes: &[(u64, u64)]) -> Seen {
        let mut seen = Seen::default();
        hashes.iter().for_each(|(at, hash)| {
            seen.insert(stretch(*at), *hash);
        });
        seen
    }

    proptest! {
        #[test]
        fn it_answers_as_a_set_does(hashes in hashes()) {
            let (mut seen, mut set) = (Seen::default(), BTreeSet::new());
            for (at, hash) in hashes {
                let is_new = set.insert((at, hash.max(1)));
                prop_assert_eq!(seen.insert(stretch(at), hash), is_new);
            }
            prop_assert_eq!(seen.len(), set.len());
            prop_assert_eq!(seen.iter().collect::<Vec<_>>(), set.into_iter().collect::<Vec<_>>());
        }

        /// A snapshot is compared with what a replay gives, byte for byte.
        #[test]
        fn what_is_written_is_the_same_for_any_order_and_any_size(hashes in hashes()) {
            let written = |seen: &Seen| postcard::to_stdvec(seen).unwrap();
            let seen = of(&hashes);
            let read: Seen = postcard::from_bytes(&written(&seen)).unwrap();
            let backward: Vec<_> = hashes.into_iter().rev().collect();
            prop_assert_eq!(written(&read), written(&seen));
            prop_assert_eq!(written(&of(&backward)), written(&seen));
        }

        #[test]
        fn one_read_back_knows_the_same(hashes in hashes()) {
            let mut written = of(&hashes);
            let mut read: Seen = postcard::from_bytes(&postcard::to_stdvec(&written).unwrap()).unwrap();
            for (at, hash) in hashes.into_iter().chain([(1, 77), (9, 78)]) {
                prop_assert_eq!(read.insert(stretch(at), hash), written.insert(stretch(at), hash));
            }
        }
    }

    #[test]
    fn at_a_steady_pace_no_table_grows() {
        let numbers = |of: u64| (0..10_000).map(move |n| crate::hash::mix(of * 10_000 + n + 1));
        let mut seen = Seen::default();
        numbers(0).for_each(|hash| assert!(seen.insert(stretch(0), hash)));
        assert!(seen.insert(stretch(1), 1));
        let room = seen.stretches[&1].slots.len();
        numbers(1).for_each(|hash| assert!(seen.insert(stretch(1), hash)));
        assert_eq!(seen.stretches[&1].slots.len(), room);
        assert!(room < 18_000, "{room}");
    }

    #[test]
    fn whole_stretches_are_forgotten() {
        let mut seen = of(&[(4, 1), (5, 1), (6, 1)]);
        seen.forget_before(Nanos(stretch(5).0 + 1));
        assert_eq!(seen.iter().collect::<Vec<_>>(), [(5, 1), (6, 1)]);
    }

    #[test]
    fn half_a_hash_is_refused() {
        let bytes = postcard::to_stdvec(&BTreeMap::from([(5_u64, vec![1_u8; 9])])).unwrap();
        assert!(postcard::from_bytes::<Seen>(&bytes).is_err());
    }
}
