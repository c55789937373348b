//! `POST /v1/alerts`: alerts as their providers send them, to one kind of alert. The provider is named by the caller or
//! seen by the shape; what is neither is refused, never guessed. Labels stay labels: which of them mean a service or an
//! environment is the engine's configuration, and two notifications of one alert are two alerts here.

use model::{Alert, AlertProvider, AlertSeverity, Nanos, Str};

use crate::names::cut;
use crate::otlp::mapping::in_future;
use crate::strict::fields::{Fields, Problems};
use crate::strict::items::text_field;
use crate::strict::node::Node;
use crate::{Context, DecodeError, RejectReason, Rejected, Warning, Warnings};

mod labels;
mod native;
mod pagerduty;
mod webhook;

const EXPECTED: &str = "a webhook of Alertmanager (version 4), Grafana or PagerDuty (v3), or an alert, an array of alerts \
                        or {\"alerts\": [..]} of Casebook's own shape";

/// The outcome of a readable request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertBatch {
    pub provider: AlertProvider,
    pub alerts: Vec<Alert>,
    pub rejected: Vec<Rejected>,
    /// What was understood and says nothing of an alert's status.
    pub ignored: Vec<Ignored>,
    pub warnings: Warnings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    pub index: usize,
    pub id: String,
    pub reason: String,
}

/// Reads alerts of `provider`, or of the one whose shape they have.
pub fn from_json(
    body: &[u8],
    provider: Option<AlertProvider>,
    context: &Context<'_>,
) -> Result<AlertBatch, DecodeError> {
    let limits = context.limits;
    DecodeError::check_size(body, limits.body_bytes_max)?;
    let values = limits.alert_values_per_request_max;
    let (tree, exceeded) = Node::read(body, values, limits.item_depth_max)
        .map_err(|error| DecodeError::json(&error, body, EXPECTED))?;
    if exceeded {
        return Err(DecodeError::TooMany { what: "JSON values or levels", max: values });
    }
    let provider = provider.or_else(|| detect(&tree)).ok_or_else(|| unknown_shape(&tree))?;
    let mut batch = AlertBatch {
        provider,
        alerts: Vec::new(),
        rejected: Vec::new(),
        ignored: Vec::new(),
        warnings: Warnings::default(),
    };
    match provider {
        AlertProvider::Alertmanager => webhook::alertmanager(&tree, &mut batch, context)?,
        AlertProvider::Grafana => webhook::grafana(&tree, &mut batch, context)?,
        AlertProvider::Pagerduty => pagerduty::event(&tree, &mut batch, context)?,
        AlertProvider::Native => native::alerts(&tree, &mut batch, context)?,
    }
    Ok(batch)
}

/// Which provider's shape a document has; `None` where it is nobody's.
fn detect(tree: &Node<'_>) -> Option<AlertProvider> {
    match tree {
        Node::Array(_) => Some(AlertProvider::Native),
        Node::Object(_) if tree.member("event").is_some() => Some(AlertProvider::Pagerduty),
        // Grafana's envelope is Alertmanager's with an organisation, and versions of its own.
        Node::Object(_) if tree.member("orgId").is_some() => Some(AlertProvider::Grafana),
        Node::Object(_) if tree.member("groupKey").is_some() => Some(AlertProvider::Alertmanager),
        Node::Object(entries) if tree.member("alerts").is_some() => {
            (entries.len() == 1).then_some(AlertProvider::Native)
        }
        Node::Object(_) if tree.member("status").is_some() => Some(AlertProvider::Native),
        _ => None,
    }
}

fn unknown_shape(tree: &Node<'_>) -> DecodeError {
    const NAMES_MAX: usize = 8;
    let found = match tree {
        Node::Object(entries) => {
            let names: Vec<String> =
                entries.iter().take(NAMES_MAX).map(|(name, _)| crate::strict::node::quoted(name)).collect();
            format!("an object with the fields {}", names.join(", "))
        }
        other => other.describe(),
    };
    DecodeError::Shape { found, expected: EXPECTED }
}

/// The alerts of an envelope.
fn items<'n>(
    list: Option<&'n Node<'n>>,
    expected: &'static str,
    context: &Context<'_>,
) -> Result<&'n [Node<'n>], DecodeError> {
    let max = context.limits.facts_per_request_max;
    match list {
        Some(Node::Array(items)) if items.len() > max => Err(DecodeError::TooMany { what: "alerts", max }),
        Some(Node::Array(items)) => Ok(items),
        Some(other) => Err(DecodeError::Shape { found: format!("alerts: {}", other.describe()), expected }),
        None => Err(DecodeError::Shape { found: "alerts: missing".to_owned(), expected }),
    }
}

/// Reads one alert, or says everything that is wrong with it. `id` names the field that its id stands in.
fn item(
    (index, node): (usize, &Node<'_>),
    id: &str,
    batch: &mut AlertBatch,
    context: &Context<'_>,
    read: impl FnOnce(&mut Fields<'_, '_>, &mut Reading<'_>) -> Option<Alert>,
) {
    let mut problems = Problems::new(context.limits.problems_per_item_max);
    let mut reading = Reading { context, warnings: Warnings::default() };
    let alert =
        Fields::of(node, String::new(), &mut problems).and_then(|mut fields| read(&mut fields, &mut reading));
    match alert {
        Some(alert) if problems.found == 0 => {
            reading.warnings.iter().for_each(|(warning, count)| batch.warnings.add(warning, count));
            batch.alerts.push(alert);
        }
        _ => {
            let rejected = Rejected::from_problems(index, text_field(node, id), problems.into_list());
            batch.rejected.push(rejected);
        }
    }
}

/// What reading one alert is told, and what it remarks.
struct Reading<'a> {
    context: &'a Context<'a>,
    warnings: Warnings,
}

impl Reading<'_> {
    /// A text cut to its bound; empty where there is none.
    fn cut(&mut self, text: Option<&str>, max: usize) -> Str {
        let text = text.unwrap_or_default().trim();
        let kept = cut(text, max);
        self.warnings.add(Warning::TextCut, u64::from(kept.len() < text.len()));
        Str::from(kept)
    }

    /// A text of a provider, of whatever length.
    fn text(&mut self, fields: &mut Fields<'_, '_>, name: &str) -> Str {
        let found = fields.text(name, usize::MAX);
        self.cut(found, self.context.limits.text_bytes_max)
    }

    /// A time that has come; one that providers write for "never" is none.
    fn time(&self, fields: &mut Fields<'_, '_>, name: &str) -> Option<Nanos> {
        if let Some(Node::Text(text)) = fields.get(name)
            && text.starts_with("0001-01-01T")
        {
            return None;
        }
        let at = fields.time(name)?;
        if at > self.context.future_from() {
            let found = in_future(at, self.context).replacen("it ends at", "a time of", 1);
            fields.problem(name, RejectReason::InFuture, found, "a time that has come");
        }
        Some(at)
    }
}

/// How grave a word of another system is. Words that say nothing of it are a warning: an alert is worth a look.
fn severity(word: &str) -> AlertSeverity {
    match word.to_ascii_lowercase().as_str() {
        "critical" | "crit" | "page" | "fatal" | "emergency" | "alert" | "error" | "high" | "major"
        | "p1" | "sev1" => AlertSeverity::Critical,
        "info" | "information" | "informational" | "notice" | "none" | "debug" | "ok" | "p5" | "sev5" => {
            AlertSeverity::Info
        }
        _ => AlertSeverity::Warning,
    }
}

#[cfg(test)]
mod tests;
