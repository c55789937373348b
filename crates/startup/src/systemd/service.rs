//! What only services have: when their start is over, how long it may take, and their commands, with the waits and the
//! published ports in them.

use std::time::Duration;

use super::declared;
use super::exec::{Command, commands};
use super::files::Source;
use super::span::span;
use crate::commands::{Found, look};
use crate::facts::{Endpoint, Gate, Holds, Host, Offer, Readiness, Restart, Timeout, TimeoutSource, Unit};
use crate::limits::{COMMANDS_PER_UNIT_MAX, GATES_PER_UNIT_MAX, WORDS_MAX};
use crate::place::Faults;

/// `DefaultTimeoutStartSec=`, unless somebody changed it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(90);

/// Reads these into the unit.
pub(super) fn fill(unit: &mut Unit, source: &Source, faults: &mut Faults) {
    let has_command = !source.list("Service", "ExecStart").is_empty();
    unit.readiness = readiness(source, has_command, faults);
    unit.remains = source.is("Service", "RemainAfterExit", false);
    unit.restart = restart(source, faults);
    unit.timeout = timeout(source, unit.readiness, faults);
    unit.gates = gates(unit.readiness, source, faults);
}

fn readiness(source: &Source, has_command: bool, faults: &mut Faults) -> Readiness {
    let by_bus = source.one("Service", "BusName").is_some();
    let Some(value) = source.one("Service", "Type") else {
        return match (has_command, by_bus) {
            (false, _) => Readiness::Completed,
            (true, true) => Readiness::Notified,
            (true, false) => Readiness::Started,
        };
    };
    match value.text.as_str() {
        "simple" | "exec" | "idle" => Readiness::Started,
        "forking" | "notify" | "notify-reload" | "dbus" => Readiness::Notified,
        "oneshot" => Readiness::Completed,
        other => {
            let types = "simple, exec, forking, oneshot, dbus, notify, notify-reload or idle";
            faults.add(&value.start(), format!("Type={} is none: write {types}", super::lines::short(other)));
            Readiness::Started
        }
    }
}

fn restart(source: &Source, faults: &mut Faults) -> Restart {
    let Some(value) = source.one("Service", "Restart") else { return Restart::No };
    match value.text.as_str() {
        "no" | "on-success" => Restart::No,
        "on-failure" | "on-abnormal" | "on-watchdog" | "on-abort" => Restart::OnFailure,
        "always" => Restart::Always,
        other => {
            let right = "no, on-success, on-failure, on-abnormal, on-watchdog, on-abort or always";
            faults.add(
                &value.start(),
                format!("Restart={} is none: write {right}", super::lines::short(other)),
            );
            Restart::No
        }
    }
}

