//! The ledger's folder: reading all of it, judging it with the facts of Git, and adding one record. It knows no rule.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use register::review::{
    At, Commit, Fault, History, Judged, Name, PLAN_BYTES_MAX, RECORD_BYTES_MAX, RECORDS_MAX, Record, Refusal,
    SecretKey, Step, begins, dropped, file_name, judge, plan, rewritten, sealed, signers_differ,
};

use super::keys;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::git::Git;
use crate::output;

const DEFAULT: &str = "doc/review";
const RECORDS: &str = "records";
/// All records are held at a time.
const LEDGER_BYTES_MAX: usize = 256 << 20;

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The folder of the ledger; doc/review of the repository if it is not given
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

/// Where, and as whom.
#[derive(Debug, Args)]
pub(super) struct Signing {
    #[command(flatten)]
    place: Place,
    /// The file with your private key, which `casebook review key new` made
    #[arg(long, value_name = "FILE", env = "CASEBOOK_REVIEW_KEY", hide_env_values = true)]
    key: PathBuf,
}

/// A ledger as it was read at one moment.
pub(super) struct Ledger {
    pub(super) git: Git,
    pub(super) head: Commit,
    pub(super) now: At,
    pub(super) history: History,
    pub(super) judged: Judged,
    /// From the root of the repository.
    pub(super) inside: String,
    dir: PathBuf,
    begins: Option<Commit>,
    /// Of all records together.
    bytes: usize,
}

/// Who signs what will be added to it.
pub(super) struct Pen {
    pub(super) ledger: Ledger,
    pub(super) by: Name,
    pub(super) key: SecretKey,
}

impl Place {
    pub(super) fn read(&self) -> Result<Ledger, Failure> {
        let git = Git::around(self.ledger.as_deref().filter(|dir| dir.is_dir()).unwrap_or(Path::new(".")))?;
        let dir = self.ledger.clone().unwrap_or_else(|| git.root.join(DEFAULT));
        let inside = inside(&git, &dir)?;
        let folder = dir.join(RECORDS);
        if fs::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
            return Err(wrong(&folder, &"it is no folder of the repository"));
        }
        let files = records(&folder)?;
        let head = git.commit("HEAD")?;
        let begins = begins(&files);
        // A first commit that is gone is no boundary; what names it will be told.
        let known = begins.clone().filter(|first| git.has(first));
        let mut commits = git.history(&head, known.as_ref())?;
        let folder = format!("{inside}/");
        for commit in &mut commits {
            let beside = commit.beside.iter_mut();
            for paths in beside.chain([&mut commit.paths]) {
                paths.retain(|path| !path.starts_with(&folder));
            }
        }
        let history = History::new(head.clone(), commits);
        let now = At::from_secs(server::now().as_secs());
        let bytes = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let judged = judge(files, &history, now);
        Ok(Ledger { git, head, now, history, judged, inside, dir, begins: known, bytes })
    }
}

impl Ledger {
    /// All that speaks against it, beside `base` too.
    pub(super) fn faults(&self, base: Option<&Commit>) -> Result<Vec<Fault>, Failure> {
        let mut faults = self.judged.faults.clone();
        // A ledger without a record may be one that was taken away.
        let folder = format!("{}/{RECORDS}", self.inside);
        let (changes, left_out) = self.git.changes(&folder, &self.head, self.begins.as_ref(), base)?;
        faults.extend(rewritten(&changes));
        // What a commit took out is told already.
        let is_told = |fault: &Fault| faults.iter().any(|told| told.file == fault.file);
        let untold: Vec<Fault> =
            dropped(&self.judged, &left_out).into_iter().filter(|fault| !is_told(fault)).collect();
        faults.extend(untold);
        if let Some(recorded) = self.judged.state.plan() {
            faults.extend(signers_differ(&self.plan()?, recorded));
        }
        faults.sort();
        faults.dedup();
        Ok(faults)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What plan.toml and signers.toml say.
    pub(super) fn plan(&self) -> Result<register::review::Plan, Failure> {
        let [gates, signers] = ["plan.toml", "signers.toml"]
            .map(|name| self.file(name))
            .map(|path| own(&path).and_then(|()| text(&path)));
        plan(&gates?, &signers?).map_err(|why| {
            Failure::new(Exit::Usage, escape::line(&format!("{}/{why}", self.inside)).into_owned())
        })
    }
}

impl Signing {
    /// Reads the ledger, to which nothing is added while something speaks against it.
    pub(super) fn open(&self) -> Result<Pen, Failure> {
        let (by, key) = keys::read(&self.key)?;
        let ledger = self.place.read()?;
        let mut faults = ledger.judged.faults.iter();
        match faults.next() {
            None => Ok(Pen { ledger, by, key }),
            Some(fault) => {
                let told = format!("the ledger does not hold: {}: {}", fault.file, fault.reason);
                let told = escape::line(&told).into_owned();
                Err(Failure::new(Exit::Server, format!("{told}\n    see casebook review verify")))
            }
        }
    }
}

impl Pen {
    /// About what is checked out.
    pub(super) fn write(self, step: Step) -> Result<Exit, Failure> {
        let commit = self.ledger.head.clone();
        self.write_on(commit, step)
    }

