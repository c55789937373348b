//! Unit files to facts, key by key.

use std::time::Duration;

use crate::facts::{Activation, Endpoint, Force, Holds, Name, Order, Readiness, System, Unit};
use crate::tests::{system, texts};
use crate::{Fault, read};

fn unit<'s>(system: &'s System, name: &str) -> &'s Unit {
    &system.units[&Name::new(name)]
}

fn service(text: &str) -> Unit {
    unit(&system(&[("x.service", text)]), "x.service").clone()
}

fn after(unit: &Unit) -> Vec<&str> {
    let of = |order: &'_ Order| matches!(order, Order::After(_));
    unit.orders.iter().filter(|order| of(order)).map(|order| order.reference().unit.as_str()).collect()
}

fn faults(text: &str) -> Vec<String> {
    read(&texts(&[("x.service", text)]))
        .faults
        .iter()
        .map(|Fault { at, message }| format!("{at}: {message}"))
        .collect()
}

#[test]
fn readiness_is_the_type_and_what_it_is_without() {
    for (text, readiness) in [
        ("[Service]\nExecStart=/x\n", Readiness::Started),
        ("[Service]\nBusName=org.x\nExecStart=/x\n", Readiness::Notified),
        ("[Service]\nExecStop=/x\n", Readiness::Completed),
        ("[Service]\nType=notify\nExecStart=/x\n", Readiness::Notified),
        ("[Service]\nType=oneshot\nType=\nExecStart=/x\n", Readiness::Started),
    ] {
        assert_eq!(service(text).readiness, readiness, "{text}");
    }
}

#[test]
fn timeouts_are_as_said_or_by_type() {
    let secs = |secs| Some(Duration::from_secs(secs));
    for (text, after) in [
        ("ExecStart=/x", secs(90)),
        ("Type=oneshot\nExecStart=/x", None),
        ("TimeoutStartSec=5min 20s", secs(320)),
        ("TimeoutSec=1h\nTimeoutStartSec=7", secs(7)),
        ("TimeoutStartSec=1.5m", secs(90)),
        ("TimeoutStartSec=infinity", None),
        ("TimeoutStartSec=0", None),
    ] {
        assert_eq!(service(&format!("[Service]\n{text}\n")).timeout.after, after, "{text}");
    }
}

#[test]
fn lists_of_commands_are_emptied_and_lists_of_units_are_not() {
    let gate = "ExecStartPre=wait-for-it localhost:1\n";
    let of = |more: &str| service(&format!("[Service]\n{gate}{more}ExecStart=/x\n")).gates.len();
    assert_eq!((of(""), of("ExecStartPre=\n"), of(&format!("ExecStartPre=\n{gate}"))), (1, 0, 1));
    let text = "[Unit]\nAfter=a.service\nAfter=\nAfter=b.service\n";
    let right = "copy the unit file to a directory that comes first, and edit that";
    assert_eq!(faults(text), [format!("x.service:3:7: an empty After= takes nothing back: {right}")]);
    let read = read(&texts(&[("x.service", text)]));
    assert_eq!(after(unit(&read, "x.service")), ["a.service", "b.service"]);
}

#[test]
fn lines_go_on_over_comments_and_keep_their_places() {
    let system =
        system(&[("x.service", "[Unit]\n# a comment\nAfter=a.service \\\n; another\n   b.service\n")]);
    let places: Vec<String> = unit(&system, "x.service")
        .orders
        .iter()
        .map(|order| format!("{} {}", order.reference().unit, order.reference().at))
        .collect();
    assert_eq!(places, ["a.service x.service:3:7", "b.service x.service:5:4"]);
}

