//! The files of a tree, without what Git ignores, in one order everywhere. It reads none of them.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::escape;
use crate::exit::{Exit, Failure};

const GIT: &str = ".git";

/// Paths from the root, with `/` between their parts, sorted. A `.gitignore` counts; settings of the machine do not, so that
/// the tree is the same for everybody.
pub(super) fn files(root: &Path) -> Result<Vec<String>, Failure> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).ignore(false).git_global(false).git_exclude(false).require_git(false);
    walk.filter_entry(|entry| entry.file_name() != GIT);
    let mut paths = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| {
            let said = format!("the tree cannot be walked: {error}");
            Failure::new(Exit::Usage, escape::line(&said).into_owned())
        })?;
        // What a link leads to stands elsewhere, or is looked at already.
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            paths.extend(named(root, entry.path()));
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// A name that is no UTF-8 is shown as well as it can be, and the file is then found by nobody: its guards say so.
fn named(root: &Path, path: &Path) -> Option<String> {
    Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

/// Where a path of the tree stands.
pub(super) fn place(root: &Path, path: &str) -> PathBuf {
    path.split('/').fold(root.to_path_buf(), |place, part| place.join(part))
}
