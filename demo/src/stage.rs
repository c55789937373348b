//! All processes of one demo, and what can be done to them. It knows no scenario.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::casebook::Casebook;
use crate::child::ServiceProcess;
use crate::protocol::{Command, Role, ServiceConfig};
use crate::shop::{BROKEN_CHECKOUT_VERSION, CHECKOUT_VERSION};

/// Everything that has to be ended; what is still in it when it is dropped is killed.
#[derive(Debug)]
pub(crate) struct Stage {
    casebook: Option<Casebook>,
    services: BTreeMap<String, ServiceProcess>,
    data: PathBuf,
    /// Last, so that it is removed when nobody writes in it any more.
    scratch: TempDir,
}

/// Who is started when, with whose address: callees first.
const SHOP: [(Role, &str, &[Role]); 6] = [
    (Role::CardProvider, "2026-11", &[]),
    (Role::Store, "1.12.3", &[]),
    (Role::Inventory, "5.0.2", &[]),
    (Role::Payment, "3.1.0", &[Role::CardProvider]),
    (Role::Checkout, CHECKOUT_VERSION, &[Role::Inventory, Role::Payment, Role::Store]),
    (Role::Gateway, "1.8.0", &[Role::Checkout, Role::Store]),
];

impl Stage {
    pub(crate) fn new(data: Option<&Path>) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("casebook-demo-").tempdir();
        let scratch = scratch.context("no scratch directory")?;
        let data = data.map_or_else(|| scratch.path().join("data"), Path::to_owned);
        // What an earlier demo left behind would be part of this one's story.
        let empty = std::fs::read_dir(&data).map_or(true, |mut entries| entries.next().is_none());
        ensure!(empty, "{} is not empty; give a new directory for --data", data.display());
        Ok(Self { casebook: None, services: BTreeMap::new(), data, scratch })
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) async fn start_casebook(&mut self) -> anyhow::Result<()> {
        self.casebook = Some(Casebook::start(&self.data, self.scratch.path()).await?);
        Ok(())
    }

    pub(crate) fn casebook(&self) -> anyhow::Result<&Casebook> {
        self.casebook.as_ref().context("casebook serve is not running")
    }

    pub(crate) fn casebook_mut(&mut self) -> anyhow::Result<&mut Casebook> {
        self.casebook.as_mut().context("casebook serve is not running")
    }

    pub(crate) async fn start_shop(&mut self, failures_per_mille: u32) -> anyhow::Result<()> {
        for (role, version, calls) in SHOP {
            let mut config = self.config(role, version, 1, calls)?;
            config.failures_per_mille = if role == Role::CardProvider { failures_per_mille } else { 0 };
            self.start(&config).await?;
        }
        Ok(())
    }

    pub(crate) fn gateway_port(&self) -> anyhow::Result<u16> {
        self.port(Role::Gateway, 1)
    }

    /// The third party goes down: its listener closes, and every open connection with it.
    pub(crate) async fn kill_card_provider(&mut self) -> anyhow::Result<()> {
        let provider = self.services.remove(&instance(Role::CardProvider, 1));
        provider.context("the card provider is not running")?.kill().await
    }

    /// A second checkout beside the first, and half of the calls to it.
    pub(crate) async fn roll_out_broken_checkout(&mut self) -> anyhow::Result<()> {
        let calls = [Role::Inventory, Role::Payment, Role::Store];
        let config = self.config(Role::Checkout, BROKEN_CHECKOUT_VERSION, 2, &calls)?;
        self.start(&config).await?;
        let service = Role::Checkout.as_str();
        self.casebook()?.deployed(service, BROKEN_CHECKOUT_VERSION, CHECKOUT_VERSION).await?;
        let ports = vec![self.port(Role::Checkout, 1)?, self.port(Role::Checkout, 2)?];
        let gateway = self.services.get_mut(&instance(Role::Gateway, 1)).context("no gateway")?;
        gateway.command(&Command::Upstream { role: Role::Checkout, ports }).await
    }

    /// Every span that ended before this call is with Casebook after it.
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        let card_provider = instance(Role::CardProvider, 1);
        for (name, service) in &mut self.services {
            if *name != card_provider {
                service.command(&Command::Flush).await?;
            }
        }
        Ok(())
    }

    /// Ends all in good order: first who sends, then who receives.
    pub(crate) async fn end(&mut self) {
        let services = std::mem::take(&mut self.services).into_values();
        services.map(ServiceProcess::end).collect::<JoinSet<_>>().join_all().await;
        if let Some(casebook) = self.casebook.take() {
            casebook.end().await;
        }
    }

    async fn start(&mut self, config: &ServiceConfig) -> anyhow::Result<()> {
        let service = ServiceProcess::start(config, self.scratch.path()).await?;
        self.services.insert(config.instance.clone(), service);
        Ok(())
    }

    fn config(&self, role: Role, version: &str, number: u8, calls: &[Role]) -> anyhow::Result<ServiceConfig> {
        let casebook = self.casebook()?;
        let upstreams = calls.iter().map(|&callee| Ok((callee, vec![self.port(callee, 1)?])));
        Ok(ServiceConfig {
            role,
            version: version.to_owned(),
            instance: instance(role, number),
            otlp_grpc: casebook.otlp_grpc(),
            api: casebook.url(),
            upstreams: upstreams.collect::<anyhow::Result<_>>()?,
            failures_per_mille: 0,
        })
    }

    fn port(&self, role: Role, number: u8) -> anyhow::Result<u16> {
        let name = instance(role, number);
        let service = self.services.get(&name).with_context(|| format!("{name} is not running"))?;
        Ok(service.port)
    }
}

fn instance(role: Role, number: u8) -> String {
    format!("{}-{number}", role.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_an_earlier_run_is_left_alone() {
        let used = tempfile::tempdir().unwrap();
        assert!(Stage::new(Some(used.path())).is_ok());
        assert!(Stage::new(Some(&used.path().join("new"))).is_ok());
        std::fs::write(used.path().join("casebook.sqlite"), "").unwrap();
        assert!(Stage::new(Some(used.path())).is_err());
    }

    #[test]
    fn whoever_is_called_is_started_before() {
        let mut started = Vec::new();
        for (role, _, calls) in SHOP {
            assert!(calls.iter().all(|callee| started.contains(callee)), "{role:?} calls {calls:?}");
            started.push(role);
        }
        assert_eq!(started.last(), Some(&Role::Gateway));
    }
}
