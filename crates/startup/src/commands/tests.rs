//! Commands to waits, one line a case.

use std::time::Duration;

use super::lexer::Word;
use super::look::look;
use crate::facts::{End, Wait};

/// As a shell would be handed it.
fn found(script: &str) -> Vec<(String, Option<u64>, End)> {
    let word = |text: &str, at: usize| {
        let mut word = Word { is_bare: true, ..Word::default() };
        text.char_indices().for_each(|(byte, c)| word.push(c, at + byte));
        word
    };
    let words = [word("/bin/sh", 0), word("-c", 8), word(script, 11)];
    let tell = |wait: &Wait| match wait {
        Wait::Answer(endpoint) => format!("answer {endpoint}"),
        Wait::Connect(endpoint) => format!("connect {endpoint}"),
        Wait::Active(unit) => format!("active {unit}"),
        Wait::Start(unit) => format!("start {unit}"),
        Wait::Restart(unit) => format!("restart {unit}"),
    };
    let found = look(&words).found.into_iter();
    found
        .map(|found| (tell(&found.wait), found.budget.refused().map(|span| span.as_secs()), found.end))
        .collect()
}

/// The script, what it waits for, for how many seconds if refused, and what it then comes to.
const CASES: &[(&str, &str, Option<u64>, End)] = &[
    ("until curl -fs http://a:80/x; do sleep 2; done", "answer http://a/x", None, End::Passes),
    ("while ! curl -s -o /dev/null a:81; do sleep 2; done", "connect http://a:81/", None, End::Passes),
    ("until curl -s a/x | grep -q ok; do sleep 2; done", "answer http://a/x", None, End::Passes),
    ("until wget -q --spider http://a/; do sleep 2; done", "answer http://a/", None, End::Passes),
    ("while ! nc -z localhost 80; do sleep 1; done", "connect localhost:80", None, End::Passes),
    ("until pg_isready -h db -p 5433 -q; do sleep 1; done", "connect db:5433", None, End::Passes),
    ("until (echo > /dev/tcp/db/5432) 2>/dev/null; do sleep 1; done", "connect db:5432", None, End::Passes),
    ("until [ -S /run/x.sock ]; do sleep 1; done", "connect /run/x.sock", None, End::Passes),
    ("until systemctl is-active --quiet a; do sleep 1; done", "active a.service", None, End::Passes),
    ("while :; do curl -fs a:8 && break; sleep 3; done", "answer http://a:8/", None, End::Passes),
    // Bounded.
    (
        "for i in 1 2 3; do curl -fs a:8 && exit 0; sleep 3; done; exit 1",
        "answer http://a:8/",
        Some(9),
        End::Fails,
    ),
    (
        "for i in {1..30}; do curl -fs a:8 && break; sleep 2; done",
        "answer http://a:8/",
        Some(60),
        End::Passes,
    ),
    (
        "sleep 7; for i in $(seq 1 72); do curl -fs a:8 && exit 0 || sleep 5; done; echo no",
        "answer http://a:8/",
        Some(367),
        End::Passes,
    ),
    (
        "for i in $(seq 3); do if curl -fs a:8; then exit 0; fi; sleep 1; done; false",
        "answer http://a:8/",
        Some(3),
        End::Fails,
    ),
    (
        "n=0; until curl -fs a:8; do n=$((n+1)); [ $n -ge 30 ] && exit 1; sleep 2; done",
        "answer http://a:8/",
        Some(60),
        End::Fails,
    ),
    (
        "n=0; until curl -fs a:8; do if [ $n -gt 9 ]; then break; fi; sleep 2; done; /go",
        "answer http://a:8/",
        Some(20),
        End::Passes,
    ),
    ("timeout 300 sh -c 'until curl -fs a:8; do sleep 1; done'", "answer http://a:8/", Some(300), End::Fails),
    (
        "timeout 5m sh -c 'until curl -fs a:8; do sleep 1; done' || true",
        "answer http://a:8/",
        Some(300),
        End::Passes,
    ),
    (
        "timeout -k 5 60 sh -c 'until nc -z a 8; do sleep 1; done' || exit 3; /go",
        "connect a:8",
        Some(60),
        End::Fails,
    ),
    ("timeout 60 sh -c 'until nc -z a 8; do sleep 1; done'; /go", "connect a:8", Some(60), End::Passes),
    (
        "set -e; timeout 60 sh -c 'until nc -z a 8; do sleep 1; done'; /go",
        "connect a:8",
        Some(60),
        End::Fails,
    ),
    // Those that wait by themselves.
    (
        "curl -f --retry 10 --retry-delay 3 --retry-connrefused http://a/",
        "answer http://a/",
        Some(30),
        End::Fails,
    ),
    ("curl -f --retry 4 http://a/", "answer http://a/", Some(15), End::Fails),
    (
        "curl -f --retry 9 --retry-delay 9 --retry-max-time 30 http://a/",
        "answer http://a/",
        Some(30),
        End::Fails,
    ),
    ("wait-for-it.sh db:5432 -t 40", "connect db:5432", Some(40), End::Fails),
    ("wait-for-it db:5432 -- /go", "connect db:5432", Some(15), End::Passes),
    ("wait-for-it db:5432 --strict -- /go", "connect db:5432", Some(15), End::Fails),
    ("dockerize -wait tcp://db:1 -timeout 20s", "connect db:1", Some(20), End::Fails),
    ("systemctl start a", "start a.service", None, End::Fails),
    ("systemctl restart --quiet a.service || true", "restart a.service", None, End::Passes),
    ("systemctl enable --now a.timer", "start a.timer", None, End::Fails),
];

#[test]
fn each_form_is_one_wait_with_its_budget_and_its_end() {
    for (script, wait, budget, end) in CASES {
        assert_eq!(found(script), [((*wait).to_owned(), *budget, *end)], "{script}");
    }
}

#[test]
fn what_waits_for_nothing_is_no_gate() {
    for script in [
        "",
        "/go",
        "echo until curl -fs a; sleep 5",
        "curl -fsS -X POST http://hook/started",
        "systemctl --no-block start a",
        "systemctl daemon-reload",
        "systemctl --user start a",
        "sleep 30",
        "until [ $n -gt 3 ]; do sleep 1; done",
        "# until curl -fs a; do sleep 1; done",
        "done; fi; )",
        "until",
        "for",
        "if curl -fs a; then",
        "'",
        "$(",
        "until curl -fs \"$URL\"; do sleep 1; done",
    ] {
        assert_eq!(found(script), [], "{script}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{}curl{}", "until ( ".repeat(3000), " ) ; do :; done".repeat(3000));
    assert_eq!(found(&deep), []);
    assert_eq!(found(&"(".repeat(10_000)), []);
    assert_eq!(found(&"! ".repeat(10_000)), []);
    assert_eq!(found(&"if a; then b; elif ".repeat(3_000)), []);
}

#[test]
fn spans_are_read_as_sleep_does() {
    for (text, millis) in [
        ("5", Some(5000)),
        ("0.5", Some(500)),
        ("1.25m", Some(75_000)),
        ("2h", Some(7_200_000)),
        ("200ms", Some(200)),
    ] {
        assert_eq!(super::seconds(text), millis.map(Duration::from_millis), "{text}");
    }
    for text in ["", "s", "x5", "-1", "1x", "99999999999999999999", "1.é"] {
        assert_eq!(super::seconds(text), None, "{text}");
    }
}
