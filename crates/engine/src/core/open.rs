//! From symptoms to incidents: waits for evidence, groups, and opens or joins.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Effect, IncidentId, Str, TraceId};

use super::{CASES_MAX, Core, Pending};
use crate::assembly::Assembly;
use crate::case::Case;
use crate::grouping::{self, Callee, Machines, Node, Site, Traits};
use crate::origin;
use crate::sketch::Smallest;
use crate::window::{Alarm, FamilyKey, OperationKey, Sign};

impl Core {
    /// Opens or joins incidents for the symptoms whose evidence is complete, or that have waited a tick for it.
    /// `evidence_came` says that this is the answer to a request, the last that a ripe symptom waits for.
    pub(super) fn open_ripe(&mut self, evidence_came: bool) -> Vec<Effect> {
        let ripe: Vec<FamilyKey> = self
            .pending
            .values()
            .filter(|p| self.is_ripe(p, evidence_came))
            .map(|p| p.alarm.family.clone())
            .collect();
        if ripe.is_empty() {
            return Vec::new();
        }
        let alarms: Vec<Pending> = ripe.iter().filter_map(|family| self.pending.remove(family)).collect();
        let ids: Vec<IncidentId> = self.cases.keys().copied().collect();
        let mut touched = BTreeSet::new();
        for group in self.groups(&alarms, &ids) {
            touched.extend(self.settle(&group, &alarms, &ids));
        }
        let mut effects = self.keep_traces(&touched);
        effects.extend(self.publish(&touched));
        effects
    }

    fn is_ripe(&self, pending: &Pending, evidence_came: bool) -> bool {
        let waited_ticks = self.tick.since(pending.since) / self.config.tick_ns();
        let wanted = pending.traces.len() + pending.before.len();
        let held = || pending.traces.iter().chain(&pending.before).filter_map(|trace| self.traces.get(trace));
        let complete = held().count() == wanted
            && held().all(|trace| !origin::is_partial(trace, &self.window, &self.peers));
        // Evidence that has not come two ticks after it was asked for does not come.
        complete || (waited_ticks >= 1 && evidence_came) || waited_ticks >= 2
    }

    fn groups(&self, alarms: &[Pending], ids: &[IncidentId]) -> Vec<Vec<Node>> {
        let machines = Machines::of_traces(self.traces.all());
        let incidents = ids
            .iter()
            .enumerate()
            .map(|(i, id)| (Node::Incident(i), self.traits_of_case(&self.cases[id], &machines)));
        let symptoms = alarms.iter().enumerate().map(|(i, pending)| {
            let callees = self.callees(&pending.alarm.family);
            let callers = self.callers(&pending.alarm.family, &pending.before);
            let surges = self.window.surges(&pending.alarm.family.operation, &self.config);
            let site = self.site_of_alarm(pending, &machines);
            let traits = Traits::of_alarm(&pending.alarm, &pending.traces, callees, callers, site);
            (Node::Alarm(i), Traits { surges, ..traits })
        });
        let nodes: Vec<(Node, Traits)> = incidents.chain(symptoms).collect();
        let traces: BTreeSet<_> =
            nodes.iter().flat_map(|(_, traits)| traits.traces.iter().copied()).collect();
        let held = traces.iter().filter_map(|trace| self.traces.get(trace));
        let shown_in = grouping::shown_in(held, &self.window);
        grouping::groups(&nodes, &shown_in, &self.config)
    }

    pub(super) fn traits_of_case(&self, case: &Case, machines: &Machines) -> Traits {
        let families: BTreeSet<FamilyKey> = case.members.keys().cloned().collect();
        let callees = families.iter().flat_map(|family| self.callees(family)).collect();
        let traces = case.wanted(&self.window).into_iter().chain(case.opening.iter().copied()).collect();
        let flows = families.iter().flat_map(|family| self.callers(family, &case.before)).collect();
        let last = case.members.values().map(|member| member.onset).max();
        Traits {
            env: case.env.clone(),
            traces,
            callees,
            callers: flows,
            surges: case.surge.is_some(),
            site: self.site_of_case(case, machines),
            began: (case.onset, last.unwrap_or(case.onset)),
            families,
        }
    }

    /// Where a symptom arises by itself, as far as its own traces tell.
    fn site_of_alarm(&self, pending: &Pending, machines: &Machines) -> Site {
        let family = &pending.alarm.family;
        let (traces, before) = (self.held(&to_set(&pending.traces)), self.held(&to_set(&pending.before)));
        let onsets = BTreeMap::from([(family, pending.alarm.onset)]);
        let origin = origin::locate(&onsets, &traces, &before, &self.window, &self.peers);
        let window = (&self.window, pending.alarm.onset);
        Site::of(origin.as_ref(), [family].into_iter(), &traces, machines, window)
    }

    fn site_of_case(&self, case: &Case, machines: &Machines) -> Site {
        let wanted: BTreeSet<_> =
            case.wanted(&self.window).into_iter().chain(case.opening.iter().copied()).collect();
        let traces = self.held(&wanted);
        let origin = self.vote(case);
        Site::of(origin.as_ref(), case.members.keys(), &traces, machines, (&self.window, case.onset))
    }

