//! What `guards.toml` says, once it is read: guards, their fixtures, waivers. It knows no TOML.

use std::collections::BTreeSet;

use super::ast::Shape;
use super::command::Command;
use super::hit::Hit;
use super::link::Link;
use super::paths::Paths;
use super::pattern::Pattern;
use super::proof::Proof;
use super::sql::Columns;
use super::{boot, link, test_tag};

#[derive(Debug, Default)]
pub struct Guards {
    pub guards: Vec<Guard>,
    pub waivers: Vec<Waiver>,
    pub demotions: Vec<Demotion>,
    pub unenforced: Vec<Unenforced>,
}

/// A permanent rule that no guard keeps, and why.
#[derive(Debug)]
pub struct Unenforced {
    pub rule: String,
    pub reason: String,
}

/// What enforces a rule.
#[derive(Debug)]
pub struct Guard {
    pub id: String,
    /// The permanent rule of an RCA that it enforces.
    pub rule: String,
    pub mode: Mode,
    /// What is wrong where it finds something.
    pub message: String,
    pub mend: String,
    pub fixtures: Vec<Fixture>,
    /// Whether it waits for its subject: that there is no file to look into is then no fault.
    pub awaits_files: bool,
    /// Where it stands in its file.
    pub line: usize,
    pub(super) check: Check,
}

/// What a finding does: it is told, it warns, or it fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Report,
    Warn,
    Block,
}

/// How a guard looks.
#[derive(Debug)]
pub(super) enum Check {
    Regex { paths: Paths, pattern: Pattern },
    Ast { paths: Paths, shape: Shape },
    Sql { paths: Paths, columns: Columns },
    Command(Command),
    TestTag { paths: Paths, rca: String },
    Link { alerts: Paths, runbooks: Paths, link: Link },
    Boot { paths: Paths },
}

/// A made-up tree on which a guard shows that it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    pub expected: Expected,
    pub source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Fail,
    Pass,
}

/// Where the files of a fixture come from. Paths are relative and stay inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One file at this path, with this text.
    Text { path: String, text: String },
    /// One file at this path, with the text of another file.
    File { path: String, file: String },
    /// All that stands in this folder.
    Folder(String),
}

/// Why a guard does less than it did, or is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Demotion {
    pub guard: String,
    /// What it may be lowered to; none where it may go.
    pub to: Option<Mode>,
    /// The path of the decision record, which names the guard.
    pub decision: String,
}

/// Lets findings through until a day.
#[derive(Debug)]
pub struct Waiver {
    pub guard: String,
    /// As it is written, to be shown.
    pub path: String,
    pub(super) paths: Paths,
    /// Only this finding, where it is given.
    pub fingerprint: Option<String>,
    pub owner: String,
    pub reason: String,
    /// The last day on which it counts, as `2026-12-05`.
    pub expires: String,
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }

    /// How a finding weighs, in the words of a compiler.
    pub const fn level(self) -> &'static str {
        match self {
            Self::Report => "note",
            Self::Warn => "warning",
            Self::Block => "error",
        }
    }
}

impl Expected {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "must fail",
            Self::Pass => "must pass",
        }
    }
}

impl Source {
    /// As a message names it.
    pub fn name(&self) -> &str {
        match self {
            Self::Text { path, .. } | Self::File { path, .. } => path,
            Self::Folder(folder) => folder,
        }
    }

    /// What of the tree is a fixture, and so not part of what guards look at.
    pub fn stands_at(&self) -> Option<&str> {
        match self {
            Self::Text { .. } => None,
            Self::File { file, .. } => Some(file),
            Self::Folder(folder) => Some(folder),
        }
    }
}

impl Check {
    /// A guard of tests is not: that there is no test is what it finds. Nor is a command, which has no paths.
    pub(super) fn is_silent_without_files(&self) -> bool {
        !matches!(self, Self::TestTag { .. } | Self::Command(_))
    }
}

