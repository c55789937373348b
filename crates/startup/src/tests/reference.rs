//! A proxy is deployed by a unit that looks whether a page of the dashboard is served through it; the dashboard starts after
//! the unit. Every cold boot stalls, and ends green.

use std::time::Duration;

use super::{findings, system};
use crate::Place;
use crate::check::{BrokenBy, Change, Class, Cut, Ends, Finding, Level, Shows, Verdict, told};
use crate::facts::Name;

const UNITS: &str = "etc/systemd/system";
pub(super) const FILES: &[(&str, &str)] = &[
    ("etc/caddy/Caddyfile", include_str!("../../fixtures/reference/etc/caddy/Caddyfile")),
    (
        "etc/systemd/system/bridge.service",
        include_str!("../../fixtures/reference/etc/systemd/system/bridge.service"),
    ),
    (
        "etc/systemd/system/dashboard.service",
        include_str!("../../fixtures/reference/etc/systemd/system/dashboard.service"),
    ),
    (
        "etc/systemd/system/dashboard.service.d/10-publish.conf",
        include_str!("../../fixtures/reference/etc/systemd/system/dashboard.service.d/10-publish.conf"),
    ),
    (
        "etc/systemd/system/multi-user.target",
        include_str!("../../fixtures/reference/etc/systemd/system/multi-user.target"),
    ),
    (
        "etc/systemd/system/proxy-deploy.service",
        include_str!("../../fixtures/reference/etc/systemd/system/proxy-deploy.service"),
    ),
];

/// The files, with a text of one of them in place of another.
fn with(file: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let each = FILES.iter().map(|(path, text)| match path.ends_with(file) {
        true => {
            assert!(text.contains(from), "{file} has no `{from}`");
            ((*path).to_owned(), text.replace(from, to))
        }
        false => ((*path).to_owned(), (*text).to_owned()),
    });
    each.collect()
}

fn found(files: &[(String, String)]) -> Vec<Finding> {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    findings(&files)
}

