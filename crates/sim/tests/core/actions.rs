//! What operators do to incidents, over whole runs: two incidents of one street, merged and split, and a rate that is
//! accepted as normal. Everything replays, and goes on from a snapshot.

use engine::Engine;
use model::{
    ActionOutcome, Event, Failure, FailureStatus, IncidentId, IncidentState, Input, Nanos, OperatorAction,
    OperatorActionKind, Outcome,
};
use sim::{Fault, Replica, Rng, Shop};

use super::{START_S, traffic};

/// A street of shops whose services fail on their own, each in traces of its own.
struct Street {
    replica: Replica,
    second: u64,
    /// The shares of a thousand requests that fail, by service.
    failing: Vec<(&'static str, u64)>,
    rng: Rng,
}

impl Street {
    fn new(shards: usize) -> Self {
        Self {
            replica: Replica::new(shards).recording(),
            second: START_S,
            failing: vec![("bakery", 0), ("butcher", 0), ("florist", 0)],
            rng: Rng::new(7),
        }
    }

    fn fail(&mut self, service: &str, per_thousand: u64) {
        let entry = self.failing.iter_mut().find(|(name, _)| *name == service).unwrap();
        entry.1 = per_thousand;
    }

    fn live(&mut self, seconds: u64) {
        for _ in 0..seconds {
            let mut shop = Shop::new(traffic(self.second, 10));
            let requests = shop.second(Nanos::from_secs(self.second), Fault::None);
            let mut events = Vec::new();
            for (i, (trace, _)) in requests.iter().enumerate() {
                let (service, share) = self.failing[i % self.failing.len()];
                let failed = self.rng.below(1_000) < share;
                events.push(event(&trace[0], service, failed));
            }
            self.replica.feed(Nanos::from_secs(self.second), Input::Events(events));
            self.second += 1;
            self.replica.feed(Nanos::from_secs(self.second), Input::Tick);
        }
    }

    fn act(&mut self, incident: IncidentId, kind: OperatorActionKind) -> ActionOutcome {
        let action = OperatorAction { incident, actor: "ada".into(), kind };
        self.replica.feed(Nanos::from_secs(self.second), Input::Operator(action));
        self.replica.settled.last().unwrap().clone()
    }

    fn of(&self, service: &str) -> IncidentId {
        let found = self.replica.incidents.values().filter(|incident| {
            incident.state != IncidentState::Resolved && incident.origin_service.as_deref() == Some(service)
        });
        let found: Vec<IncidentId> = found.map(|incident| incident.id).collect();
        assert_eq!(found.len(), 1, "{service}: {:?}", self.replica.incidents);
        found[0]
    }

    fn state(&self, id: IncidentId) -> IncidentState {
        self.replica.incidents[&id].state
    }

    fn moments(&self, id: IncidentId) -> Vec<String> {
        let report = self.replica.report(id).unwrap();
        report.timeline.into_iter().map(|entry| entry.text).collect()
    }

