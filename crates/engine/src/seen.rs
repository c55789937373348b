//! Which spans and log records came before: their hashes, one table for each stretch of an eighth of a second in which
//! they ended. A table is asked for one number at a time, so how it is laid out reaches nothing. What comes mostly ended
//! just now, so the one table that is asked stays in the processor's cache however much came in the last minute; it is as
//! large as what the stretch before held suggests, so that at a steady pace none has to grow; and a stretch that nobody
//! can ask for any more goes as a whole. Who sends can choose ids whose hashes crowd one place of a table: a stretch in
//! which that happens goes on as a tree, which takes longer for each and about as long whatever the hashes are.

use std::collections::{BTreeMap, BTreeSet};
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
/// Slots that are looked at for one hash. Of hashes that nobody chose, as many stand close together once in hundreds of
/// millions where a table is about to grow, and never where it is not.
const WALK_MAX: usize = 512;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Shared with copies of the state: those of before are seldom added to.
    stretches: BTreeMap<u64, Arc<Table>>,
}

/// The hashes of a stretch. What is written down of it is the same whichever of the two it is.
#[derive(Debug, Clone)]
enum Table {
    Places(Places),
    Tree(BTreeSet<u64>),
}

/// Hashes in the order of their size, each in its place or behind it, without a free one between. So what is written down
/// is the same however many places there are and in whatever order they came.
#[derive(Debug, Clone, Default)]
struct Places {
    /// As many as there are places, and those behind the last of them.
    slots: Vec<u64>,
    places: usize,
    len: usize,
    /// Slots looked at since the beginning.
    #[cfg(test)]
    walked: u64,
}

/// The way to the end of what stands close together was too long.
struct Crowded {
    /// What found no slot; everything else has one.
    left: u64,
}

impl Seen {
    /// Whether it is new. What is asked for twice has the same end both times.
    pub(crate) fn insert(&mut self, end: Nanos, hash: u64) -> bool {
        let stretch = end.0 >> STRETCH_BITS;
        if let Some(table) = self.stretches.get_mut(&stretch) {
            return Arc::make_mut(table).insert(hash);
        }
        let before = stretch.checked_sub(1).and_then(|before| self.stretches.get(&before));
        let mut table = Table::with_room(before.map_or(0, |table| table.len()));
        table.insert(hash);
        self.stretches.insert(stretch, Arc::new(table));
        true
    }

    /// Forgets what ended in stretches before that of `horizon`.
    pub(crate) fn forget_before(&mut self, horizon: Nanos) {
        self.stretches = self.stretches.split_off(&(horizon.0 >> STRETCH_BITS));
    }

    pub(crate) fn len(&self) -> usize {
        self.stretches.values().map(|table| table.len()).sum()
    }

    /// By stretch, in order within it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.stretches.iter().flat_map(|(stretch, table)| table.iter().map(|hash| (*stretch, hash)))
    }
}

impl Table {
    fn with_room(len: usize) -> Self {
        // What is three quarters full grows, so a pace may rise by a third first.
        Self::Places(Places::with((len + len / 4 * 3).max(PLACES_MIN)))
    }

    fn insert(&mut self, hash: u64) -> bool {
        // The mark of a free place is no hash; that it is taken for its neighbour changes what collides and no more.
        let hash = hash.max(FREE + 1);
        match self {
            Self::Tree(tree) => tree.insert(hash),
            Self::Places(places) => match places.insert(hash) {
                Ok(is_new) => is_new,
                Err(Crowded { left }) => {
                    let mut tree: BTreeSet<u64> = places.iter().collect();
                    // What is left is not always what was to be added: that may have taken its slot.
                    let is_new = tree.insert(left);
                    *self = Self::Tree(tree);
                    is_new
                }
            },
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Places(places) => places.len,
            Self::Tree(tree) => tree.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let (places, tree) = match self {
            Self::Places(places) => (Some(places), None),
            Self::Tree(tree) => (None, Some(tree)),
        };
        places.into_iter().flat_map(Places::iter).chain(tree.into_iter().flatten().copied())
    }
}

impl Places {
    fn with(places: usize) -> Self {
        Self { slots: vec![FREE; places + BEHIND], places, ..Self::default() }
    }

