//! First step: which text was said for which setting, and where. A flag wins over a variable, a variable over the file.
//! It must never judge a value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ConfigError, Setting, VARIABLE_PREFIX, near};

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
    /// Puts together what the three places say. A key of the file that no setting has is an error.
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

    /// Variables with our prefix that nobody reads are errors: most are misspelt, and would be missed in silence.
    /// `known` are the names that no setting has, but another command.
    pub fn check_variables(
        &mut self,
        register: &'static [Setting],
        names: impl IntoIterator<Item = String>,
        known: &[&str],
    ) {
        let ours: Vec<_> = register.iter().map(Setting::variable).collect();
        let all = || ours.iter().map(String::as_str).chain(known.iter().copied());
        for name in names {
            let is_ours = name.starts_with(VARIABLE_PREFIX) && !is_of_a_platform(&name);
            if is_ours && !all().any(|known| known == name) {
                let problem = format!("no setting has this variable{}", near::hint(&name, all()));
                self.errors.push(ConfigError { place: name, problem });
            }
        }
    }

    pub fn get(&self, name: &str) -> Option<&SaidValue> {
        self.values.get(name)
    }

    fn read_file(&mut self, register: &'static [Setting], path: &Path) {
        let place = path.display().to_string();
        let text = match read_file(path) {
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
            let keys: Vec<_> = register.iter().map(Setting::key).collect();
            let hint = near::hint(key, keys.iter().map(String::as_str));
            return self
                .errors
                .push(ConfigError { place, problem: format!("no setting has this name{hint}") });
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

/// The text of a file of settings, if it is short enough to be one.
pub fn read_file(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is {size} bytes long; a configuration has at most {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// Kubernetes tells every container of a namespace where its services are. One called `casebook` gives
/// `CASEBOOK_SERVICE_HOST`, `CASEBOOK_PORT_7420_TCP` and more.
fn is_of_a_platform(name: &str) -> bool {
    let is = |start: &str| {
        let rest = name.strip_prefix(VARIABLE_PREFIX).and_then(|rest| rest.strip_prefix(start));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    is("SERVICE_HOST") || is("SERVICE_PORT") || is("PORT")
}

/// The names in the process's environment that begin as ours do.
pub fn environment_names() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(VARIABLE_PREFIX)).collect()
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
