//! Deployments: those that are announced, and those that the traffic shows.

use model::{Deployment, Effect};

use super::Core;
use crate::summary::Summary;

impl Core {
    pub(super) fn take_deployments(&mut self, deployments: Vec<Deployment>) -> Vec<Effect> {
        for deployment in deployments {
            self.versions.announced(&deployment, &mut self.facts, &self.config);
            self.news |= self.facts.add_deployment(deployment);
        }
        Vec::new()
    }

    pub(super) fn register_versions(&mut self, summary: &Summary) -> Vec<Effect> {
        self.versions.forget(self.tick);
        let found = self.versions.learn(summary, &mut self.facts, &self.config);
        self.news |= !found.is_empty();
        found.into_iter().map(Effect::DeploymentSeen).collect()
    }
}