    /// Services by way of which requests come to a flow, as far as traces from before its change tell.
    fn callers(&self, family: &FamilyKey, before: &[TraceId]) -> BTreeSet<Str> {
        let service = &family.operation.service;
        let shown = match family.sign {
            Sign::Traffic | Sign::Silence => Vec::new(),
            // Whoever calls what runs otherwise shows the consequences.
            Sign::Behaviour | Sign::SelfTime => self.window.traces_of(family),
            Sign::Failure | Sign::Latency | Sign::Saturation | Sign::Metric => return BTreeSet::new(),
        };
        let held = before.iter().chain(&shown).filter_map(|id| self.traces.get(id));
        let callers = held.flat_map(|trace| {
            let assembly = Assembly::of(trace);
            let own = (0..assembly.len()).filter(|i| assembly.event(*i).service == *service);
            let above = own.flat_map(|i| assembly.upwards(i).collect::<Vec<_>>());
            above.map(|i| assembly.event(i).service.clone()).collect::<BTreeSet<_>>()
        });
        callers.filter(|caller| caller != service).collect()
    }

    /// Whom the calls of a family go to, as far as captured traces tell: those of a failing or slow call, and all that
    /// a service calls whose traffic changed.
    fn callees(&self, family: &FamilyKey) -> BTreeSet<Callee> {
        let key = &family.operation;
        let of_call = key.kind.is_outbound();
        let (traces, calls_of_service) = match family.sign {
            Sign::Traffic | Sign::Silence | Sign::Saturation => {
                (self.window.healthy_before(key, family.sign, self.window.sealed()), true)
            }
            Sign::SelfTime if of_call => (self.window.traces_of(family), false),
            Sign::Behaviour | Sign::SelfTime => return BTreeSet::new(),
            Sign::Metric => return self.reached(key),
            Sign::Failure | Sign::Latency if !of_call => return self.called(key),
            Sign::Failure => {
                let total = self.window.sum(key, self.window.sealed(), u64::MAX, &self.config);
                let failures = total.failures_of(&family.code);
                (failures.map(|f| f.traces.iter().copied().collect()).unwrap_or_default(), false)
            }
            Sign::Latency => {
                let total = self.window.sum(key, self.window.sealed(), u64::MAX, &self.config);
                (total.slowest.iter().map(|(_, trace)| *trace).collect(), false)
            }
        };
        let events = traces.iter().filter_map(|id| self.traces.get(id)).flat_map(|trace| &trace.events);
        let is_meant = |event: &&model::Event| match calls_of_service {
            true => event.service == key.service && event.kind.is_outbound(),
            false => OperationKey::of(event) == *key,
        };
        let whom = |event: &model::Event| match origin::known_service(event, &self.window, &self.peers) {
            Some(service) => Some(Callee::Service(service)),
            // What a service calls besides while its traffic changes is none of the matter.
            None if calls_of_service || event.peer.is_empty() => None,
            None => Some(Callee::Foreign(event.peer.clone())),
        };
        events.filter(is_meant).filter_map(whom).collect()
    }

    /// Opens or joins the incident of one group; returns it.
    fn settle(&mut self, group: &[Node], alarms: &[Pending], ids: &[IncidentId]) -> Option<IncidentId> {
        let members: Vec<Alarm> = group
            .iter()
            .filter_map(|node| if let Node::Alarm(i) = node { Some(alarms[*i].alarm.clone()) } else { None })
            .collect();
        if members.is_empty() {
            return None;
        }
        let live =
            group.iter().filter_map(|node| if let Node::Incident(i) = node { Some(ids[*i]) } else { None });
        let live = live.filter(|id| self.cases[id].takes(&members));
        // The one that began first; the id breaks ties.
        let found = live.min_by_key(|id| (self.cases[id].onset, *id));
        if let Some(id) = found {
            let case = self.cases.get_mut(&id)?;
            members.iter().for_each(|alarm| case.join(alarm, self.tick, &mut self.window, &self.config));
            self.track_chain(id);
            return Some(id);
        }
        if self.cases.len() >= CASES_MAX {
            self.incidents_refused += 1;
            return None;
        }
        Some(self.open(&members))
    }

    fn open(&mut self, members: &[Alarm]) -> IncidentId {
        let root = self.root_of(members);
        let mut case = Case::open(root, members, self.tick, &mut self.window, &self.config);
        case.opening = case.wanted(&self.window);
        let before = self.before(members.iter().map(|alarm| (&alarm.family, alarm.onset)));
        case.before = before.into_iter().collect();
        case.ambient = (self.window.overflowed, self.late);
        let id = case.id;
        self.cases.insert(id, case);
        self.track_chain(id);
        id
    }

