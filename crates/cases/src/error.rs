//! What can be wrong with a case: where it stands, what was found, what would be right.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("{}:{line}: {reason}", path.display())]
    Line { path: PathBuf, line: u64, reason: String },
    #[error("{}: the run panicked, which is a defect of Casebook: {reason}", path.display())]
    Panicked { path: PathBuf, reason: String },
    #[error("{} is no case (it has no case.toml) and holds none", .0.display())]
    NothingFound(PathBuf),
}
