//! The register's folder on disk: its documents by name, and its index. It knows no rule.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::render::inert::inert;
use register::rca::{File, INDEX_NAME};

use super::document::{self, Linted};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

/// All of them are held at a time, each at most as long as a document may be.
const DOCUMENTS_MAX: usize = 1_000;
/// A row of each document is far shorter than this leaves room for.
const INDEX_BYTES_MAX: u64 = 16 << 20;
const MARK: &str = ".md";

/// Where the documents stand.
#[derive(Debug, Args)]
struct Folder {
    /// The folder with the documents
    #[arg(long, value_name = "DIR", default_value = "doc/rca")]
    dir: PathBuf,
}

/// Checks the whole register: each document, what they say of each other, and the index
///
/// Beside what lint says: links to documents that are not there, supersession that only one side knows, failures that came
/// again although their document is closed, and an index that is not made from the documents. Ends with 4 if there is an
/// error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca doctor
  casebook rca doctor --dir incidents/rca --json")]
pub(super) struct Doctor {
    #[command(flatten)]
    folder: Folder,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Writes the index of the documents, or checks it
///
/// The index is README.md in the folder: one row a document, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca register
  casebook rca register --check")]
pub(super) struct Register {
    #[command(flatten)]
    folder: Folder,
    /// Write nothing, and end with 4 if the index is not that of the documents
    #[arg(long)]
    check: bool,
}

/// What was read.
struct Files {
    documents: Vec<(String, Vec<u8>)>,
    index: Option<String>,
}

impl Doctor {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let files = self.folder.read()?;
        let linted: Vec<Linted> = register::rca::doctor(&files.handed(), files.index.as_deref(), inert)
            .into_iter()
            .map(|found| Linted {
                path: self.folder.dir.join(found.name).display().to_string(),
                findings: found.findings,
            })
            .collect();
        document::told(&linted, self.json, "casebook.rca-doctor/v1")
    }
}

impl Register {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let files = self.folder.read()?;
        let (index, path) = (register::rca::index(&files.handed(), inert), self.folder.dir.join(INDEX_NAME));
        let is_fresh = files.index.as_ref() == Some(&index);
        let shown = path.display().to_string();
        let shown = escape::line(&shown);
        let count = match files.documents.len() {
            1 => "1 document".to_owned(),
            count => format!("{count} documents"),
        };
        match (is_fresh, self.check) {
            (true, _) => output::text(&format!("{shown}: as it should be, {count}\n")),
            (false, true) => {
                let said = format!("{shown} is not the index of the documents: run `casebook rca register`");
                Err(Failure::new(Exit::Server, said))
            }
            (false, false) => {
                write(&path, &index)?;
                output::text(&format!("{shown}: written, {count}\n"))
            }
        }
    }
}

impl Folder {
    /// Every document, by name; files of other kinds are none of ours.
    fn read(&self) -> Result<Files, Failure> {
        let listing =
            std::fs::read_dir(&self.dir).map_err(|error| document::failed(&self.dir, &error.to_string()))?;
        let mut files = Files { documents: Vec::new(), index: None };
        for entry in listing {
            let path = entry.map_err(|error| document::failed(&self.dir, &error.to_string()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.ends_with(MARK) || path.is_dir() {
                continue;
            }
            if name == INDEX_NAME {
                let bytes = document::read_to(&path, INDEX_BYTES_MAX);
                let bytes = bytes.map_err(|why| document::failed(&path, &why))?;
                files.index = Some(String::from_utf8_lossy(&bytes).into_owned());
            } else {
                files.documents.push((name, document::read(&path)?));
            }
            if files.documents.len() > DOCUMENTS_MAX {
                return Err(document::failed(
                    &self.dir,
                    &format!("it has more than {DOCUMENTS_MAX} documents"),
                ));
            }
        }
        files.documents.sort();
        Ok(files)
    }
}

impl Files {
    fn handed(&self) -> Vec<File<'_>> {
        self.documents.iter().map(|(name, bytes)| File { name, bytes }).collect()
    }
}

/// Whole or not at all.
fn write(path: &Path, index: &str) -> Result<(), Failure> {
    let partial = path.with_extension("md.partial");
    let put = || {
        std::fs::File::create(&partial)?.write_all(index.as_bytes())?;
        std::fs::rename(&partial, path)
    };
    put().map_err(|error: std::io::Error| document::failed(path, &error.to_string()))
}
