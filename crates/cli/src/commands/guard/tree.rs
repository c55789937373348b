//! The files of a tree, without what Git ignores, in one order everywhere. It reads none of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::git::Git;

const GIT: &str = ".git";

/// Paths from the root, with `/` between their parts, sorted: what Git tracks, and what it would if it were added. Of what
/// it ignores only the `.gitignore` files of the tree count, and no settings of the machine: the tree is the same for
/// everybody.
pub(super) fn files(root: &Path) -> Result<Vec<String>, Failure> {
    let is_in_repository = root.ancestors().any(|folder| folder.join(GIT).exists());
    if is_in_repository { listed(root) } else { walked(root, true) }
}

/// All files of a tree that was written out of a repository: what stands there is tracked.
pub(super) fn all(root: &Path) -> Result<Vec<String>, Failure> {
    walked(root, false)
}

/// As Git has them: a file that is tracked is none that is ignored, and what stands above the repository does not count.
fn listed(root: &Path) -> Result<Vec<String>, Failure> {
    let said = Git::at(root).bytes(&[
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-per-directory=.gitignore",
    ])?;
    let names = said.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(OsStr::from_bytes);
    // What is deleted is still tracked; a link and a repository within this one are no files of it.
    let is_file = |name: &&OsStr| root.join(name).symlink_metadata().is_ok_and(|found| found.is_file());
    let mut paths: Vec<String> = names.filter(is_file).map(|name| shown(Path::new(name))).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

fn walked(root: &Path, ignores: bool) -> Result<Vec<String>, Failure> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).ignore(false).git_global(false).git_exclude(false).require_git(false);
    walk.parents(false).git_ignore(ignores);
    walk.filter_entry(|entry| entry.file_name() != GIT);
    let mut paths = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| {
            let said = format!("the tree cannot be walked: {error}");
            Failure::new(Exit::Usage, escape::line(&said).into_owned())
        })?;
        // What a link leads to stands elsewhere, or is looked at already.
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            paths.extend(entry.path().strip_prefix(root).ok().map(shown));
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// A name that is no UTF-8 is shown as well as it can be, and the file is then found by nobody: its guards say so.
fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Where a path of the tree stands.
pub(super) fn place(root: &Path, path: &str) -> PathBuf {
    path.split('/').fold(root.to_path_buf(), |place, part| place.join(part))
}
