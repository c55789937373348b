//! The keys file: TOML with one `[[keys]]` for each key, which holds its hash and never the key. All that is wrong
//! with a file is said at once; a file with a fault is no file.

mod changes;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::Scope;
use ipnet::IpNet;
use model::Nanos;
use serde::Deserialize;

use super::token;
use crate::limits::Meter;

const KEYS_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 64;
const NETWORKS_MAX: usize = 64;

/// The keys of a file, by what they are found by.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    by_digest: HashMap<[u8; 32], Entry>,
}

/// One key, or one of several keys of the same client while it changes from one to the next.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: Arc<str>,
    pub scope: Scope,
    pub expires: Option<Nanos>,
    /// One for all keys of the name.
    pub meter: Arc<Meter>,
    /// Where it may be used from; everywhere if it names none.
    networks: Vec<IpNet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    scope: Scope,
    sha256: String,
    expires: Option<String>,
    #[serde(default)]
    networks: Vec<String>,
}

impl Keyring {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message quotes the file, which may hold a key that somebody put in by mistake.
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            format!("line {line} is not what a keys file holds: {}", error.message())
        })?;
        if !(1..=KEYS_MAX).contains(&file.keys.len()) {
            return Err(format!("it holds {} keys; it must hold 1 to {KEYS_MAX}", file.keys.len()));
        }
        let mut keyring = Self::default();
        let mut faults = Vec::new();
        for (at, said) in file.keys.iter().enumerate() {
            if let Err(fault) = keyring.add(said) {
                faults.push(format!("key {}: {fault}", at + 1));
            }
        }
        let mut meters: HashMap<Arc<str>, Arc<Meter>> = HashMap::new();
        for entry in keyring.by_digest.values_mut() {
            entry.meter = Arc::clone(meters.entry(Arc::clone(&entry.name)).or_default());
        }
        if faults.is_empty() { Ok(keyring) } else { Err(faults.join("; ")) }
    }

    fn add(&mut self, said: &Said) -> Result<(), String> {
        let (digest, entry) = (digest(&said.sha256)?, Entry::read(said)?);
        match self.by_digest.insert(digest, entry) {
            None => Ok(()),
            Some(other) => Err(format!("it is the key of {} already", other.name)),
        }
    }

    /// Takes over what names have used up by the keys of a file from before.
    pub(crate) fn inherit(mut self, before: &Self) -> Self {
        let meters: HashMap<&Arc<str>, &Arc<Meter>> =
            before.by_digest.values().map(|entry| (&entry.name, &entry.meter)).collect();
        for entry in self.by_digest.values_mut() {
            if let Some(meter) = meters.get(&entry.name) {
                entry.meter = Arc::clone(meter);
            }
        }
        self
    }

    /// By the hash, so that the time it takes says nothing about a key.
    pub(crate) fn by_token(&self, token: &str) -> Option<&Entry> {
        self.by_digest.get(&token::digest(token)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_digest.len()
    }
}

impl Entry {
    fn read(said: &Said) -> Result<Self, String> {
        let name = check_name(&said.name)?;
        let expires = said.expires.as_deref().map(|text| {
            Nanos::parse_rfc3339(text)
                .map_err(|_| format!("{name}: expires is no time such as 2027-01-31T00:00:00Z"))
        });
        if said.networks.len() > NETWORKS_MAX {
            return Err(format!("{name}: it names more than {NETWORKS_MAX} networks"));
        }
        let networks =
            said.networks.iter().map(|text| network(text).map_err(|fault| format!("{name}: {fault}")));
        Ok(Self {
            name: name.into(),
            scope: said.scope,
            expires: expires.transpose()?,
            meter: Arc::default(),
            networks: networks.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether a client may be called so: the name stands in the audit and in logs.
pub fn check_name(name: &str) -> Result<&str, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@/:".contains(&byte);
    match (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain) {
        true => Ok(name),
        false => Err(format!("a name has 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 - _ . @ / :")),
    }
}

/// What is wrong is said without what was found: it may be the key itself.
fn digest(hex: &str) -> Result<[u8; 32], String> {
    let wrong = || "sha256 must be 64 hexadecimal digits, as `casebook keys new` prints them".to_owned();
    if hex.len() != 64 || !hex.is_ascii() {
        return Err(wrong());
    }
    let mut digest = [0; 32];
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("{text:?} is no network such as 10.0.0.0/8 or fd00::/8"))
}

#[cfg(test)]
mod tests;