fn the_one() -> Finding {
    let found = findings(FILES);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

fn place(file: &str, line: u32, column: u32) -> Place {
    Place { path: format!("{UNITS}/{file}").into(), line, column }
}

// rca: 2026-11-health-gate-waited-for-its-successor
#[test]
fn it_is_a_gate_against_order_at_the_poll() {
    let finding = the_one();
    assert_eq!((finding.class, finding.level), (Class::GateAgainstOrder, Level::Error));
    assert_eq!(finding.unit, Name::new("proxy-deploy.service"));
    assert_eq!(finding.at, place("proxy-deploy.service", 16, 7));
    assert_eq!(
        finding.sentence,
        "proxy-deploy.service is not done before https://dashboard.example.org/login answers, which dashboard.service \
         serves behind proxy-deploy.service (etc/systemd/system/proxy-deploy.service:16:7); dashboard.service starts \
         only after proxy-deploy.service is done (etc/systemd/system/dashboard.service:4:22)"
    );
}

#[test]
fn it_stalls_by_its_own_budget_and_ends_green() {
    let stall = the_one().stall.unwrap();
    assert_eq!(stall.delay, Some(Duration::from_secs(367)));
    assert_eq!(stall.broken_by, BrokenBy::Budget);
    assert_eq!(stall.outrun, Some(Duration::from_secs(900)));
    assert_eq!(stall.ends, Ends::Active);
}

#[test]
fn it_shows_from_cold_only() {
    assert_eq!(the_one().shows, Shows::FromColdOnly);
    // Where the dashboard falls with the proxy, every restart stalls.
    let bound = with("dashboard.service", "Wants=bridge.service ", "Requires=bridge.service ");
    assert_eq!(found(&bound)[0].shows, Shows::Always);
}

#[test]
fn one_cut_holds_and_the_plausible_ones_do_not() {
    let cuts = the_one().cuts;
    let [own, dropped, reversed] = cuts.as_slice() else { panic!("{cuts:#?}") };
    assert_eq!(own.verdict, Verdict::Accepted);
    let Change::OwnEndpoint { endpoint, .. } = &own.changes[0] else { panic!("{own:?}") };
    assert_eq!(endpoint.to_string(), "http://localhost:2019/config/");

    let of_dashboard = |change: &Change| match change {
        Change::Drop { first, then, .. } | Change::Reverse { first, then, .. } => {
            (first.as_str(), then.as_str()) == ("proxy-deploy.service", "dashboard.service")
        }
        _ => false,
    };
    assert!(matches!(dropped.changes.as_slice(), [change @ Change::Drop { .. }] if of_dashboard(change)));
    assert_eq!(
        texts_of(dropped),
        [
            "proxy-deploy.service is not done before https://dashboard.example.org/login answers, which \
             dashboard.service serves behind proxy-deploy.service",
            "dashboard.service starts only after bridge.service is done",
            "bridge.service starts only after proxy-deploy.service is done",
        ]
    );
    assert!(matches!(dropped.verdict, Verdict::PathRemains(_)));

    assert!(matches!(reversed.changes.as_slice(), [change @ Change::Reverse { .. }] if of_dashboard(change)));
    assert_eq!(
        texts_of(reversed),
        [
            "proxy-deploy.service starts only after dashboard.service is done",
            "dashboard.service starts only after bridge.service is done",
            "bridge.service starts only after proxy-deploy.service is done",
        ]
    );
    assert!(matches!(reversed.verdict, Verdict::PureCycle(_)));
}

fn texts_of(cut: &Cut) -> Vec<&str> {
    match &cut.verdict {
        Verdict::PathRemains(steps) | Verdict::PureCycle(steps) => {
            steps.iter().map(|step| step.text.as_str()).collect()
        }
        Verdict::Accepted => Vec::new(),
    }
}

#[test]
fn what_is_told_of_it() {
    let told = told(&the_one());
    assert_eq!(
        told[1..3],
        [
            "stalls for 367 s, by the gate's own budget and not the unit's timeout of 900 s; ends active with exit 0: \
             nothing tells of it",
            "latent: a restart of proxy-deploy.service alone passes, for what it waits for is up already",
        ]
    );
    assert!(told[3].starts_with(
        "mend: gate on http://localhost:2019/config/, which proxy-deploy.service serves itself"
    ));
    assert!(
        told[4].starts_with("no mend: drop the ordering edge from dashboard.service to proxy-deploy.service")
    );
    assert!(told[5].starts_with("no mend: reverse the order, dashboard.service before proxy-deploy.service"));
    assert_eq!(told.len(), 6);
}

#[test]
fn each_mended_twin_is_silent() {
    let own =
        with("proxy-deploy.service", "https://dashboard.example.org/login", "http://127.0.0.1:2019/config/");
    assert_eq!(found(&own), []);
    // Any answer of the proxy passes, one that nobody stands behind too.
    let lax = with("proxy-deploy.service", "curl -fsS", "curl -sS");
    assert_eq!(found(&lax), []);
}

/// Other endings of the same stall.
#[test]
fn the_first_to_give_up_says_how_it_ends() {
    let cases = [
        ("TimeoutStartSec=900", "TimeoutStartSec=300", 300, BrokenBy::Timeout, Ends::Failed),
        ("will look again\" >&2'", "giving up\" >&2; exit 1'", 367, BrokenBy::Budget, Ends::Failed),
        ("RemainAfterExit=yes\n", "", 367, BrokenBy::Budget, Ends::Completed),
        ("seq 72", "seq 10", 57, BrokenBy::Budget, Ends::Active),
    ];
    for (from, to, delay, broken_by, ends) in cases {
        let found = found(&with("proxy-deploy.service", from, to));
        let cycle = found.iter().find(|finding| finding.class == Class::GateAgainstOrder).unwrap();
        let stall = cycle.stall.as_ref().unwrap();
        assert_eq!(stall.delay, Some(Duration::from_secs(delay)), "{to}");
        assert_eq!((stall.broken_by, stall.ends), (broken_by, ends), "{to}");
    }
}

#[test]
fn a_declared_gate_is_the_same() {
    let start = FILES[5].1.find("ExecStartPost").unwrap();
    let end = FILES[5].1.find("[Install]").unwrap();
    let script = &FILES[5].1[start..end];
    let gate = "X-Gate=https://dashboard.example.org/login first=7s every=5s attempts=72 then=pass\n\n";
    let found = found(&with("proxy-deploy.service", script, gate));
    let (read, declared) = (the_one(), &found[0]);
    assert_eq!((read.stall.as_ref(), read.shows), (declared.stall.as_ref(), declared.shows));
    assert_eq!(read.cuts.len(), declared.cuts.len());
    assert_eq!(declared.at, place("proxy-deploy.service", 14, 8));
}

#[test]
fn the_drop_in_wins_and_the_proxy_is_known() {
    let system = system(FILES);
    assert_eq!(system.routes[0].proxy, Some(Name::new("proxy-deploy.service")));
    let dashboard = &system.units[&Name::new("dashboard.service")];
    assert_eq!(dashboard.offers[0].at, place("dashboard.service.d/10-publish.conf", 4, 15));
}
