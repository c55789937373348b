//! Which services there are, and how many operations each has. Knows nothing of what they do.

use std::collections::{BTreeMap, BTreeSet};

use model::Str;
use serde::{Deserialize, Serialize};

use crate::summary::ServiceKey;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<ServiceKey, usize>", into = "BTreeMap<ServiceKey, usize>")]
pub(super) struct Services {
    operations: BTreeMap<ServiceKey, usize>,
    /// Their environments by their names.
    envs: BTreeMap<Str, BTreeSet<Str>>,
}

impl From<BTreeMap<ServiceKey, usize>> for Services {
    fn from(operations: BTreeMap<ServiceKey, usize>) -> Self {
        let mut envs: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
        for key in operations.keys() {
            envs.entry(key.service.clone()).or_default().insert(key.env.clone());
        }
        Self { operations, envs }
    }
}

impl From<Services> for BTreeMap<ServiceKey, usize> {
    fn from(services: Services) -> Self {
        services.operations
    }
}

impl Services {
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    /// How many operations a service has.
    pub(super) fn operations(&self, key: &ServiceKey) -> Option<usize> {
        self.operations.get(key).copied()
    }

    pub(super) fn add_operation(&mut self, key: &ServiceKey) {
        if let Some(operations) = self.operations.get_mut(key) {
            *operations += 1;
            return;
        }
        self.operations.insert(key.clone(), 1);
        self.envs.entry(key.service.clone()).or_default().insert(key.env.clone());
    }

    pub(super) fn remove_operation(&mut self, key: &ServiceKey) {
        let Some(operations) = self.operations.get_mut(key) else { return };
        *operations = operations.saturating_sub(1);
        if *operations > 0 {
            return;
        }
        self.operations.remove(key);
        if let Some(envs) = self.envs.get_mut(&key.service) {
            envs.remove(&key.env);
            if envs.is_empty() {
                self.envs.remove(&key.service);
            }
        }
    }

    /// Whether a service has this name, in whatever environment.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.envs.contains_key(name)
    }

    /// The environments in which a service of this name reports.
    pub(super) fn envs_of(&self, name: &str) -> impl Iterator<Item = &Str> {
        self.envs.get(name).into_iter().flatten()
    }
}
