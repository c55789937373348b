//! A single look at something, as people write it in loops: curl, nc, pg_isready, `test -e`, `systemctl is-active`. It knows
//! what is looked at, never how often.

use std::time::Duration;

use super::numbers::seconds;
use crate::facts::{Endpoint, Host, Name, Url, Wait};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) wait: Wait,
    /// One look ends after this.
    pub(super) attempt_max: Option<Duration>,
}

impl Probe {
    pub(super) fn new(wait: Wait, attempt_max: Option<Duration>) -> Self {
        Self { wait, attempt_max }
    }
}

/// What these words look at, if they look at anything.
pub(super) fn probe(words: &[&str]) -> Option<Probe> {
    let (program, arguments) = words.split_first()?;
    match program.rsplit('/').next()? {
        "curl" => curl(arguments),
        "wget" => wget(arguments),
        "nc" | "ncat" | "netcat" => netcat(arguments),
        "pg_isready" => client(arguments, "-h", "-p", 5432),
        "redis-cli" => client(arguments, "-h", "-p", 6379),
        "mysqladmin" | "mariadb-admin" => client(arguments, "-h", "-P", 3306),
        "test" | "[" | "[[" => file(arguments),
        "systemctl" => active(arguments),
        _ => connection(words),
    }
}

/// The value of an option: `-m 5`, `-m5` or `--max-time=5`.
pub(super) fn option<'w>(words: &[&'w str], names: &[&str]) -> Option<&'w str> {
    words.iter().enumerate().find_map(|(index, word)| {
        names.iter().find_map(|name| {
            let rest = word.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value),
                None if rest.is_empty() => words.get(index + 1).copied(),
                None if !name.starts_with("--") => Some(rest),
                None => None,
            }
        })
    })
}

/// A letter among flags written together, such as `f` in `-fsS`, or its long form.
fn flag(words: &[&str], letter: char, long: &str) -> bool {
    words.iter().any(|word| {
        *word == long || word.starts_with('-') && !word.starts_with("--") && word.contains(letter)
    })
}

const CURL_WITH_VALUE: &[&str] = &[
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-H",
    "--header",
    "-X",
    "--request",
    "-d",
    "--data",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "-u",
    "--user",
    "--cacert",
    "--resolve",
    "--unix-socket",
    "-A",
    "--user-agent",
];

pub(super) fn curl(words: &[&str]) -> Option<Probe> {
    let attempt_max = option(words, &["--max-time", "-m"]).and_then(seconds);
    let url = operand(words, CURL_WITH_VALUE).and_then(url);
    let endpoint = match option(words, &["--unix-socket"]) {
        Some(path) => Endpoint::Socket(path.to_owned()),
        None => Endpoint::Url(url?),
    };
    let is_strict = flag(words, 'f', "--fail") || words.contains(&"--fail-with-body");
    let wait = if is_strict { Wait::Answer(endpoint) } else { Wait::Connect(endpoint) };
    Some(Probe::new(wait, attempt_max))
}

const WGET_WITH_VALUE: &[&str] =
    &["-O", "--output-document", "-T", "--timeout", "-t", "--tries", "--waitretry", "--header", "-U"];

pub(super) fn wget(words: &[&str]) -> Option<Probe> {
    let attempt_max = option(words, &["--timeout", "-T"]).and_then(seconds);
    let endpoint = Endpoint::Url(url(operand(words, WGET_WITH_VALUE)?)?);
    Some(Probe::new(Wait::Answer(endpoint), attempt_max))
}

/// The first word that is neither an option nor the value of one.
fn operand<'w>(words: &[&'w str], with_value: &[&str]) -> Option<&'w str> {
    let mut is_value = false;
    words.iter().copied().find(|word| {
        let is_operand = !is_value && !word.starts_with('-');
        // Of letters written together the last may take a value: `-fso /dev/null`.
        let last = word.chars().last().filter(|_| word.starts_with('-') && !word.starts_with("--"));
        let takes = |name: &&str| **name == **word || last.is_some_and(|last| **name == format!("-{last}"));
        is_value = !is_value && word.starts_with('-') && with_value.iter().any(takes);
        is_operand
    })
}

/// curl and wget read a name without a scheme as `http`.
fn url(text: &str) -> Option<Url> {
    Url::parse(text).or_else(|| Url::parse(&format!("http://{text}")))
}

fn netcat(words: &[&str]) -> Option<Probe> {
    let attempt_max = option(words, &["-w"]).and_then(seconds);
    if let Some(path) = option(words, &["-U"]) {
        return Some(Probe::new(Wait::Connect(Endpoint::Socket(path.to_owned())), attempt_max));
    }
    if !flag(words, 'z', "-z") {
        return None;
    }
    let port = words.last()?.parse().ok()?;
    let host = Host::parse(words.iter().rev().nth(1)?)?;
    Some(Probe::new(Wait::Connect(Endpoint::Tcp { host, port }), attempt_max))
}

/// A client of a server with a port of its own, on this machine unless it says another.
fn client(words: &[&str], host: &str, port: &str, known: u16) -> Option<Probe> {
    let host = option(words, &["--host", host]);
    if let Some(folder) = host.filter(|host| host.starts_with('/')) {
        return Some(Probe::new(Wait::Connect(Endpoint::Socket(folder.to_owned())), None));
    }
    let host = host.map_or(Some(Host::Here), Host::parse)?;
    let port = option(words, &["--port", port]).map_or(Some(known), |port| port.parse().ok())?;
    Some(Probe::new(Wait::Connect(Endpoint::Tcp { host, port }), None))
}

fn file(words: &[&str]) -> Option<Probe> {
    let (kind, path) = words.windows(2).find_map(|pair| match pair {
        [kind @ ("-e" | "-f" | "-s" | "-r" | "-d" | "-S"), path] if path.starts_with('/') => {
            Some((*kind, *path))
        }
        _ => None,
    })?;
    let path = path.to_owned();
    let endpoint = if kind == "-S" { Endpoint::Socket(path) } else { Endpoint::File(path) };
    Some(Probe::new(Wait::Connect(endpoint), None))
}

fn active(words: &[&str]) -> Option<Probe> {
    let (verb, unit) = super::waiting::verb_and_unit(words)?;
    (verb == "is-active").then(|| Probe::new(Wait::Active(unit), None))
}

/// `/dev/tcp/HOST/PORT`, which bash connects to.
fn connection(words: &[&str]) -> Option<Probe> {
    let address = words.iter().find_map(|word| word.split("/dev/tcp/").nth(1))?;
    let (host, port) = address.split_once('/')?;
    let endpoint = Endpoint::Tcp { host: Host::parse(host)?, port: port.parse().ok()? };
    Some(Probe::new(Wait::Connect(endpoint), None))
}

/// `host:port`, or a URL.
pub(super) fn address(text: &str) -> Option<Endpoint> {
    if let Some(url) = Url::parse(text) {
        return Some(Endpoint::Url(url));
    }
    let (host, port) = text.strip_prefix("tcp://").unwrap_or(text).rsplit_once(':')?;
    Some(Endpoint::Tcp { host: Host::parse(host)?, port: port.parse().ok()? })
}

/// `name` alone is a service, as systemctl reads it.
pub(super) fn unit_name(text: &str) -> Name {
    match text.contains('.') {
        true => Name::new(text),
        false => Name::new(&format!("{text}.service")),
    }
}
