//! Commands that wait by themselves, without a loop around them: curl with retries, wait-for-it, dockerize, and `systemctl
//! start`, which returns when the other's start is over.

use std::time::Duration;

use super::numbers::seconds;
use super::probe::{self, address, option, unit_name};
use crate::facts::{Budget, End, Name, Wait};

/// A command that waits, how long, and how it ends when it gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) wait: Wait,
    pub(super) budget: Budget,
    pub(super) end: End,
}

pub(super) fn waiting(words: &[&str]) -> Option<Waiting> {
    let (program, arguments) = words.split_first()?;
    match program.rsplit('/').next()? {
        "curl" => curl(arguments),
        "systemctl" => control(arguments),
        "wait-for-it" | "wait-for-it.sh" | "wait-for" | "wait-for.sh" => wait_for(arguments),
        "dockerize" => dockerize(arguments),
        _ => None,
    }
}

/// The first pause of curl is a second, each twice the one before it, and none longer than ten minutes.
const CURL_PAUSE_S_MAX: u64 = 600;

fn curl(words: &[&str]) -> Option<Waiting> {
    let retries: u64 = option(words, &["--retry"])?.parse().ok()?;
    let probe = probe::curl(words)?;
    let mut budget = Budget {
        attempts: Some(retries.saturating_add(1)),
        pauses: retries,
        attempt_max: probe.attempt_max,
        total_max: option(words, &["--retry-max-time"]).and_then(seconds),
        ..Budget::default()
    };
    match option(words, &["--retry-delay"]).and_then(seconds) {
        Some(delay) => budget.interval = delay,
        None => {
            let pause = |nth: u64| 1_u64.checked_shl(nth.min(10) as u32).unwrap_or(CURL_PAUSE_S_MAX);
            let pauses = (0..retries.min(1000)).map(|nth| pause(nth).min(CURL_PAUSE_S_MAX)).sum();
            budget.first = Duration::from_secs(pauses);
        }
    }
    Some(Waiting { wait: probe.wait, budget, end: End::Fails })
}

fn control(words: &[&str]) -> Option<Waiting> {
    if words.iter().any(|word| matches!(*word, "--no-block" | "--user")) {
        return None;
    }
    let (verb, unit) = verb_and_unit(words)?;
    let wait = match verb {
        "start" | "reload-or-restart" => Wait::Start(unit),
        "enable" | "reenable" if words.contains(&"--now") => Wait::Start(unit),
        "restart" => Wait::Restart(unit),
        _ => return None,
    };
    Some(Waiting { wait, budget: Budget::default(), end: End::Fails })
}

/// `systemctl [OPTION...] VERB UNIT`.
pub(super) fn verb_and_unit<'w>(words: &[&'w str]) -> Option<(&'w str, Name)> {
    let mut operands = words.iter().copied().filter(|word| !word.starts_with('-'));
    let verb = operands.next()?;
    let unit = operands.next().filter(|unit| !unit.contains(['$', '*']))?;
    Some((verb, unit_name(unit)))
}

const WAIT_FOR_S: u64 = 15;

/// Both scripts of this name: `wait-for-it.sh host:port -t 30 -- command`.
fn wait_for(words: &[&str]) -> Option<Waiting> {
    let own = words.split(|word| *word == "--").next()?;
    let endpoint = own.iter().find_map(|word| address(word)).or_else(|| {
        let (host, port) = (option(own, &["--host", "-h"])?, option(own, &["--port", "-p"])?);
        address(&format!("{host}:{port}"))
    })?;
    let total =
        option(own, &["--timeout", "-t"]).and_then(seconds).unwrap_or(Duration::from_secs(WAIT_FOR_S));
    // It runs the command that follows all the same, unless it is told to be strict.
    let goes_on = own.len() < words.len() && !own.iter().any(|word| matches!(*word, "-s" | "--strict"));
    let total_max = (!total.is_zero()).then_some(total);
    let budget = Budget { interval: Duration::from_secs(1), total_max, ..Budget::default() };
    let end = if goes_on { End::Passes } else { End::Fails };
    Some(Waiting { wait: wait_of(endpoint), budget, end })
}

fn dockerize(words: &[&str]) -> Option<Waiting> {
    let endpoint = address(option(words, &["-wait"])?)?;
    let total = option(words, &["-timeout"]).and_then(seconds).unwrap_or(Duration::from_secs(10));
    let budget = Budget { interval: Duration::from_secs(1), total_max: Some(total), ..Budget::default() };
    Some(Waiting { wait: wait_of(endpoint), budget, end: End::Fails })
}

fn wait_of(endpoint: crate::facts::Endpoint) -> Wait {
    match endpoint {
        url @ crate::facts::Endpoint::Url(_) => Wait::Answer(url),
        other => Wait::Connect(other),
    }
}
