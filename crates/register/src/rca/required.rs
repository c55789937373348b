//! Whether an incident needs an RCA, which of the four reasons says so, and what is not known. It asks nobody.

use model::Nanos;

use super::entry::Entry;

/// The word for the worst.
const WORST: &str = "SEV-1";

/// What is known of an incident. `None` or empty: not known.
#[derive(Debug, Clone, Default)]
pub struct Known<'k> {
    /// Documents that are about this incident are not an earlier one.
    pub incident: Option<&'k str>,
    pub severity: Option<&'k str>,
    pub owner_layer: Option<&'k str>,
    /// Layers in which something had to be done to recover.
    pub layers_crossed: &'k [String],
    pub started: Option<Nanos>,
    pub detected: Option<Nanos>,
    pub owner_identified: Option<Nanos>,
    /// When it was over: mitigated or, where nobody says when that was, resolved.
    pub ended: Option<Nanos>,
}

/// Why an RCA may be required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    Severity,
    SameOwner,
    ManyLayers,
    SlowOwner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Yes(String),
    No(String),
    /// What would have to be known.
    Unknown(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Required,
    NotRequired,
    /// No criterion says yes, and one could not be answered.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    pub verdict: Verdict,
    /// In a fixed order, each criterion once.
    pub answers: Vec<(Criterion, Answer)>,
    /// Ids of the documents that are about this incident already.
    pub written: Vec<String>,
}

impl Criterion {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Severity => "severity",
            Self::SameOwner => "same-owner",
            Self::ManyLayers => "many-layers",
            Self::SlowOwner => "slow-owner",
        }
    }

    /// What it asks.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Severity => "it was SEV-1",
            Self::SameOwner => "the same owner layer broke before",
            Self::ManyLayers => "recovery needed more than one layer",
            Self::SlowOwner => "finding the owner took more than half of the outage",
        }
    }
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::NotRequired => "not required",
            Self::Unknown => "not known",
        }
    }
}

pub fn required(known: &Known<'_>, register: &[Entry]) -> Required {
    let is_about = |entry: &&Entry| {
        known.incident.is_some_and(|incident| entry.incidents.iter().any(|about| about == incident))
    };
    let answers = vec![
        (Criterion::Severity, severity(known)),
        (Criterion::SameOwner, same_owner(known, register.iter().filter(|entry| !is_about(entry)))),
        (Criterion::ManyLayers, many_layers(known)),
        (Criterion::SlowOwner, slow_owner(known)),
    ];
    let any = |is: fn(&Answer) -> bool| answers.iter().any(|(_, answer)| is(answer));
    let verdict = if any(|answer| matches!(answer, Answer::Yes(_))) {
        Verdict::Required
    } else if any(|answer| matches!(answer, Answer::Unknown(_))) {
        Verdict::Unknown
    } else {
        Verdict::NotRequired
    };
    let written = register.iter().filter(is_about).map(|entry| entry.id.clone()).collect();
    Required { verdict, answers, written }
}

fn severity(known: &Known<'_>) -> Answer {
    match known.severity {
        None => Answer::Unknown("its severity"),
        Some(WORST) => Answer::Yes(format!("it was {WORST}")),
        Some(word) => Answer::No(format!("it was {word}")),
    }
}

fn same_owner<'e>(known: &Known<'_>, mut register: impl Iterator<Item = &'e Entry>) -> Answer {
    let Some(owner) = known.owner_layer else { return Answer::Unknown("its owner layer") };
    let broke_before = |entry: &&Entry| {
        let is_earlier = match (entry.times.started, known.started) {
            (Some(before), Some(started)) => before < started,
            // Whatever stands in the register came before what is asked about now.
            _ => true,
        };
        entry.owner_layer == owner && is_earlier
    };
    match register.find(broke_before) {
        Some(entry) => Answer::Yes(format!("{owner} broke before: {}", entry.id)),
        None => Answer::No(format!("no document says that {owner} broke before")),
    }
}

fn many_layers(known: &Known<'_>) -> Answer {
    let mut layers: Vec<&str> = known.layers_crossed.iter().map(String::as_str).collect();
    layers.sort_unstable();
    layers.dedup();
    match layers.as_slice() {
        [] => Answer::Unknown("the layers that recovery needed"),
        [one] => Answer::No(format!("recovery needed {one} alone")),
        many => Answer::Yes(format!("recovery needed {}", many.join(", "))),
    }
}

/// Finding begins when somebody knows that there is something to find.
fn slow_owner(known: &Known<'_>) -> Answer {
    let Some(started) = known.started else { return Answer::Unknown("when it started") };
    let Some(detected) = known.detected else { return Answer::Unknown("when it was detected") };
    let Some(found) = known.owner_identified else {
        return Answer::Unknown("when its owner was identified");
    };
    let Some(ended) = known.ended else { return Answer::Unknown("when it was mitigated") };
    let (took, outage) = (found.since(detected), ended.since(started));
    let said = format!("finding the owner took {} of {}", span(took), span(outage));
    match took > outage / 2 {
        true => Answer::Yes(said),
        false => Answer::No(said),
    }
}

/// As `1 h 04 min`, for people.
pub fn span(nanos: u64) -> String {
    let secs = nanos / model::SECOND_NS;
    match (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs} s"),
        (0, 0, mins, 0) => format!("{mins} min"),
        (0, 0, mins, secs) => format!("{mins} min {secs:02} s"),
        (0, hours, mins, _) => format!("{hours} h {mins:02} min"),
        (days, hours, ..) => format!("{days} d {hours:02} h"),
    }
}

#[cfg(test)]
mod tests;
