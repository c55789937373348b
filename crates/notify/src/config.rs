//! The file of notification targets, read and judged whole: every fault of it at once, none with a secret in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use model::Severity;
use serde::Deserialize;

use crate::backoff::Backoff;
use crate::secret::Secret;
use crate::target::{Kind, Target};

const FILE_BYTES_MAX: u64 = 1 << 20;
const TARGETS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 64;
const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// What the file means. Whoever holds this needs to check nothing more.
#[derive(Debug, Clone, Default)]
pub struct Notifications {
    pub targets: Vec<Target>,
    /// Where people reach this server; links are made of it.
    pub public_url: Option<String>,
    pub(crate) backoff: Backoff,
    /// Of one attempt, from the connection to the end of the answer.
    pub(crate) timeout: Timeout,
    /// Most deliveries of a target that may wait; what comes beyond is a dead letter at once.
    pub(crate) pending_max: PendingMax,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeout(pub Duration);

#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingMax(pub u64);

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl Default for PendingMax {
    fn default() -> Self {
        Self(10_000)
    }
}

/// One thing wrong with the file, and what would be right.
pub type ConfigFault = String;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidFile {
    public_url: Option<String>,
    timeout: Option<String>,
    retry_first: Option<String>,
    retry_max: Option<String>,
    attempts_max: Option<u32>,
    pending_max: Option<u64>,
    #[serde(default)]
    target: Vec<SaidTarget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidTarget {
    name: String,
    kind: String,
    url: Option<String>,
    url_file: Option<PathBuf>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    severity_min: Option<u8>,
    #[serde(default)]
    env: Vec<String>,
}

impl std::fmt::Debug for SaidTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaidTarget")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Reads the file. Paths in it are relative to it.
pub fn read(path: &Path) -> Result<Notifications, Vec<ConfigFault>> {
    let text = read_text(path).map_err(|fault| vec![fault])?;
    // The library's own message would show the line, and a secret may stand in it.
    let said: SaidFile = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        vec![format!("{} line {line}: {}", path.display(), error.message())]
    })?;
    judge(said, path.parent().unwrap_or(Path::new(".")))
}

fn judge(said: SaidFile, folder: &Path) -> Result<Notifications, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut keep = |what: &str, outcome: Result<Duration, String>| {
        outcome.map_err(|fault| faults.push(format!("{what}: {fault}"))).ok()
    };
    let default = Backoff::default();
    let first = keep("retry_first", duration(said.retry_first, default.first)).unwrap_or(default.first);
    let max = keep("retry_max", duration(said.retry_max, default.max)).unwrap_or(default.max);
    let timeout = keep("timeout", duration(said.timeout, Timeout::default().0)).unwrap_or_default();
    let attempts_max = said.attempts_max.unwrap_or(default.attempts_max);
    if !(1..=100).contains(&attempts_max) {
        faults.push("attempts_max: expected a number from 1 to 100".to_owned());
    }
    let pending_max = said.pending_max.map_or_else(PendingMax::default, PendingMax);
    if !(1..=1_000_000).contains(&pending_max.0) {
        faults.push("pending_max: expected a number from 1 to 1000000".to_owned());
    }
    let public_url = said.public_url.map(|url| url.trim_end_matches('/').to_owned());
    if let Some(fault) = public_url.as_deref().and_then(|url| web_address(url, true).err()) {
        faults.push(format!("public_url: {fault}"));
    }
    if said.target.len() > TARGETS_MAX {
        faults.push(format!("there are {} targets; at most {TARGETS_MAX} may be", said.target.len()));
    }
    let mut targets: Vec<Target> = Vec::new();
    for one in said.target {
        match target(one, folder) {
            Ok(target) if targets.iter().any(|other| other.name == target.name) => {
                faults.push(format!("target {:?} stands twice", target.name));
            }
            Ok(target) => targets.push(target),
            Err(fault) => faults.push(fault),
        }
    }
    let backoff = Backoff { first, max, attempts_max };
    let notifications =
        Notifications { targets, public_url, backoff, timeout: Timeout(timeout), pending_max };
    if faults.is_empty() { Ok(notifications) } else { Err(faults) }
}

