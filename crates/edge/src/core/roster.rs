//! Which node has which id while nodes come and go. An id names one node for as long as anything may still speak of it: it
//! is given to another only after the first has left and everybody who knew it is done. It must never know what makes two nodes
//! the same one.

use super::{NodeId, NodeSet};

/// `K` is what a node is known by.
#[derive(Debug, Clone)]
pub struct Roster<K> {
    /// By id.
    slots: Vec<Slot<K>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot<K> {
    Free,
    Held(K),
    /// Its node is gone, and calls that knew it may not be.
    Leaving,
}

/// What a new list of nodes comes down to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seating {
    /// The id of each node of the list. `None` while every slot is taken: it has to wait for one that is left.
    pub ids: Vec<Option<NodeId>>,
    /// Those that had none before.
    pub came: Vec<NodeId>,
    pub left: Vec<NodeId>,
}

impl<K> Default for Roster<K> {
    fn default() -> Self {
        Self { slots: (0..NodeSet::NODES_MAX).map(|_| Slot::Free).collect() }
    }
}

impl<K: PartialEq + Clone> Roster<K> {
    /// Whoever was there keeps its id, wherever it stands in the list; no two of the list are the same.
    pub fn seat(&mut self, wanted: &[K]) -> Seating {
        let mut seating = Seating::default();
        for (slot, id) in self.slots.iter_mut().zip(0..) {
            if matches!(slot, Slot::Held(known) if !wanted.contains(known)) {
                *slot = Slot::Leaving;
                seating.left.push(NodeId(id));
            }
        }
        for node in wanted {
            let held = self.slots.iter().position(|slot| matches!(slot, Slot::Held(known) if known == node));
            let at = held.or_else(|| {
                let free = self.slots.iter().position(|slot| matches!(slot, Slot::Free))?;
                self.slots[free] = Slot::Held(node.clone());
                seating.came.push(id(free));
                Some(free)
            });
            seating.ids.push(at.map(id));
        }
        seating
    }

    /// Nobody speaks of it any more.
    pub fn is_done(&mut self, node: NodeId) {
        if let Some(slot) = self.slots.get_mut(usize::from(node.0))
            && matches!(slot, Slot::Leaving)
        {
            *slot = Slot::Free;
        }
    }
}

fn id(place: usize) -> NodeId {
    NodeId(u8::try_from(place).expect("there are NODES_MAX slots, and that is below 256"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ids(seating: &Seating) -> Vec<u8> {
        seating.ids.iter().map(|id| id.map_or(255, |id| id.0)).collect()
    }

    #[test]
    fn who_stays_keeps_its_id_and_one_that_left_is_given_out_only_when_it_is_done() {
        let mut roster = Roster::default();
        assert_eq!(ids(&roster.seat(&["a", "b", "c"])), [0, 1, 2]);
        let seating = roster.seat(&["c", "d", "a"]);
        assert_eq!(
            (ids(&seating), seating.came, seating.left),
            (vec![2, 3, 0], vec![NodeId(3)], vec![NodeId(1)])
        );
        assert_eq!(ids(&roster.seat(&["c", "d", "a", "b"])), [2, 3, 0, 4]);
        roster.is_done(NodeId(1));
        // Whoever is there is not done, whatever is said.
        roster.is_done(NodeId(2));
        assert_eq!(ids(&roster.seat(&["c", "d", "a", "b", "e", "f"])), [2, 3, 0, 4, 1, 5]);
    }

    #[test]
    fn without_a_free_slot_a_node_waits() {
        let mut roster = Roster::default();
        let all: Vec<u32> = (0..NodeSet::NODES_MAX as u32).collect();
        assert!(roster.seat(&all).ids.iter().all(Option::is_some));
        let others: Vec<u32> = (1..=NodeSet::NODES_MAX as u32).collect();
        assert_eq!(ids(&roster.seat(&others)).last(), Some(&255));
        roster.is_done(NodeId(0));
        assert_eq!(ids(&roster.seat(&others)).last(), Some(&0));
    }

    proptest! {
        #[test]
        fn no_id_ever_names_two_nodes_at_once(
            lists in prop::collection::vec((prop::collection::btree_set(0_u8..90, 0..64), prop::bool::ANY), 1..20)
        ) {
            let mut roster = Roster::default();
            let mut held: BTreeMap<NodeId, u8> = BTreeMap::new();
            let mut leaving: BTreeMap<NodeId, u8> = BTreeMap::new();
            for (wanted, all_are_done) in lists {
                let wanted: Vec<u8> = wanted.into_iter().collect();
                let seating = roster.seat(&wanted);
                for left in &seating.left {
                    leaving.insert(*left, held.remove(left).unwrap());
                }
                for (node, id) in wanted.iter().zip(&seating.ids) {
                    let Some(id) = id else { continue };
                    prop_assert!(!leaving.contains_key(id), "an id was given out before it was free");
                    let before = held.insert(*id, *node);
                    prop_assert!(before.is_none_or(|before| before == *node));
                    prop_assert_eq!(before.is_none(), seating.came.contains(id));
                }
                prop_assert_eq!(held.len(), seating.ids.iter().flatten().count());
                if all_are_done {
                    leaving.keys().for_each(|id| roster.is_done(*id));
                    leaving.clear();
                }
            }
        }
    }
}
