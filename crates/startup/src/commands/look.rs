//! The waits of a command: each loop around a probe, each command that waits by itself, with its budget and with what the
//! whole comes to when it gives up. A failure that something later hides counts as a pass.

use std::time::Duration;

use super::lexer::Word;
use super::numbers::seconds;
use super::probe::{Probe, option, probe};
use super::syntax::{Joint, List, Node, Step, parse};
use super::waiting::waiting;
use crate::facts::{Budget, End, Wait};
use crate::limits::{DEPTH_MAX, GATES_PER_UNIT_MAX};

/// One wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where the probe stands, in the text around the command.
    pub(crate) at: usize,
    pub(crate) wait: Wait,
    pub(crate) budget: Budget,
    pub(crate) end: End,
    /// Something that may serve was started before it.
    pub(crate) after_work: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Looked {
    pub(crate) found: Vec<Found>,
    /// Whether it does anything besides waiting.
    pub(crate) worked: bool,
}

/// What a command, as words without a shell, waits for.
pub(crate) fn look(words: &[Word]) -> Looked {
    let mut looker = Looker::default();
    looker.simple(words, 0);
    let found = looker.open.into_iter().map(Open::closed).take(GATES_PER_UNIT_MAX).collect();
    Looked { found, worked: looker.worked }
}

/// A wait whose end is still being followed through what comes after it.
#[derive(Debug)]
struct Open {
    found: Found,
    /// How what is read so far ends when the wait gives up.
    is_good: bool,
    /// The shell has ended: nothing after it runs.
    is_over: bool,
}

impl Open {
    fn closed(self) -> Found {
        Found { end: if self.is_good { End::Passes } else { End::Fails }, ..self.found }
    }
}

#[derive(Debug, Default)]
struct Looker {
    open: Vec<Open>,
    worked: bool,
    /// Sleeps that no loop repeats, until the next wait.
    slept: Duration,
    stops_at_failure: bool,
}

/// A loop around a probe.
struct Round {
    attempts: Option<u64>,
    interval: Duration,
    /// How the loop itself ends when it gives up, and whether the shell ends with it.
    is_good: bool,
    is_over: bool,
}

impl Looker {
    fn list(&mut self, list: &[Step], depth: usize) {
        for (index, step) in list.iter().enumerate() {
            let before = self.open.len();
            self.node(&step.node, depth);
            let rest = list.get(index + 1..).unwrap_or_default();
            let stops = self.stops_at_failure;
            self.open.iter_mut().skip(before).for_each(|open| follow(open, rest, stops));
        }
    }

    fn node(&mut self, node: &Node, depth: usize) {
        match node {
            _ if depth > DEPTH_MAX => {}
            Node::Simple(words) => self.simple(words, depth),
            Node::Pipe(parts) => parts.iter().for_each(|part| self.node(part, depth + 1)),
            Node::Not(inner) => self.node(inner, depth + 1),
            Node::Group(list) => self.list(list, depth + 1),
            Node::Loop { condition, body, .. } => self.repeated(condition, body, depth),
            Node::For { times, body } => {
                let ends_asleep = body.last().is_some_and(|step| !sleeps(&step.node).is_zero());
                let round =
                    Round { attempts: *times, interval: slept(body), is_good: ends_asleep, is_over: false };
                self.round(body, &round, depth);
            }
            Node::If { condition, then, otherwise } => {
                for list in [condition, then, otherwise] {
                    self.list(list, depth + 1);
                }
            }
        }
    }

    /// `until probe; do sleep 5; done`, and `while true; do probe && break; sleep 5; done`.
    fn repeated(&mut self, condition: &List, body: &List, depth: usize) {
        let (attempts, is_good, is_over) = match counter(body) {
            Some((attempts, end)) => (Some(attempts), end != Leave::Badly, end != Leave::Loop),
            None => (None, true, false),
        };
        let round = Round { attempts, interval: slept(body), is_good, is_over };
        self.round(condition, &round, depth);
        self.round(body, &round, depth);
    }

    /// All probes of a list that a loop repeats.
    fn round(&mut self, list: &[Step], round: &Round, depth: usize) {
        let mut probes = Vec::new();
        list.iter().for_each(|step| probes_of(&step.node, depth, &mut probes));
        for (at, probe) in probes {
            let budget = Budget {
                first: std::mem::take(&mut self.slept),
                attempts: round.attempts,
                interval: round.interval,
                pauses: round.attempts.unwrap_or_default(),
                attempt_max: probe.attempt_max,
                total_max: None,
            };
            let found = Found { at, wait: probe.wait, budget, end: End::Fails, after_work: self.worked };
            self.open.push(Open { found, is_good: round.is_good, is_over: round.is_over });
        }
    }

