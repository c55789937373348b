//! An incident's life: open while it lasts, resolved once, back under its id.

use model::{Event, IncidentState, Nanos};
use sim::{Arrivals, Fault, Replica, Rng, Shop};

use super::{START_S, delivery, traffic};

/// What is asked in a second, and the tick at its end.
fn live_a_second(replica: &mut Replica, requests: impl Iterator<Item = Vec<Event>>, second: u64) {
    let delivery = sim::Delivery { delay_ns_max: 0, duplicates_per_hundred: 0, ..delivery(1) };
    let mut arrivals = Arrivals::default();
    // Everything ends within the second it started in, or is counted in it.
    requests.for_each(|events| arrivals.add(events, &delivery, &mut Rng::new(second)));
    let inputs = arrivals
        .seconds()
        .flat_map(|s| arrivals.second(s, &delivery))
        .filter(|(_, i)| !matches!(i, model::Input::Tick));
    for (_, input) in inputs.collect::<Vec<_>>() {
        replica.feed(Nanos::from_secs(second), input);
    }
    replica.feed(Nanos::from_secs(second + 1), model::Input::Tick);
}

/// Runs phases without holding all their events in memory.
fn live(replica: &mut Replica, shop: &mut Shop, from_s: u64, phases: &[(u64, Fault)]) -> u64 {
    let mut second = from_s;
    for (seconds, fault) in phases {
        for _ in 0..*seconds {
            let requests = shop.second(Nanos::from_secs(second), *fault);
            live_a_second(replica, requests.into_iter().map(|(events, _)| events), second);
            second += 1;
            if second.is_multiple_of(60) {
                replica.forget(Nanos::from_secs(second));
            }
        }
    }
    second
}

#[test]
fn a_two_hour_outage_stays_open_resolves_once_and_reopens_under_its_id() {
    use IncidentState::{Open, Recovering, Resolved};
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(7, 5)));
    let outage_ends =
        live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (7_200, Fault::CardProviderDown)]);
    assert_eq!(replica.states(), [Open], "nothing but open for two hours");
    let second = live(&mut replica, &mut shop, outage_ends, &[(300, Fault::None)]);
    assert_eq!(replica.states(), [Open, Recovering, Resolved]);
    let resolved_at = replica.transitions[2].0;
    assert!(
        resolved_at.as_secs() - outage_ends <= 120,
        "resolved {} s after the end",
        resolved_at.as_secs() - outage_ends
    );
    let second = live(&mut replica, &mut shop, second, &[(60, Fault::CardProviderDown)]);
    assert_eq!(replica.states(), [Open, Recovering, Resolved, Open], "it came back within the reopen window");
    assert_eq!(replica.incidents.len(), 1, "under the same id");
    let incident = replica.incidents.values().next().unwrap();
    assert_eq!((incident.reopened, incident.resolved_at), (1, None));
    // Long after the reopen window the same failure is another incident.
    live(&mut replica, &mut shop, second, &[(900, Fault::None), (30, Fault::CardProviderDown)]);
    assert_eq!(replica.incidents.len(), 2);
}

#[test]
fn the_outage_counts_every_failure_of_its_two_hours() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(8, 5)));
    live(
        &mut replica,
        &mut shop,
        START_S,
        &[(120, Fault::None), (7_200, Fault::CardProviderDown), (200, Fault::None)],
    );
    let incident = replica.incidents.values().next().unwrap();
    assert_eq!(incident.state, IncidentState::Resolved);
    assert_eq!(incident.requests_affected, 7_200 * 5);
}

#[test]
fn a_failure_at_the_end_of_the_second_before_is_counted_and_is_no_baseline() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(8, 25)));
    let second = live(&mut replica, &mut shop, START_S, &[(12, Fault::None)]);
    let mut requests = shop.second(Nanos::from_secs(second), Fault::None);
    requests.pop();
    requests.extend(shop.second(Nanos::from_secs(second), Fault::CardProviderDown).pop());
    live_a_second(&mut replica, requests.into_iter().map(|(events, _)| events), second);
    live(&mut replica, &mut shop, second + 1, &[(20, Fault::CardProviderDown)]);
    let incident = replica.incidents.values().next().unwrap();
    assert_eq!(incident.requests_affected, 20 * 25 + 1);
    let report = replica.report(incident.id).unwrap();
    let before = |text: &str| {
        text.split("the baseline before: ").nth(1).unwrap().split(" of").next().unwrap().to_owned()
    };
    assert!(report.symptoms.iter().all(|symptom| before(&symptom.text) == "0"), "{:?}", report.symptoms);
}

