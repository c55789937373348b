//! Names of units: kinds, templates and their instances, specifiers, and in which folders the drop-ins of a unit stand.

use crate::facts::{Kind, Name};

const SUFFIXES: &[(&str, Kind)] = &[
    ("service", Kind::Service),
    ("socket", Kind::Socket),
    ("target", Kind::Target),
    ("timer", Kind::Timer),
    ("path", Kind::Other),
    ("mount", Kind::Other),
    ("automount", Kind::Other),
    ("swap", Kind::Other),
    ("slice", Kind::Other),
    ("scope", Kind::Other),
    ("device", Kind::Other),
];

/// By what follows the last dot; None if it names no unit.
pub(super) fn kind(name: &str) -> Option<Kind> {
    let (stem, suffix) = name.rsplit_once('.')?;
    let found = SUFFIXES.iter().find(|(known, _)| *known == suffix).map(|(_, kind)| *kind);
    found.filter(|_| !stem.is_empty())
}

pub(super) fn suffix(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, suffix)| suffix)
}

pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// `name@.service`
pub(super) fn is_template(name: &str) -> bool {
    stem(name).ends_with('@')
}

/// `name@blue.service` is an instance of `name@.service`.
pub(super) fn template_of(name: &str) -> Option<String> {
    let (prefix, instance) = stem(name).split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{}", suffix(name)))
}

pub(super) fn instance(name: &str) -> &str {
    stem(name).split_once('@').map_or("", |(_, instance)| instance)
}

/// The folders of drop-ins of a unit, the more special the later: `service.d`, `a-.service.d`, `a@.service.d`, its own.
pub(super) fn drop_in_folders(name: &str) -> Vec<String> {
    let suffix = suffix(name);
    let stem = stem(name);
    let mut folders = vec![format!("{suffix}.d")];
    let dashes = stem.match_indices('-').filter(|(at, _)| at + 1 < stem.len());
    folders.extend(dashes.map(|(at, _)| format!("{}-.{suffix}.d", stem.get(..at).unwrap_or_default())));
    folders.extend(template_of(name).map(|template| format!("{template}.d")));
    folders.push(format!("{name}.d"));
    folders
}

/// With the specifiers that follow from the name alone; others stay as they are.
pub(super) fn expanded(text: &str, name: &Name) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('%', Some(specifier)) => {
                chars.next();
                match specified(specifier, name.as_str()) {
                    Some(value) => out.push_str(&value),
                    None => out.extend(['%', specifier]),
                }
            }
            _ => out.push(c),
        }
    }
    out
}

pub(super) fn specified(specifier: char, name: &str) -> Option<String> {
    Some(match specifier {
        '%' => "%".to_owned(),
        'n' => name.to_owned(),
        'N' => stem(name).to_owned(),
        'p' => stem(name).split('@').next().unwrap_or_default().to_owned(),
        'i' => instance(name).to_owned(),
        // Unescaped: a dash stands for a slash.
        'I' => instance(name).replace('-', "/"),
        _ => return None,
    })
}
