//! Findings in words: a cycle as one sentence, a stall, a cut with what came of it. It decides nothing.

use std::time::Duration;

use super::finding::{BrokenBy, Change, Cut, Ends, Finding, Shows, Stall, Step, Verdict};
use crate::facts::{Name, Wait};
use crate::graph::{Edge, Graph, Milestone, Why, milestone};
use crate::providers::Role;

/// The edges that somebody wrote down. That a unit serves after it starts needs no saying.
pub(super) fn steps(graph: &Graph<'_>, cycle: &[&Edge]) -> Vec<Step> {
    cycle.iter().filter_map(|edge| step(graph, edge)).collect()
}

fn step(graph: &Graph<'_>, edge: &Edge) -> Option<Step> {
    match &edge.why {
        Why::Own => None,
        Why::Order { first, then, at, .. } => {
            Some(Step { text: format!("{then} starts only after {first} is done"), at: at.clone() })
        }
        Why::Gate { role, .. } => {
            let gate = graph.gate(edge)?;
            let (owner, of) = (&graph.unit(edge.from).name, &graph.unit(edge.to).name);
            let held = if milestone(edge.from) == Milestone::Done { "is not done" } else { "does not serve" };
            let text = match &gate.wait {
                Wait::Answer(endpoint) | Wait::Connect(endpoint) => {
                    let by = served(graph, edge, *role, of);
                    format!("{owner} {held} before {endpoint} answers, which {by}")
                }
                wait => format!("{owner} {held} before {}", wanted(wait)),
            };
            Some(Step { text, at: gate.at.clone() })
        }
    }
}

fn served(graph: &Graph<'_>, edge: &Edge, role: Role, of: &Name) -> String {
    let is_proxy = |other: &&Edge| match (&edge.why, &other.why) {
        (Why::Gate { gate, .. }, Why::Gate { gate: own, role: Role::Proxy }) => gate == own,
        _ => false,
    };
    let proxy = graph.edges.get(edge.from).and_then(|edges| edges.iter().find(is_proxy));
    match (role, proxy) {
        (Role::Serves, _) => format!("{of} serves"),
        (Role::Proxy, _) => format!("goes through {of}"),
        (Role::Behind, Some(proxy)) => format!("{of} serves behind {}", graph.unit(proxy.to).name),
        (Role::Behind, None) => format!("{of} serves behind a proxy"),
    }
}

/// What a gate waits for.
pub(super) fn wanted(wait: &Wait) -> String {
    match wait {
        Wait::Answer(endpoint) | Wait::Connect(endpoint) => endpoint.to_string(),
        Wait::Active(unit) => format!("{unit} is active"),
        Wait::Start(unit) => format!("{unit} is done, which it starts and waits for"),
        Wait::Restart(unit) => format!("{unit} is done, which it restarts and waits for"),
    }
}

/// The steps as one sentence, each with its place.
pub(super) fn cycle(steps: &[Step]) -> String {
    let each: Vec<String> = steps.iter().map(|step| format!("{} ({})", step.text, step.at)).collect();
    each.join("; ")
}

pub(super) fn seconds(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{} s", span.as_secs()),
        millis => format!("{}.{millis:03} s", span.as_secs()),
    }
}

/// All of a finding, line by line, the first without its place.
pub fn told(finding: &Finding) -> Vec<String> {
    let mut lines = vec![finding.sentence.clone()];
    lines.extend(finding.stall.as_ref().map(stall));
    if finding.shows == Shows::FromColdOnly {
        let unit = &finding.unit;
        lines.push(format!("latent: a restart of {unit} alone passes, for what it waits for is up already"));
    }
    lines.extend(finding.cuts.iter().map(cut));
    lines
}

fn stall(stall: &Stall) -> String {
    let ends = match stall.ends {
        Ends::Active => "ends active with exit 0: nothing tells of it",
        Ends::Completed => "ends inactive with exit 0: nothing tells of it",
        Ends::Failed => "ends failed",
        Ends::Flapping => "fails, is started again and stalls again",
        Ends::LeftOut => "one of these units is left out of the start, to break the circle",
        Ends::NeverEnds => "never ends: nothing bounds the wait",
    };
    let Some(delay) = stall.delay else { return ends.to_owned() };
    let by = match (stall.broken_by, stall.outrun) {
        (BrokenBy::Budget, Some(timeout)) => {
            format!(", by the gate's own budget and not the unit's timeout of {}", seconds(timeout))
        }
        (BrokenBy::Budget, None) => ", by the gate's own budget".to_owned(),
        (BrokenBy::Timeout, _) => ", by the unit's timeout".to_owned(),
        (BrokenBy::Manager | BrokenBy::Nothing, _) => String::new(),
    };
    format!("stalls for {}{by}; {ends}", seconds(delay))
}

fn cut(cut: &Cut) -> String {
    let changes: Vec<String> = cut.changes.iter().map(change).collect();
    let changes = changes.join(", and ");
    match &cut.verdict {
        Verdict::Accepted => format!("mend: {changes}"),
        Verdict::PathRemains(steps) => format!("no mend: {changes}: a way round remains: {}", cycle(steps)),
        Verdict::PureCycle(steps) => {
            format!("no mend: {changes}: that makes a pure ordering cycle: {}", cycle(steps))
        }
    }
}

fn change(change: &Change) -> String {
    match change {
        Change::OwnEndpoint { unit, endpoint, instead_of, at } => {
            format!("gate on {endpoint}, which {unit} serves itself, instead of {instead_of} ({at})")
        }
        Change::Apart { unit, at } => {
            format!("move the wait of {unit} ({at}) into a unit of its own, ordered after what it waits for")
        }
        Change::NoBlock { unit, at } => {
            format!("let {unit} not wait for what it starts: `--no-block` ({at})")
        }
        Change::Drop { first, then, at } => format!("drop the ordering edge from {then} to {first} ({at})"),
        Change::Reverse { first, then, at } => format!("reverse the order, {then} before {first} ({at})"),
    }
}
