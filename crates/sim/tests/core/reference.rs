//! `doc/reference/triage.md` says what the core does: its weights, settings, bounds and worked example.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::{Config, WEIGHTS};
use model::{Event, EventKind, Failure, FailureStatus, Input, Nanos, Outcome, SpanId, TraceId};
use serde_json::Value;
use sim::{Replica, Rng};

use super::START_S;

const PAGE: &str = include_str!("../../../../doc/reference/triage.md");

/// The rows of the tables under a heading, cell by cell, without heads and rules.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines: Vec<&str> = section.lines().collect();
    let is_rule = |line: Option<&&str>| line.is_some_and(|line| line.starts_with("|---"));
    let is_row = |i: usize| lines[i].starts_with('|') && !is_rule(lines.get(i)) && !is_rule(lines.get(i + 1));
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    (0..lines.len()).filter(|i| is_row(*i)).map(|i| cells(lines[i])).collect()
}

#[test]
fn the_weights_are_those_of_the_engine() {
    let published: Vec<(String, String)> =
        rows("Weights").iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let ours: Vec<(String, String)> =
        WEIGHTS.iter().map(|(what, points)| (what.to_string(), format!("{points:+}"))).collect();
    assert_eq!(published, ours);
}

#[test]
fn the_points_of_suspects_are_those_of_the_engine() {
    let published: BTreeMap<String, String> =
        rows("Suspects").iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let ours: BTreeMap<String, String> = engine::SUSPECT_POINTS
        .iter()
        .map(|(what, points)| (what.to_string(), format!("{points:+}")))
        .collect();
    assert_eq!(published, ours);
}

#[test]
fn the_settings_have_their_defaults() {
    let published: BTreeMap<String, u64> = rows("Settings")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].replace(' ', "").parse().unwrap()))
        .collect();
    let defaults: BTreeMap<String, Value> = serde_json::from_str(&Config::default().to_json()).unwrap();
    // What is no number has words of its own on the page.
    let ours = defaults.into_iter().filter_map(|(key, value)| Some((key, value.as_u64()?))).collect();
    assert_eq!(published, ours);
}

/// Tables whose rows name a constant as `crate/src/file.rs NAME`; the value stands in the cell before it.
const TABLES_OF_CONSTANTS: [&str; 2] = ["Bounds", "Constants"];

#[test]
fn the_bounds_and_constants_are_those_of_the_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seen = BTreeSet::new();
    for row in TABLES_OF_CONSTANTS.into_iter().flat_map(rows) {
        let (file, name) = row[2].trim_matches('`').split_once(' ').unwrap();
        let code = std::fs::read_to_string(crates.join(file)).unwrap();
        let declared = code.lines().find(|line| line.contains(&format!("const {name}:")));
        let declared = declared.unwrap_or_else(|| panic!("{file} has no {name}"));
        let value = declared.split('=').nth(1).unwrap().trim().trim_end_matches(';');
        assert_eq!(published(row[1], name), product(value), "{file} {name}");
        assert!(seen.insert(row[2]), "{} stands twice", row[2]);
    }
    assert!(seen.len() >= 100, "{}", seen.len());
}

/// A number, or a time in the unit that the constant's name ends in.
fn published(cell: &str, name: &str) -> u64 {
    let (digits, unit): (String, String) =
        cell.chars().filter(|c| !c.is_whitespace()).partition(char::is_ascii_digit);
    let ns: u64 = match unit.as_str() {
        "" => return digits.parse().unwrap(),
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "h" => 3_600_000_000_000,
        unit => panic!("{unit} of {name}"),
    };
    let per = |suffix: &str| name.split('_').any(|part| part == suffix);
    let unit = if per("NS") {
        1
    } else if per("US") {
        1_000
    } else {
        1_000_000
    };
    assert!(per("NS") || per("US") || per("MS"), "{name} is no time");
    digits.parse::<u64>().unwrap() * ns / unit
}

/// What a constant's declaration multiplies or shifts.
fn product(value: &str) -> u64 {
    if let Some((number, bits)) = value.split_once("<<") {
        return product(number) << product(bits);
    }
    let factor = |part: &str| match part.trim().trim_start_matches("model::") {
        "SECOND_NS" => 1_000_000_000,
        "HOUR_NS" => 3_600_000_000_000,
        number => number.replace('_', "").parse().unwrap_or_else(|_| panic!("{value} is no product")),
    };
    value.split('*').map(factor).product()
}