    fn simple(&mut self, words: &[Word], depth: usize) {
        let (words, total_max) = unwrapped(words);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let before = self.open.len();
        if let Some(body) = shell_body(words).filter(|_| depth < DEPTH_MAX) {
            self.script(body, shell_stops(&texts), depth + 1);
        } else if let Some(waiting) = waiting(&texts) {
            let mut budget = waiting.budget;
            budget.first = budget.first.saturating_add(std::mem::take(&mut self.slept));
            let at = words.first().map_or(0, Word::start);
            let (wait, is_good) = (waiting.wait, waiting.end == End::Passes);
            let found = Found { at, wait, budget, end: waiting.end, after_work: self.worked };
            self.open.push(Open { found, is_good, is_over: false });
        } else if texts.first() == Some(&"sleep") {
            self.slept = self.slept.saturating_add(sleep_of(&texts));
        } else if texts.first() == Some(&"set") {
            self.stops_at_failure |= shell_stops(&texts);
        } else {
            self.worked |= works(&texts);
        }
        for open in self.open.iter_mut().skip(before) {
            ended_by(open, total_max);
        }
    }

    /// A shell of its own: what ends it ends nothing around it.
    fn script(&mut self, body: &Word, stops: bool, depth: usize) {
        let (before, outer) = (self.open.len(), self.stops_at_failure);
        self.stops_at_failure = stops;
        self.list(&parse(body), depth);
        self.stops_at_failure = outer;
        self.open.iter_mut().skip(before).for_each(|open| open.is_over = false);
    }
}

/// `timeout 300` around it: over that it fails, whatever it would have come to.
fn ended_by(open: &mut Open, total_max: Option<Duration>) {
    let Some(total) = total_max else { return };
    let is_earlier = open.found.budget.refused().is_none_or(|own| total < own);
    let budget = &mut open.found.budget;
    budget.total_max = Some(budget.total_max.map_or(total, |own| own.min(total)));
    if is_earlier {
        open.is_good = false;
    }
}