    /// The member at which the failure arose, as the traces tell; else the one that began first.
    fn root_of(&self, members: &[Alarm]) -> FamilyKey {
        let families: BTreeMap<&FamilyKey, &Alarm> =
            members.iter().map(|alarm| (&alarm.family, alarm)).collect();
        let traces: BTreeSet<_> = members.iter().flat_map(|alarm| self.exemplars(alarm)).collect();
        let before = self.before(members.iter().map(|alarm| (&alarm.family, alarm.onset)));
        let onsets = members.iter().map(|alarm| (&alarm.family, alarm.onset)).collect();
        let (held, before) = (self.held(&traces), self.held(&before));
        let found = origin::locate(&onsets, &held, &before, &self.window, &self.peers);
        let at_origin = found.and_then(|origin| {
            let exact = FamilyKey {
                operation: origin.place.step.clone(),
                sign: origin.sign,
                code: origin.place.code.clone(),
            };
            let same_service = || {
                families.keys().find(|f| f.operation.service == origin.place.service).map(|f| (*f).clone())
            };
            families.get_key_value(&exact).map(|(family, _)| (*family).clone()).or_else(same_service)
        });
        let first = || {
            families
                .values()
                .min_by_key(|alarm| (alarm.onset, &alarm.family))
                .map(|alarm| alarm.family.clone())
        };
        at_origin.or_else(first).unwrap_or_else(|| members[0].family.clone())
    }

    /// Keeps the totals of the operations that the failure passes through, members or not.
    pub(super) fn track_chain(&mut self, id: IncidentId) {
        let Some(charge) = self.cases.get(&id).map(|case| self.charge_of(case)) else { return };
        if let (Some(charge), Some(case)) = (charge, self.cases.get_mut(&id)) {
            case.charge = Some(charge);
        }
        let Some(case) = self.cases.get(&id) else { return };
        let Some(origin) = self.vote(case) else { return };
        let surge = self.surge(case, &origin);
        let Some(case) = self.cases.get_mut(&id) else { return };
        // Once it was seen it stays known: what follows from it lasts longer than it does.
        if case.surge.is_none() {
            case.surge = surge;
        }
        let passed =
            origin.hops.iter().chain(&origin.edges).filter(|key| &*key.operation != origin::UNOBSERVED);
        passed.for_each(|key| case.track(key, &self.window, &self.config));
        if let Some(operation) = origin.operation() {
            case.compare(operation, &self.window);
        }
    }

    /// Of the operations at which requests come in that pass the origin, the one that gets most, if that is far more than
    /// ever.
    fn surge(&self, case: &Case, origin: &origin::Origin) -> Option<(OperationKey, u64, u64)> {
        let service = &origin.place.service;
        let before = case.before.iter().filter_map(|trace| self.traces.get(trace));
        let outermost = before.filter(|trace| trace.events.iter().any(|e| e.service == *service));
        let outermost = outermost.filter_map(|trace| {
            let assembly = Assembly::of(trace);
            assembly.top_down().first().map(|i| OperationKey::of(assembly.event(*i)))
        });
        let edges: BTreeSet<OperationKey> = origin.edges.iter().cloned().chain(outermost).collect();
        let surging = edges.into_iter().filter_map(|key| {
            let (high, now) = self.window.surge(&key, &self.config)?;
            Some((key, high, now))
        });
        surging.max_by_key(|(key, _, now)| (*now, key.clone()))
    }

    pub(super) fn vote(&self, case: &Case) -> Option<origin::Origin> {
        let wanted: BTreeSet<_> =
            case.wanted(&self.window).into_iter().chain(case.opening.iter().copied()).collect();
        let before: BTreeSet<_> = case.before.iter().copied().collect();
        let (held, before) = (self.held(&wanted), self.held(&before));
        let found = origin::locate(&case.onsets(), &held, &before, &self.window, &self.peers)
            .map(|origin| origin.under(case.surge.as_ref().map(|(edge, ..)| edge)));
        origin::by_metrics(case, found, &self.window)
    }

    fn held(&self, traces: &BTreeSet<TraceId>) -> Vec<&CapturedTrace> {
        traces.iter().filter_map(|trace| self.traces.get(trace)).collect()
    }

    /// Traces to compare with, of all members together.
    fn before<'a>(
        &self,
        members: impl Iterator<Item = (&'a FamilyKey, crate::summary::Bucket)>,
    ) -> BTreeSet<TraceId> {
        let mut found: Smallest<TraceId, { crate::case::TRACES_MAX }> = Smallest::default();
        for (family, onset) in members {
            self.window
                .healthy_before(&family.operation, family.sign, onset)
                .iter()
                .for_each(|trace| found.add(trace));
        }
        found.iter().copied().collect()
    }

    /// The traces that the touched incidents cite, as far as they are held.
    pub(super) fn keep_traces(&self, touched: &BTreeSet<IncidentId>) -> Vec<Effect> {
        let cases = touched.iter().filter_map(|id| self.cases.get(id));
        cases
            .flat_map(|case| {
                let held = case.opening.iter().filter_map(|trace| self.traces.get(trace));
                held.map(|trace| Effect::TraceCaptured { incident: case.id, trace: trace.clone() })
            })
            .collect()
    }
}

fn to_set(traces: &[TraceId]) -> BTreeSet<TraceId> {
    traces.iter().copied().collect()
}
