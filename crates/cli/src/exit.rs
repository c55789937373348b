//! How a command ends: its exit code and, when it failed, what the person at the terminal reads.

use std::fmt;
use std::process::ExitCode;

pub(crate) const HELP: &str = "\
Exit codes:
  0  the command did what it was asked
  1  usage: wrong arguments or configuration
  2  transport: the server could not be reached or did not answer
  3  client error: the server refused the request (4xx)
  4  server error: the server failed (5xx), or what was checked does not hold";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    /// Wrong arguments or configuration.
    Usage = 1,
    /// The server could not be reached, or broke off.
    Transport = 2,
    /// The server refused the request.
    Client = 3,
    /// The server failed, or a check of its work does not hold.
    Server = 4,
}

/// Why a command failed: what, where, and what would be right.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// An error with its causes, on one line.
    pub(crate) fn from_error(exit: Exit, error: &anyhow::Error) -> Self {
        Self::new(exit, format!("{error:#}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
