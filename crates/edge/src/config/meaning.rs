//! Second step: what the tables mean, but for pools. Every table is read, even after one was wrong, and then what only
//! shows when settings are seen together. It must never know how the file is written.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use runtime::TlsFiles;
use runtime::config::value;
use toml::de::{DeTable, DeValue};

use super::endpoint;
use super::key::KeyHash;
use super::pools;
use super::reading::{Reading, Said, Section};
use super::{ApiKey, Casebook, Config, Edge, KeyLimits, Shape, Table};
use crate::redact::{SecretText, SecretUrl};

const KEYS_MAX: usize = 4096;
const HASHES_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 64;

pub(super) fn config<'a>(reading: &mut Reading<'a>, document: &'a DeTable<'a>) -> Option<Config> {
    let root = reading.root(document);
    let casebook = root.get("casebook").and_then(|said| casebook(reading, *said));
    let keys = root.get("keys").map(|said| keys(reading, *said));
    let edge = edge(reading, root.get("edge").copied(), keys.is_some());
    let pools = pools::pools(reading, root.get("pools").copied());
    Some(Config { edge: edge?, casebook, keys: keys.unwrap_or_default(), pools })
}

fn edge<'a>(reading: &mut Reading<'a>, said: Option<Said<'a>>, has_keys: bool) -> Option<Edge> {
    let section = match said {
        Some(said) => reading.section(Table::Edge, "edge", said)?,
        None => Section::absent(Table::Edge, "edge"),
    };
    let tls = section.get("tls").and_then(|said| tls(reading, said));
    let listen = reading.get(&section, "listen", address);
    let admin_listen = reading.get(&section, "admin_listen", address);
    let is_allowed = reading.get(&section, "allow_public_without_keys", Shape::flag);
    let connections_max = reading.get(&section, "connections_max", Shape::count);
    let request_timeout = reading.get(&section, "request_timeout", Shape::duration);
    let idle_timeout = reading.get(&section, "idle_timeout", Shape::duration);
    let drain_lead = reading.get(&section, "drain_lead", Shape::duration);
    let drain_grace = reading.get(&section, "drain_grace", Shape::duration);
    let log = reading.get(&section, "log", filter);
    if listen.is_some_and(|listen| listen.port() != 0) && listen == admin_listen {
        reading.fault(&section, "admin_listen", "is the address of listen already");
    }
    if is_allowed == Some(false) {
        check_reach(reading, &section, listen.filter(|_| !has_keys), admin_listen);
    }
    Some(Edge {
        listen: listen?,
        admin_listen: admin_listen?,
        tls,
        connections_max: connections_max? as usize,
        request_timeout: request_timeout?,
        idle_timeout: idle_timeout?,
        drain_lead: drain_lead?,
        drain_grace: drain_grace?,
        log: log?,
    })
}

/// Where nobody is known whoever reaches a port may spend what the nodes cost, and the admin listener asks nobody for a key:
/// so that has to be meant. `listen` is given where it has no keys.
fn check_reach(
    reading: &mut Reading<'_>,
    section: &Section<'_>,
    listen: Option<SocketAddr>,
    admin_listen: Option<SocketAddr>,
) {
    let is_public = |address: Option<SocketAddr>| address.is_some_and(|address| !address.ip().is_loopback());
    let instead = "use 127.0.0.1 or [::1], or say allow_public_without_keys = true";
    if is_public(listen) {
        let problem =
            format!("can be reached from other machines, and there are no [[keys]]; add some, {instead}");
        reading.fault(section, "listen", problem);
    }
    if is_public(admin_listen) {
        let problem = format!("can be reached from other machines and asks nobody for a key; {instead}");
        reading.fault(section, "admin_listen", problem);
    }
}

