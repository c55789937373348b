//! First step: which text was said for which setting, and where. A flag wins over a variable, a variable over the file.
//! It must never judge a value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ConfigError, Setting};

/// Longer files are no configuration.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag,
    Variable,
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidValue {
    pub text: String,
    pub source: Source,
}

/// All that was said, and what could not be read.
#[derive(Debug, Default)]
pub struct Said {
    pub(super) values: BTreeMap<&'static str, SaidValue>,
    pub(super) errors: Vec<ConfigError>,
}

impl SaidValue {
    /// The place as a person would look for it.
    pub fn place(&self, setting: &Setting) -> String {
        match &self.source {
            Source::Flag => setting.flag(),
            Source::Variable => setting.variable(),
            Source::File(path) => format!("{} in {}", setting.key(), path.display()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable => f.write_str("variable"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Said {
    /// Puts together what the three places say. Variables that no setting has are left alone: container platforms
    /// put names such as `CASEBOOK_PORT` into the environment on their own. Keys of the file are ours, so an
    /// unknown one is an error.
    pub fn gather(
        register: &'static [Setting],
        flags: &BTreeMap<&'static str, String>,
        variable: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Self {
        let mut said = Self::default();
        if let Some(path) = file {
            said.read_file(register, path);
        }
        for setting in register {
            if let Some(text) = variable(&setting.variable()) {
                said.values.insert(setting.name, SaidValue { text, source: Source::Variable });
            }
            if let Some(text) = flags.get(setting.name) {
                said.values.insert(setting.name, SaidValue { text: text.clone(), source: Source::Flag });
            }
        }
        said
    }

    pub fn get(&self, name: &str) -> Option<&SaidValue> {
        self.values.get(name)
    }

    fn read_file(&mut self, register: &'static [Setting], path: &Path) {
        let place = path.display().to_string();
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(problem) => return self.errors.push(ConfigError { place, problem }),
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let problem = format!("is not TOML: {}", error.to_string().trim().replace('\n', "\n    "));
                return self.errors.push(ConfigError { place, problem });
            }
        };
        for (key, value) in table {
            self.take_file_value(register, path, &key, &value);
        }
    }

    fn take_file_value(&mut self, register: &'static [Setting], path: &Path, key: &str, value: &toml::Value) {
        let place = format!("{key} in {}", path.display());
        let Some(setting) = register.iter().find(|setting| setting.key() == key) else {
            return self.errors.push(ConfigError { place, problem: "no setting has this name".to_owned() });
        };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => {
                let problem = "expected a text or a whole number".to_owned();
                return self.errors.push(ConfigError { place, problem });
            }
        };
        self.values.insert(setting.name, SaidValue { text, source: Source::File(path.to_owned()) });
    }
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is {size} bytes long; a configuration has at most {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// The process's own environment. The one place that reads it, so that every variable stands in a register.
#[expect(clippy::disallowed_methods, reason = "this is the one reader that the others are to use")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The register as arguments of a command line. Values stay text here; judging them is the second step.
pub fn flag_arguments(register: &'static [Setting]) -> impl Iterator<Item = clap::Arg> {
    register.iter().map(|setting| {
        let default = setting.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
        clap::Arg::new(setting.name).long(setting.name).value_name(setting.shape).help(format!(
            "{} [env: {}]{default}",
            setting.help,
            setting.variable()
        ))
    })
}

/// What the command line said, by name.
pub fn flags_said(
    register: &'static [Setting],
    matches: &clap::ArgMatches,
) -> BTreeMap<&'static str, String> {
    let said = |setting: &Setting| matches.try_get_one::<String>(setting.name).ok().flatten().cloned();
    register.iter().filter_map(|setting| Some((setting.name, said(setting)?))).collect()
}
