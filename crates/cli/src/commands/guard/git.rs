//! Trees of other times, from Git: the files of a commit, written into a folder that goes away. It changes nothing in the
//! repository, not even its index.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::exit::Failure;
use crate::git::Git;

/// The files of a commit, as long as this lives.
#[derive(Debug)]
pub(super) struct Checkout {
    folder: TempDir,
    /// Where in the repository the guards stand.
    prefix: String,
}

impl Checkout {
    /// The same folder in that tree as the one in which the guards stand.
    pub(super) fn root(&self) -> PathBuf {
        self.prefix
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.folder.path().join("tree"), |at, part| at.join(part))
    }
}

/// The whole hash of a commit, and that of its first parent.
pub(super) fn fix(root: &Path, commit: &str) -> Result<(String, String), String> {
    let git = Git::at(root);
    let fix = git.commit(commit).map_err(|failure| failure.message)?;
    let parent = git.commit(&format!("{fix}^")).map_err(|_| format!("{commit} has no parent"))?;
    Ok((fix.as_str().to_owned(), parent.as_str().to_owned()))
}

pub(super) fn checkout(root: &Path, commit: &str) -> Result<Checkout, String> {
    let no_folder = |error: std::io::Error| format!("no folder for its files: {error}");
    let why = |failure: Failure| failure.message;
    let prefix = Git::at(root).text(&["rev-parse", "--show-prefix"]).map_err(why)?;
    let folder = tempfile::tempdir().map_err(no_folder)?;
    let index = folder.path().join("index");
    let into = format!("--prefix={}/tree/", folder.path().display());
    let top = Git::around(root).map_err(why)?;
    let beside = |arguments: &[&str]| top.bytes_beside(Some(&index), arguments).map_err(why);
    beside(&["read-tree", commit])?;
    beside(&["checkout-index", "--all", "--quiet", &into])?;
    let checkout = Checkout { folder, prefix };
    std::fs::create_dir_all(checkout.root()).map_err(no_folder)?;
    Ok(checkout)
}

/// A file beside the guards as it was at a commit; none where it was not there.
pub(super) fn file(root: &Path, commit: &str, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let git = Git::at(root);
    let commit = git.commit(commit)?;
    if git.bytes(&["ls-tree", "--name-only", commit.as_str(), "--", name])?.is_empty() {
        return Ok(None);
    }
    git.bytes(&["show", &format!("{}:./{name}", commit.as_str())]).map(Some)
}
