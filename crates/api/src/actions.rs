//! What an operator may do to an incident, and to the baseline of everything. What a body says is checked here as far
//! as it can be without knowing the incident.

use std::ops::RangeInclusive;

use model::{IncidentId, Nanos, OperatorActionKind};
use serde::{Deserialize, Serialize};

use crate::{ACTOR_BYTES_MAX, COMMENT_BYTES_MAX, ErrorCode, Problem};

/// The longest address of a link, and its longest title, in bytes.
const URL_BYTES_MAX: usize = 2048;
const TITLE_BYTES_MAX: usize = 256;
/// The longest name of a service, an environment or an assignee, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// The most services that one split may name.
const SPLIT_SERVICES_MAX: usize = 64;
/// The longest silence: 30 days.
const SILENCE_SECS_MAX: u64 = 30 * 24 * 3600;

/// `POST /v1/incidents/{id}/actions`. A field that the action does not take is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    pub action: Action,
    /// Who acts, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// For `comment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// For `assign`: a person or team; without it nobody has the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// For `merge`: the id of the incident that absorbs this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// For `split`: the services that leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
    /// For `silence`: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// For `link`: `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// For `link`; without it the address is its own title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    Acknowledge,
    Assign,
    Comment,
    Merge,
    Split,
    Resolve,
    Silence,
    AcceptBaseline,
    Link,
}

/// The action is in the journal; the incident changes as soon as the engine has read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionAccepted {
    pub incident_id: String,
    pub action: Action,
    /// Where in the journal the action stands.
    pub position: u64,
}

/// `POST /v1/baseline`: up to then nothing was wrong, and what was seen is the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRequest {
    /// RFC 3339, not in the future.
    pub until: String,
    /// Without it, of all environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Without it, of all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Who says so, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// It is in the journal; the engine goes by it as soon as it has read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineAccepted {
    pub until: String,
    pub position: u64,
}

impl Action {
    /// The fields that it takes beside `actor`.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Acknowledge | Self::Resolve | Self::AcceptBaseline => &[],
            Self::Assign => &["assignee"],
            Self::Comment => &["text"],
            Self::Merge => &["into"],
            Self::Split => &["services"],
            Self::Silence => &["until"],
            Self::Link => &["url", "title"],
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign => "assign",
            Self::Comment => "comment",
            Self::Merge => "merge",
            Self::Split => "split",
            Self::Resolve => "resolve",
            Self::Silence => "silence",
            Self::AcceptBaseline => "accept_baseline",
            Self::Link => "link",
        }
    }
}

impl ActionRequest {
    pub fn check(&self, now: Nanos) -> Result<OperatorActionKind, Problem> {
        check_actor(self.actor.as_deref())?;
        self.check_fields()?;
        Ok(match self.action {
            Action::Acknowledge => OperatorActionKind::Acknowledge,
            Action::Resolve => OperatorActionKind::Resolve,
            Action::AcceptBaseline => OperatorActionKind::AcceptBaseline,
            Action::Assign => {
                let assignee = self.assignee.as_deref();
                let assignee = assignee.map(|name| line("assignee", Some(name), 1..=NAME_BYTES_MAX));
                OperatorActionKind::Assign(assignee.transpose()?.map(Into::into))
            }
            Action::Comment => {
                OperatorActionKind::Comment(text("text", self.text.as_deref(), 1..=COMMENT_BYTES_MAX)?.into())
            }
            Action::Merge => OperatorActionKind::Merge { into: self.check_into()? },
            Action::Split => OperatorActionKind::Split { services: self.check_services()? },
            Action::Silence => OperatorActionKind::Silence { until: self.check_until(now)? },
            Action::Link => self.check_link()?,
        })
    }

    fn check_fields(&self) -> Result<(), Problem> {
        let given = [
            ("text", self.text.is_some()),
            ("assignee", self.assignee.is_some()),
            ("into", self.into.is_some()),
            ("services", self.services.is_some()),
            ("until", self.until.is_some()),
            ("url", self.url.is_some()),
            ("title", self.title.is_some()),
        ];
        let takes = self.action.fields();
        match given.iter().find(|(name, given)| *given && !takes.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(refusal(format!("{} takes no {name}", self.action.as_str()))),
        }
    }

