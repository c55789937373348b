//! Two incidents that are one, and one that is two: what goes over, and what stays.

use std::collections::BTreeSet;

use model::{IncidentId, IncidentState, Nanos, Str, TraceId};

use super::timeline::TIMELINE_MAX;
use super::{BEYOND_MAX, Case, MEMBERS_MAX, Moment, OPERATIONS_MAX, TRACES_MAX, What};
use crate::config::Config;
use crate::hash;
use crate::sketch::Smallest;
use crate::window::{FamilyKey, OperationKey, Window};

impl Case {
    /// Takes in the other incident whole, which is over then.
    pub(crate) fn absorb(
        &mut self,
        other: &mut Case,
        actor: &Str,
        now: Nanos,
        window: &mut Window,
        config: &Config,
    ) {
        // Both have counted up to the same bucket from here on.
        let to = self.counted_to.max(other.counted_to);
        self.settle(to, window, config);
        other.settle(to, window, config);
        self.take_totals(other);
        self.take_members(other, window, config);
        self.onset = self.onset.min(other.onset);
        self.last_failing = self.last_failing.max(other.last_failing);
        self.take_state(other);
        self.opening = smallest(&self.opening, &other.opening);
        self.before = smallest(&self.before, &other.before);
        self.ambient = (self.ambient.0.min(other.ambient.0), self.ambient.1.min(other.ambient.1));
        self.attention.absorb(&other.attention);
        self.take_timeline(other);
        self.note(now, What::Absorbed(actor.clone(), other.id));
        other.settle(now.0 / config.tick_ns() + 1, window, config);
        other.beyond.clear();
        other.attention.merged_into = Some(self.id);
        other.resolve(now, What::MergedInto(actor.clone(), self.id));
    }

    /// Of an operation that both have counted, the one that began earlier has counted more. Members come first.
    fn take_totals(&mut self, other: &Case) {
        let is_earlier = other.onset < self.onset;
        let of_members = other.members.keys().map(|family| &family.operation);
        let keys: Vec<&OperationKey> = of_members.chain(other.totals.keys()).collect();
        for key in keys {
            let known = self.totals.contains_key(key);
            let wanted = if known { is_earlier } else { self.totals.len() < OPERATIONS_MAX };
            if let Some(total) = other.totals.get(key).filter(|_| wanted) {
                self.totals.insert(key.clone(), total.clone());
                self.past.insert(key.clone(), other.past(key));
            }
        }
    }

    fn take_members(&mut self, other: &Case, window: &mut Window, config: &Config) {
        for (family, member) in &other.members {
            if self.members.contains_key(family) || self.members.len() < MEMBERS_MAX {
                self.members.entry(family.clone()).or_insert_with(|| member.clone());
            } else {
                self.take_beyond(family, window, config);
            }
        }
        other.beyond.iter().for_each(|family| self.take_beyond(family, window, config));
    }

    /// What finds no room goes free, and may open an incident of its own.
    fn take_beyond(&mut self, family: &FamilyKey, window: &mut Window, config: &Config) {
        if self.members.contains_key(family) || self.beyond.contains(family) {
            return;
        }
        if self.beyond.len() < BEYOND_MAX {
            self.beyond.insert(family.clone());
        } else {
            window.leave_incident(family, self.counted_to, config);
        }
    }

    fn take_state(&mut self, other: &Case) {
        if other.state == IncidentState::Open {
            self.state = IncidentState::Open;
            self.recovering_since = None;
        } else if self.state == IncidentState::Recovering {
            self.recovering_since = self.recovering_since.max(other.recovering_since);
        }
    }

    fn take_timeline(&mut self, other: &Case) {
        let room = TIMELINE_MAX.saturating_sub(self.timeline.len());
        let moments = other.timeline.iter().take(room).map(|moment| Moment {
            at: moment.at,
            what: match &moment.what {
                of_third @ What::Of(..) => of_third.clone(),
                own => What::Of(other.id, Box::new(own.clone())),
            },
        });
        self.timeline.extend(moments);
        self.timeline.sort_by_key(|moment| moment.at);
    }

    /// The services that have a symptom of their own here.
    pub(crate) fn services(&self) -> BTreeSet<&Str> {
        self.members.keys().map(|family| &family.operation.service).collect()
    }

    /// What these services do is an incident of its own from here on. Both keep all totals; which of them belong to
    /// which is seen in the traces, see `keep_operations`.
    pub(crate) fn split_off(&mut self, services: &BTreeSet<Str>, actor: &Str, now: Nanos) -> Case {
        let leaves = |family: &FamilyKey| services.contains(&family.operation.service);
        self.attention.splits += 1;
        let id = split_id(self.id, self.attention.splits, services);
        let mut part = self.clone();
        part.members.retain(|family, _| leaves(family));
        part.beyond.retain(leaves);
        self.members.retain(|family, _| !leaves(family));
        self.beyond.retain(|family| !leaves(family));
        part.id = id;
        part.detected_at = part.members.values().map(|member| member.detected_at).min().unwrap_or(now);
        part.opened_at = now;
        part.reopened = 0;
        part.attention = Default::default();
        part.last_report = None;
        part.timeline = vec![Moment { at: now, what: What::SplitFrom(actor.clone(), self.id) }];
        self.note(now, What::SplitOff(actor.clone(), services.iter().cloned().collect(), id));
        part.find_root();
        self.find_root();
        part
    }

    /// The root stays where it is; where it left, the first member takes its place.
    fn find_root(&mut self) {
        if self.members.contains_key(&self.root) {
            return;
        }
        let first = self.members.iter().min_by_key(|(family, member)| (member.onset, *family));
        if let Some((family, _)) = first {
            self.root = family.clone();
        }
    }

    /// Lets go of the totals of operations that are neither a member's nor in `chain`.
    pub(crate) fn keep_operations(&mut self, chain: &BTreeSet<OperationKey>) {
        let of_members: BTreeSet<&OperationKey> =
            self.members.keys().map(|family| &family.operation).collect();
        let stays = |key: &OperationKey| of_members.contains(key) || chain.contains(key);
        self.totals.retain(|key, _| stays(key));
        self.past.retain(|key, _| stays(key));
    }
}

/// Of both, those that any incident of theirs would have kept.
fn smallest(these: &[TraceId], those: &[TraceId]) -> Vec<TraceId> {
    let mut smallest: Smallest<TraceId, TRACES_MAX> = Smallest::default();
    these.iter().chain(those).for_each(|trace| smallest.add(trace));
    smallest.iter().copied().collect()
}

/// `inc_` and a hash of where it came from.
fn split_id(from: IncidentId, splits: u32, services: &BTreeSet<Str>) -> IncidentId {
    let splits = splits.to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![b"split", &from.0, &splits];
    parts.extend(services.iter().map(|service| service.as_bytes()));
    IncidentId(hash::digest8(&parts))
}
