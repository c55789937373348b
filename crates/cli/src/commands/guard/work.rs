//! Lets guards look: over the tree with all processors, or over a few files in hand. It decides nothing about what they
//! find.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use register::guard::command::{self, Command, Said};
use register::guard::{FILE_BYTES_MAX, Guard, Guards, Hit, Looked, is_inside, readable};

use super::progress::Progress;
use super::{process, tree};
use crate::exit::Failure;
use crate::guards::{GUARDS, Loaded, read};

const THREADS_MAX: usize = 16;
/// What is kept for guards that see all files at once.
const KEPT_BYTES_MAX: usize = 256 * 1024 * 1024;
const BLIND: &str = "no file matches its paths: mend them, or say awaits_files = true while there is none";

#[derive(Debug)]
pub(super) struct Work {
    pub(super) looked: Vec<Looked>,
    /// How many files some guard covers.
    pub(super) files: usize,
    /// Files that are too long to be read: their guards have not looked.
    pub(super) passed_over: Vec<String>,
    /// Guards that need files and have none.
    blind: Vec<usize>,
}

impl Work {
    /// A guard that has no file to look into has not run: its paths are misspelt, or what it watched has moved. Of a tree of
    /// another time that is not asked.
    pub(super) fn with_blind(mut self) -> Self {
        for (index, found) in &mut self.looked {
            if self.blind.contains(index) {
                *found = Err(BLIND.to_owned());
            }
        }
        self
    }
}

#[derive(Debug, Clone, Copy)]
enum Job<'j> {
    Command(usize, &'j Command),
    File(&'j str),
}

#[derive(Debug, Default)]
struct Part {
    looked: Vec<Looked>,
    passed_over: Vec<String>,
    /// Files for guards that see all of them at once.
    kept: Vec<(String, String)>,
}

/// What is kept so far by all threads together.
#[derive(Debug)]
struct Kept {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Kept {
    /// Whether there is room for so much more.
    fn take(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.bytes_max
    }
}

/// Lets the chosen guards look at a tree: that in which they stand, or one of another time.
pub(super) fn over_tree(loaded: &Loaded, chosen: &[usize], root: &Path) -> Result<Work, Failure> {
    within(loaded, chosen, root, KEPT_BYTES_MAX)
}

fn within(loaded: &Loaded, chosen: &[usize], root: &Path, kept_bytes_max: usize) -> Result<Work, Failure> {
    let guards = &loaded.guards;
    let is_looked_at = |path: &str| {
        !guards.is_fixture(path) && !loaded.is_own(path) && covering(guards, chosen, path).next().is_some()
    };
    let files = if root == loaded.root { tree::files(root) } else { tree::all(root) };
    let paths: Vec<String> = files?.into_iter().filter(|path| is_looked_at(path)).collect();
    // Commands first: they take longest.
    let commands =
        chosen.iter().filter_map(|index| Some(Job::Command(*index, guard(guards, *index)?.command()?)));
    let jobs: Vec<Job<'_>> = commands.chain(paths.iter().map(|path| Job::File(path))).collect();
    let progress = Progress::new(jobs.len());
    let kept = Kept { bytes: AtomicUsize::new(0), bytes_max: kept_bytes_max };
    let parts = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut part = Part::default();
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    done(*job, (loaded, chosen, root), &kept, &mut part);
                    progress.step();
                }
                parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(part);
            });
        }
    });
    progress.finish();
    let mut parts = parts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let texts: Vec<(String, String)> =
        parts.iter_mut().flat_map(|part| std::mem::take(&mut part.kept)).collect();
    let mut last = Part::default();
    for index in chosen {
        let seeing = guard(guards, *index).filter(|guard| guard.sees_all());
        last.looked.extend(seeing.map(|guard| (*index, Ok(seen(guard, &texts, &loaded.file)))));
    }
    parts.push(last);
    let is_blind = |index: &&usize| {
        guard(guards, **index)
            .is_some_and(|guard| guard.needs_files() && !paths.iter().any(|path| guard.looks_into(path)))
    };
    let blind = chosen.iter().filter(is_blind).copied().collect();
    Ok(Work { blind, ..together(parts, chosen, paths.len()) })
}

/// Lets a guard look at all files that it covers at once.
fn seen(guard: &Guard, files: &[(String, String)], file: &str) -> Vec<Hit> {
    let mut covered: Vec<(&str, &str)> = files
        .iter()
        .filter(|(path, _)| guard.covers(path))
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    covered.sort_unstable();
    guard.find_in_all(&covered, file)
}

fn guard(guards: &Guards, index: usize) -> Option<&Guard> {
    guards.guards.get(index)
}

