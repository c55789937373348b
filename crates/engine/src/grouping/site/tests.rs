//! Machines, as traces tell of them, and which sites are one.

use model::{EventKind, Failure, FailureStatus, Outcome, TraceId};

use super::*;
use crate::origin::Callee;
use crate::testing::{EventSpec, event, trace_id};
use crate::window::OperationKey;

/// A trace in which `store` ran on a machine.
fn trace(n: u64, machine: &str, fails: bool) -> CapturedTrace {
    let failure = Failure { status: FailureStatus::Error, code: "E".into(), reason: "".into() };
    let event = Event {
        service: "store".into(),
        instance: format!("store on {machine}").into(),
        attributes: vec![("host.name".into(), machine.into())],
        outcome: if fails { Outcome::Failed(failure) } else { Outcome::Ok },
        ..event(&EventSpec { trace: n, ..EventSpec::default() })
    };
    CapturedTrace { trace: trace_id(n), events: vec![event], events_cut: 0, logs: Vec::new() }
}

fn origin(traces: &[CapturedTrace]) -> Origin {
    let operation = "GET /products".into();
    let step =
        OperationKey { env: "test".into(), service: "store".into(), kind: EventKind::Server, operation };
    let place = Place {
        service: "store".into(),
        operation: step.operation.clone(),
        step,
        code: "E".into(),
        callee: Callee::None,
    };
    let agreeing: Vec<TraceId> =
        traces.iter().filter(|t| t.events[0].failure().is_some()).map(|t| t.trace).collect();
    Origin {
        place,
        sign: Sign::Failure,
        charged_ns: None,
        gave_up: false,
        hops: Vec::new(),
        edges: Vec::new(),
        traces_examined: agreeing.len(),
        traces_agreeing: agreeing,
        others: BTreeMap::new(),
        reason: "".into(),
    }
}

fn site(failing: &[&str], healthy: &[&str]) -> Site {
    let machines = failing.iter().map(|m| (m, true)).chain(healthy.iter().map(|m| (m, false)));
    let all: Vec<CapturedTrace> = machines.zip(0..).map(|((m, fails), n)| trace(n, m, fails)).collect();
    let origin = origin(&all);
    let traces: Vec<&CapturedTrace> = all.iter().filter(|t| t.events[0].failure().is_some()).collect();
    let machines = Machines::of_traces(all.iter());
    // The window knows no service, so that machines alone are compared.
    Site::of(Some(&origin), std::iter::empty(), &traces, &machines, (&Window::default(), 0))
}

#[test]
fn a_machine_counts_where_nearly_all_of_it_happens() {
    let machine = |failing: &[&str]| site(failing, &["a", "c"]).machine;
    assert_eq!(machine(&["c", "c", "c"]).as_deref(), Some("c"));
    assert_eq!(machine(&["c"]), None, "it has to be somewhere");
    assert_eq!(machine(&["c", "c", "c", "a"]), None);
    assert_eq!(machine(&["c", "c", "c", "c", "c", "c", "c", "a"]).as_deref(), Some("c"));
}

#[test]
fn two_services_share_a_machine_where_both_are_spared_on_others_or_it_stands_at_its_limit() {
    let (spared, nowhere_else) = (site(&["c", "c", "c"], &["a", "c"]), site(&["c", "c", "c"], &["c"]));
    assert!(spared.is_that_of(&spared));
    let (few, many) = (site(&["c", "c"], &["a"]), site(&["c", "c", "c", "c"], &["a"]));
    assert!(!few.is_that_of(&spared) && few.is_that_of(&many), "five may be chance, six are not");
    assert!(!spared.is_that_of(&nowhere_else), "what runs on one machine only says nothing of it");
    let full = Site { at_limit: BTreeSet::from(["c".into()]), ..Site::default() };
    assert!(nowhere_else.is_that_of(&full) && full.is_that_of(&nowhere_else));
    assert!(!site(&["a", "a", "a"], &["c"]).is_that_of(&full));
    assert!(!Site::default().is_that_of(&Site::default()), "what is not known is no place");
}

#[test]
fn the_same_service_is_one_place() {
    let at = |service: &str| Site { service: Some(service.into()), ..Site::default() };
    assert!(at("store").is_that_of(&at("store")));
    assert!(!at("store").is_that_of(&at("cart")));
}
