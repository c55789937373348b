//! What requests of every kind of telemetry have in common: the resource's meaning, shared and cut names, counts
//! against the limits, rejects and warnings. Knows nothing of spans, logs or metrics.

use std::borrow::Cow;

use model::{Event, Nanos, Str};

use super::further;
use super::kubernetes::workload_of_pod;
use super::mapping::operation::Name;
use super::semconv::Attr;
use super::view::Facts;
use super::wire::Malformed;
use crate::names::{Names, cut};
use crate::{Context, DecodeError, RejectReason, Rejected, Warning, Warnings};

/// What every item of one resource shares.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) env: Str,
    pub(crate) service: Str,
    pub(crate) version: Str,
    pub(crate) instance: Str,
    /// The resource says which service it is.
    pub(crate) named: bool,
    /// Those of the attributes that the clerk was told to keep, with their values.
    pub(crate) kept: Vec<(Attr, Str)>,
    /// Further attributes, where they are wanted.
    pub(crate) further: Vec<(Str, Str)>,
}

/// Where a resource names no service, it is called by what Kubernetes runs there.
const WORKLOADS: [Attr; 5] = [
    Attr::K8sDeploymentName,
    Attr::K8sStatefulsetName,
    Attr::K8sDaemonsetName,
    Attr::K8sCronjobName,
    Attr::K8sJobName,
];

/// Why an item is not taken, and what was found.
pub(crate) type Refusal = (RejectReason, String);

/// Keeps the books of one request.
#[derive(Debug)]
pub(crate) struct Clerk<'c> {
    pub(crate) context: &'c Context<'c>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) warnings: Warnings,
    future_from: Nanos,
    names: Names,
    /// Where names of parts are put together.
    room: String,
    resources: usize,
    items: usize,
    keep: &'static [Attr],
}

impl Resource {
    pub(crate) fn kept(&self, attr: Attr) -> Option<&Str> {
        self.kept.iter().find(|(kept, _)| *kept == attr).map(|(_, text)| text)
    }
}

impl<'c> Clerk<'c> {
    /// `keep` are further attributes of the resource that the items need.
    pub(crate) fn new(context: &'c Context<'c>, keep: &'static [Attr]) -> Self {
        Self {
            context,
            rejected: Vec::new(),
            warnings: Warnings::default(),
            future_from: context.future_from(),
            names: Names::new(context.limits.shared_names_max, context.user_salt),
            room: String::new(),
            resources: 0,
            items: 0,
            keep,
        }
    }

    /// For the attributes of a resource or an item.
    pub(crate) fn facts<'a>(&self) -> Facts<'a> {
        Facts::new().with_further(self.context.limits.attributes_kept_max > 0)
    }

    /// The attributes that are not mapped to fields, in order of key, those of `first` before those of `second`
    /// where there are too many or both have one.
    pub(crate) fn attributes(&mut self, facts: &Facts<'_>, resource: &[(Str, Str)]) -> Vec<(Str, Str)> {
        let max = self.context.limits.attributes_kept_max;
        further::attributes(facts, resource, max, &mut self.names)
    }

    pub(crate) fn attributes_max(&self) -> usize {
        self.context.limits.attributes_per_event_max
    }

    pub(crate) fn resource(&mut self, facts: &Facts<'_>, texts_not_utf8: u64) -> Result<Resource, Malformed> {
        let max = self.context.limits.resources_per_request_max;
        self.resources += 1;
        if self.resources > max {
            return Err(Box::new(DecodeError::TooMany { what: "resources", max }));
        }
        self.remark(facts.seen, texts_not_utf8);
        let (service, named) = service(facts);
        let kept = self.keep.iter().filter_map(|attr| Some((*attr, facts.text(*attr)?)));
        let kept =
            kept.collect::<Vec<_>>().into_iter().map(|(attr, text)| (attr, self.name(&text))).collect();
        let env = facts.first(&[Attr::DeploymentEnvironmentName, Attr::DeploymentEnvironment]);
        let instance = facts.first(&[Attr::ServiceInstanceId, Attr::K8sPodName, Attr::HostName]);
        Ok(Resource {
            env: self.name(env.as_deref().unwrap_or(Event::UNSET_ENV)),
            service: self.name(&service),
            version: self.name(facts.text(Attr::ServiceVersion).as_deref().unwrap_or("")),
            instance: self.name(instance.as_deref().unwrap_or("")),
            named,
            kept,
            further: self.attributes(facts, &[]),
        })
    }

    /// The place of the next item in the request. Fails where the request as a whole is too much.
    pub(crate) fn next_item(&mut self, what: &'static str) -> Result<usize, Malformed> {
        let max = self.context.limits.events_per_request_max;
        let index = self.items;
        self.items += 1;
        if self.items > max {
            return Err(Box::new(DecodeError::TooMany { what, max }));
        }
        Ok(index)
    }

    pub(crate) fn reject(&mut self, index: usize, id: String, (reason, detail): Refusal) {
        self.rejected.push(Rejected { index, id, reason, detail, problems: Vec::new() });
    }

    /// Counts what was accepted but not as it came.
    pub(crate) fn remark(&mut self, attributes_seen: usize, texts_not_utf8: u64) {
        self.warnings.add(Warning::InvalidUtf8, texts_not_utf8);
        self.warnings.add(Warning::AttributesCut, u64::from(attributes_seen > self.attributes_max()));
    }

    /// Counts an accepted item whose service nobody named.
    pub(crate) fn remark_unnamed(&mut self, named: bool) {
        self.warnings.add(Warning::MissingServiceName, u64::from(!named));
    }

    pub(crate) fn is_future(&self, at: Nanos) -> bool {
        at > self.future_from
    }

    pub(crate) fn name(&mut self, text: &str) -> Str {
        self.text(text, self.context.limits.name_bytes_max)
    }

    pub(crate) fn name_of(&mut self, name: &Name<'_>) -> Str {
        let mut room = std::mem::take(&mut self.room);
        let found = self.name(name.text(&mut room));
        self.room = room;
        found
    }

    /// A text that is within its bound, allocated once.
    pub(crate) fn shared(&mut self, text: &str) -> Str {
        self.names.get(text)
    }

    /// Cut to a bound, with a warning where that takes something away.
    pub(crate) fn text(&mut self, text: &str, max: usize) -> Str {
        let text = text.trim();
        self.warnings.add(Warning::TextCut, u64::from(text.len() > max));
        self.names.get(cut(text, max))
    }
}

/// Whose the resource is, and whether somebody said so or it is only likely.
fn service<'f>(facts: &'f Facts<'_>) -> (Cow<'f, str>, bool) {
    let own = facts.text(Attr::ServiceName);
    if let Some(own) = own.as_ref().filter(|own| !own.starts_with(Event::UNKNOWN_SERVICE)) {
        return (own.clone(), true);
    }
    if let Some(workload) = facts.first(&WORKLOADS) {
        return (workload, true);
    }
    if let Some(pod) = facts.text(Attr::K8sPodName) {
        return (Cow::Owned(workload_of_pod(&pod).to_owned()), false);
    }
    (own.unwrap_or(Cow::Borrowed(Event::UNKNOWN_SERVICE)), false)
}