/// What a script comes to, from a step that ended so, through the steps after it.
fn follow(open: &mut Open, rest: &[Step], stops_at_failure: bool) {
    for step in rest {
        let runs = match step.joint {
            Joint::Always => true,
            Joint::IfGood => open.is_good,
            Joint::IfBad => !open.is_good,
        };
        open.is_over |= step.joint == Joint::Always && stops_at_failure && !open.is_good;
        if open.is_over {
            return;
        }
        if !runs {
            continue;
        }
        match left(&step.node) {
            Some(Leave::Well) => (open.is_good, open.is_over) = (true, true),
            Some(Leave::Badly) => (open.is_good, open.is_over) = (false, true),
            Some(Leave::Loop) | None => open.is_good = first_word(&step.node) != Some("false"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Well,
    Badly,
    Loop,
}

/// Whether this step ends the shell, or the loop it stands in, in any case.
fn left(node: &Node) -> Option<Leave> {
    match node {
        Node::Group(list) => {
            list.iter().filter(|step| step.joint == Joint::Always).find_map(|step| left(&step.node))
        }
        Node::Simple(words) => match (first_word(node)?, words.get(1).map(|word| word.text.as_str())) {
            ("exit" | "return", None | Some("0")) => Some(Leave::Well),
            ("exit" | "return", Some(_)) => Some(Leave::Badly),
            ("break", _) => Some(Leave::Loop),
            _ => None,
        },
        _ => None,
    }
}

fn first_word(node: &Node) -> Option<&str> {
    match node {
        Node::Simple(words) => words.first().map(|word| word.text.as_str()),
        _ => None,
    }
}

/// `[ $n -ge 30 ] && exit 1` in the body of a loop, or the same with `if`.
fn counter(body: &[Step]) -> Option<(u64, Leave)> {
    body.iter().enumerate().find_map(|(index, step)| match &step.node {
        Node::If { condition, then, .. } => {
            let attempts = condition.iter().find_map(|step| compared(&step.node))?;
            Some((attempts, then.iter().find_map(|step| left(&step.node))?))
        }
        node => {
            let attempts = compared(node)?;
            let next = body.get(index + 1).filter(|next| next.joint == Joint::IfGood)?;
            Some((attempts, left(&next.node)?))
        }
    })
}

fn compared(node: &Node) -> Option<u64> {
    let Node::Simple(words) = node else { return None };
    words.windows(2).find_map(|pair| match pair {
        [operator, number] => {
            let number: u64 = number.text.parse().ok()?;
            match operator.text.as_str() {
                "-ge" | "-eq" => Some(number),
                "-gt" => number.checked_add(1),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Every probe in what a loop repeats, with its place.
fn probes_of(node: &Node, depth: usize, probes: &mut Vec<(usize, Probe)>) {
    let mut all = |list: &List| list.iter().for_each(|step| probes_of(&step.node, depth + 1, probes));
    match node {
        _ if depth > DEPTH_MAX => {}
        Node::Simple(words) => probes.extend(probe_of(words)),
        Node::Not(inner) => probes_of(inner, depth + 1, probes),
        Node::Group(list) => all(list),
        Node::If { condition, .. } => all(condition),
        Node::Pipe(parts) => piped(parts, depth, probes),
        // A loop within the loop waits for itself.
        Node::Loop { .. } | Node::For { .. } => {}
    }
}

/// `curl ... | grep -q 200` looks at the answer.
fn piped(parts: &[Node], depth: usize, probes: &mut Vec<(usize, Probe)>) {
    let is_read = parts.iter().skip(1).any(|part| matches!(first_word(part), Some("grep" | "jq")));
    let before = probes.len();
    parts.iter().for_each(|part| probes_of(part, depth + 1, probes));
    for (_, probe) in probes.iter_mut().skip(before).filter(|_| is_read) {
        if let Wait::Connect(endpoint) = probe.wait.clone() {
            probe.wait = Wait::Answer(endpoint);
        }
    }
}

fn probe_of(words: &[Word]) -> Option<(usize, Probe)> {
    let (words, total_max) = unwrapped(words);
    if let Some(body) = shell_body(words) {
        let mut probes = Vec::new();
        parse(body).iter().for_each(|step| probes_of(&step.node, DEPTH_MAX - 1, &mut probes));
        return probes.into_iter().next();
    }
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let mut probe = probe(&texts)?;
    probe.attempt_max = probe.attempt_max.into_iter().chain(total_max).min();
    Some((words.first()?.start(), probe))
}

/// Without what only says how to run it, and with the `timeout` among that.
fn unwrapped(mut words: &[Word]) -> (&[Word], Option<Duration>) {
    let mut total_max: Option<Duration> = None;
    while let Some((first, rest)) = words.split_first() {
        let name = first.text.rsplit('/').next().unwrap_or_default();
        let flags = rest.iter().take_while(|word| word.text.starts_with('-')).count();
        words = match name {
            "exec" | "command" | "env" | "nohup" | "sudo" | "time" => rest.get(flags..).unwrap_or_default(),
            "timeout" => {
                // `-k 5` has a value of its own.
                let values = rest.iter().take(flags).filter(|word| matches!(word.text.as_str(), "-k" | "-s"));
                let rest = rest.get(flags + values.count()..).unwrap_or_default();
                let Some((limit, inner)) = rest.split_first() else { return (rest, total_max) };
                total_max = total_max.into_iter().chain(seconds(&limit.text)).min();
                inner
            }
            name if is_assignment(name) && !rest.is_empty() => rest,
            _ => break,
        };
    }
    (words, total_max)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// What `sh -c` runs.
fn shell_body(words: &[Word]) -> Option<&Word> {
    let (shell, rest) = words.split_first()?;
    if !matches!(shell.text.rsplit('/').next()?, "sh" | "bash" | "dash" | "ash" | "zsh") {
        return None;
    }
    let flag = rest.iter().position(|word| word.text.starts_with('-') && word.text.ends_with('c'))?;
    rest.get(flag + 1)
}

/// `sh -ec`, `set -eu`.
fn shell_stops(words: &[&str]) -> bool {
    let flags = words.iter().skip(1).take_while(|word| word.starts_with('-'));
    flags.filter(|word| !word.starts_with("--")).any(|word| word.contains('e')) || words.contains(&"errexit")
}

fn sleep_of(words: &[&str]) -> Duration {
    words.iter().skip(1).filter_map(|word| seconds(word)).fold(Duration::ZERO, Duration::saturating_add)
}

/// All pauses of a list, wherever in it.
fn slept(list: &[Step]) -> Duration {
    list.iter().map(|step| sleeps(&step.node)).fold(Duration::ZERO, Duration::saturating_add)
}

fn sleeps(node: &Node) -> Duration {
    match node {
        Node::Simple(words) if first_word(node) == Some("sleep") => {
            sleep_of(&words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>())
        }
        Node::Group(list) => slept(list),
        Node::If { then, otherwise, .. } => slept(then).max(slept(otherwise)),
        _ => Duration::ZERO,
    }
}

/// Whether it may have started something. What only looks, says or remembers did not.
fn works(words: &[&str]) -> bool {
    let quiet = [
        "", ":", "true", "false", "echo", "printf", "test", "[", "[[", "exit", "break", "export", "cd",
        "logger",
    ];
    let first = words.first().copied().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or_default();
    !quiet.contains(&name)
        && !is_assignment(first)
        && option(words, &["--version"]).is_none()
        && probe(words).is_none()
}
