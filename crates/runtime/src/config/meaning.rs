//! Second step: what the text that was said means. Every setting is read even after one was wrong.

use std::collections::BTreeMap;

use super::{ConfigError, ConfigErrors, Said, Setting};

/// Reads typed values out of what was said, and keeps a list of what was wrong.
#[derive(Debug)]
pub struct Meaning {
    register: &'static [Setting],
    said: Said,
    errors: Vec<ConfigError>,
    /// The text each setting was read from, for showing the configuration in use.
    texts: BTreeMap<&'static str, String>,
}

impl Meaning {
    pub fn new(register: &'static [Setting], mut said: Said) -> Self {
        let errors = std::mem::take(&mut said.errors);
        Self { register, said, errors, texts: BTreeMap::new() }
    }

    /// The value of a setting, from what was said or its default. `None` where there is neither, or where the text
    /// is wrong (which is then on the list).
    pub fn get<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Some(setting) = self.register.iter().find(|setting| setting.name == name) else {
            self.fault(name, "is read but not registered");
            return None;
        };
        let (place, text) = match self.said.get(name) {
            Some(value) => (value.place(setting), value.text.clone()),
            None => (setting.flag(), setting.default?.to_owned()),
        };
        match read(&text) {
            Ok(value) => {
                self.texts.insert(name, text);
                Some(value)
            }
            Err(problem) => {
                self.errors.push(ConfigError { place, problem });
                None
            }
        }
    }

    /// As `get`, but to have no value at all is an error too.
    pub fn require<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let errors_before = self.errors.len();
        let value = self.get(name, read);
        if value.is_none() && self.errors.len() == errors_before {
            self.fault(name, "has to be given");
        }
        value
    }

    /// Puts something on the list that only shows when settings are seen together.
    pub fn fault(&mut self, name: &str, problem: impl Into<String>) {
        let setting = self.register.iter().find(|setting| setting.name == name);
        let place = match (setting, self.said.get(name)) {
            (Some(setting), Some(value)) => value.place(setting),
            (Some(setting), None) => {
                format!("{} ({}, {})", setting.flag(), setting.variable(), setting.key())
            }
            (None, _) => name.to_owned(),
        };
        self.errors.push(ConfigError { place, problem: problem.into() });
    }

    /// The settings built from the values, or everything that was wrong. `value` is `None` only if something was.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(self.errors)),
        }
    }
}