    pub(super) fn write_on(mut self, commit: Commit, step: Step) -> Result<Exit, Failure> {
        let ledger = &mut self.ledger;
        let record = Record {
            seq: ledger.judged.state.seq().saturating_add(1),
            prev: ledger.judged.last.clone(),
            at: ledger.now,
            by: self.by,
            commit,
            head: ledger.head.clone(),
            step,
        };
        ledger.judged.state.apply(&record, &ledger.history).map_err(|refusal| refused(&refusal))?;
        let is_theirs = ledger.judged.state.plan().is_some_and(|plan| {
            plan.signers.iter().any(|signer| signer.name == record.by && signer.key == self.key.public())
        });
        if !is_theirs {
            let why = format!("the key is not the one that signers.toml has for {}", record.by);
            return Err(Failure::new(Exit::Usage, why));
        }
        let name = file_name(record.seq);
        let path = ledger.dir.join(RECORDS).join(&name);
        let bytes = sealed(&record, &self.key).map_err(|refusal| refused(&refusal))?;
        if ledger.bytes.saturating_add(bytes.len()) > LEDGER_BYTES_MAX {
            return Err(wrong(&path, &full()));
        }
        add(&path, &bytes).map_err(|error| wrong(&path, &error))?;
        let (step, by) = (record.step.name().replace('_', " "), &record.by);
        output::text(&format!(
            "{}/{RECORDS}/{name}: {step} by {by}; commit it\n",
            escape::line(&ledger.inside)
        ))
    }
}

fn refused(refusal: &Refusal) -> Failure {
    let reason = escape::line(&refusal.reason);
    let (id, mend) = (refusal.ground.id(), refusal.ground.mend());
    Failure::new(Exit::Server, format!("refused: {reason} [{id}]\n    mend: {mend}"))
}

fn full() -> String {
    format!("the records of a ledger have at most {LEDGER_BYTES_MAX} bytes together")
}

/// The folder as Git names it: whoever is not in a repository has no history to rest on.
fn inside(git: &Git, dir: &Path) -> Result<String, Failure> {
    let outside = || {
        let told = format!("{}: there is no such folder in the repository", dir.display());
        let how = "begin a ledger with plan.toml and signers.toml in doc/review: see casebook review key new --help";
        Failure::new(Exit::Usage, format!("{}\n    {how}", escape::line(&told)))
    };
    let dir = dir.canonicalize().ok().filter(|dir| dir.is_dir()).ok_or_else(outside)?;
    let root = git.root.canonicalize().map_err(|_| outside())?;
    let inside = dir.strip_prefix(root).ok().and_then(Path::to_str).filter(|inside| !inside.is_empty());
    inside.map(str::to_owned).ok_or_else(outside)
}

/// All files of the folder; none where there is no folder yet.
fn records(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| wrong(dir, &error))?,
    };
    let (mut files, mut held) = (Vec::new(), 0_usize);
    // One more shows that there are too many.
    for entry in entries.take(RECORDS_MAX + 1) {
        let entry = entry.map_err(|error| wrong(dir, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A pipe would be waited for; a link leads elsewhere.
        let is_file = entry.file_type().map_err(|error| wrong(dir, &error))?.is_file();
        let bytes = if is_file { read(&entry.path(), RECORD_BYTES_MAX)? } else { Vec::new() };
        held = held.saturating_add(bytes.len());
        if held > LEDGER_BYTES_MAX {
            return Err(wrong(dir, &full()));
        }
        files.push((name, bytes));
    }
    Ok(files)
}

/// A byte more than there may be shows that there are too many.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| wrong(path, &error))?;
    Ok(bytes)
}

/// A link would lead out of what Git keeps: others would not read what is read here.
pub(super) fn own(path: &Path) -> Result<(), Failure> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let why = "it is a link, and what it leads to is no part of the ledger; put the file itself there";
    if is_link { Err(wrong(path, &why)) } else { Ok(()) }
}

/// A file that people write.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    if !fs::metadata(path).map_err(|error| wrong(path, &error))?.is_file() {
        return Err(wrong(path, &"it is no file"));
    }
    String::from_utf8(read(path, PLAN_BYTES_MAX)?).map_err(|_| wrong(path, &"it is no UTF-8"))
}

/// Whoever was faster has written another record.
fn add(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, escape::line(&format!("{}: {why}", path.display())).into_owned())
}
