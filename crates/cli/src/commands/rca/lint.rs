//! `casebook rca lint`: each document by itself, and what is not as the rules want it. It knows no rule.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use register::rca::DOCUMENT_BYTES_MAX;
use register::{Finding, Level};
use serde::Serialize;

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

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
    /// The documents: files called <YYYY-MM>-<slug>.md
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// A document and what was found in it.
struct Linted {
    path: String,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Page<'f> {
    schema: &'static str,
    documents: Vec<DocumentView<'f>>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct DocumentView<'f> {
    path: &'f str,
    findings: Vec<FindingView<'f>>,
}

#[derive(Serialize)]
struct FindingView<'f> {
    rule: &'static str,
    severity: &'static str,
    line: usize,
    column: usize,
    message: &'f str,
    mend: &'static str,
}

impl Lint {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let linted = self.files.iter().map(|path| linted(path)).collect::<Result<Vec<_>, _>>()?;
        let count = |level| {
            linted.iter().flat_map(|each| &each.findings).filter(|found| found.level == level).count()
        };
        let (errors, warnings) = (count(Level::Error), count(Level::Warning));
        match self.json {
            true => output::json(&json(&linted, errors, warnings)?)?,
            false => output::text(&text(&linted, errors, warnings))?,
        };
        Ok(if errors == 0 { Exit::Ok } else { Exit::Server })
    }
}

fn linted(path: &Path) -> Result<Linted, Failure> {
    let unreadable = |why: String| {
        Failure::new(Exit::Usage, escape::line(&format!("{}: {why}", path.display())).into_owned())
    };
    let bytes = read(path).map_err(unreadable)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Linted { path: path.display().to_string(), findings: register::rca::lint(&name, &bytes) })
}

/// A byte more than a document may have shows that it has too many.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    // A pipe would be waited for.
    if !std::fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn text(linted: &[Linted], errors: usize, warnings: usize) -> String {
    let mut out = String::new();
    for Linted { path, findings } in linted {
        for found in findings {
            let (line, column, level, rule) = (found.line, found.column, found.level.as_str(), found.rule);
            let said = format!("{path}:{line}:{column}: {level}: {} [{}]", found.message, rule.id());
            out.push_str(&format!("{}\n    mend: {}\n", escape::line(&said), rule.mend()));
        }
    }
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let counts = [plural(linted.len(), "document"), plural(errors, "error"), plural(warnings, "warning")];
    out.push_str(&format!("{}\n", counts.join(", ")));
    out
}

fn json(linted: &[Linted], errors: usize, warnings: usize) -> Result<String, Failure> {
    let documents = linted
        .iter()
        .map(|each| DocumentView { path: &each.path, findings: each.findings.iter().map(view).collect() })
        .collect();
    let page = Page { schema: "casebook.rca-lint/v1", documents, errors, warnings };
    serde_json::to_string_pretty(&page).map_err(|error| Failure::new(Exit::Server, error.to_string()))
}

fn view(found: &Finding) -> FindingView<'_> {
    FindingView {
        rule: found.rule.id(),
        severity: found.level.as_str(),
        line: found.line,
        column: found.column,
        message: &found.message,
        mend: found.rule.mend(),
    }
}