#[test]
fn a_report_says_what_there_was_no_room_for_while_its_incident_was_open_and_only_then() {
    let told = |before: u64, during: u64| {
        let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(8, 25)));
        let shed =
            |traces| model::Input::Shed(model::Shed { traces, logs: traces / 7, ..Default::default() });
        let second = live(&mut replica, &mut shop, START_S, &[(60, Fault::None)]);
        replica.feed(Nanos::from_secs(second), shed(before));
        let second =
            live(&mut replica, &mut shop, second, &[(120, Fault::None), (30, Fault::CardProviderDown)]);
        replica.feed(Nanos::from_secs(second), shed(during));
        replica.feed(Nanos::from_secs(second), shed(during));
        live(&mut replica, &mut shop, second, &[(90, Fault::CardProviderDown)]);
        let id = *replica.incidents.keys().next().unwrap();
        let warnings = replica.report(id).unwrap().instrumentation_warnings;
        warnings.into_iter().filter(|warning| warning.code == "shed").map(|warning| warning.text).collect()
    };
    let nothing: Vec<String> = told(70, 0);
    assert!(nothing.is_empty(), "{nothing:?}");
    let some: Vec<String> = told(0, 35);
    assert!(some.len() == 1 && some[0].contains("(70 with traces, 10 with logs)"), "{some:?}");
}

#[test]
fn without_traffic_it_stays_open_and_is_then_resolved_with_the_reason() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(9, 5)));
    let second = live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (60, Fault::CardProviderDown)]);
    for s in 0..1_200 {
        replica.feed(Nanos::from_secs(second + s), model::Input::Tick);
        if s < 800 {
            assert_eq!(replica.states(), [IncidentState::Open], "silence is no recovery, {s} s");
        }
    }
    assert_eq!(replica.states(), [IncidentState::Open, IncidentState::Resolved]);
    let id = *replica.incidents.keys().next().unwrap();
    assert!(replica.report(id).unwrap().timeline.iter().any(|entry| entry.text.contains("no traffic")));
}

#[test]
fn a_stop_of_the_process_is_no_silence() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(10, 5)));
    let second = live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (60, Fault::CardProviderDown)]);
    // Two hours without a tick, and then ticks without traffic.
    let back = second + 7_200;
    for s in 0..600 {
        replica.feed(Nanos::from_secs(back + s), model::Input::Tick);
    }
    assert_eq!(replica.states(), [IncidentState::Open], "what was not watched was not calm");
}

#[test]
fn a_trickle_opens_once_enough_requests_have_failed() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(11, 1)));
    let mut second = START_S;
    // One request in twenty seconds, an hour of them healthy.
    for _ in 0..180 {
        second = live(&mut replica, &mut shop, second, &[(1, Fault::None)]);
        for s in 1..20 {
            replica.feed(Nanos::from_secs(second + s), model::Input::Tick);
        }
        second += 19;
    }
    let mut failures = 0;
    while replica.states().is_empty() {
        failures += 1;
        assert!(failures <= 6, "a total failure at low volume is not missed");
        second = live(&mut replica, &mut shop, second, &[(1, Fault::CardProviderDown)]);
        for s in 1..20 {
            replica.feed(Nanos::from_secs(second + s), model::Input::Tick);
        }
        second += 19;
    }
    assert!(failures >= 3, "two requests are no incident: {failures}");
}

#[test]
fn another_length_of_tick_keeps_the_incident_and_its_counts() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(12, 5)));
    let second =
        live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (100, Fault::CardProviderDown)]);
    let before = replica.incidents.values().next().unwrap().requests_affected;
    assert_eq!(before, 500);
    let config = engine::Config { tick_ms: 500, ..engine::Config::default() };
    replica.feed(Nanos::from_secs(second), model::Input::Configure(config.to_json().into()));
    live(&mut replica, &mut shop, second, &[(200, Fault::CardProviderDown), (200, Fault::None)]);
    assert_eq!(replica.incidents.len(), 1);
    let incident = replica.incidents.values().next().unwrap();
    assert_eq!(incident.state, IncidentState::Resolved);
    assert!(incident.requests_affected >= 1_400, "{}", incident.requests_affected);
}

/// A second of traffic in which one request passes through so many services, and fails in all or in none of them.
fn wide_second(second: u64, services: u64, fails: bool) -> Vec<Event> {
    wide_second_with(second, services, fails, |_| "E".into())
}

fn wide_second_with(second: u64, services: u64, fails: bool, code: impl Fn(u64) -> model::Str) -> Vec<Event> {
    let mut shop = Shop::new(traffic(second, 5));
    let mut events = Vec::new();
    for (i, (trace, _)) in shop.second(Nanos::from_secs(second), Fault::None).into_iter().enumerate() {
        for service in 0..services {
            let mut event = trace[0].clone();
            event.span = model::SpanId((service + 1).to_be_bytes());
            event.parent = service.checked_sub(1).map(|parent| model::SpanId((parent + 1).to_be_bytes()));
            event.service = format!("service-{service}").into();
            event.end = event.start.saturating_add(1_000_000);
            if fails {
                let failure = model::Failure {
                    status: model::FailureStatus::Error,
                    code: code(second * 100 + i as u64),
                    reason: "".into(),
                };
                event.outcome = model::Outcome::Failed(failure);
            }
            events.push(event);
        }
    }
    events
}

