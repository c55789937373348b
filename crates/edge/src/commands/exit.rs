//! How a command ends: its exit code and, when it failed, what the person at the terminal reads.

use std::fmt;
use std::process::ExitCode;

pub(crate) const HELP: &str = "\
Exit codes:
  0  the command did what it was asked
  1  usage: wrong arguments or configuration
  2  transport: the edge could not be reached or did not answer
  3  client error: the edge refused the request (4xx)
  4  failure: the edge failed (5xx), or what was checked does not hold";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    /// Wrong arguments or configuration.
    Usage = 1,
    /// The edge could not be reached, or broke off.
    Transport = 2,
    /// The edge refused the request.
    Client = 3,
    /// The edge failed, or what was checked does not hold.
    Failed = 4,
}

/// Why a command failed: what, where, and what would be right.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
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