/// Those of the chosen guards that look into the file.
fn covering<'g>(
    guards: &'g Guards,
    chosen: &'g [usize],
    path: &'g str,
) -> impl Iterator<Item = (usize, &'g Guard)> + 'g {
    let all = chosen.iter().filter_map(move |index| Some((*index, guard(guards, *index)?)));
    all.filter(move |(_, guard)| guard.covers(path))
}

fn done(job: Job<'_>, on: (&Loaded, &[usize], &Path), kept: &Kept, part: &mut Part) {
    let (loaded, chosen, root) = on;
    let guards = &loaded.guards;
    let path = match job {
        Job::Command(index, command) => {
            let is_part = |path: &str| !guards.is_fixture(path) && !loaded.is_own(path);
            part.looked.push((index, commanded(command, &loaded.root, root, is_part)));
            return;
        }
        Job::File(path) => path,
    };
    let covering = || covering(guards, chosen, path);
    // Whoever should have read it has not looked.
    let unread = |why: String, part: &mut Part| {
        part.looked.extend(covering().map(|(index, _)| (index, Err(why.clone()))));
    };
    match read(&tree::place(root, path), FILE_BYTES_MAX) {
        Ok(bytes) => {
            let text = readable(&bytes);
            part.looked.extend(covering().map(|(index, guard)| (index, Ok(guard.find(path, &text)))));
            let seeing = || covering().filter(|(_, guard)| guard.sees_all());
            if seeing().next().is_none() {
                return;
            }
            if kept.take(text.len()) {
                part.kept.push((path.to_owned(), text.into_owned()));
            } else {
                let why =
                    format!("the files of such guards have more than {} bytes together", kept.bytes_max);
                part.looked.extend(seeing().map(|(index, _)| (index, Err(why.clone()))));
            }
        }
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            part.passed_over.push(path.to_owned());
            unread(format!("{path} is too long: {error}; exclude it, or make it shorter"), part);
        }
        Err(error) => unread(format!("{path} cannot be read: {error}"), part),
    }
}

/// One entry a guard, whoever did which part of it.
fn together(parts: Vec<Part>, chosen: &[usize], files: usize) -> Work {
    let mut looked: Vec<Looked> = chosen.iter().map(|index| (*index, Ok(Vec::new()))).collect();
    let mut passed_over = Vec::new();
    for part in parts {
        passed_over.extend(part.passed_over);
        for (index, found) in part.looked {
            let Some((_, so_far)) = looked.iter_mut().find(|(known, _)| *known == index) else { continue };
            match (so_far.as_mut(), found) {
                (Ok(hits), Ok(more)) => hits.extend(more),
                (Ok(_), Err(why)) => *so_far = Err(why),
                // Of several reasons the same is told each time, whatever the order of threads.
                (Err(known), Err(why)) if why < *known => *so_far = Err(why),
                (Err(_), _) => {}
            }
        }
    }
    passed_over.sort_unstable();
    Work { looked, files, passed_over, blind: Vec::new() }
}

/// Starts a command in a tree and reads what it names there. What is no part of the tree for other guards is none for it.
fn commanded(
    command: &Command,
    root: &Path,
    tree_root: &Path,
    is_part: impl Fn(&str) -> bool,
) -> Result<Vec<Hit>, String> {
    let finished = process::run(command, root, tree_root);
    let said = Said { ended: finished.ended, stdout: &finished.stdout, stderr: &finished.stderr };
    let mut named = command.told(&said)?;
    named.retain(|named| is_part(&named.path));
    Ok(command::hits(named, |path| {
        let bytes = read(&tree::place(tree_root, path), FILE_BYTES_MAX).ok()?;
        Some(readable(&bytes).into_owned())
    }))
}

/// Lets one guard look at files in hand: fixtures, or a tree of another time. A command sees them in a folder of their own.
pub(super) fn over_files(
    guard: &Guard,
    root: &Path,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<Hit>, String> {
    let Some(command) = guard.command() else {
        let covered = files.iter().filter(|(path, _)| guard.covers(path));
        let texts = covered.map(|(path, bytes)| (path, readable(bytes)));
        if guard.sees_all() {
            let texts: Vec<_> = texts.map(|(path, text)| (path.clone(), text.into_owned())).collect();
            return Ok(seen(guard, &texts, GUARDS));
        }
        return Ok(texts.flat_map(|(path, text)| guard.find(path, &text)).collect());
    };
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for its files: {error}"))?;
    for (path, bytes) in files.iter().filter(|(path, _)| is_inside(path)) {
        let place = tree::place(folder.path(), path);
        let parent = place.parent().unwrap_or(folder.path());
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&place, bytes));
        written.map_err(|error| format!("{path} cannot be written: {error}"))?;
    }
    commanded(command, root, folder.path(), |_| true)
}

#[cfg(test)]
mod tests {
    use register::guard::baseline::Baseline;

    use super::*;

    /// Guards that see all files are told when there is too much to keep, before it is kept.
    #[test]
    fn what_is_kept_has_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["a.rs", "b.rs"] {
            std::fs::write(root.join(name), "// rca: x\n#[test]\nfn f() {}\n").unwrap();
        }
        let text = "[[guard]]\nid = \"a\"\nrule = \"a\"\nkind = \"test-tag\"\nmode = \"block\"\nmessage = \"x\"\n\
                    mend = \"y\"\npaths = [\"**\"]\nrca = \"x\"\n";
        let (guards, _) = register::guard::read(text.as_bytes());
        let file = "guards.toml".to_owned();
        let loaded = Loaded { root: root.clone(), file, guards, baseline: Baseline::default() };
        for (bytes_max, expected) in [
            (60, Ok(Vec::new())),
            (50, Err("the files of such guards have more than 50 bytes together".to_owned())),
        ] {
            let work = within(&loaded, &[0], &root, bytes_max).unwrap();
            assert_eq!(work.looked, [(0, expected)]);
        }
    }
}