fn tls<'a>(reading: &mut Reading<'a>, said: Said<'a>) -> Option<TlsFiles> {
    let section = reading.section(Table::Tls, "edge.tls", said)?;
    let certificate = reading.get(&section, "certificate", path);
    let key = reading.get(&section, "key", path);
    let client_ca = reading.get(&section, "client_ca", path);
    let folder = reading.surroundings.folder;
    let files = TlsFiles {
        certificate: folder.join(certificate?),
        key: folder.join(key?),
        client_ca: client_ca.map(|path| folder.join(path)),
    };
    if let Err(problem) = (reading.surroundings.tls)(&files) {
        reading.fault(&section, "", problem);
    }
    Some(files)
}

fn casebook<'a>(reading: &mut Reading<'a>, said: Said<'a>) -> Option<Casebook> {
    let section = reading.section(Table::Casebook, "casebook", said)?;
    let url = endpoint::url(reading, &section, "url");
    let otlp_url = endpoint::url(reading, &section, "otlp_url");
    let key = reading.expanded(&section, "key");
    if key.as_deref().is_some_and(|key| !is_token(key)) {
        reading.fault(&section, "key", "holds a character that no key has");
    }
    let service = reading.get(&section, "service", name);
    let env = reading.get(&section, "env", name);
    Some(Casebook {
        url: SecretUrl::new(url?),
        otlp_url: otlp_url.map(SecretUrl::new),
        key: key.map(SecretText::new),
        service: service?,
        env,
    })
}

/// Whether it can be sent in a header.
fn is_token(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn keys<'a>(reading: &mut Reading<'a>, said: Said<'a>) -> Vec<ApiKey> {
    let sections = reading.sections(Table::Key, "keys", said);
    if said.value.as_array().is_some_and(|items| !(1..=KEYS_MAX).contains(&items.len())) {
        reading.fault_at(said.at, "keys", format!("has to be 1 to {KEYS_MAX} keys"));
        return Vec::new();
    }
    let (mut names, mut hashes, mut keys) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for section in &sections {
        let Some(key) = key(reading, section) else { continue };
        if !names.insert(Arc::clone(&key.name)) {
            reading.fault(section, "name", "is the name of another key");
        }
        if key.hashes.iter().any(|hash| !hashes.insert(*hash)) {
            reading.fault(section, "sha256", "holds a hash that stands twice");
        }
        keys.push(key);
    }
    keys
}

fn key(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<ApiKey> {
    let name = reading.get(section, "name", name);
    let hashes = key_hashes(reading, section);
    let connections_max = reading.get(section, "connections_max", Shape::count);
    let subscriptions_max = reading.get(section, "subscriptions_max", Shape::count);
    let requests_per_second = reading.get(section, "requests_per_second", Shape::count);
    let bytes_per_second = reading.get(section, "bytes_per_second", Shape::size);
    Some(ApiKey {
        name: name?.into(),
        hashes: hashes?,
        limits: KeyLimits {
            connections_max: connections_max?,
            subscriptions_max: subscriptions_max?,
            requests_per_second: requests_per_second?,
            bytes_per_second: bytes_per_second?,
        },
    })
}

/// One hash, or several. What is wrong is said without what was found: it may be the key itself.
fn key_hashes(reading: &mut Reading<'_>, section: &Section<'_>) -> Option<Vec<KeyHash>> {
    let setting = reading.setting(section, "sha256")?;
    let Some(DeValue::Array(items)) = section.get("sha256").map(|said| said.value) else {
        return reading.get(section, "sha256", |_, text| KeyHash::from_hex(text)).map(|hash| vec![hash]);
    };
    let hashes: Option<Vec<_>> =
        items.iter().map(|item| item.get_ref().as_str().and_then(KeyHash::from_hex)).collect();
    let hashes = hashes.filter(|hashes| (1..=HASHES_MAX).contains(&hashes.len()));
    if hashes.is_none() {
        reading.expected(section, setting, "");
    }
    hashes
}

fn address(_: Shape, text: &str) -> Option<SocketAddr> {
    value::address(text).ok()
}

fn path(_: Shape, text: &str) -> Option<PathBuf> {
    value::path(text).ok()
}

fn filter(_: Shape, text: &str) -> Option<String> {
    runtime::log_filter(text).ok()
}

pub(super) fn name(_: Shape, text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
    fits.then(|| text.to_owned())
}
