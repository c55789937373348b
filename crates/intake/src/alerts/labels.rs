//! Labels and annotations: names and texts of a provider, bounded.

use std::collections::BTreeMap;

use model::Str;

use super::Reading;
use crate::Warning;
use crate::strict::fields::Fields;
use crate::strict::node::{Node, quoted};

/// An object of texts under `name`. Numbers and booleans are texts too where `is_loose`. Empty values are no labels.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    name: &str,
    is_loose: bool,
    reading: &mut Reading<'_>,
) -> BTreeMap<Str, Str> {
    let mut labels = BTreeMap::new();
    let entries = match fields.get(name) {
        None => return labels,
        Some(Node::Object(entries)) => entries,
        Some(other) => {
            fields.invalid(name, other, "an object of texts");
            return labels;
        }
    };
    for (label, value) in entries {
        let text = match value {
            Node::Text(text) => text.to_string(),
            Node::Null => continue,
            Node::Bool(_) | Node::Int(_) | Node::Float(_) if is_loose => value.describe(),
            other => {
                fields.invalid(name, other, format!("a text as {}", quoted(label)));
                continue;
            }
        };
        insert(&mut labels, label, &text, reading);
    }
    cut(&mut labels, reading);
    labels
}

pub(super) fn insert(labels: &mut BTreeMap<Str, Str>, name: &str, value: &str, reading: &mut Reading<'_>) {
    let max = reading.context.limits.name_bytes_max;
    let (name, value) = (reading.cut(Some(name), max), reading.cut(Some(value), max));
    if !name.is_empty() && !value.is_empty() {
        labels.insert(name, value);
    }
}

fn cut(labels: &mut BTreeMap<Str, Str>, reading: &mut Reading<'_>) {
    let max = reading.context.limits.alert_labels_max;
    if labels.len() > max {
        reading.warnings.add(Warning::AttributesCut, 1);
        while labels.len() > max {
            labels.pop_last();
        }
    }
}

/// Such an object whose values are texts for people.
pub(super) fn read_long(
    fields: &mut Fields<'_, '_>,
    name: &str,
    reading: &mut Reading<'_>,
) -> BTreeMap<Str, Str> {
    let mut texts = BTreeMap::new();
    match fields.get(name) {
        None => {}
        Some(Node::Object(entries)) => {
            for (note, value) in entries {
                let Node::Text(value) = value else {
                    fields.invalid(name, value, format!("a text as {}", quoted(note)));
                    continue;
                };
                let text = reading.cut(Some(value), reading.context.limits.text_bytes_max);
                if !text.is_empty() {
                    texts.insert(Str::from(&**note), text);
                }
            }
        }
        Some(other) => fields.invalid(name, other, "an object of texts"),
    }
    texts
}
