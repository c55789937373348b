//! `casebook guard test`: every guard on its fixtures. A guard that nobody saw fail counts for nothing.

use std::path::Path;

use clap::Args;
use register::guard::{Expected, FILE_BYTES_MAX, Fixture, Guard, Source};

use super::{tree, work};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::{Place, read};
use crate::output;

/// All files of a fixture together.
const FIXTURE_FILES_MAX: usize = 1000;

/// Runs guards on their fixtures
///
/// A guard has to find something in each fixture under `must_fail`, of which it needs one at least, and nothing in those
/// under `must_pass`. Ends with 4 if one does not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard test
  casebook guard test no-unwrap")]
pub(super) struct Test {
    /// Only these guards
    #[arg(value_name = "GUARD")]
    guards: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Test {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        let (mut out, mut held, mut broken) = (String::new(), 0, 0);
        for index in loaded.chosen(&self.guards)? {
            let Some(guard) = loaded.guards.guards.get(index) else { continue };
            for wrong in told(guard, &loaded.root, &mut held) {
                broken += 1;
                out.push_str(&format!("{}: {}\n", guard.id, escape::line(&wrong)));
            }
        }
        out.push_str(&format!("{held} held, {broken} did not\n"));
        output::text(&out)?;
        Ok(if broken == 0 { Exit::Ok } else { Exit::Server })
    }
}

/// What is wrong with a guard; `held` counts the fixtures on which it did as it should.
fn told(guard: &Guard, root: &Path, held: &mut usize) -> Vec<String> {
    let mut wrong = Vec::new();
    if guard.fixtures.iter().all(|fixture| fixture.expected == Expected::Pass) {
        wrong.push("it has no fixture under must_fail: nobody has seen it find anything".to_owned());
    }
    for fixture in &guard.fixtures {
        let name = format!("{} ({})", fixture.source.name(), fixture.expected.as_str());
        match tried(guard, fixture, root) {
            Ok(()) => *held += 1,
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    wrong
}

/// Whether the guard does on the fixture what it should.
pub(super) fn tried(guard: &Guard, fixture: &Fixture, root: &Path) -> Result<(), String> {
    let files = files(fixture, root)?;
    let hits = work::over_files(guard, root, &files)?;
    match (fixture.expected, hits.first()) {
        (Expected::Fail, None) => Err("it finds nothing".to_owned()),
        (Expected::Pass, Some(hit)) => {
            Err(format!("it finds line {} of {}: {}", hit.line, hit.path, hit.excerpt))
        }
        (Expected::Fail, Some(_)) | (Expected::Pass, None) => Ok(()),
    }
}

fn files(fixture: &Fixture, root: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let whole = |place: &Path, name: &str| {
        read(place, FILE_BYTES_MAX).map_err(|error| format!("{name} cannot be read: {error}"))
    };
    match &fixture.source {
        Source::Text { path, text } => Ok(vec![(path.clone(), text.clone().into_bytes())]),
        Source::File { path, file } => Ok(vec![(path.clone(), whole(&tree::place(root, file), file)?)]),
        Source::Folder(folder) => {
            let base = tree::place(root, folder);
            let paths = tree::files(&base).map_err(|failure| failure.message)?;
            match paths.len() {
                0 => Err("there is no file in it".to_owned()),
                count if count > FIXTURE_FILES_MAX => {
                    Err(format!("it has more than {FIXTURE_FILES_MAX} files"))
                }
                _ => paths
                    .into_iter()
                    .map(|path| whole(&tree::place(&base, &path), &path).map(|bytes| (path, bytes)))
                    .collect(),
            }
        }
    }
}
