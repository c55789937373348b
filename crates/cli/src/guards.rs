//! Where the guards are written down with what was seen of them, and the tree that they look at. It judges nothing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use register::Finding;
use register::guard::baseline::{BASELINE_BYTES_MAX, Baseline};
use register::guard::graduation::{self, HISTORY_BYTES_MAX, Ran};
use register::guard::proof::{self, PROOFS_BYTES_MAX, Proof};
use register::guard::{Demotion, Fault, GUARDS_BYTES_MAX, Guarding, Guards, Mode, guarding, is_inside};

use crate::escape;
use crate::exit::{Exit, Failure};

pub(crate) const GUARDS: &str = "guards.toml";
pub(crate) const BASELINE: &str = "guards.baseline";
const PROOFS: &str = "guards.proofs";
const HISTORY: &str = "guards.history";
/// A decision record that is longer is not read.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The file that lists the guards; its folder is the tree that they look at
    #[arg(long, value_name = "FILE", default_value = GUARDS)]
    file: PathBuf,
}

/// For commands that show which guard keeps which rule.
#[derive(Debug, Args)]
pub(crate) struct Keepers {
    /// The file that lists the guards; without it guards.toml of this folder, where there is one
    #[arg(long, value_name = "FILE")]
    guards: Option<PathBuf>,
}

/// Guards, their baseline, and the folder in which they stand.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) root: PathBuf,
    /// The name of the guards' file, to be shown.
    pub(crate) file: String,
    pub(crate) guards: Guards,
    pub(crate) baseline: Baseline,
}

impl Place {
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        let file = self.file.display().to_string();
        let bytes = read(&self.file, GUARDS_BYTES_MAX).map_err(|error| match error.kind() {
            ErrorKind::NotFound => not_there(&file, &error),
            _ => unusable(&file, &error),
        })?;
        let (guards, findings) = register::guard::read(&bytes);
        if !findings.is_empty() {
            return Err(Failure::new(Exit::Usage, told(&file, &findings)));
        }
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let root = parent.canonicalize().map_err(|error| unusable(&file, &error))?;
        let baseline = baseline(&root)?;
        Ok(Loaded { root, file, guards, baseline })
    }
}

impl Keepers {
    pub(crate) fn read(&self) -> Result<Vec<Guarding>, Failure> {
        Ok(self.read_whole()?.0)
    }

    /// With the rules of which it is said that nobody keeps them; none where nothing is written down.
    pub(crate) fn read_whole(&self) -> Result<(Vec<Guarding>, Option<Vec<String>>), Failure> {
        let file = self.guards.clone().unwrap_or_else(|| PathBuf::from(GUARDS));
        if self.guards.is_none() && matches!(file.try_exists(), Ok(false)) {
            return Ok((Vec::new(), None));
        }
        let loaded = Place { file }.load()?;
        let unenforced = loaded.guards.unenforced.iter().map(|each| each.rule.clone()).collect();
        Ok((guarding(&loaded.guards, &loaded.history()?, &loaded.proofs()?), Some(unenforced)))
    }
}