    fn check_into(&self) -> Result<IncidentId, Problem> {
        let into =
            self.into.as_deref().ok_or_else(|| refusal("merge needs into, an incident's id".to_owned()))?;
        into.parse().map_err(|error| refusal(format!("into is {into:?}: {error}")))
    }

    fn check_services(&self) -> Result<Vec<model::Str>, Problem> {
        let services = self.services.as_deref().unwrap_or_default();
        if !(1..=SPLIT_SERVICES_MAX).contains(&services.len()) {
            return Err(refusal(format!("split needs between 1 and {SPLIT_SERVICES_MAX} services")));
        }
        services.iter().map(|name| text("services", Some(name), 1..=NAME_BYTES_MAX).map(Into::into)).collect()
    }

    fn check_until(&self, now: Nanos) -> Result<Nanos, Problem> {
        let until = time("until", self.until.as_deref().unwrap_or_default())?;
        if until <= now || until.since(now) > SILENCE_SECS_MAX * model::SECOND_NS {
            let days = SILENCE_SECS_MAX / 86_400;
            return Err(refusal(format!("until must be in the future, by {days} days at most")));
        }
        Ok(until)
    }

    fn check_link(&self) -> Result<OperatorActionKind, Problem> {
        let url = line("url", self.url.as_deref(), 1..=URL_BYTES_MAX)?;
        if !is_web_address(url) {
            return Err(refusal(
                "url must be an address of http or https, without a user name, in printable ASCII".to_owned(),
            ));
        }
        let title = self.title.as_deref().map(|title| line("title", Some(title), 1..=TITLE_BYTES_MAX));
        let title = title.transpose()?.unwrap_or(url);
        Ok(OperatorActionKind::Link { url: url.into(), title: title.into() })
    }
}

impl BaselineRequest {
    /// What is accepted, said by `actor`.
    pub fn check(&self, now: Nanos, unnamed: &str) -> Result<model::AcceptBaseline, Problem> {
        check_actor(self.actor.as_deref())?;
        let until = time("until", &self.until)?;
        if until > now {
            return Err(refusal("until must not be in the future".to_owned()));
        }
        let name = |field, name: Option<&str>| {
            let checked = name.map(|name| text(field, Some(name), 1..=NAME_BYTES_MAX));
            checked.transpose().map(|name| name.map(model::Str::from))
        };
        Ok(model::AcceptBaseline {
            actor: self.actor.as_deref().unwrap_or(unnamed).into(),
            until,
            env: name("env", self.env.as_deref())?,
            service: name("service", self.service.as_deref())?,
        })
    }
}

fn refusal(detail: String) -> Problem {
    Problem::new(ErrorCode::InvalidBody, detail)
}

fn check_actor(actor: Option<&str>) -> Result<(), Problem> {
    actor.map_or(Ok(()), |actor| line("actor", Some(actor), 1..=ACTOR_BYTES_MAX).map(drop))
}

fn text<'a>(field: &str, said: Option<&'a str>, bytes: RangeInclusive<usize>) -> Result<&'a str, Problem> {
    let (least, most) = (bytes.start(), bytes.end());
    said.filter(|said| bytes.contains(&said.len()))
        .ok_or_else(|| refusal(format!("{field} must have between {least} and {most} bytes")))
}

/// What is shown within a line may hold nothing that ends or turns one.
fn line<'a>(field: &str, said: Option<&'a str>, bytes: RangeInclusive<usize>) -> Result<&'a str, Problem> {
    let said = text(field, said, bytes)?;
    if said.chars().any(char::is_control) {
        return Err(refusal(format!("{field} must have no control characters")));
    }
    Ok(said)
}

fn time(field: &str, said: &str) -> Result<Nanos, Problem> {
    Nanos::parse_rfc3339(said)
        .map_err(|_| refusal(format!("{field} must be a time such as 2026-11-21T09:30:00Z")))
}

/// Nothing that a browser would run, and no name or password before the host.
fn is_web_address(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let is_address_byte = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
    host.bytes().any(|b| b.is_ascii_alphanumeric())
        && host.bytes().all(is_host_byte)
        && rest.bytes().all(is_address_byte)
}

#[cfg(test)]
mod tests;
