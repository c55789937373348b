//! Lets guards look: over the tree with all processors, or over a few files in hand. It decides nothing about what they
//! find.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use register::guard::command::{Command, Said};
use register::guard::{FILE_BYTES_MAX, Guard, Guards, Hit, Looked, is_inside, readable};

use super::progress::Progress;
use super::{process, tree};
use crate::exit::Failure;
use crate::guards::{GUARDS, Loaded, read};

const THREADS_MAX: usize = 16;
/// What is kept for guards that see all files at once.
const KEPT_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Work {
    pub(super) looked: Vec<Looked>,
    /// How many files some guard covers.
    pub(super) files: usize,
    /// Files that are too long to be read.
    pub(super) passed_over: Vec<String>,
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

/// Lets the chosen guards look at a tree: that in which they stand, or one of another time.
pub(super) fn over_tree(loaded: &Loaded, chosen: &[usize], root: &Path) -> Result<Work, Failure> {
    let guards = &loaded.guards;
    let is_looked_at = |path: &str| {
        !guards.is_fixture(path) && !loaded.is_own(path) && covering(guards, chosen, path).next().is_some()
    };
    let paths: Vec<String> = tree::files(root)?.into_iter().filter(|path| is_looked_at(path)).collect();
    // Commands first: they take longest.
    let commands =
        chosen.iter().filter_map(|index| Some(Job::Command(*index, guard(guards, *index)?.command()?)));
    let jobs: Vec<Job<'_>> = commands.chain(paths.iter().map(|path| Job::File(path))).collect();
    let progress = Progress::new(jobs.len());
    let parts = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut part = Part::default();
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    done(*job, loaded, chosen, root, &mut part);
                    progress.step();
                }
                parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(part);
            });
        }
    });
    progress.finish();
    let mut parts = parts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kept: Vec<(String, String)> =
        parts.iter_mut().flat_map(|part| std::mem::take(&mut part.kept)).collect();
    let mut last = Part::default();
    for index in chosen {
        let seeing = guard(guards, *index).filter(|guard| guard.sees_all());
        last.looked.extend(seeing.map(|guard| (*index, seen(guard, &kept, &loaded.file))));
    }
    parts.push(last);
    Ok(together(parts, chosen, paths.len()))
}

/// Lets a guard look at all files that it covers at once.
fn seen(guard: &Guard, files: &[(String, String)], file: &str) -> Result<Vec<Hit>, String> {
    let mut covered: Vec<(&str, &str)> = files
        .iter()
        .filter(|(path, _)| guard.covers(path))
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    covered.sort_unstable();
    if covered.iter().map(|(_, text)| text.len()).sum::<usize>() > KEPT_BYTES_MAX {
        return Err(format!("its files have more than {KEPT_BYTES_MAX} bytes together"));
    }
    Ok(guard.find_in_all(&covered, file))
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

fn done(job: Job<'_>, loaded: &Loaded, chosen: &[usize], root: &Path, part: &mut Part) {
    let guards = &loaded.guards;
    match job {
        Job::Command(index, command) => part.looked.push((index, commanded(command, &loaded.root, root))),
        Job::File(path) => {
            let covering = || covering(guards, chosen, path);
            match read(&tree::place(root, path), FILE_BYTES_MAX) {
                Ok(bytes) => {
                    let Some(text) = readable(&bytes) else { return };
                    part.looked.extend(covering().map(|(index, guard)| (index, Ok(guard.find(path, &text)))));
                    if covering().any(|(_, guard)| guard.sees_all()) {
                        part.kept.push((path.to_owned(), text.into_owned()));
                    }
                }
                Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                    part.passed_over.push(path.to_owned())
                }
                // Whoever should have read it has not looked.
                Err(error) => {
                    let why = format!("{path} cannot be read: {error}");
                    part.looked.extend(covering().map(|(index, _)| (index, Err(why.clone()))));
                }
            }
        }
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
    Work { looked, files, passed_over }
}

/// Starts a command in a tree and reads what it names.
fn commanded(command: &Command, root: &Path, tree_root: &Path) -> Result<Vec<Hit>, String> {
    let finished = process::run(command, root, tree_root);
    let said = Said { ended: finished.ended, stdout: &finished.stdout, stderr: &finished.stderr };
    // Lines of one file mostly follow each other: it is read once for all of them.
    let mut last: Option<(String, Option<String>)> = None;
    let hit = |named: register::guard::command::Named| {
        if last.as_ref().is_none_or(|(path, _)| *path != named.path) {
            let bytes = read(&tree::place(tree_root, &named.path), FILE_BYTES_MAX).ok();
            let text = bytes.as_deref().and_then(readable).map(std::borrow::Cow::into_owned);
            last = Some((named.path.clone(), text));
        }
        named.hit(last.as_ref().and_then(|(_, text)| text.as_deref()))
    };
    Ok(command.told(&said)?.into_iter().map(hit).collect())
}

/// Lets one guard look at files in hand: fixtures, or a tree of another time. A command sees them in a folder of their own.
pub(super) fn over_files(
    guard: &Guard,
    root: &Path,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<Hit>, String> {
    let Some(command) = guard.command() else {
        let covered = files.iter().filter(|(path, _)| guard.covers(path));
        let texts = covered.filter_map(|(path, bytes)| Some((path, readable(bytes)?)));
        if guard.sees_all() {
            let texts: Vec<_> = texts.map(|(path, text)| (path.clone(), text.into_owned())).collect();
            return seen(guard, &texts, GUARDS);
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
    commanded(command, root, folder.path())
}