    /// Where another one stands that is larger, it moves on; so the search for one that is not there ends early.
    fn insert(&mut self, hash: u64) -> Result<bool, Crowded> {
        if (self.len + 1) * 4 > self.places * 3 {
            self.grow();
        }
        let mut moved = hash;
        let from = self.place(moved);
        for slot in self.slots[from..].iter_mut().take(WALK_MAX) {
            #[cfg(test)]
            {
                self.walked += 1;
            }
            if *slot == moved {
                return Ok(false);
            }
            if *slot == FREE {
                *slot = moved;
                self.len += 1;
                return Ok(true);
            }
            if *slot > moved {
                std::mem::swap(slot, &mut moved);
            }
        }
        if self.slots.len() - from > WALK_MAX {
            return Err(Crowded { left: moved });
        }
        self.slots.push(moved);
        self.len += 1;
        Ok(true)
    }

    /// Where a hash belongs: as far into the table as the hash is into all numbers.
    fn place(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.places as u128) >> 64) as usize
    }

    /// They are in order already: each goes to its place, or behind the one before.
    fn grow(&mut self) {
        let mut larger = Self::with((self.places * 2).max(PLACES_MIN));
        let mut free = 0;
        for hash in self.iter() {
            let at = larger.place(hash).max(free);
            match larger.slots.get_mut(at) {
                Some(slot) => *slot = hash,
                None => larger.slots.push(hash),
            }
            free = at + 1;
        }
        larger.len = self.len;
        #[cfg(test)]
        {
            larger.walked = self.walked + larger.slots.len() as u64;
        }
        *self = larger;
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|slot| *slot != FREE)
    }
}

/// The hashes alone, in order, eight bytes each: there may be tens of millions of them.
impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.len() * 8);
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
        let few = proptest::collection::vec((0..3_u64, hash), 0..300);
        prop_oneof![3 => few, 1 => crowd()]
    }

    /// More neighbours than a table takes.
    fn crowd() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let begin = prop_oneof![Just(0_u64), Just(1 << 40), Just(u64::MAX - 1_200)];
        begin.prop_flat_map(|begin| {
            proptest::collection::vec((Just(0_u64), begin..=begin + 1_200), WALK_MAX * 3 / 2..WALK_MAX * 3)
        })
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
        let room = |seen: &Seen| places(seen, 1).slots.len();
        let before = room(&seen);
        numbers(1).for_each(|hash| assert!(seen.insert(stretch(1), hash)));
        assert_eq!(room(&seen), before);
        assert!(before < 18_000, "{before}");
    }

    fn places(seen: &Seen, stretch: u64) -> &Places {
        match &*seen.stretches[&stretch] {
            Table::Places(places) => places,
            Table::Tree(_) => panic!("it is a tree"),
        }
    }

    /// What [`crate::hash::span`] makes the given number of, for spans of the trace with this hash.
    fn span_with(hash: u64, trace: u64) -> model::SpanId {
        let inverse =
            |of: u64| (0..5).fold(of, |x, _| x.wrapping_mul(2_u64.wrapping_sub(of.wrapping_mul(x))));
        let unshift = |x: u64, by: u32| (0..64 / by).fold(x, |y, _| x ^ (y >> by));
        let x = unshift(hash, 31).wrapping_mul(inverse(0x94d0_49bb_1331_11eb));
        let x = unshift(x, 27).wrapping_mul(inverse(0xbf58_476d_1ce4_e5b9));
        let x = unshift(x, 30) ^ trace;
        model::SpanId(x.wrapping_mul(inverse(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
    }

    /// Ids of spans can be chosen so that their hashes are neighbours.
    #[test]
    fn what_crowds_one_place_costs_no_more_steps_than_anything_else() {
        const SPANS: u64 = 50_000;
        let trace = 0x1234_5678_9abc_def0;
        let mut seen = Seen::default();
        let mut walked = 0;
        for n in (1..=SPANS).rev() {
            let chosen = span_with(n, trace);
            assert_eq!(crate::hash::span(trace, chosen), n);
            assert!(seen.insert(stretch(0), n));
            if let Table::Places(places) = &*seen.stretches[&0] {
                walked = places.walked;
            }
        }
        assert!((1..=SPANS).all(|n| !seen.insert(stretch(0), n)));
        assert_eq!(seen.len(), SPANS as usize);
        assert!(walked < SPANS * 8, "{walked} steps");
    }

    #[test]
    fn chance_makes_no_crowd() {
        const SPANS: u64 = 300_000;
        let mut seen = Seen::default();
        (1..=SPANS).for_each(|n| assert!(seen.insert(stretch(0), crate::hash::mix(n))));
        let walked = places(&seen, 0).walked;
        assert!(walked < SPANS * 12, "{walked} steps");
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
