//! The configuration of the edge: one TOML file, read in two steps, what was said and what it means. Everything wrong with
//! it is told at once, with the place and with what would be right. It must never show a value that was said: addresses,
//! headers and keys are secrets, and any value may be one that went astray.

mod changes;
mod endpoint;
mod expand;
mod key;
mod meaning;
mod origins;
mod pools;
mod reading;
mod reference;
mod register;
mod settings;
mod shape;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runtime::config::{ConfigError, ConfigErrors};
use runtime::{TlsFiles, TlsSource};
use toml::de::DeTable;

use crate::core::Tier;
use crate::redact::{SecretText, SecretUrl, Secrets};
use reading::Reading;

pub use changes::{Change, Changes, NodeChange};
pub(crate) use endpoint::basic;
pub use endpoint::{Endpoint, Headers};
pub use key::KeyHash;
pub use origins::Origins;
pub use reference::reference_markdown;
pub use register::{Absent, Counts, Kind, Setting, Table};
pub use settings::REGISTER;
pub use shape::{Schemes, Shape, duration_text, size_text};

/// What the file means. Whoever holds this needs to check nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub edge: Edge,
    pub casebook: Option<Casebook>,
    /// In the order of the file; where there are none, whoever reaches `listen` is served.
    pub keys: Vec<ApiKey>,
    /// By name.
    pub pools: Vec<Pool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub tls: Option<TlsFiles>,
    pub connections_max: usize,
    pub request_timeout: Duration,
    pub idle_timeout: Duration,
    pub drain_lead: Duration,
    pub drain_grace: Duration,
    pub log: String,
}

/// A Casebook server that is told what happens here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Casebook {
    pub url: SecretUrl,
    pub otlp_url: Option<SecretUrl>,
    pub key: Option<SecretText>,
    pub service: String,
    pub env: Option<String>,
}

/// A key that clients show, and what its holder may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub name: Arc<str>,
    /// Any of them is the key.
    pub hashes: Vec<KeyHash>,
    pub limits: KeyLimits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLimits {
    pub connections_max: u64,
    pub subscriptions_max: u64,
    pub requests_per_second: u64,
    pub bytes_per_second: u64,
}

/// Nodes that stand for each other, under one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: Arc<str>,
    pub limits: CallLimits,
    pub probe_every: Duration,
    pub failback_after: Duration,
    pub service: Service,
    /// In the order of the file, by which `NodeId` counts.
    pub nodes: Vec<Node>,
}

/// Of every call, whatever the pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    pub deadline: Duration,
    pub attempts_max: u32,
    /// 0 turns hedging off.
    pub hedge_percent_max: u8,
    pub request_bytes_max: usize,
}

/// What only pools of one kind have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    Execution(Execution),
    Consensus(Consensus),
    Http(Http),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub chain_id: u64,
    pub chain: Chain,
    pub frame_bytes_max: usize,
    pub calls_per_client_max: usize,
    pub subscriptions_per_client_max: usize,
    pub filters_per_address_max: usize,
    pub batch_max: usize,
    pub broadcast_transactions: bool,
    pub origins: Origins,
    pub trust_logs_bloom: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consensus {
    pub chain_id: Option<u64>,
    pub chain: Chain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    pub health_path: Option<String>,
}

/// What a pool with heads has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    pub block_time: Duration,
    pub stall_after: Duration,
    pub lag_blocks_max: u64,
    pub gap_blocks_max: u64,
    pub linger: Duration,
    /// Of all clients together.
    pub subscriptions_max: usize,
    pub client_buffer_bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: Arc<str>,
    pub http: Endpoint,
    pub ws: Option<Endpoint>,
    pub tier: Tier,
    pub weight: u16,
    pub calls_max: usize,
    pub dial_timeout: Duration,
    pub attempt_timeout: Duration,
}

/// What the file may speak of beside itself. Tests bring their own.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Paths in the file are relative to it.
    pub folder: &'a Path,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, or why there is none.
    pub file: &'a dyn Fn(&Path) -> Result<String, String>,
    /// Whether certificates and key can be used.
    pub tls: &'a dyn Fn(&TlsFiles) -> Result<(), String>,
}

impl Config {
    /// Reads the file, the variables and files that it names, and judges all of it.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let place = path.display().to_string();
        let text = runtime::config::read_file(path)
            .map_err(|problem| ConfigErrors(vec![ConfigError { place: place.clone(), problem }]))?;
        let surroundings = Surroundings {
            folder: path.parent().unwrap_or(Path::new("")),
            variable: &runtime::config::environment,
            file: &runtime::config::read_file,
            tls: &|files| TlsSource::open(files.clone()).map(|_| ()),
        };
        Self::parse(&text, &place, &surroundings)
    }

    /// Reads a text; `place` is what errors call it.
    pub fn parse(text: &str, place: &str, surroundings: &Surroundings<'_>) -> Result<Self, ConfigErrors> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reading = Reading::new(text, place, surroundings);
        if errors.is_empty() {
            let config = meaning::config(&mut reading, document.get_ref());
            return reading.finish(config);
        }
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            // The library's longer form shows the line, and a secret may stand in it.
            reading.fault_at(at, "", format!("is not TOML: {}", error.message()));
        }
        reading.finish(None)
    }

    /// Everything that no log, error or page may show.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for node in self.pools.iter().flat_map(|pool| &pool.nodes) {
            node.add_secrets(&mut secrets);
        }
        if let Some(casebook) = &self.casebook {
            secrets.add_url(&casebook.url);
            casebook.otlp_url.iter().for_each(|url| secrets.add_url(url));
            casebook.key.iter().for_each(|key| secrets.add_text(key));
        }
        secrets
    }

    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| &*pool.name == name)
    }
}

impl Pool {
    pub fn kind(&self) -> Kind {
        match self.service {
            Service::Execution(_) => Kind::Execution,
            Service::Consensus(_) => Kind::Consensus,
            Service::Http(_) => Kind::Http,
        }
    }

    pub fn chain(&self) -> Option<&Chain> {
        match &self.service {
            Service::Execution(execution) => Some(&execution.chain),
            Service::Consensus(consensus) => Some(&consensus.chain),
            Service::Http(_) => None,
        }
    }

    pub fn chain_id(&self) -> Option<u64> {
        match &self.service {
            Service::Execution(execution) => Some(execution.chain_id),
            Service::Consensus(consensus) => consensus.chain_id,
            Service::Http(_) => None,
        }
    }
}

impl Node {
    /// What may not be shown of this node alone: fewer texts to look for in its errors.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.add_secrets(&mut secrets);
        secrets
    }

    fn add_secrets(&self, secrets: &mut Secrets) {
        self.http.add_secrets(secrets);
        self.ws.iter().for_each(|ws| ws.add_secrets(secrets));
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
