//! A document on disk, and what is told of what was found in it: for people, and as JSON. It knows no rule.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use register::rca::DOCUMENT_BYTES_MAX;
use register::{Finding, Level};
use serde::Serialize;

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

/// A document and what was found in it.
pub(super) struct Linted {
    pub(super) path: String,
    pub(super) findings: Vec<Finding>,
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

/// Prints it, and ends as the errors in it want. Beside `documents` there may be files that are made from them.
pub(super) fn told(
    linted: &[Linted],
    documents: usize,
    as_json: bool,
    schema: &'static str,
) -> Result<Exit, Failure> {
    let count =
        |level| linted.iter().flat_map(|each| &each.findings).filter(|found| found.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    match as_json {
        true => output::json(&json(linted, errors, warnings, schema)?)?,
        false => output::text(&text(linted, documents, errors, warnings))?,
    };
    Ok(if errors == 0 { Exit::Ok } else { Exit::Server })
}

/// Why a file could not be read or written.
pub(super) fn failed(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Usage, escape::line(&format!("{}: {why}", path.display())).into_owned())
}

/// A byte more than a document may have shows that it has too many.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_to(path, DOCUMENT_BYTES_MAX as u64 + 1).map_err(|why| failed(path, &why))
}

pub(super) fn read_to(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    // A pipe would be waited for.
    if !std::fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(bytes_max).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn text(linted: &[Linted], documents: usize, errors: usize, warnings: usize) -> String {
    let mut out = String::new();
    for Linted { path, findings } in linted {
        for found in findings {
            let (line, column, level, rule) = (found.line, found.column, found.level.as_str(), found.rule);
            let said = format!("{path}:{line}:{column}: {level}: {} [{}]", found.message, rule.id());
            out.push_str(&format!("{}\n    mend: {}\n", escape::line(&said), rule.mend()));
        }
    }
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let counts = [plural(documents, "document"), plural(errors, "error"), plural(warnings, "warning")];
    out.push_str(&format!("{}\n", counts.join(", ")));
    out
}

fn json(linted: &[Linted], errors: usize, warnings: usize, schema: &'static str) -> Result<String, Failure> {
    let documents = linted
        .iter()
        .map(|each| DocumentView { path: &each.path, findings: each.findings.iter().map(view).collect() })
        .collect();
    let page = Page { schema, documents, errors, warnings };
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