#[test]
fn wrong_lines_say_where_and_what_would_be_right() {
    for (text, expected) in [
        (
            "After=a.service\n",
            "x.service:1:1: `After=` stands before any section: put `[Unit]` or another before it",
        ),
        ("[Unit\n", "x.service:1:1: `[Unit` opens a section: it ends with `]`"),
        ("[Unit]\n  after a\n", "x.service:2:3: `after a` is no line of a unit file: write `Key=value`"),
        ("[Unit]\nAfter=a\n", "x.service:2:7: After= names `a`: a unit ends with its kind, `a.service`"),
        (
            "[Service]\nTimeoutStartSec=soon\n",
            "x.service:2:17: `soon` is no length of time: write seconds, `5min 20s` or `infinity`",
        ),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn drop_ins_count_by_name_and_the_special_over_the_general() {
    let system = system(&[
        ("etc/x@.service", "[Service]\nTimeoutStartSec=1\nExecStart=/x\n"),
        ("etc/service.d/10-a.conf", "[Service]\nTimeoutStartSec=2\n"),
        ("etc/x@.service.d/20-b.conf", "[Service]\nTimeoutStartSec=3\n"),
        ("etc/x@one.service.d/05-c.conf", "[Service]\nTimeoutStartSec=4\n"),
        ("etc/x@two.service.d/20-b.conf", "[Service]\nTimeoutStartSec=5\n"),
        ("lib/x@two.service.d/20-b.conf", "[Service]\nTimeoutStartSec=6\n"),
        ("etc/multi-user.target", "[Unit]\nWants=x@one.service x@two.service\n"),
    ]);
    let timeout = |name| unit(&system, name).timeout.after.unwrap().as_secs();
    assert_eq!((timeout("x@one.service"), timeout("x@two.service")), (3, 5));
    assert!(!system.units.contains_key(&Name::new("x@.service")));
}

#[test]
fn instances_know_their_name() {
    let system = system(&[
        ("x@.service", "[Unit]\nAfter=y@%i.service\n[Service]\nX-Provides=tcp:80\nExecStart=/x\n"),
        ("multi-user.target.wants/x@blue.service", ""),
        ("multi-user.target", "[Unit]\n"),
    ]);
    assert_eq!(after(unit(&system, "x@blue.service")), ["y@blue.service"]);
    assert_eq!(after(unit(&system, "multi-user.target")), ["x@blue.service"]);
}

#[test]
fn a_target_comes_after_what_it_wants_unless_that_says_otherwise() {
    let of = |unit_of: &str| {
        let system = system(&[("x.service", unit_of), ("multi-user.target", "[Unit]\n")]);
        after(unit(&system, "multi-user.target")).len()
    };
    assert_eq!(of("[Install]\nWantedBy=multi-user.target\n"), 1);
    assert_eq!(of("[Unit]\nAfter=multi-user.target\n[Install]\nWantedBy=multi-user.target\n"), 0);
    assert_eq!(of("[Unit]\nDefaultDependencies=no\n[Install]\nWantedBy=multi-user.target\n"), 0);
    assert_eq!(of("[Service]\nExecStart=/x\n"), 0);
}

#[test]
fn sockets_and_timers_start_their_services() {
    let system = system(&[
        ("x.socket", "[Socket]\nListenStream=127.0.0.1:80\nListenStream=/run/x.sock\n"),
        ("x.service", "[Service]\nExecStart=/x\n"),
        ("y.timer", "[Timer]\nOnCalendar=daily\nUnit=z.service\n"),
        ("z.service", "[Service]\nExecStart=/z\n"),
        ("w.service", "[Service]\nExecStart=/w\n"),
    ]);
    let socket = unit(&system, "x.socket");
    assert_eq!(socket.offers[1].endpoint, Endpoint::Socket("/run/x.sock".to_owned()));
    assert_eq!(socket.offers[0].answered_by, Some(Name::new("x.service")));
    assert_eq!(after(unit(&system, "x.service")), ["x.socket"]);
    let activation = |name| unit(&system, name).activation;
    assert_eq!(activation("z.service"), Activation::OnTrigger);
    assert_eq!(activation("w.service"), Activation::Boot);
}

#[test]
fn requirements_are_not_order() {
    let unit = service("[Unit]\nBindsTo=a.service\nWants=b.service\nConflicts=c.service\n");
    assert_eq!(after(&unit), [""; 0]);
    let needs: Vec<(Force, &str)> =
        unit.needs.iter().map(|need| (need.force, need.of.unit.as_str())).collect();
    assert_eq!(needs, [(Force::BindsTo, "a.service"), (Force::Wants, "b.service")]);
    assert_eq!(unit.conflicts[0].unit, Name::new("c.service"));
}

#[test]
fn what_a_gate_holds_up_follows_from_where_it_stands() {
    let wait = "/bin/sh -c 'until nc -z localhost 1; do sleep 1; done'";
    for (text, holds) in [
        (format!("ExecStartPre={wait}"), Holds::ServeAndDone),
        (format!("ExecStart={wait}"), Holds::Serve),
        (format!("ExecStartPost={wait}"), Holds::Done),
        (format!("Type=notify\nExecStart={wait}"), Holds::ServeAndDone),
        (format!("Type=oneshot\nExecStart={wait}"), Holds::ServeAndDone),
        (format!("Type=oneshot\nExecStart=/prepare\nExecStart={wait}"), Holds::Done),
        (format!("Type=oneshot\nExecStart=/prepare ; {wait}"), Holds::Done),
    ] {
        let gates = service(&format!("[Service]\n{text}\n")).gates;
        assert_eq!(gates.iter().map(|gate| gate.holds).collect::<Vec<_>>(), [holds], "{text}");
    }
}

#[test]
fn ports_are_published_by_containers() {
    let unit =
        service("[Service]\nExecStart=docker run -p 127.0.0.1:8080:80/tcp --publish=9090:90 -p 70 image\n");
    let ports: Vec<String> = unit.offers.iter().map(|offer| offer.endpoint.to_string()).collect();
    assert_eq!(ports, ["localhost:8080", "localhost:9090"]);
}

#[test]
fn what_is_declared_wrongly_says_what_would_be_right() {
    for (text, expected) in [
        ("X-Gate=there", "`there` is nothing to wait for"),
        ("X-Gate=tcp:80 every=often", "`every=often` is no part of a gate"),
        ("X-Provides=tcp:no", "`tcp:no` is nothing to provide"),
    ] {
        let found = faults(&format!("[Unit]\n{text}\n"));
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
    }
}
