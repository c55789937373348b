//! Requests that went well where an incident arises, since its onset: what the failing ones are compared with. Of all
//! those that the digests keep, the ones with the smallest hashes; what they say is not known here.

use model::TraceId;
use serde::{Deserialize, Serialize};

use crate::sketch::{Merge, Smallest};
use crate::summary::Bucket;
use crate::window::{OperationKey, Window};

/// As many as there can be failing ones: those chosen at opening, and those of now.
const BESIDE_MAX: usize = 40;

type Sample = Smallest<TraceId, BESIDE_MAX>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Beside {
    operation: Option<OperationKey>,
    /// Of buckets that are counted and may leave the window.
    settled: Sample,
}

impl Beside {
    /// The operation at which it arises; of another one than before, what the window still holds is taken.
    pub(super) fn compare(&mut self, operation: &OperationKey, counted: (Bucket, Bucket), window: &Window) {
        if self.operation.as_ref() != Some(operation) {
            self.operation = Some(operation.clone());
            self.settled = Sample::default();
            self.settle(counted, window);
        }
    }

    /// Takes in the buckets from the first of the two up to but without the second.
    pub(super) fn settle(&mut self, (since, to): (Bucket, Bucket), window: &Window) {
        if let Some(operation) = &self.operation {
            window.healthy(operation, since, to).for_each(|trace| self.settled.add(trace));
        }
    }

    /// All of them, those from `unsettled` on included.
    pub(super) fn traces(&self, unsettled: Bucket, window: &Window) -> Vec<TraceId> {
        let mut all = Sample::default();
        all.merge(&self.settled);
        if let Some(operation) = &self.operation {
            window.healthy(operation, unsettled, Bucket::MAX).for_each(|trace| all.add(trace));
        }
        all.iter().copied().collect()
    }
}
