//! Unit files of systemd to facts, as its manual pages describe them: systemd.unit(5), systemd.service(5),
//! systemd.socket(5), bootup(7). It knows no proxy, and judges nothing but the files.

mod declared;
mod exec;
mod files;
mod implied;
mod lines;
mod names;
mod references;
mod service;
mod span;
mod unit;

use std::collections::BTreeMap;

use crate::Text;
use crate::facts::{Name, Unit};
use crate::place::Faults;

/// All units of these files, with what systemd adds by itself.
pub(crate) fn units(texts: &[&Text], faults: &mut Faults) -> BTreeMap<Name, Unit> {
    let sources = files::sources(texts, faults);
    let mut units: BTreeMap<Name, Unit> =
        sources.iter().map(|source| (source.name.clone(), unit::unit(source, faults))).collect();
    implied::add(&mut units, &sources);
    units
}

#[cfg(test)]
mod tests;
