//! What cannot be read out of a command and is declared in the unit: `X-Gate=`, `X-Provides=`. Systemd passes over keys that
//! begin with `X-`.

use super::lines::Value;
use crate::commands::seconds;
use crate::facts::{Budget, End, Endpoint, Host, Url, Wait};
use crate::place::{Faults, Place};

const GATE: &str = "write `X-Gate=URL every=5s attempts=72 first=7s budget=367s attempt=2s then=fail`, \
                    of which only the first word must be there";
const PROVIDES: &str = "write a URL, `tcp:PORT`, `tcp:HOST:PORT`, `unix:/PATH` or `file:/PATH`";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) wait: Wait,
    pub(super) budget: Budget,
    pub(super) end: End,
}

/// One gate. A part that is wrong is a fault, and the rest counts.
pub(super) fn gate(value: &Value, faults: &mut Faults) -> Option<Declared> {
    let mut words = value.words();
    let (what, at) = words.next()?;
    let Some(endpoint) = endpoint(what) else {
        faults.add(&at, format!("`{}` is nothing to wait for: {GATE}", super::lines::short(what)));
        return None;
    };
    let wait =
        if matches!(endpoint, Endpoint::Url(_)) { Wait::Answer(endpoint) } else { Wait::Connect(endpoint) };
    let mut declared = Declared { wait, budget: Budget::default(), end: End::Fails };
    for (word, at) in words {
        if set(&mut declared, word).is_none() {
            faults.add(&at, format!("`{}` is no part of a gate: {GATE}", super::lines::short(word)));
        }
    }
    declared.budget.pauses = declared.budget.attempts.unwrap_or_default();
    Some(declared)
}

fn set(declared: &mut Declared, word: &str) -> Option<()> {
    let (key, value) = word.split_once('=')?;
    let budget = &mut declared.budget;
    match key {
        "every" => budget.interval = seconds(value)?,
        "first" => budget.first = seconds(value)?,
        "attempts" => budget.attempts = Some(value.parse().ok()?),
        "attempt" => budget.attempt_max = Some(seconds(value)?),
        "budget" => budget.total_max = Some(seconds(value)?),
        "then" => {
            declared.end = match value {
                "pass" => End::Passes,
                "fail" => End::Fails,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

/// What a value of `X-Provides=` names, each with its place.
pub(super) fn provides(value: &Value, faults: &mut Faults) -> Vec<(Endpoint, Place)> {
    let mut found = Vec::new();
    for (word, at) in value.words() {
        match endpoint(word) {
            Some(endpoint) => found.push((endpoint, at)),
            None => {
                faults.add(&at, format!("`{}` is nothing to provide: {PROVIDES}", super::lines::short(word)))
            }
        }
    }
    found
}

fn endpoint(word: &str) -> Option<Endpoint> {
    if let Some(path) = word.strip_prefix("unix:") {
        return path.starts_with('/').then(|| Endpoint::Socket(path.to_owned()));
    }
    if let Some(path) = word.strip_prefix("file:") {
        return path.starts_with('/').then(|| Endpoint::File(path.to_owned()));
    }
    match word.strip_prefix("tcp:") {
        Some(address) => listened(address),
        None => Url::parse(word).map(Endpoint::Url),
    }
}

/// `8080`, `127.0.0.1:8080`, `[::]:8080`, as `ListenStream=` has them too.
pub(super) fn listened(address: &str) -> Option<Endpoint> {
    if address.starts_with(['/', '@']) {
        return Some(Endpoint::Socket(address.to_owned()));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (Host::parse(host)?, port),
        None => (Host::Here, address),
    };
    Some(Endpoint::Tcp { host, port: port.parse().ok()? })
}
