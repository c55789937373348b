//! The register's folder on disk: its documents by name, and its index. It knows no rule.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::render::inert::inert;
use register::rca::{Entry, File, INDEX_NAME, Made, PAGE_NAME, by_mode, enforced};

use super::document::{self, Linted};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::Keepers;
use crate::output;
use crate::replace::replace;

/// All of them are held at a time, each at most as long as a document may be.
const DOCUMENTS_MAX: usize = 1_000;
/// What is made from the documents is far shorter than this leaves room for.
const MADE_BYTES_MAX: u64 = 16 << 20;
const MARK: &str = ".md";

/// Where the documents stand.
#[derive(Debug, Args)]
pub(super) struct Folder {
    /// The folder with the documents
    #[arg(long, value_name = "DIR", default_value = "doc/rca")]
    dir: PathBuf,
}

/// Checks the whole register: each document, what they say of each other, and the index
///
/// Beside what lint says: links to documents that are not there, supersession that only one side knows, failures that came
/// again although their document is closed, an index that is not made from the documents, and, where there are guards, rules
/// that none of them keeps. Ends with 4 if there is an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca doctor
  casebook rca doctor --dir incidents/rca --json")]
pub(super) struct Doctor {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    keepers: Keepers,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Writes the index of the documents and the register's page, or checks them
///
/// The index is README.md in the folder: one row a document, the newest first. The page is register.html beside it: open it
/// in a browser; it needs nothing else. Rules are shown with the guards that keep them, and with what these caught.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca register
  casebook rca register --check")]
pub(super) struct Register {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    keepers: Keepers,
    /// Write nothing, and end with 4 if one of them is not made from the documents as they are
    #[arg(long)]
    check: bool,
}

/// What was read.
#[derive(Default)]
pub(super) struct Files {
    documents: Vec<(String, Vec<u8>)>,
    index: Option<String>,
    page: Option<String>,
}

impl Doctor {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let (files, (guards, unenforced)) = (self.folder.read()?, self.keepers.read_whole()?);
        let there = Made { index: files.index.as_deref(), page: files.page.as_deref() };
        let mut found = register::rca::doctor(&files.handed(), &guards, there, inert, server::now());
        let unkept =
            unenforced.map(|unenforced| register::rca::unkept(&files.handed(), &guards, &unenforced));
        for unkept in unkept.unwrap_or_default() {
            if let Some(of_file) = found.iter_mut().find(|found| found.name == unkept.name) {
                of_file.findings.extend(unkept.findings);
                of_file.findings.sort_by_key(|found| (found.line, found.column));
            }
        }
        let linted: Vec<Linted> = found
            .into_iter()
            .map(|found| Linted {
                path: self.folder.dir.join(found.name).display().to_string(),
                findings: found.findings,
            })
            .collect();
        document::told(&linted, files.documents.len(), self.json, "casebook.rca-doctor/v1")
    }
}

impl Register {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let (files, guards) = (self.folder.read()?, self.keepers.read()?);
        let handed = files.handed();
        let made = [
            (INDEX_NAME, register::rca::index(&handed, inert), &files.index),
            (PAGE_NAME, register::rca::page(&handed, &guards, inert), &files.page),
        ];
        let mut said = String::new();
        for (name, text, there) in &made {
            let path = self.folder.path(name);
            let state = match (there.as_deref() == Some(text.as_str()), self.check) {
                (true, _) => "as it should be",
                (false, true) => {
                    let said = "is not made from the documents as they are: run `casebook rca register`";
                    return Err(Failure::new(Exit::Server, format!("{} {said}", escape::line(&path))));
                }
                (false, false) => {
                    write(&self.folder.dir.join(name), text)?;
                    "written"
                }
            };
            said.push_str(&format!("{}: {state}\n", escape::line(&path)));
        }
        let count = match files.documents.len() {
            1 => "1 document".to_owned(),
            count => format!("{count} documents"),
        };
        let rules = by_mode(&enforced(&files.entries(), &guards));
        output::text(&format!("{said}{count}\n{rules}\n"))
    }
}

impl Folder {
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Of a file in it, for people.
    pub(super) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Where nobody has written a document yet, there is no folder either.
    pub(super) fn read_if_there(&self) -> Result<Files, Failure> {
        match self.dir.try_exists() {
            Ok(false) => Ok(Files::default()),
            _ => self.read(),
        }
    }

    /// Every document, by name; files of other kinds are none of ours.
    pub(super) fn read(&self) -> Result<Files, Failure> {
        let listing =
            std::fs::read_dir(&self.dir).map_err(|error| document::failed(&self.dir, &error.to_string()))?;
        let mut files = Files::default();
        for entry in listing {
            let path = entry.map_err(|error| document::failed(&self.dir, &error.to_string()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                continue;
            }
            if name == INDEX_NAME {
                files.index = Some(made(&path)?);
            } else if name == PAGE_NAME {
                files.page = Some(made(&path)?);
            } else if name.ends_with(MARK) {
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
    pub(super) fn entries(&self) -> Vec<Entry> {
        register::rca::entries(&self.handed())
    }

    fn handed(&self) -> Vec<File<'_>> {
        self.documents.iter().map(|(name, bytes)| File { name, bytes }).collect()
    }
}

fn made(path: &Path) -> Result<String, Failure> {
    let bytes = document::read_to(path, MADE_BYTES_MAX).map_err(|why| document::failed(path, &why))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text).map_err(|error| document::failed(path, &error.to_string()))
}
