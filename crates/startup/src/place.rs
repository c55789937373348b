//! Where a fact stands, and what is wrong with a text. It judges nothing.

use std::fmt;
use std::sync::Arc;

use crate::limits::FAULTS_MAX;

/// As compilers write it: `path:line:column`, both from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub path: Arc<str>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    pub(crate) fn new(path: &Arc<str>, line: u32, column: u32) -> Self {
        Self { path: path.clone(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// What could not be understood, and what would be right. The rest of the text counts. The message may hold words of the
/// text: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub at: Place,
    pub message: String,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    left_out: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, at: &Place, message: impl Into<String>) {
        match self.found.len() < FAULTS_MAX {
            true => self.found.push(Fault { at: at.clone(), message: message.into() }),
            false => self.left_out += 1,
        }
    }

    /// By place. The last says how many more there are.
    pub(crate) fn told(mut self) -> Vec<Fault> {
        self.found.sort();
        self.found.dedup();
        if let (1.., Some(last)) = (self.left_out, self.found.last().cloned()) {
            let message = format!("{} more are not told: mend these first", self.left_out);
            self.found.push(Fault { at: last.at, message });
        }
        self.found
    }
}
