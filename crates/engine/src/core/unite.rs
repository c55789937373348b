//! Incidents that turn out to be one: what opened before its evidence came could not be put together then. Only young
//! incidents are looked at, and what a person has parted stays apart.

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, IncidentId, IncidentState};

use super::Core;
use crate::case::{Case, What};
use crate::grouping::{Machines, Traits};

/// Evidence that has not come by then does not come.
const YOUNG_MS: u64 = 60_000;
/// Who merges where no person does.
const ACTOR: &str = "casebook";

impl Core {
    /// Merges a young incident with one that began at the same place in the same minutes: the one that began first
    /// stays.
    pub(super) fn unite(&mut self) -> Vec<Effect> {
        let mut touched = BTreeSet::new();
        while let Some((earlier, later)) = self.two_that_are_one() {
            self.merge(later, earlier, &ACTOR.into());
            touched.extend([earlier, later]);
        }
        if touched.is_empty() {
            return Vec::new();
        }
        let mut effects = self.keep_traces(&touched);
        effects.extend(self.publish(&touched));
        self.cases.retain(|_, case| case.attention.merged_into.is_none());
        effects
    }

    fn two_that_are_one(&self) -> Option<(IncidentId, IncidentId)> {
        let live: Vec<&Case> = self.cases.values().filter(|case| case.may_unite()).collect();
        let is_young = |case: &&Case| self.tick.since(case.opened_at) <= YOUNG_MS * 1_000_000;
        let pairs = live.iter().filter(|case| is_young(case)).flat_map(|young| {
            let others = live.iter().filter(|other| other.id != young.id && other.env == young.env);
            others.map(|other| in_order(young, other))
        });
        let pairs: Vec<(&Case, &Case)> = pairs.collect();
        if pairs.is_empty() {
            return None;
        }
        let machines = Machines::of_traces(self.traces.all());
        let mut known: BTreeMap<IncidentId, Traits> = BTreeMap::new();
        for case in pairs.iter().flat_map(|(a, b)| [a, b]) {
            known.entry(case.id).or_insert_with(|| self.traits_of_case(case, &machines));
        }
        let one = pairs.iter().find(|(a, b)| match (known.get(&a.id), known.get(&b.id)) {
            (Some(a), Some(b)) => a.began_with(b, &self.config),
            _ => false,
        });
        one.map(|(earlier, later)| (earlier.id, later.id))
    }
}

/// The one that began first; the id breaks ties.
fn in_order<'a>(a: &'a Case, b: &'a Case) -> (&'a Case, &'a Case) {
    if (a.onset, a.id) <= (b.onset, b.id) { (a, b) } else { (b, a) }
}

impl Case {
    fn may_unite(&self) -> bool {
        let was_parted = |what: &What| matches!(what, What::SplitFrom(..) | What::SplitOff(..));
        self.state != IncidentState::Resolved
            && self.attention.merged_into.is_none()
            && !self.timeline.iter().any(|moment| was_parted(&moment.what))
    }
}