fn timeout(source: &Source, readiness: Readiness, faults: &mut Faults) -> Timeout {
    let said = ["TimeoutStartSec", "TimeoutSec"].iter().find_map(|key| source.one("Service", key));
    let by_default = Timeout {
        after: (readiness != Readiness::Completed).then_some(TIMEOUT_DEFAULT),
        source: TimeoutSource::Default,
    };
    let Some(value) = said else { return by_default };
    match span(&value.text) {
        // Nothing at all means no limit, as it did before there was `infinity`.
        Some(after) => {
            let after = after.filter(|after| !after.is_zero());
            Timeout { after, source: TimeoutSource::Said(value.start()) }
        }
        None => {
            let right = "write seconds, `5min 20s` or `infinity`";
            faults.add(
                &value.start(),
                format!("`{}` is no length of time: {right}", super::lines::short(&value.text)),
            );
            by_default
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Main,
    After,
}

const PHASES: &[(&str, Phase)] = &[
    ("ExecCondition", Phase::Before),
    ("ExecStartPre", Phase::Before),
    ("ExecStart", Phase::Main),
    ("ExecStartPost", Phase::After),
];

/// All commands of a start, in the order in which they run.
fn phases(source: &Source) -> Vec<(Phase, &super::lines::Value, Command)> {
    let each = PHASES.iter().flat_map(|(key, phase)| {
        let values = source.list("Service", key).into_iter();
        values.flat_map(move |value| {
            let commands = commands(value, &source.name).into_iter();
            commands.map(move |command| (*phase, value, command))
        })
    });
    each.take(COMMANDS_PER_UNIT_MAX + 1).collect()
}

fn gates(readiness: Readiness, source: &Source, faults: &mut Faults) -> Vec<Gate> {
    let mut gates = Vec::new();
    let mut has_worked = false;
    for (index, (phase, value, command)) in phases(source).iter().enumerate() {
        if index == COMMANDS_PER_UNIT_MAX {
            let message = format!("more than {COMMANDS_PER_UNIT_MAX} commands: the rest was not read");
            faults.add(&value.start(), message);
            break;
        }
        let looked = look(&command.words);
        let place = Stand { phase: *phase, readiness, has_worked, index };
        gates.extend(looked.found.into_iter().map(|found| gate(found, command, value, &place)));
        has_worked |= looked.worked && *phase == Phase::Main;
    }
    gates.extend(declared_gates(source, readiness, faults));
    gates.truncate(GATES_PER_UNIT_MAX);
    gates
}

/// Where among the commands of its unit a wait stands.
struct Stand {
    phase: Phase,
    readiness: Readiness,
    has_worked: bool,
    index: usize,
}

fn gate(found: Found, command: &Command, value: &super::lines::Value, stand: &Stand) -> Gate {
    let end = if command.ignores_failure { crate::facts::End::Passes } else { found.end };
    let holds = match (stand.phase, stand.readiness) {
        (Phase::Before, _) => Holds::ServeAndDone,
        (Phase::After, _) => Holds::Done,
        (Phase::Main, Readiness::Started) => Holds::Serve,
        (Phase::Main, Readiness::Completed) if stand.has_worked || found.after_work => Holds::Done,
        (Phase::Main, _) => Holds::ServeAndDone,
    };
    let (at, wait, budget) = (value.at(found.at), found.wait, found.budget);
    Gate { at, wait, holds, command: stand.index, budget, end }
}

/// A declared gate stands in the last thing the start waits for: after what serves was started.
fn declared_gates(source: &Source, readiness: Readiness, faults: &mut Faults) -> Vec<Gate> {
    let holds = if readiness == Readiness::Started { Holds::ServeAndDone } else { Holds::Done };
    let values = ["Unit", "Service"].into_iter().flat_map(|section| source.list(section, "X-Gate"));
    let each = values.enumerate().filter_map(|(index, value)| {
        let declared = declared::gate(value, faults)?;
        let (wait, budget, end) = (declared.wait, declared.budget, declared.end);
        Some(Gate { at: value.start(), wait, holds, command: COMMANDS_PER_UNIT_MAX + index, budget, end })
    });
    each.collect()
}

/// Ports that `docker run -p` and its like publish on this machine.
pub(super) fn published(source: &Source) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (_, value, command) in phases(source) {
        let texts: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        let program = texts.first().and_then(|first| first.rsplit('/').next());
        if !matches!(program, Some("docker" | "podman" | "nerdctl")) || !texts.contains(&"run") {
            continue;
        }
        for (index, text) in texts.iter().enumerate() {
            let said = match text.split_once('=') {
                Some(("--publish", said)) => Some((index, said)),
                None if matches!(*text, "-p" | "--publish") => {
                    texts.get(index + 1).map(|said| (index + 1, *said))
                }
                _ => None,
            };
            let word =
                said.and_then(|(index, said)| Some((command.words.get(index)?, published_port(said)?)));
            offers.extend(word.map(|(word, port)| Offer {
                endpoint: Endpoint::Tcp { host: Host::Here, port },
                at: value.at(word.start()),
                answered_by: None,
            }));
        }
    }
    offers
}

/// Absolute paths among the words, also within `--config=/a` and `/a:/b:ro`.
pub(super) fn named_files(source: &Source) -> Vec<String> {
    let commands = phases(source).into_iter().flat_map(|(_, _, command)| command.words);
    let texts: Vec<String> = commands.map(|word| word.text).collect();
    let parts = texts.iter().flat_map(|text| text.split([':', '=', ',']));
    parts.filter(|part| part.starts_with('/') && part.len() > 1).map(str::to_owned).take(WORDS_MAX).collect()
}

/// `8080:80`, `127.0.0.1:8080:80/tcp`: the port outside.
fn published_port(said: &str) -> Option<u16> {
    let mut parts = said.split('/').next()?.rsplit(':');
    parts.next()?;
    parts.next()?.parse().ok()
}
