//! Calls that fail inside work that goes well: the callee is named, and nobody is counted as affected.

use engine::report::Report;
use model::{CauseKind, Event, EventKind, Nanos, Outcome, SpanId};
use sim::{Arrivals, Fault, Rng, Shop};

use super::{START_S, delivery, run, traffic};

fn provider_call(events: &[Event]) -> Option<&Event> {
    events.iter().find(|event| &*event.peer == "card-provider" && event.failure().is_some())
}

/// The trace, in which nothing but the innermost call fails.
fn retried(mut events: Vec<Event>) -> Vec<Event> {
    let failed = provider_call(&events).map(|call| call.span);
    for event in events.iter_mut().filter(|event| Some(event.span) != failed) {
        event.outcome = Outcome::Ok;
    }
    events
}

/// The call alone, as one of a service's own questions, which nobody asked for.
fn own_question(events: &[Event]) -> Vec<Event> {
    let Some(call) = provider_call(events) else { return Vec::new() };
    let mut root = call.clone();
    root.span = SpanId([9, 9, 9, 9, call.span.0[4], call.span.0[5], call.span.0[6], call.span.0[7]]);
    (root.kind, root.operation, root.peer) = (EventKind::Internal, "watch".into(), "".into());
    (root.parent, root.outcome) = (None, Outcome::Ok);
    let call = Event { parent: Some(root.span), ..call.clone() };
    vec![root, call]
}

fn only_report(during: impl Fn(&mut Shop, Nanos) -> Vec<Vec<Event>>) -> Report {
    let delivery = delivery(31);
    let (mut shop, mut arrivals) = (Shop::new(traffic(31, 20)), Arrivals::default());
    let mut rng = Rng::new(31);
    for s in 0..60 {
        let at = Nanos::from_secs(START_S + s);
        let traces = match s < 40 {
            true => shop.second(at, Fault::None).into_iter().map(|(events, _)| events).collect(),
            false => during(&mut shop, at),
        };
        traces.into_iter().for_each(|events| arrivals.add(events, &delivery, &mut rng));
    }
    let replica = run(&arrivals, &delivery, 1);
    let ids: Vec<_> = replica.incidents.keys().copied().collect();
    assert_eq!(ids.len(), 1, "{:#?}", replica.incidents);
    replica.report(ids[0]).unwrap()
}

fn assert_harmless(report: &Report) {
    let requests = &report.blast_radius.requests;
    assert_eq!(
        (report.cause.kind, report.cause.subject.as_deref()),
        (CauseKind::Dependency, Some("card-provider"))
    );
    assert_eq!(requests.affected, 0);
    assert!(requests.total >= 50, "{requests:?}");
    let said = &report.summary.text;
    assert!(said.starts_with("payment goes on while its calls to card-provider fail with "), "{said}");
    assert!(said.contains(&format!("no request failed, of {} since", requests.total)), "{said}");
}

#[test]
fn requests_that_went_well_another_way_are_not_affected() {
    let report = only_report(|shop, at| {
        shop.second(at, Fault::CardProviderDown).into_iter().map(|(events, _)| retried(events)).collect()
    });
    assert_harmless(&report);
}

#[test]
fn of_a_services_own_questions_what_it_was_asked_for_meanwhile_says_who_is_affected() {
    let report = only_report(|shop, at| {
        let broken = shop.second(at, Fault::CardProviderDown);
        let well = shop.second(at, Fault::None).into_iter().map(|(events, _)| events);
        let own = broken.iter().map(|(events, _)| own_question(events)).filter(|events| !events.is_empty());
        well.chain(own).collect()
    });
    assert_harmless(&report);
}
