//! `casebook rca new`: a first draft of a document from an incident's report. It writes one new file, and no other.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;
use engine::render::inert::inert;
use model::IncidentId;
use register::rca::{Draft, People};

use super::document;
use super::folder::Folder;
use super::required::{SEVERITIES, layer};
use super::source::Source;
use crate::exit::{Exit, Failure};
use crate::{escape, output};

/// Drafts a document from an incident's report
///
/// Every section is drafted from the report's evidence, each sentence with the ids of what it rests on. What only people
/// know is left as a question marked ???, with which no document passes its review. The file is named after the month and
/// the title; one that is there already is left alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca new --from-incident inc_4f0c2a9d1b7e6358 --author Ana
  casebook rca new --from-incident inc_4f0c2a9d1b7e6358 --author Ana --title \"Nobody could pay by card\" --severity SEV-2
  casebook rca new --report report.json --author Ana --author Ben --owner-layer payments")]
pub(super) struct New {
    /// The incident: inc_ and 16 hex digits
    #[arg(long, value_name = "INCIDENT", required_unless_present = "report")]
    from_incident: Option<IncidentId>,
    /// Who writes it; may be given more than once
    #[arg(long = "author", value_name = "NAME", required = true, value_parser = name)]
    authors: Vec<String>,
    /// Its title, if not one made from the report
    #[arg(long, value_name = "TEXT", value_parser = name)]
    title: Option<String>,
    /// How bad it was: SEV-1 (the worst) to SEV-4
    #[arg(long, value_name = "SEV", value_parser = SEVERITIES)]
    severity: Option<String>,
    /// The part of the system that owns the defect
    #[arg(long, value_name = "LAYER", value_parser = layer)]
    owner_layer: Option<String>,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    source: Source,
}

fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("expected some words".to_owned()) } else { Ok(text.trim().to_owned()) }
}

impl New {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let archived = self.source.read(self.from_incident)?;
        let people = People {
            authors: &self.authors,
            title: self.title.as_deref(),
            severity: self.severity.as_deref(),
            owner_layer: self.owner_layer.as_deref(),
        };
        let draft = register::rca::draft(&archived.report, &archived.hash, people, inert);
        let path = self.folder.dir().join(&draft.file_name);
        std::fs::create_dir_all(self.folder.dir())
            .map_err(|error| document::failed(self.folder.dir(), &error.to_string()))?;
        write(&path, &draft)?;
        let (shown, incident) = (path.display().to_string(), archived.report.incident());
        let said = format!("{shown}: drafted from {incident}, report {}", archived.hash);
        let next = format!(
            "{} questions in it are marked ???; what is left: casebook rca lint {shown}",
            draft.questions
        );
        output::text(&format!("{}\n{}\n", escape::line(&said), escape::line(&next)))
    }
}

/// A file that is there stays as it is.
fn write(path: &Path, draft: &Draft) -> Result<(), Failure> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AlreadyExists => {
                "it is there already; --title gives the draft another name".to_owned()
            }
            _ => error.to_string(),
        };
        document::failed(path, &why)
    })?;
    file.write_all(draft.text.as_bytes()).map_err(|error| {
        // Half a draft helps nobody, and would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        document::failed(path, &error.to_string())
    })
}
