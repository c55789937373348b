//! Asking Git for the facts of reviews: commits and what they touch, the tree, remotes. It judges none of them, and changes
//! nothing.

use std::collections::BTreeSet;

use register::review::{At, Commit, CommitFacts, DROPPED_MAX, Dropped, RecordChange};

use crate::exit::{Exit, Failure};
use crate::git::Git;

impl Git {
    pub(super) fn has(&self, commit: &Commit) -> bool {
        self.bytes(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok()
    }

    /// What `head` was made of since `first`, which is among it; only `head` itself where there is no `first`.
    pub(super) fn history(&self, head: &Commit, first: Option<&Commit>) -> Result<Vec<CommitFacts>, Failure> {
        let format = format!("--format={head}%H %ct %P");
        let mut arguments =
            vec!["log", "-z", "-c", "--name-only", "--no-renames", format.as_str(), head.as_str()];
        let before = first.map(|first| format!("{first}^@"));
        match &before {
            Some(before) => arguments.extend(["--not", before.as_str()]),
            None => arguments.push("-1"),
        }
        let said = self.bytes(&arguments)?;
        let mut commits: Vec<CommitFacts> =
            entries(&said, head).into_iter().filter_map(|(header, paths)| facts(header, paths)).collect();
        self.merges(head, &mut commits)?;
        Ok(commits)
    }

    /// Adds what each merge has otherwise than each of its parents: the log above is silent about what it took from one.
    fn merges(&self, head: &Commit, commits: &mut [CommitFacts]) -> Result<(), Failure> {
        let merges = || commits.iter().filter(|commit| commit.parents.len() > 1);
        let pairs =
            merges().flat_map(|merge| merge.parents.iter().map(|parent| format!("{} {parent}\n", merge.id)));
        let lines: String = pairs.collect();
        if lines.is_empty() {
            return Ok(());
        }
        let format = format!("--format={head}%H");
        let list = ["diff-tree", "--stdin", "-r", "-z", "--always", "--name-only", "--no-renames", &format];
        let said = self.bytes_fed(lines, &list)?;
        let mut told = entries(&said, head).into_iter();
        for merge in commits.iter_mut().filter(|commit| commit.parents.len() > 1) {
            for _ in &merge.parents {
                let (_, paths) = told.next().filter(|(id, _)| *id == merge.id.as_str()).ok_or_else(|| {
                    Failure::new(
                        Exit::Usage,
                        format!("git diff-tree: it says nothing of {}", merge.id.short()),
                    )
                })?;
                merge.beside.push(paths.into_iter().map(str::to_owned).collect());
            }
        }
        Ok(())
    }

    /// What became of the files in `folder` since `first`, or ever, and in the tree beside `base`.
    pub(super) fn changes(
        &self,
        folder: &str,
        head: &Commit,
        first: Option<&Commit>,
        base: Option<&Commit>,
    ) -> Result<(Vec<RecordChange>, Vec<Dropped>), Failure> {
        let format = format!("--format={head}%H");
        let before = first.map(|first| format!("{first}^@"));
        let mut log = vec!["log", "-z", "-c", "--full-history", "--raw", "--no-abbrev", "--no-renames"];
        log.extend([format.as_str(), head.as_str()]);
        log.extend(before.iter().flat_map(|before| ["--not", before.as_str()]));
        log.extend(["--", folder]);
        let said = self.bytes(&log)?;
        let (mut changes, mut added) = (Vec::new(), Vec::new());
        for (commit, found) in entries(&said, head) {
            let seen = format!("commit {}", commit.get(..12).unwrap_or(commit));
            for pair in found.chunks(2) {
                // Modes, blobs and status; the last blob is the commit's own.
                let [facts, path] = pair else { continue };
                let mut words = facts.rsplit(' ');
                let (status, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                changes.push(change(path, status, &seen));
                if status.contains('A') {
                    added.push((*path, blob, seen.clone()));
                }
            }
        }
        let dropped = self.dropped(folder, head, added)?;
        for (against, called) in [(Some(head), "what is checked out"), (base, "the base")] {
            let Some(against) = against else { continue };
            let said =
                self.bytes(&["diff", "-z", "--name-status", "--no-renames", against.as_str(), "--", folder])?;
            let found: Vec<&str> = texts(&said).filter(|part| !part.is_empty()).collect();
            let seen = format!("the tree, beside {called},");
            changes.extend(found.chunks(2).filter_map(|pair| match pair {
                [status, path] => Some(change(path, status, &seen)),
                _ => None,
            }));
        }
        Ok((changes, dropped))
    }

    /// Of what was added, what `head` does not have with the same bytes.
    fn dropped(
        &self,
        folder: &str,
        head: &Commit,
        added: Vec<(&str, &str, String)>,
    ) -> Result<Vec<Dropped>, Failure> {
        let inside = format!("{folder}/");
        let said = self.bytes(&["ls-tree", "-r", "-z", "--full-tree", head.as_str(), "--", &inside])?;
        let there: BTreeSet<(&str, &str)> = texts(&said)
            .filter_map(|line| {
                let (facts, path) = line.split_once('\t')?;
                Some((path, facts.rsplit(' ').next()?))
            })
            .collect();
        let gone = added.into_iter().filter(|(path, blob, _)| !there.contains(&(*path, *blob)));
        gone.take(DROPPED_MAX + 1)
            .map(|(path, blob, seen)| {
                let bytes = self.bytes(&["cat-file", "blob", blob])?;
                Ok(Dropped { file: file_of(path).to_owned(), bytes, seen })
            })
            .collect()
    }

    /// Whether nothing is changed or new but in `ledger`.
    pub(super) fn is_clean(&self, ledger: &str) -> Result<bool, Failure> {
        let but = format!(":(exclude,top,literal){ledger}");
        let said =
            self.bytes(&["status", "--porcelain", "-z", "--untracked-files=all", "--", ":(top)", &but])?;
        Ok(said.is_empty())
    }

    /// Branches of remotes, as far as they were fetched, that have it.
    pub(super) fn remote_branches_with(&self, commit: &Commit) -> Result<Vec<String>, Failure> {
        let contains = format!("--contains={commit}");
        let said =
            self.bytes(&["for-each-ref", &contains, "--format=%(refname:lstrip=2)", "refs/remotes"])?;
        Ok(String::from_utf8_lossy(&said).lines().map(str::to_owned).collect())
    }
}

/// The parts between zero bytes. A name that is no UTF-8 is kept as far as it is.
fn texts(said: &[u8]) -> impl Iterator<Item = &str> {
    said.split(|byte| *byte == 0).map(|part| match std::str::from_utf8(part) {
        Ok(text) => text,
        Err(error) => {
            std::str::from_utf8(part.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
    })
}

/// What `git log -z` says of each commit: its header, which begins with `mark`, and what follows it. The mark is the
/// newest commit's hash, which no file of that history can have in its name.
fn entries<'s>(said: &'s [u8], mark: &Commit) -> Vec<(&'s str, Vec<&'s str>)> {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in texts(said) {
        if let Some(header) = part.strip_prefix(mark.as_str()) {
            entries.push((header, Vec::new()));
        } else if let Some((_, list)) = entries.last_mut() {
            // A line end, or a part of its own in a merge, stands between header and list.
            let is_first = list.is_empty();
            list.push(if is_first { part.strip_prefix('\n').unwrap_or(part) } else { part });
        }
    }
    for (_, list) in &mut entries {
        list.retain(|part| !part.is_empty());
    }
    entries
}

fn facts(header: &str, paths: Vec<&str>) -> Option<CommitFacts> {
    let mut words = header.split(' ');
    let id = words.next()?.parse().ok()?;
    let at = At::from_secs(words.next()?.parse().ok()?);
    let parents = words.filter_map(|parent| parent.parse().ok()).collect();
    let paths = paths.into_iter().map(str::to_owned).collect();
    Some(CommitFacts { id, at, parents, paths, beside: Vec::new() })
}

fn change(path: &str, status: &str, seen: &str) -> RecordChange {
    RecordChange { file: file_of(path).to_owned(), status: status.to_owned(), seen: seen.to_owned() }
}

fn file_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
