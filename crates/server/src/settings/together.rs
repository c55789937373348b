//! What only shows when settings are seen together, or against the machine. Each check needs only the settings that
//! it speaks of, so that it is made even where others could not be read.

use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use runtime::config::{Meaning, value};

use super::oidc::Known;
use crate::auth::KeySource;

pub(super) fn check_addresses(meaning: &mut Meaning, addresses: [(&str, Option<SocketAddr>); 4]) {
    for (at, (name, address)) in addresses.iter().enumerate() {
        let Some(address) = address.filter(|address| address.port() != 0) else { continue };
        if let Some((other, _)) = addresses[..at].iter().find(|(_, other)| *other == Some(address)) {
            meaning.fault(name, format!("{address} is the address of --{other} already"));
        }
    }
}

/// The keys file, as far as one was named.
pub(super) enum Keys {
    None,
    /// One was named, and what is wrong with it is on the list.
    Broken,
    Whole(Arc<KeySource>),
}

impl Keys {
    pub(super) fn source(self) -> Option<Arc<KeySource>> {
        match self {
            Self::Whole(source) => Some(source),
            Self::None | Self::Broken => None,
        }
    }
}

pub(super) fn read_keys(meaning: &mut Meaning) -> Keys {
    let Some(path) = meaning.get("keys", |path| Ok(path.to_owned())) else { return Keys::None };
    match KeySource::open(&path) {
        Ok(source) => Keys::Whole(source),
        Err(fault) => {
            meaning.fault("keys", fault);
            Keys::Broken
        }
    }
}

/// Where nobody is known whoever reaches a port may read and write, so only this machine may reach it.
pub(super) fn check_reach(
    meaning: &mut Meaning,
    addresses: [(&str, Option<SocketAddr>); 4],
    keys: &Keys,
    people: &Known,
) {
    if !matches!((keys, people), (Keys::None, Known::No)) {
        return;
    }
    for (name, address) in addresses {
        let Some(address) = address.filter(|address| !address.ip().is_loopback()) else { continue };
        meaning.fault(
            name,
            format!(
                "{address} can be reached from other machines, and no key is configured; name a file of keys with \
                 --keys (`casebook keys new` makes one), an OpenID issuer with --oidc-issuer, or use 127.0.0.1 or [::1]"
            ),
        );
    }
}

/// A few bodies have to fit into memory.
pub(super) fn check_body(meaning: &mut Meaning, in_flight: Option<u64>, body: Option<u64>) {
    check_times(meaning, ("in-flight-bytes-max", in_flight), (4, "four times"), ("body-bytes-max", body));
}

/// Nothing but whole segments goes, and never the last one.
pub(super) fn check_retention(meaning: &mut Meaning, retention: Option<u64>, segment: Option<u64>) {
    check_times(meaning, ("retention-bytes", retention), (2, "twice"), ("segment-bytes", segment));
}

/// `name` is so many times `other` at least.
fn check_times(
    meaning: &mut Meaning,
    (name, value): (&str, Option<u64>),
    (times, word): (u64, &str),
    (other, other_value): (&str, Option<u64>),
) {
    if let (Some(value), Some(other_value)) = (value, other_value)
        && value < times * other_value
    {
        meaning.fault(name, format!("has to be at least {word} --{other}"));
    }
}

pub(super) fn check_data(meaning: &mut Meaning, data: Option<&Path>) {
    let Some(data) = data else { return };
    if data.is_dir() {
        return;
    }
    if data.exists() {
        meaning.fault("data", format!("{} is not a directory", data.display()));
    } else if let Err(error) = try_create(data) {
        meaning.fault("data", format!("{} cannot be created: {error}", data.display()));
    }
}

/// The file of targets, if one is named; every fault of it is a fault of the setting.
pub(super) fn read_notifications(meaning: &mut Meaning) -> notify::Notifications {
    let Some(path) = meaning.get("notify", value::path) else { return notify::Notifications::default() };
    notify::read(&path).unwrap_or_else(|faults| {
        faults.into_iter().for_each(|fault| meaning.fault("notify", fault));
        notify::Notifications::default()
    })
}

/// Whether the directory can be made, left as it was. Only making it tells for sure.
fn try_create(data: &Path) -> io::Result<()> {
    let missing = data.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).last();
    let Some(outermost) = missing else { return Ok(()) };
    DirBuilder::new().mode(0o700).create(outermost)?;
    match std::fs::remove_dir(outermost) {
        // A server that starts beside this one has put something into it.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => removed,
    }
}