fn target(said: SaidTarget, folder: &Path) -> Result<Target, ConfigFault> {
    let SaidTarget { name, kind, url, url_file, secret, secret_file, severity_min, env } = said;
    let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_plain(&name) {
        return Err(format!("target {name:?}: a name has 1 to {NAME_BYTES_MAX} letters, digits, - _ ."));
    }
    let fault = |fault: String| format!("target {name:?}: {fault}");
    let url = one_of("url", url, url_file, folder).map_err(fault)?;
    let secret = one_of("secret", secret, secret_file, folder).map_err(fault)?;
    let need = |secret: Option<String>, what: &str| {
        secret.map(Secret::new).ok_or_else(|| fault(format!("needs secret or secret_file: {what}")))
    };
    let kind = match kind.as_str() {
        "slack" if secret.is_some() => return Err(fault("slack's secret is its url".to_owned())),
        "slack" => Kind::Slack,
        "pagerduty" => Kind::Pagerduty { routing_key: need(secret, "the routing key of an integration")? },
        "webhook" => Kind::Webhook { secret: need(secret, "the key that requests are signed with")? },
        "alertmanager" => Kind::Alertmanager { authorization: secret.map(Secret::new) },
        other => {
            return Err(fault(format!("{other:?} is none of slack, pagerduty, webhook, alertmanager")));
        }
    };
    let url = match (url, &kind) {
        (Some(url), _) => url,
        (None, Kind::Pagerduty { .. }) => PAGERDUTY_URL.to_owned(),
        (None, _) => return Err(fault("needs url or url_file".to_owned())),
    };
    web_address(&url, false).map_err(fault)?;
    if let Kind::Alertmanager { authorization: Some(header) } = &kind
        && http::HeaderValue::from_str(header.expose()).is_err()
    {
        return Err(fault("secret cannot be the value of an Authorization header".to_owned()));
    }
    let severity_min = severity_min.unwrap_or(5);
    if !(1..=5).contains(&severity_min) {
        return Err(fault("severity_min is 1 (only the gravest) to 5 (all)".to_owned()));
    }
    Ok(Target { name, kind, url: Secret::new(url), severity_min: Severity(severity_min), envs: env })
}

/// A value said in the file itself or in one of its own, but not in both.
fn one_of(
    what: &str,
    said: Option<String>,
    file: Option<PathBuf>,
    folder: &Path,
) -> Result<Option<String>, ConfigFault> {
    let text = match (said, file) {
        (Some(_), Some(_)) => return Err(format!("has both {what} and {what}_file")),
        (None, None) => return Ok(None),
        (Some(text), None) => text,
        (None, Some(file)) => read_text(&folder.join(file))?.trim().to_owned(),
    };
    if text.is_empty() { Err(format!("{what} is empty")) } else { Ok(Some(text)) }
}

/// Whether requests can be sent there. Never says the address: it may hold a token.
fn web_address(text: &str, shown_to_people: bool) -> Result<(), ConfigFault> {
    let wrong = "url is not an address such as https://example.org/path".to_owned();
    let uri: Uri = text.parse().map_err(|_| wrong.clone())?;
    let authority = uri.authority().ok_or_else(|| wrong.clone())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        return Err(wrong);
    }
    if authority.as_str().contains('@') {
        return Err("url holds a user name, which is not supported".to_owned());
    }
    if text.contains('#') || shown_to_people && text.contains(['<', '>', '|', '"', '?', '(', ')']) {
        return Err("url holds characters that do not belong there".to_owned());
    }
    Ok(())
}

fn duration(said: Option<String>, default: Duration) -> Result<Duration, String> {
    let Some(text) = said else { return Ok(default) };
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(86_400));
    runtime::config::value::within(runtime::config::value::duration, least, most, "1ms to 1d")(&text)
}

fn read_text(path: &Path) -> Result<String, ConfigFault> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{} is {size} bytes long; at most {FILE_BYTES_MAX} are read", path.display()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
mod tests;
