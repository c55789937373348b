//! Where an incident's report comes from: a server, or a file. Its bytes have the hash that they are cited with. It reads
//! nothing in them by itself.

use std::path::{Path, PathBuf};

use clap::Args;
use model::IncidentId;
use register::rca::Report;

use super::document;
use crate::client::Connection;
use crate::commands::report;
use crate::escape;
use crate::exit::{Exit, Failure};

/// As large as an answer of a server may be.
const REPORT_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct Source {
    /// Read an archived report from this file (`casebook report INCIDENT --format json`), and ask no server
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// A report and the hash of its bytes.
pub(super) struct Archived {
    pub(super) report: Report,
    pub(super) hash: String,
}

impl Source {
    /// Without a file an incident has to be named.
    pub(super) fn read(&self, incident: Option<IncidentId>) -> Result<Archived, Failure> {
        let (bytes, hash, from) = match (&self.report, incident) {
            (Some(path), _) => {
                let bytes = file(path)?;
                let hash = report::hash(&bytes);
                (bytes, hash, path.display().to_string())
            }
            (None, Some(id)) => {
                let (bytes, hash) = report::newest(&self.connection, id)?;
                (bytes, hash, format!("the report of {id}"))
            }
            (None, None) => {
                let said = "name an incident (inc_ and 16 hex digits), or a report with --report";
                return Err(Failure::new(Exit::Usage, said));
            }
        };
        let report = Report::read(&bytes).map_err(|why| unreadable(&from, &why))?;
        match incident.filter(|id| id.to_string() != report.incident()) {
            Some(id) => Err(unreadable(&from, &format!("it is of {}, not of {id}", report.incident()))),
            None => Ok(Archived { report, hash }),
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = document::read_to(path, REPORT_BYTES_MAX + 1).map_err(|why| document::failed(path, &why))?;
    if bytes.len() as u64 > REPORT_BYTES_MAX {
        return Err(document::failed(path, "it is larger than 64 MiB"));
    }
    // As it is archived it is one line without an end; in any other form it has another hash.
    if bytes.contains(&b'\n') {
        let why = "it is not as it was archived: take it with `casebook report INCIDENT --format json`";
        return Err(document::failed(path, why));
    }
    Ok(bytes)
}

fn unreadable(from: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, escape::line(&format!("{from} cannot be used: {why}")).into_owned())
}