impl Loaded {
    /// That a guard may be lowered to this, or go where it is none: a decision says so, and its record names the guard.
    /// Decisions of `before` were for what was done then.
    pub(crate) fn decided(&self, guard: &str, to: Option<Mode>, before: &[Demotion]) -> Result<(), String> {
        let Some(demotion) = self.guards.demotion(guard, to, before) else {
            let is_other = self.guards.demotions.iter().any(|demotion| demotion.guard == guard);
            let other = "its [[demotion]] is for another mode, or for another time";
            return Err(if is_other { other } else { "no [[demotion]] names a decision record" }.to_owned());
        };
        let record = &demotion.decision;
        if !is_inside(record) {
            return Err(format!("{record} does not stay within the tree"));
        }
        let bytes = read(&self.root.join(record), RECORD_BYTES_MAX);
        let bytes = bytes.map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("{record} is not there"),
            _ => format!("{record} cannot be read: {error}"),
        })?;
        let names = String::from_utf8_lossy(&bytes).contains(guard);
        if names { Ok(()) } else { Err(format!("{record} does not name it")) }
    }

    /// Whether the path is that of the guards or of the baseline: patterns and fixtures stand there to be found.
    pub(crate) fn is_own(&self, path: &str) -> bool {
        [BASELINE, PROOFS, HISTORY].contains(&path) || self.name() == path
    }

    /// The name of the guards' file, without its folders.
    pub(crate) fn name(&self) -> String {
        Path::new(&self.file).file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The places of the guards that are named, or of all.
    pub(crate) fn chosen(&self, names: &[String]) -> Result<Vec<usize>, Failure> {
        let ids: Vec<&str> = self.guards.guards.iter().map(|guard| guard.id.as_str()).collect();
        if names.is_empty() {
            return Ok((0..ids.len()).collect());
        }
        let place = |name: &String| {
            ids.iter().position(|id| id == name).ok_or_else(|| {
                let known = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
                let said = format!("there is no guard {name} in {}: {known}", self.file);
                Failure::new(Exit::Usage, escape::line(&said).into_owned())
            })
        };
        let mut chosen = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen)
    }

    /// What guards were seen to do; nothing where nobody has looked.
    pub(crate) fn proofs(&self) -> Result<Vec<Proof>, Failure> {
        match optional(&self.root, PROOFS, PROOFS_BYTES_MAX)? {
            Some(bytes) => proof::read(&bytes).map_err(|fault| faulty(PROOFS, &fault)),
            None => Ok(Vec::new()),
        }
    }

    /// Runs that were recorded.
    pub(crate) fn history(&self) -> Result<Vec<Ran>, Failure> {
        match optional(&self.root, HISTORY, HISTORY_BYTES_MAX)? {
            Some(bytes) => graduation::read(&bytes).map_err(|fault| faulty(HISTORY, &fault)),
            None => Ok(Vec::new()),
        }
    }

    pub(crate) fn write_history(&self, text: &str) -> Result<(), Failure> {
        std::fs::write(self.root.join(HISTORY), text).map_err(|error| unusable(HISTORY, &error))
    }

    pub(crate) fn write_proofs(&self, proofs: &[Proof]) -> Result<(), Failure> {
        std::fs::write(self.root.join(PROOFS), proof::text(proofs)).map_err(|error| unusable(PROOFS, &error))
    }

    pub(crate) fn write_baseline(&self, baseline: &Baseline) -> Result<(), Failure> {
        let path = self.root.join(BASELINE);
        std::fs::write(&path, baseline.text()).map_err(|error| unusable(BASELINE, &error))
    }
}

/// The baseline beside the guards; where there is none nothing is old.
fn baseline(root: &Path) -> Result<Baseline, Failure> {
    match optional(root, BASELINE, BASELINE_BYTES_MAX)? {
        Some(bytes) => Baseline::read(&bytes).map_err(|fault| faulty(BASELINE, &fault)),
        None => Ok(Baseline::default()),
    }
}

/// A file beside the guards that need not be there.
fn optional(root: &Path, name: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, Failure> {
    match read(&root.join(name), bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(name, &error)),
    }
}

pub(crate) fn faulty(name: &str, fault: &Fault) -> Failure {
    let said = format!("{name}:{}: {}", fault.line, fault.message);
    Failure::new(Exit::Usage, escape::line(&said).into_owned())
}

/// A whole file; one that is longer than the bound is an error, and a pipe is not waited for.
pub(crate) fn read(path: &Path, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > bytes_max {
        true => {
            Err(std::io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {bytes_max} bytes")))
        }
        false => Ok(bytes),
    }
}

fn not_there(name: &str, error: &std::io::Error) -> Failure {
    let said =
        format!("{name}: {error}; name the file that lists the guards, or write one as the guide shows");
    Failure::new(Exit::Usage, escape::line(&said).into_owned())
}

fn unusable(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, escape::line(&format!("{name}: {error}")).into_owned())
}

fn told(file: &str, findings: &[Finding]) -> String {
    let mut out = format!("{} cannot be used as it is:", escape::line(file));
    for found in findings {
        let Finding { line, column, rule, message, .. } = found;
        let said = format!("{file}:{line}:{column}: error: {message} [{}]", rule.id());
        out.push_str(&format!("\n{}\n    mend: {}", escape::line(&said), rule.mend()));
    }
    out
}
