//! Where cases lie: a folder with a `case.toml` is a case, one with such folders is a set, one with sets is several.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{Case, CaseError, InputLine};

/// Of `case.toml` and `set.toml`.
const TOML_BYTES_MAX: u64 = 1 << 20;
/// Folders below the one that was named.
const DEPTH_MAX: usize = 2;
const CASES_MAX: usize = 100_000;
const COMPRESSION: i32 = 6;

/// Cases that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Of `set.toml`, else of the folder.
    pub name: String,
    /// In order of name.
    pub cases: Vec<CaseDir>,
}

/// A case's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseDir(pub PathBuf);

impl CaseDir {
    /// The folder's name, which the case should have too.
    pub fn name(&self) -> String {
        name_of(&self.0)
    }

    pub fn read(&self) -> Result<(Case, Vec<String>), CaseError> {
        let path = self.0.join("case.toml");
        let text = read_text(&path)?;
        Case::from_toml(&text).map_err(|reason| CaseError::File { path, reason })
    }

    pub fn inputs(&self) -> Result<PathBuf, CaseError> {
        let [compressed, plain] = ["inputs.ndjson.zst", "inputs.ndjson"].map(|name| self.0.join(name));
        match (compressed.is_file(), plain.is_file()) {
            (true, false) => Ok(compressed),
            (false, true) => Ok(plain),
            (true, true) => {
                Err(self.wrong("both inputs.ndjson and inputs.ndjson.zst are there; one is right"))
            }
            (false, false) => Err(self.wrong("there is no inputs.ndjson and no inputs.ndjson.zst")),
        }
    }

    fn wrong(&self, reason: &str) -> CaseError {
        CaseError::File { path: self.0.clone(), reason: reason.to_owned() }
    }
}

/// All sets at or below `dir`, in order of path.
pub fn discover(dir: &Path) -> Result<Vec<Set>, CaseError> {
    let mut sets = Vec::new();
    if is_case(dir) {
        let set = dir.parent().filter(|parent| parent.join("set.toml").is_file());
        let name = set.map_or_else(|| Ok(name_of(dir)), set_name)?;
        return Ok(vec![Set { name, cases: vec![CaseDir(dir.to_owned())] }]);
    }
    walk(dir, 0, &mut sets)?;
    if sets.is_empty() {
        return Err(CaseError::NothingFound(dir.to_owned()));
    }
    Ok(sets)
}

fn walk(dir: &Path, depth: usize, sets: &mut Vec<Set>) -> Result<(), CaseError> {
    let (cases, others): (Vec<PathBuf>, Vec<PathBuf>) =
        folders(dir)?.into_iter().partition(|path| is_case(path));
    if !cases.is_empty() {
        let cases = cases.into_iter().take(CASES_MAX).map(CaseDir).collect();
        sets.push(Set { name: set_name(dir)?, cases });
    }
    if depth < DEPTH_MAX {
        for other in others {
            walk(&other, depth + 1, sets)?;
        }
    }
    Ok(())
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let wrong = |error| CaseError::Io { path: dir.to_owned(), error };
    let entries = fs::read_dir(dir).map_err(wrong)?;
    let paths: Result<Vec<PathBuf>, io::Error> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths: Vec<PathBuf> = paths.map_err(wrong)?.into_iter().filter(|path| path.is_dir()).collect();
    paths.sort();
    Ok(paths)
}

fn is_case(dir: &Path) -> bool {
    dir.join("case.toml").is_file()
}

fn name_of(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn set_name(dir: &Path) -> Result<String, CaseError> {
    let path = dir.join("set.toml");
    if !path.is_file() {
        return Ok(name_of(dir));
    }
    let table: toml::Table = toml::from_str(&read_text(&path)?).map_err(|error| CaseError::File {
        path: path.clone(),
        reason: error.to_string().trim_end().to_owned(),
    })?;
    Ok(table.get("name").and_then(toml::Value::as_str).map_or_else(|| name_of(dir), str::to_owned))
}

fn read_text(path: &Path) -> Result<String, CaseError> {
    let io = |error| CaseError::Io { path: path.to_owned(), error };
    let bytes = fs::metadata(path).map_err(io)?.len();
    if bytes > TOML_BYTES_MAX {
        let reason = format!("{bytes} bytes are more than the {TOML_BYTES_MAX} that are read");
        return Err(CaseError::File { path: path.to_owned(), reason });
    }
    fs::read_to_string(path).map_err(io)
}

/// Writes a case's folder, its inputs compressed. The same case and lines give the same bytes.
pub fn write_case(
    dir: &Path,
    case: &Case,
    lines: impl IntoIterator<Item = InputLine>,
) -> Result<(), CaseError> {
    let mut writer = CaseWriter::create(dir)?;
    for line in lines {
        writer.line(&line)?;
    }
    writer.finish(case)
}

/// The same for lines that come one after another, when what the case is about is known last.
pub struct CaseWriter {
    dir: PathBuf,
    path: PathBuf,
    out: zstd::Encoder<'static, BufWriter<File>>,
}

impl std::fmt::Debug for CaseWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl CaseWriter {
    pub fn create(dir: &Path) -> Result<Self, CaseError> {
        fs::create_dir_all(dir).map_err(io(dir))?;
        let path = dir.join("inputs.ndjson.zst");
        let file = BufWriter::new(File::create(&path).map_err(io(&path))?);
        let out = zstd::Encoder::new(file, COMPRESSION).map_err(io(&path))?;
        Ok(Self { dir: dir.to_owned(), path, out })
    }

    pub fn line(&mut self, line: &InputLine) -> Result<(), CaseError> {
        line.write(&mut self.out).map_err(io(&self.path))
    }

    pub fn finish(self, case: &Case) -> Result<(), CaseError> {
        let done = self.out.finish().and_then(|mut file| file.flush());
        done.map_err(io(&self.path))?;
        let path = self.dir.join("case.toml");
        let text = case.to_toml().map_err(|reason| CaseError::File { path: path.clone(), reason })?;
        fs::write(&path, text).map_err(io(&path))
    }
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> CaseError {
    let path = path.to_owned();
    move |error| CaseError::Io { path, error }
}

#[cfg(test)]
mod tests;
