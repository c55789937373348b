//! Files to the sources of units: the unit file, its drop-ins in their order, instances of templates, links in `.wants`
//! folders. It knows folders by name alone; which directory comes first is the caller's order.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Entry, Value, entries};
use super::names::{drop_in_folders, is_template, kind, template_of};
use super::references::NEEDS;
use crate::Text;
use crate::facts::Name;
use crate::limits::UNITS_MAX;
use crate::place::{Faults, Place};

/// A unit, as all its files say it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Name,
    pub(super) at: Place,
    /// Of the unit file, then of its drop-ins.
    entries: Vec<Entry>,
}

impl Source {
    fn said(&self, section: &str, key: &str) -> Vec<&Value> {
        let is_said = |entry: &&Entry| entry.section == section && entry.key == key;
        self.entries.iter().filter(is_said).map(|entry| &entry.value).collect()
    }

    /// All values of a list that an empty value begins anew.
    pub(super) fn list(&self, section: &str, key: &str) -> Vec<&Value> {
        let mut values = Vec::new();
        for value in self.said(section, key) {
            match value.text.is_empty() {
                true => values.clear(),
                false => values.push(value),
            }
        }
        values
    }

    /// All values of a list that nothing empties: what units are ordered by and need.
    pub(super) fn every(&self, key: &str) -> Vec<&Value> {
        self.said("Unit", key)
    }

    /// The last value counts; an empty one means that nothing is said.
    pub(super) fn one(&self, section: &str, key: &str) -> Option<&Value> {
        self.said(section, key).pop().filter(|value| !value.text.is_empty())
    }

    pub(super) fn is(&self, section: &str, key: &str, otherwise: bool) -> bool {
        self.one(section, key).map_or(otherwise, |value| {
            matches!(value.text.to_ascii_lowercase().as_str(), "1" | "yes" | "y" | "true" | "t" | "on")
        })
    }

    pub(super) fn has_section(&self, section: &str) -> bool {
        self.entries.iter().any(|entry| entry.section == section)
    }
}

pub(super) fn sources(texts: &[&Text], faults: &mut Faults) -> Vec<Source> {
    let shelf = Shelf::sorted(texts);
    let mut sources: BTreeMap<&str, Source> = BTreeMap::new();
    for (name, text) in shelf.units.iter().filter(|(name, text)| !is_template(name) && !is_masked(text)) {
        sources.insert(name, shelf.source(name, text, faults));
    }
    let mut sources: BTreeMap<String, Source> =
        sources.into_iter().map(|(name, source)| (name.to_owned(), source)).collect();
    shelf.instantiate(&mut sources, faults);
    if let Some(over) = sources.values().nth(UNITS_MAX) {
        faults.add(&over.at, format!("there are more than {UNITS_MAX} units: none from here on was read"));
    }
    sources.into_values().take(UNITS_MAX).collect()
}

/// Systemd takes an empty file for a unit that must not start.
fn is_masked(text: &Text) -> bool {
    text.text.is_empty()
}

/// The files, by what they are for. Of two with one name the first counts.
#[derive(Debug, Default)]
struct Shelf<'t> {
    units: BTreeMap<&'t str, &'t Text>,
    /// By folder, then by name: their order.
    drop_ins: BTreeMap<&'t str, BTreeMap<&'t str, &'t Text>>,
    /// Who wants, by which key, whom.
    links: BTreeMap<&'t str, Vec<(&'static str, &'t str, &'t Text)>>,
}

impl<'t> Shelf<'t> {
    fn sorted(texts: &[&'t Text]) -> Self {
        let mut shelf = Self::default();
        for text in texts {
            let mut parts = text.path.rsplit('/');
            let (file, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let linked = [(".wants", "Wants"), (".requires", "Requires")];
            let by = linked.iter().find_map(|(end, key)| folder.strip_suffix(end).map(|of| (of, *key)));
            if folder.ends_with(".d") && file.ends_with(".conf") {
                shelf.drop_ins.entry(folder).or_default().entry(file).or_insert(text);
            } else if let (Some((of, key)), Some(_)) = (by, kind(file)) {
                shelf.links.entry(of).or_default().push((key, file, text));
            } else if kind(file).is_some() {
                shelf.units.entry(file).or_insert(text);
            }
        }
        shelf.links.values_mut().for_each(|links| links.sort());
        shelf
    }

    fn source(&self, name: &str, text: &Text, faults: &mut Faults) -> Source {
        let mut all = entries(text, faults);
        let mut drop_ins: BTreeMap<&str, &Text> = BTreeMap::new();
        // The more special folder wins over a name that both have.
        for folder in drop_in_folders(name) {
            drop_ins.extend(self.drop_ins.get(folder.as_str()).into_iter().flatten());
        }
        all.extend(drop_ins.values().flat_map(|text| entries(text, faults)));
        for (key, wanted, link) in self.links.get(name).into_iter().flatten() {
            let (section, value) = ("Unit".to_owned(), Value::of_file(&link.path, wanted));
            all.push(Entry { section, key: (*key).to_owned(), value });
        }
        Source { name: Name::new(name), at: Place::new(&text.path, 1, 1), entries: all }
    }

    /// Instances that somebody needs and nobody wrote a file for, until there are no new ones.
    fn instantiate(&self, sources: &mut BTreeMap<String, Source>, faults: &mut Faults) {
        let mut wanted: BTreeSet<String> = sources.values().flat_map(needed).collect();
        wanted.extend(self.links.values().flatten().map(|(_, name, _)| (*name).to_owned()));
        wanted.extend(self.units.iter().filter_map(|(name, text)| self.default_instance(name, text)));
        while let Some(name) = wanted.pop_first() {
            let Some(template) = template_of(&name) else { continue };
            let text = self.units.get(template.as_str()).filter(|text| !is_masked(text));
            let is_new = !sources.contains_key(&name) && !self.units.contains_key(name.as_str());
            if let (Some(text), true) = (text, is_new && sources.len() <= UNITS_MAX) {
                let source = self.source(&name, text, faults);
                wanted.extend(needed(&source));
                sources.insert(name, source);
            }
        }
    }

    fn default_instance(&self, name: &str, text: &Text) -> Option<String> {
        let source = is_template(name).then(|| self.source(name, text, &mut Faults::default()))?;
        let instance = source.one("Install", "DefaultInstance")?;
        let (prefix, suffix) = name.split_once("@.")?;
        Some(format!("{prefix}@{}.{suffix}", instance.text))
    }
}

/// The units that one needs, as it names them.
fn needed(source: &Source) -> Vec<String> {
    let values = NEEDS.iter().flat_map(|(key, _)| source.every(key));
    let words = values.flat_map(|value| value.words().map(|(word, _)| word.to_owned()).collect::<Vec<_>>());
    words.map(|word| super::names::expanded(&word, &source.name)).collect()
}
