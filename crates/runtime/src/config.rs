//! Configuration in two steps: what was said (flags, variables, file), then what it means (typed settings).
//! Both steps collect their errors, so that a person sees all of them at once.
//! It must never know any one setting: those stand in the register of each process.

mod meaning;
mod near;
mod reference;
mod said;
pub mod value;

pub use meaning::Meaning;
pub use near::{hint as near_miss, nearest};
pub use reference::reference_markdown;
pub use said::{
    Said, SaidValue, Source, environment, environment_names, flag_arguments, flags_said, read_file,
};

use std::fmt;

/// What the names of all variables begin with.
const VARIABLE_PREFIX: &str = "CASEBOOK_";

/// One line of a process's register of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// In kebab case. The flag is `--name`, the variable `CASEBOOK_NAME`, the key in the file `name` in snake case.
    pub name: &'static str,
    /// The shape of the value, as help shows it: `ADDRESS`, `DURATION`.
    pub shape: &'static str,
    /// `None` where the setting has to be given or its absence has a meaning of its own.
    pub default: Option<&'static str>,
    pub help: &'static str,
}

impl Setting {
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// One thing wrong with the configuration: where it was said, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub place: String,
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Everything wrong with the configuration. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {} to correct", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests;
