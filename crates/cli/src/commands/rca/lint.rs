//! `casebook rca lint`: each document by itself, and what is not as the rules want it. It knows no rule.

use std::path::{Path, PathBuf};

use clap::Args;
use register::rca::INDEX_NAME;

use super::document::{self, Linted};
use crate::exit::{Exit, Failure};

/// Checks documents, each by itself
///
/// Says of everything that is not as it should be: the file, line and column, what is wrong and how to mend it. The rules
/// stand in doc/reference/rca-rules.md. Ends with 4 if there is an error; warnings, which only a draft has, are no reason.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca lint doc/rca/2026-11-card-provider-outage.md
  casebook rca lint doc/rca/*.md --json | jq '.documents[].findings[].rule'")]
pub(super) struct Lint {
    /// The documents: files called <YYYY-MM>-<slug>.md; the index among them, README.md, is passed over
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Lint {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let is_document = |path: &&PathBuf| path.file_name().is_none_or(|name| name != INDEX_NAME);
        let documents: Vec<&PathBuf> = self.files.iter().filter(is_document).collect();
        if documents.is_empty() {
            let said = "it is the index, which `casebook rca register` makes; name documents";
            return Err(document::failed(Path::new(INDEX_NAME), said));
        }
        let linted = documents.into_iter().map(|path| linted(path)).collect::<Result<Vec<_>, _>>()?;
        document::told(&linted, linted.len(), self.json, "casebook.rca-lint/v1")
    }
}

fn linted(path: &Path) -> Result<Linted, Failure> {
    let bytes = document::read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Linted {
        path: path.display().to_string(),
        findings: register::rca::lint(&name, &bytes, server::now()),
    })
}