#[test]
fn more_symptoms_than_are_shown_belong_all_the_same_and_end_with_the_incident() {
    let mut replica = Replica::new(1);
    for s in 0..400u64 {
        let events = wide_second(START_S + s, 80, (120..180).contains(&s));
        replica.feed(Nanos::from_secs(START_S + s), model::Input::Events(events));
        replica.feed(Nanos::from_secs(START_S + s + 1), model::Input::Tick);
    }
    use IncidentState::{Open, Recovering, Resolved};
    assert_eq!(replica.states(), [Open, Recovering, Resolved]);
    let id = *replica.incidents.keys().next().unwrap();
    let report = replica.report(id).unwrap();
    assert_eq!(report.symptoms.len(), 64);
    let moments = report.timeline.len();
    assert!(moments < 80, "each symptom joins once: {moments}");
}

#[test]
fn the_latency_and_rates_of_before_are_not_forgotten_during_a_long_outage() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(13, 2)));
    live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (4_500, Fault::CardProviderDown)]);
    let id = *replica.incidents.keys().next().unwrap();
    let report = replica.report(id).unwrap();
    assert!(report.propagation.iter().all(|hop| hop.added_latency_ms.is_some()), "{:?}", report.propagation);
}

#[test]
fn an_outage_whose_error_codes_never_repeat_is_one_incident_all_the_same() {
    let mut replica = Replica::new(1);
    for s in 0..300u64 {
        let unique = |n: u64| format!("timeout after {n} us").into();
        let events = wide_second_with(START_S + s, 3, (120..180).contains(&s), unique);
        replica.feed(Nanos::from_secs(START_S + s), model::Input::Events(events));
        replica.feed(Nanos::from_secs(START_S + s + 1), model::Input::Tick);
    }
    use IncidentState::{Open, Recovering, Resolved};
    assert_eq!(replica.states(), [Open, Recovering, Resolved]);
    let incident = replica.incidents.values().next().unwrap();
    assert_eq!(incident.origin_service.as_deref(), Some("service-2"));
    assert!(incident.requests_affected > 60 * 5 / 2, "{}", incident.requests_affected);
    assert!(
        replica.engine.families().iter().any(|family| &*family.code == "__other__" && family.failures > 100)
    );
}

fn act(replica: &mut Replica, at_s: u64, kind: model::OperatorActionKind) {
    let incident = *replica.incidents.keys().next().unwrap();
    let action = model::OperatorAction { incident, actor: "ada".into(), kind };
    replica.feed(Nanos::from_secs(at_s), model::Input::Operator(action));
}

#[test]
fn what_an_operator_resolves_stays_resolved_until_it_fails_again() {
    use IncidentState::{Open, Resolved};
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(14, 5)));
    let second = live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (30, Fault::CardProviderDown)]);
    act(&mut replica, second, model::OperatorActionKind::Resolve);
    act(&mut replica, second, model::OperatorActionKind::Resolve);
    let second = live(&mut replica, &mut shop, second, &[(100, Fault::None)]);
    assert_eq!(replica.states(), [Open, Resolved], "old failures are not judged again");
    live(&mut replica, &mut shop, second, &[(20, Fault::CardProviderDown)]);
    assert_eq!(replica.states(), [Open, Resolved, Open]);
    assert_eq!(replica.incidents.len(), 1);
}

#[test]
fn a_report_is_archived_only_when_it_says_something_else() {
    let (mut replica, mut shop) = (Replica::new(1), Shop::new(traffic(15, 5)));
    let second = live(&mut replica, &mut shop, START_S, &[(120, Fault::None), (30, Fault::CardProviderDown)]);
    // Unrelated incidents open one after the other while the first is young, and an operator repeats himself.
    for (i, first_service) in (0..4u64).enumerate() {
        for s in 0..9 {
            let at = second + i as u64 * 9 + s;
            let mut events = wide_second(at, 2, s >= 4);
            events
                .iter_mut()
                .for_each(|event| event.service = format!("{first_service}-{}", event.service).into());
            replica.feed(Nanos::from_secs(at), model::Input::Events(events));
            replica.feed(Nanos::from_secs(at + 1), model::Input::Tick);
        }
    }
    for _ in 0..3 {
        act(&mut replica, second + 36, model::OperatorActionKind::Resolve);
    }
    assert!(replica.incidents.len() >= 4, "{}", replica.incidents.len());
    let mut seen = std::collections::BTreeSet::new();
    for report in &replica.reports {
        assert!(
            seen.insert((report.incident, report.hash.clone())),
            "the same report twice at {}",
            report.tick
        );
    }
}