impl Guard {
    pub fn kind(&self) -> &'static str {
        match &self.check {
            Check::Regex { .. } => "regex",
            Check::Ast { .. } => "ast",
            Check::Sql { .. } => "sql",
            Check::Command(_) => "command",
            Check::TestTag { .. } => "test-tag",
            Check::Link { .. } => "link",
            Check::Boot { .. } => "boot",
        }
    }

    /// What it looks for or starts, in one line.
    pub fn looks_for(&self) -> String {
        match &self.check {
            Check::Regex { pattern, .. } => pattern.source().to_owned(),
            Check::Ast { shape, .. } => shape.source().to_owned(),
            Check::Sql { columns, .. } => columns.written(),
            Check::Command(command) => command.words.join(" "),
            Check::TestTag { rca, .. } => format!("a test tagged `rca: {rca}`"),
            Check::Link { link, .. } => format!("{} in alert rules", link.annotation),
            Check::Boot { .. } => "starts that cannot happen".to_owned(),
        }
    }

    /// Whether it looks into the file at this path.
    pub fn covers(&self, path: &str) -> bool {
        match &self.check {
            Check::Regex { paths, .. }
            | Check::Ast { paths, .. }
            | Check::Sql { paths, .. }
            | Check::TestTag { paths, .. }
            | Check::Boot { paths } => paths.hold(path),
            Check::Link { alerts, runbooks, .. } => alerts.hold(path) || runbooks.hold(path),
            Check::Command(_) => false,
        }
    }

    /// Whether it looks for what is wrong in the file at this path, and not only for what others lead to.
    pub fn looks_into(&self, path: &str) -> bool {
        match &self.check {
            Check::Link { alerts, .. } => alerts.hold(path),
            _ => self.covers(path),
        }
    }

    /// Whether it has not looked where there is no file to look into: it would find nothing, whatever it asks for.
    pub fn needs_files(&self) -> bool {
        self.check.is_silent_without_files() && !self.awaits_files
    }

    /// What has to be started for it.
    pub fn command(&self) -> Option<&Command> {
        match &self.check {
            Check::Command(command) => Some(command),
            _ => None,
        }
    }

    /// What it objects to in one file that it covers.
    pub fn find(&self, path: &str, text: &str) -> Vec<Hit> {
        match &self.check {
            Check::Regex { pattern, .. } => pattern.find(path, text),
            Check::Ast { shape, .. } => shape.find(path, text),
            Check::Sql { columns, .. } => columns.find(path, text),
            Check::Command(_) | Check::TestTag { .. } | Check::Link { .. } | Check::Boot { .. } => Vec::new(),
        }
    }

    /// Whether it has to see all files that it covers at once.
    pub fn sees_all(&self) -> bool {
        matches!(self.check, Check::TestTag { .. } | Check::Link { .. } | Check::Boot { .. })
    }

    /// What such a guard objects to. `file` is the one that lists it.
    pub fn find_in_all(&self, files: &[(&str, &str)], file: &str) -> Vec<Hit> {
        let of = |paths: &Paths| -> Vec<(&str, &str)> {
            files.iter().filter(|(path, _)| paths.hold(path)).copied().collect()
        };
        match &self.check {
            Check::TestTag { paths, rca } => test_tag::find(rca, &of(paths), (file, self.line)),
            Check::Link { alerts, runbooks, link } => link::find(link, &of(alerts), &of(runbooks)),
            Check::Boot { paths } => boot::find(&of(paths)),
            _ => Vec::new(),
        }
    }
}

impl Guards {
    /// Guards that are proved and are not among these, each once.
    pub fn gone<'p>(&self, proofs: &'p [Proof]) -> BTreeSet<&'p str> {
        let is_there = |id: &str| self.guards.iter().any(|guard| guard.id == id);
        proofs.iter().map(|proof| proof.guard.as_str()).filter(|id| !is_there(id)).collect()
    }

    /// The decision by which a guard may be lowered to this, or go. One that stood among those of `before` was for another
    /// time: a guard that was raised since needs a new one.
    pub fn demotion(&self, guard: &str, to: Option<Mode>, before: &[Demotion]) -> Option<&Demotion> {
        self.demotions
            .iter()
            .find(|demotion| demotion.guard == guard && demotion.to <= to && !before.contains(demotion))
    }

    /// Whether the path belongs to a fixture.
    pub fn is_fixture(&self, path: &str) -> bool {
        let mut places = self.guards.iter().flat_map(|guard| &guard.fixtures);
        places.any(|fixture| {
            let rest = fixture.source.stands_at().and_then(|at| path.strip_prefix(at.trim_end_matches('/')));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}