/// Units, encodings, layouts and what is only a matter of speed: they decide nothing.
const NOT_PUBLISHED: [&str; 30] = [
    "BEHIND",
    "BESIDES_SEEN",
    "FRACTION",
    "FREE",
    "HOURS_A_DAY",
    "HOURS_A_WEEK",
    "HOUR_NS",
    "LAYOUT",
    "LOG2_E",
    "MILLION",
    "MINUTES",
    "MINUTES_AHEAD",
    "MINUTE_NS",
    "ONE",
    "PLACES_MIN",
    "POINT",
    "SEED",
    "SLOTS_MAX",
    "SMALL_MINUTE",
    "SMALL_TOTAL",
    "STIRLING",
    "STRETCH_BITS",
    "STEPS",
    "STEP_BITS",
    "SUB_BITS",
    "TRIES_MAX",
    "TURN_MS",
    "UNIT",
    "UNIT_NS",
    "WALK_MAX",
];

#[test]
fn every_number_of_the_engine_is_on_the_page() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("engine/src");
    let mut folders = vec![source.clone()];
    let mut missing = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                // How a report looks is no matter of triage.
                folders.extend(Some(path).filter(|_| file != "render"));
                continue;
            }
            if file.ends_with("tests.rs") {
                continue;
            }
            let code = std::fs::read_to_string(&path).unwrap();
            let names = code.lines().filter_map(integer_constant);
            let unsaid = |name: &&str| {
                !NOT_PUBLISHED.contains(name) && !PAGE.contains(&format!("`engine/src/{file} {name}`"))
            };
            missing.extend(names.filter(unsaid).map(|name| format!("engine/src/{file} {name}")));
        }
    }
    assert_eq!(missing, [""; 0], "Bounds or Constants of triage.md do not have them");
}

/// The name of a constant that stands by itself in a file and is a whole number.
fn integer_constant(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("const ")?;
    let (name, kind) = rest.split_once(": ")?;
    let is_integer = ["u64 ", "u32 ", "usize ", "i64 "].iter().any(|integer| kind.starts_with(integer));
    // What stands in angle brackets is a parameter.
    let is_alone = before.is_empty() || before.starts_with("pub") && !before.contains('<');
    (is_integer && is_alone).then_some(name)
}

/// The page's example: 20 requests a second, and 2 of 20 fail from the 300th second on.
#[test]
fn the_worked_example_happens_as_told() {
    let (mut replica, mut rng) = (Replica::new(1), Rng::new(1));
    for second in 0..303 {
        let events = (0..20).map(|i| request(second, i, second >= 300 && i < 2, &mut rng)).collect();
        replica.feed(Nanos::from_secs(START_S + second), Input::Events(events));
        replica.feed(Nanos::from_secs(START_S + second + 1), Input::Tick);
        assert_eq!(replica.incidents.len(), usize::from(second == 302), "second {second}");
    }
    let report = replica.report(*replica.incidents.keys().next().unwrap()).unwrap();
    let symptom = &report.symptoms[0];
    assert_eq!((symptom.baseline.failures, symptom.baseline.requests), (0, 6_000));
    assert_eq!((symptom.since_onset.failures, symptom.since_onset.requests), (6, 60));
    assert_eq!(symptom.onset_at, Nanos::from_secs(START_S + 300).to_rfc3339());
    assert_eq!(symptom.detected_at, Nanos::from_secs(START_S + 303).to_rfc3339());
    assert_eq!(symptom.odds_log10, 9);
    assert!(PAGE.contains("6 of 60") && PAGE.contains("1 in 10^9"), "the page tells this example");
}

fn request(second: u64, i: u64, fails: bool, rng: &mut Rng) -> Event {
    let failure = Failure { status: FailureStatus::Error, code: "Timeout".into(), reason: "".into() };
    let start = Nanos((START_S + second) * model::SECOND_NS + i * 10_000_000);
    Event {
        trace: TraceId((u128::from(rng.word()) << 64 | 1).to_be_bytes()),
        span: SpanId((rng.word() | 1).to_be_bytes()),
        parent: None,
        kind: EventKind::Server,
        env: "demo".into(),
        service: "search".into(),
        operation: "GET /search".into(),
        version: "".into(),
        instance: "".into(),
        peer: "".into(),
        start,
        end: start.saturating_add(5_000_000),
        outcome: if fails { Outcome::Failed(failure) } else { Outcome::Ok },
        user: None,
        attributes: Vec::new(),
    }
}