    /// The journal read again gives the same, also through a snapshot in its middle.
    fn assert_replays(&self) {
        let journal = &self.replica.journal;
        for shards in [1, 3] {
            let mut replay = Replica::new(shards);
            journal.iter().for_each(|(now, input)| replay.step(*now, input.clone()));
            assert_eq!(replay.hashes(), self.replica.hashes(), "{shards} shards");
            assert_eq!(replay.incidents, self.replica.incidents);
            assert_eq!(replay.settled, self.replica.settled);
        }
        let acted = journal.iter().position(|(_, input)| matches!(input, Input::Operator(_))).unwrap_or(0);
        for cut in [acted, acted + 1, acted + 2, journal.len() - 20] {
            let mut replica = Replica::new(2);
            journal[..cut].iter().for_each(|(now, input)| replica.step(*now, input.clone()));
            let restored = Engine::restore(&replica.engine.snapshot()).unwrap();
            replica.engine = restored;
            journal[cut..].iter().for_each(|(now, input)| replica.step(*now, input.clone()));
            assert_eq!(replica.hashes(), self.replica.hashes(), "cut at {cut}");
            assert_eq!(replica.incidents, self.replica.incidents, "cut at {cut}");
        }
    }
}

fn event(like: &Event, service: &str, failed: bool) -> Event {
    let failure = Failure { status: FailureStatus::Error, code: "E".into(), reason: "".into() };
    Event {
        service: service.into(),
        operation: "POST /buy".into(),
        parent: None,
        end: like.start.saturating_add(1_000_000),
        outcome: if failed { Outcome::Failed(failure) } else { Outcome::Ok },
        ..like.clone()
    }
}

const DONE: ActionOutcome = ActionOutcome::Done { other: None };

fn refusal(outcome: ActionOutcome) -> String {
    match outcome {
        ActionOutcome::Refused { reason } => reason.to_string(),
        done @ ActionOutcome::Done { .. } => panic!("{done:?}"),
    }
}

/// Bakery and butcher have an incident each.
fn two_outages() -> (Street, IncidentId, IncidentId) {
    let mut street = Street::new(2);
    street.live(120);
    street.fail("bakery", 1_000);
    street.live(20);
    street.fail("butcher", 1_000);
    street.live(20);
    let (bakery, butcher) = (street.of("bakery"), street.of("butcher"));
    assert_ne!(bakery, butcher);
    (street, bakery, butcher)
}

#[test]
fn a_merged_incident_is_one_with_the_other_and_recovers_with_it() {
    let (mut street, bakery, butcher) = two_outages();
    let before: u64 = street.replica.incidents.values().map(|incident| incident.requests_affected).sum();
    assert_eq!(street.act(butcher, OperatorActionKind::Merge { into: bakery }), DONE);
    let absorbed = street.replica.incidents[&butcher].clone();
    assert_eq!((absorbed.state, absorbed.merged_into), (IncidentState::Resolved, Some(bakery)));
    assert!(absorbed.resolved_at.is_some());
    assert!(street.moments(butcher).contains(&format!("ada merged this incident into {bakery}.")));
    let report = street.replica.report(bakery).unwrap();
    assert_eq!(report.symptoms.len(), 2);
    assert_eq!(report.symptoms.iter().map(|symptom| symptom.since_onset.failures).sum::<u64>(), before);
    let moments = street.moments(bakery);
    assert!(moments.contains(&format!("ada merged {butcher} into this incident.")), "{moments:?}");
    assert!(moments.contains(&format!("{butcher}: The incident was opened.")), "{moments:?}");

    // One of the two calms down: the incident is as open as the other.
    street.fail("bakery", 0);
    street.live(200);
    assert_eq!(street.state(bakery), IncidentState::Open);
    street.fail("butcher", 0);
    street.live(200);
    assert_eq!(street.state(bakery), IncidentState::Resolved);
    // What the absorbed one had comes back as the one that absorbed it.
    street.fail("butcher", 1_000);
    street.live(20);
    assert_eq!(street.state(bakery), IncidentState::Open);
    assert_eq!(street.replica.incidents.len(), 2);
    assert_eq!(street.replica.incidents[&butcher], absorbed);
    street.assert_replays();
}

#[test]
fn a_merge_in_either_direction_counts_the_same() {
    let totals = |bakery_absorbs: bool| {
        let (mut street, bakery, butcher) = two_outages();
        let (from, into) = if bakery_absorbs { (butcher, bakery) } else { (bakery, butcher) };
        assert_eq!(street.act(from, OperatorActionKind::Merge { into }), DONE);
        street.live(30);
        let report = street.replica.report(into).unwrap();
        let counted = |symptom: &engine::report::Symptom| {
            (symptom.service.clone(), symptom.since_onset.failures, symptom.since_onset.requests)
        };
        let mut counted: Vec<_> = report.symptoms.iter().map(counted).collect();
        counted.sort();
        (report.incident.started_at, counted)
    };
    assert_eq!(totals(true), totals(false));
}

#[test]
fn a_split_incident_is_two_that_recover_apart() {
    let (mut street, bakery, butcher) = two_outages();
    street.act(butcher, OperatorActionKind::Merge { into: bakery });
    street.live(10);
    let split = |services: &[&str]| OperatorActionKind::Split {
        services: services.iter().map(|service| (*service).into()).collect(),
    };
    let ActionOutcome::Done { other: Some(part) } = street.act(bakery, split(&["butcher"])) else {
        panic!("{:?}", street.replica.settled)
    };
    assert!(part != bakery && part != butcher);
    for (id, service) in [(bakery, "bakery"), (part, "butcher")] {
        let report = street.replica.report(id).unwrap();
        let services: Vec<&str> = report.symptoms.iter().map(|symptom| symptom.service.as_str()).collect();
        assert_eq!(services, [service]);
        assert_eq!(report.blast_radius.services, [service]);
        assert_eq!(report.blast_radius.operations.len(), 1, "{:?}", report.blast_radius.operations);
        assert_eq!(report.origin.unwrap().service, service);
    }
    assert!(street.moments(bakery).contains(&format!("ada split off butcher as {part}.")));
    assert!(street.moments(part).contains(&format!("ada split this incident off {bakery}.")));
    street.fail("butcher", 0);
    street.live(200);
    assert_eq!((street.state(bakery), street.state(part)), (IncidentState::Open, IncidentState::Resolved));
    // Back in its own incident, and the other knows nothing of it.
    street.fail("butcher", 1_000);
    street.live(20);
    assert_eq!((street.state(bakery), street.state(part)), (IncidentState::Open, IncidentState::Open));
    assert_eq!(street.replica.incidents.len(), 3);
    street.assert_replays();
}

#[test]
fn an_accepted_rate_ends_the_incident_and_opens_no_other() {
    for share in [1_000, 400, 60] {
        let mut street = Street::new(1);
        street.live(300);
        street.fail("florist", share);
        street.live(120);
        let florist = street.of("florist");
        assert_eq!(street.act(florist, OperatorActionKind::AcceptBaseline), DONE);
        assert_eq!(street.state(florist), IncidentState::Resolved);
        let moments = street.moments(florist);
        let said = "Resolved by ada, who accepted as the baseline what the symptoms do now: florist POST /buy with E, ";
        assert!(moments.iter().any(|moment| moment.starts_with(said)), "{moments:?}");
        // The same rate, for longer than the baseline reaches back.
        street.live(4_000);
        assert_eq!(street.state(florist), IncidentState::Resolved, "{share} of a thousand");
        assert_eq!(street.replica.incidents.len(), 1, "{share} of a thousand");
        if share < 500 {
            street.fail("florist", 1_000);
            street.live(60);
            assert_eq!(street.replica.incidents.len(), 2, "more than was accepted");
        }
        street.assert_replays();
    }
}

#[test]
fn what_was_only_remembered_is_in_the_row_and_on_the_timeline() {
    let (mut street, bakery, butcher) = two_outages();
    let until = Nanos::from_secs(street.second + 600);
    let link = |url: &str, title: &str| OperatorActionKind::Link { url: url.into(), title: title.into() };
    for kind in [
        OperatorActionKind::Acknowledge,
        OperatorActionKind::Assign(Some("bakers".into())),
        OperatorActionKind::Silence { until },
        link("https://a.example/1", "notes"),
        link("https://a.example/1", "better notes"),
        OperatorActionKind::Comment("the oven is cold".into()),
    ] {
        assert_eq!(street.act(bakery, kind), DONE);
    }
    let row = street.replica.incidents[&bakery].clone();
    assert_eq!(row.acknowledged_by.as_deref(), Some("ada"));
    assert_eq!(row.assignee.as_deref(), Some("bakers"));
    assert_eq!(row.silenced_until, Some(until));
    assert_eq!(row.links.iter().map(|link| &*link.title).collect::<Vec<_>>(), ["better notes"]);
    let moments = street.moments(bakery);
    for said in [
        "Acknowledged by ada.",
        "Assigned to bakers by ada.",
        &format!("Silenced until {} by ada.", until.to_rfc3339()),
        "ada linked better notes: https://a.example/1",
        "ada: the oven is cold",
    ] {
        assert!(moments.iter().any(|moment| moment == said), "{said}: {moments:?}");
    }
    // The incident that absorbs keeps what it has, and takes what it lacks.
    street.act(bakery, OperatorActionKind::Merge { into: butcher });
    let row = street.replica.incidents[&butcher].clone();
    assert_eq!(row.assignee.as_deref(), Some("bakers"));
    assert_eq!((row.silenced_until, row.links.len()), (None, 1));
    street.act(butcher, OperatorActionKind::Assign(None));
    assert_eq!(street.replica.incidents[&butcher].assignee, None);
    // Whoever knew of it may not know that it is back.
    assert!(street.replica.incidents[&butcher].acknowledged_by.is_some());
    street.act(butcher, OperatorActionKind::Resolve);
    street.live(20);
    assert_eq!(street.state(butcher), IncidentState::Open);
    assert_eq!(street.replica.incidents[&butcher].acknowledged_by, None);
    street.assert_replays();
}

#[test]
fn the_row_changes_even_where_the_timeline_is_full() {
    let (mut street, bakery, _) = two_outages();
    for n in 0..300 {
        street.act(bakery, OperatorActionKind::Comment(format!("note {n}").into()));
    }
    street.act(bakery, OperatorActionKind::Assign(Some("late".into())));
    assert_eq!(street.replica.incidents[&bakery].assignee.as_deref(), Some("late"));
    assert!(street.moments(bakery).len() <= 202);
}

#[test]
fn what_does_not_fit_changes_nothing_and_says_why() {
    use OperatorActionKind::{AcceptBaseline, Acknowledge, Merge, Resolve, Silence, Split};
    let (mut street, bakery, butcher) = two_outages();
    let split =
        |services: &[&str]| Split { services: services.iter().map(|service| (*service).into()).collect() };
    let unknown = IncidentId([9; 8]);
    let before = (street.replica.incidents.clone(), street.replica.reports.len());
    for (incident, kind, said) in [
        (unknown, Acknowledge, "is over"),
        (bakery, Merge { into: bakery }, "into itself"),
        (bakery, Merge { into: unknown }, "is over"),
        (bakery, split(&[]), "at least one service"),
        (bakery, split(&["florist"]), "\"florist\" has no symptom"),
        (bakery, split(&["bakery", "bakery"]), "every service"),
        (bakery, Silence { until: Nanos::from_secs(street.second) }, "not in the future"),
    ] {
        let reason = refusal(street.act(incident, kind.clone()));
        assert!(reason.contains(said), "{kind:?}: {reason}");
    }
    assert_eq!((street.replica.incidents.clone(), street.replica.reports.len()), before);
    street.act(bakery, Resolve);
    for kind in [Resolve, AcceptBaseline, Merge { into: butcher }, split(&["bakery"])] {
        assert!(refusal(street.act(bakery, kind)).contains("resolved already"));
    }
    assert!(refusal(street.act(butcher, Merge { into: bakery })).contains("resolved already"));
    street.fail("bakery", 0);
    street.live(700);
    assert!(refusal(street.act(bakery, Acknowledge)).contains("time in which it could come back"));
    street.assert_replays();
}

/// Any sequence of actions, sensible or not, among traffic that comes and goes.
#[test]
fn no_sequence_of_actions_breaks_the_core_or_its_replay() {
    for seed in 1..=4 {
        let mut numbers = Rng::new(seed);
        let mut street = Street::new(1);
        street.live(70);
        for _ in 0..30 {
            let service = ["bakery", "butcher", "florist"][numbers.below(3) as usize];
            street.fail(service, [0, 300, 1_000][numbers.below(3) as usize]);
            street.live(1 + numbers.below(20));
            for _ in 0..numbers.below(4) {
                let ids: Vec<IncidentId> = street.replica.incidents.keys().copied().collect();
                if ids.is_empty() {
                    break;
                }
                let any = |numbers: &mut Rng| ids[numbers.below(ids.len() as u64) as usize];
                let incident = any(&mut numbers);
                let kind = match numbers.below(9) {
                    0 => OperatorActionKind::Acknowledge,
                    1 => OperatorActionKind::Assign((numbers.below(2) == 0).then(|| "x".into())),
                    2 => OperatorActionKind::Comment("\u{1b}[2J <b>".into()),
                    3 => OperatorActionKind::Resolve,
                    4 => OperatorActionKind::AcceptBaseline,
                    5 => OperatorActionKind::Silence {
                        until: Nanos::from_secs(street.second + numbers.below(20)),
                    },
                    6 => OperatorActionKind::Link {
                        url: format!("https://a.example/{}", numbers.below(60)).into(),
                        title: "t".into(),
                    },
                    7 => OperatorActionKind::Merge { into: any(&mut numbers) },
                    _ => OperatorActionKind::Split {
                        services: (0..numbers.below(3)).map(|_| service.into()).collect(),
                    },
                };
                street.act(incident, kind);
            }
        }
        let done = street.replica.settled.iter().filter(|one| matches!(one, ActionOutcome::Done { .. }));
        assert!(done.count() > 5, "seed {seed}: {:?}", street.replica.settled);
        street.assert_replays();
    }
}
