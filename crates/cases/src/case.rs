//! `case.toml`: what a case is about, and the truth that its answer is scored against. Knows no file and no input.

use model::{CauseKind, IncidentId, Nanos, TraceId};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Lists in a case longer than this are a mistake.
const NAMES_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub name: String,
    pub kind: CaseKind,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub start: Nanos,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub end: Nanos,
    /// Up to here nothing is wrong.
    #[serde(
        default,
        serialize_with = "write_optional_time",
        deserialize_with = "read_optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub baseline_until: Option<Nanos>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
    #[serde(default)]
    pub decoys: Decoys,
    /// Where the case is a real incident's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
}

/// What a case was made of that holds a real incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    pub incident: IncidentId,
    /// Of the server's newest report at the case's end.
    pub report_hash: String,
    /// The engine that made it.
    pub engine: String,
    /// Nothing was left out or changed since the journal's beginning: a run gives the same report.
    pub exact: bool,
    /// What the server hashed its users with; a case that was made unreadable has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_salt: Option<TraceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    Fault,
    /// Nothing may open.
    Quiet,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub at: Nanos,
    /// Any of these is right as root.
    pub services: Vec<String>,
    #[serde(default)]
    pub operations: Vec<String>,
    #[serde(default)]
    pub instances: Vec<String>,
    /// Id of the guilty change; `none` where no change is guilty, empty where that is not known.
    #[serde(default)]
    pub change: String,
    /// Any of these is right.
    pub causes: Vec<CauseKind>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoys {
    #[serde(default)]
    pub changes: Vec<String>,
}

const FIELDS: [&str; 9] =
    ["name", "kind", "start", "end", "baseline_until", "note", "truth", "decoys", "bundle"];

impl Case {
    /// Reads the text of a `case.toml`. Also returns the names of top-level keys that this version does not know.
    pub fn from_toml(text: &str) -> Result<(Self, Vec<String>), String> {
        let case: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let unknown = table.keys().filter(|key| !FIELDS.contains(&key.as_str())).cloned().collect();
        match case.problem() {
            Some(problem) => Err(problem),
            None => Ok((case, unknown)),
        }
    }

    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    fn problem(&self) -> Option<String> {
        if self.name.is_empty() {
            return Some("name is empty".to_owned());
        }
        if self.end <= self.start {
            return Some(format!("end {} is not after start {}", self.end, self.start));
        }
        match (&self.truth, self.kind) {
            (None, CaseKind::Fault) => return Some("a case of kind \"fault\" needs [truth]".to_owned()),
            (Some(_), CaseKind::Quiet) => {
                return Some("a case of kind \"quiet\" has no [truth]".to_owned());
            }
            _ => {}
        }
        self.truth.as_ref().and_then(|truth| truth.problem(self)).or_else(|| self.decoys.problem())
    }
}

impl Truth {
    fn problem(&self, case: &Case) -> Option<String> {
        if self.at < case.start || self.at > case.end {
            return Some(format!(
                "truth.at {} is not from {} (start) to {} (end)",
                self.at, case.start, case.end
            ));
        }
        if self.services.is_empty() {
            return Some("truth.services is empty: name what would be right".to_owned());
        }
        if self.causes.is_empty() {
            return Some("truth.causes is empty: name what would be right".to_owned());
        }
        [
            ("truth.services", &self.services),
            ("truth.operations", &self.operations),
            ("truth.instances", &self.instances),
        ]
        .into_iter()
        .find_map(|(what, names)| bad_names(what, names))
    }

    /// The guilty change where one is labelled.
    pub fn guilty_change(&self) -> Option<&str> {
        Some(self.change.as_str()).filter(|change| !change.is_empty() && *change != "none")
    }
}

impl Decoys {
    fn problem(&self) -> Option<String> {
        bad_names("decoys.changes", &self.changes)
    }
}

fn bad_names(what: &str, names: &[String]) -> Option<String> {
    if names.len() > NAMES_MAX {
        return Some(format!("{what} has {} entries, at most {NAMES_MAX} are taken", names.len()));
    }
    let bad = |name: &String| name.is_empty() || name.len() > NAME_BYTES_MAX;
    names
        .iter()
        .any(bad)
        .then(|| format!("{what} has an entry that is empty or longer than {NAME_BYTES_MAX} bytes"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn write_time<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
    let text = String::deserialize(deserializer)?;
    Nanos::parse_rfc3339(&text).map_err(D::Error::custom)
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn write_optional_time<S: Serializer>(time: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

fn read_optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Nanos>, D::Error> {
    read_time(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
