//! What the window holds, as others look at it: the error families of the last hour, and what work arrives at.

use model::{EventKind, Nanos, Str};

use super::{OperationKey, Window};
use crate::summary::ServiceKey;

/// A row for lists of error families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyView {
    pub env: Str,
    pub service: Str,
    pub operation: Str,
    pub operation_kind: EventKind,
    pub code: Str,
    /// Failures of the family, and requests of its operation, in the last hour.
    pub failures: u64,
    pub requests: u64,
    pub first_seen: Nanos,
    pub last_seen: Nanos,
    pub in_incident: bool,
}

impl Window {
    /// The operations at which work arrives at a service.
    pub(crate) fn arriving(&self, service: ServiceKey) -> impl Iterator<Item = &OperationKey> {
        self.of_service(service).map(|(key, _)| key).filter(|key| key.kind.is_inbound())
    }

    pub(crate) fn families(&self) -> Vec<FamilyView> {
        // Of most operations nothing failed: what they did all hour need not be looked at.
        let failing = self.operations.iter().filter(|(_, series)| series.families.len() > 0);
        let views = failing.flat_map(|(key, series)| {
            let requests = series.buckets.values().map(|digest| digest.requests).sum();
            series.families.iter().map(move |(code, family)| FamilyView {
                env: key.env.clone(),
                service: key.service.clone(),
                operation: key.operation.clone(),
                operation_kind: key.kind,
                code: code.clone(),
                failures: series.buckets.values().map(|digest| digest.counts(code).failures).sum(),
                requests,
                first_seen: family.first,
                last_seen: family.last,
                in_incident: family.in_incident,
            })
        });
        views.filter(|view| view.failures > 0 || view.in_incident).collect()
    }
}
