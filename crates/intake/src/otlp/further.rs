//! The attributes of an event that are not mapped to its fields: what captured traces are compared by.

use std::collections::BTreeMap;

use model::Str;

use super::semconv::Attr;
use super::view::{Facts, Value};
use crate::names::{Names, cut};

/// The key under which OpenTelemetry's part of the trace state is kept.
pub(crate) const TRACE_STATE: &str = "tracestate.ot";
/// Attributes with longer keys are left out.
const KEY_BYTES_MAX: usize = 64;
/// Longer values are cut.
const VALUE_BYTES_MAX: usize = 128;

/// Texts, integers and booleans in order of key, at most `max`. The event's own come before those of its resource,
/// where both have one key and where there are too many.
pub(crate) fn attributes(
    facts: &Facts<'_>,
    resource: &[(Str, Str)],
    max: usize,
    names: &mut Names,
) -> Vec<(Str, Str)> {
    let Some(further) = &facts.further else { return Vec::new() };
    let unmapped = Attr::ALL.iter().filter(|attr| !attr.is_mapped());
    let unmapped = unmapped.filter_map(|attr| Some((attr.name(), facts.get(*attr)?)));
    let own = further.iter().map(|(key, value)| (&**key, value)).chain(unmapped);
    // The last of a key holds.
    let own: BTreeMap<&str, &Value<'_>> =
        own.filter(|(key, _)| !key.is_empty() && key.len() <= KEY_BYTES_MAX && !is_personal(key)).collect();
    let mut kept: BTreeMap<Str, Str> = BTreeMap::new();
    for (key, value) in own {
        let value = match value {
            Value::Double(_) => None,
            value => value.text(),
        };
        if let Some(value) = value
            && kept.len() < max
        {
            kept.insert(names.get(key), names.get(cut(&value, VALUE_BYTES_MAX)));
        }
    }
    for (key, value) in resource {
        if kept.len() >= max {
            break;
        }
        kept.entry(key.clone()).or_insert_with(|| value.clone());
    }
    kept.into_iter().collect()
}

/// Who the user is nobody needs to know.
fn is_personal(key: &str) -> bool {
    ["user.", "enduser."].iter().any(|prefix| key.starts_with(prefix))
}

/// OpenTelemetry's member of a trace state, which says how the trace was sampled.
pub(crate) fn opentelemetry_state(trace_state: &str) -> Option<&str> {
    let member = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="));
    member.map(|state| cut(state, VALUE_BYTES_MAX)).filter(|state| !state.is_empty())
}
