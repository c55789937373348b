//! The lists in which a unit names others: ordering, requirement, conflict, installation.

use super::files::Source;
use super::lines::Value;
use super::names::{expanded, kind};
use crate::facts::{Force, Name, Need, Order, Reference};
use crate::limits::REFERENCES_PER_UNIT_MAX;
use crate::place::Faults;

/// `Upholds=` and `Sockets=` start the other as `Wants=` does.
pub(super) const NEEDS: &[(&str, Force)] = &[
    ("Requires", Force::Requires),
    ("Requisite", Force::Requisite),
    ("BindsTo", Force::BindsTo),
    ("PartOf", Force::PartOf),
    ("Wants", Force::Wants),
    ("Upholds", Force::Wants),
];

pub(super) fn orders(source: &Source, faults: &mut Faults) -> Vec<Order> {
    let after = references(source, "After", "After=", faults).into_iter().map(Order::After);
    let before = references(source, "Before", "Before=", faults).into_iter().map(Order::Before);
    after.chain(before).collect()
}

pub(super) fn needs(source: &Source, faults: &mut Faults) -> Vec<Need> {
    let keys = ["Requires=", "Requisite=", "BindsTo=", "PartOf=", "Wants=", "Upholds="];
    let each = NEEDS.iter().zip(keys).flat_map(|((key, force), shown)| {
        let of = references(source, key, shown, faults);
        of.into_iter().map(|of| Need { of, force: *force })
    });
    each.collect()
}

pub(super) fn conflicts(source: &Source, faults: &mut Faults) -> Vec<Reference> {
    references(source, "Conflicts", "Conflicts=", faults)
}

fn references(source: &Source, key: &str, shown: &'static str, faults: &mut Faults) -> Vec<Reference> {
    let values = source.every(key);
    for empty in values.iter().filter(|value| value.text.is_empty()) {
        let right = "copy the unit file to a directory that comes first, and edit that";
        faults.add(&empty.start(), format!("an empty {shown} takes nothing back: {right}"));
    }
    let named: Vec<Reference> = values.iter().flat_map(|value| named(source, value, shown, faults)).collect();
    if let Some(over) = named.get(REFERENCES_PER_UNIT_MAX) {
        let message =
            format!("{shown} names more than {REFERENCES_PER_UNIT_MAX} units: the rest does not count");
        faults.add(&over.at, message);
    }
    named.into_iter().take(REFERENCES_PER_UNIT_MAX).collect()
}

fn named(source: &Source, value: &Value, key: &'static str, faults: &mut Faults) -> Vec<Reference> {
    let mut references = Vec::new();
    for (word, at) in value.words() {
        let name = expanded(word, &source.name);
        match kind(&name) {
            Some(_) => references.push(Reference { unit: Name::new(&name), key, at }),
            None => {
                let shown = super::lines::short(&name);
                faults
                    .add(&at, format!("{key} names `{shown}`: a unit ends with its kind, `{shown}.service`"));
            }
        }
    }
    references
}

/// Who starts this unit because it was enabled.
pub(super) fn installed(source: &Source) -> Vec<(Name, Need)> {
    let keys = [("WantedBy", "WantedBy=", Force::Wants), ("RequiredBy", "RequiredBy=", Force::Requires)];
    let each = keys.into_iter().flat_map(|(key, shown, force)| {
        let values = source.list("Install", key);
        values.into_iter().flat_map(move |value| {
            let words: Vec<_> = value.words().collect();
            words.into_iter().map(move |(word, at)| {
                let by = Name::new(&expanded(word, &source.name));
                (by, Need { of: Reference { unit: source.name.clone(), key: shown, at }, force })
            })
        })
    });
    each.collect()
}
