//! What finding a trace costs in a large journal: the traffic as requests of a hundred spans, journaled directly with
//! the server's own segments, then looked up and decoded as the server does, cold and warm.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks through it")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, anyhow, ensure};
use intake::record::Kind;
use journal::{Committed, Durability, GroupCommit, Journal, Key, Options, Position, Reader, Record};
use model::{Input, Nanos};
use rustix::fs::{Advice, fadvise};

use crate::counting_disk::{Count, CountingDisk};
use crate::figures::{mebibytes, quantile};
use crate::machine::resident_bytes;
use crate::stamp::Stamper;
use crate::traffic;

const BATCH: usize = 100;
/// As the server has them.
const SEGMENT_BYTES: u64 = 64 << 20;
const FRAME_BYTES_MAX: u32 = 128 << 20;
const QUEUE_RECORDS: usize = 256;
const QUEUE_BYTES: usize = 64 << 20;
/// Of so many requests one trace is remembered, to be looked up.
const REQUESTS_PER_KEY: usize = 97;
const WRITERS: u16 = 2;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) bytes: u64,
    pub(crate) lookups: usize,
}

/// How long each lookup of a kind took, sorted, and what all of them asked of the disk.
struct Row {
    name: &'static str,
    ms: Vec<f64>,
    cost: Count,
    from_disk: u64,
    found: usize,
}

pub(crate) fn measure(scratch: &Path, extent: Extent) -> anyhow::Result<()> {
    let directory = tempfile::tempdir_in(scratch).context("the scratch directory cannot be written")?;
    let dir = directory.path().join("journal");
    let keys = fill(&dir, extent.bytes)?;
    for cold in [true, false] {
        look(&dir, &keys, extent.lookups, cold)?;
    }
    directory.close().context("the scratch directory cannot be removed")
}

fn options(dir: &Path, disk: Arc<CountingDisk>) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes_max: SEGMENT_BYTES,
        frame_bytes_max: FRAME_BYTES_MAX,
        durability: Durability::Buffered,
        keys: intake::record::keys,
        disk,
    }
}

/// Journals until there is as much; some of the traces, in order.
fn fill(dir: &Path, bytes: u64) -> anyhow::Result<Vec<Key>> {
    let begun = Instant::now();
    let (writer, reader, _) = Journal::open(options(dir, Arc::default()))?;
    let (refused, spans) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let keys = Arc::new(Mutex::new(Vec::new()));
    let (is_refused, taken) = (Arc::clone(&refused), Arc::clone(&keys));
    let mut count = 0;
    let sink = move |group: Vec<Committed<Option<Key>>>| {
        for done in group {
            is_refused.fetch_or(done.position.is_err(), Ordering::Relaxed);
            count += 1;
            if let Some(key) = done.tag.filter(|_| count % REQUESTS_PER_KEY == 0) {
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(key);
            }
        }
    };
    let commit = GroupCommit::start(writer, QUEUE_RECORDS, QUEUE_BYTES, sink)?;
    std::thread::scope(|scope| {
        for lane in 0..WRITERS {
            let (commit, reader, spans) = (&commit, &reader, &spans);
            scope.spawn(move || {
                let (bodies, mut stamper) = (traffic::bodies(BATCH), Stamper::new(lane));
                for body in bodies.iter().cycle().take_while(|_| reader.end().0 < bytes) {
                    let now = now();
                    let payload = body.stamped(&mut stamper, now);
                    let kind = Kind::OtlpTracesProtobuf as u8;
                    let mut keys = Vec::new();
                    intake::record::keys(kind, &payload, &mut keys);
                    let key = keys.first().copied();
                    let record = Record { kind, received_ns: now.0, keys, payload };
                    while commit.depth().records + 1 >= QUEUE_RECORDS
                        || commit.depth().bytes > QUEUE_BYTES / 2
                    {
                        std::thread::yield_now();
                    }
                    if commit.submit(record, key).is_ok() {
                        spans.fetch_add(BATCH as u64, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    commit.stop();
    ensure!(!refused.load(Ordering::Relaxed), "the journal could not be written");
    let (stats, spans) = (reader.stats(), spans.load(Ordering::Relaxed));
    println!(
        "{:.1} GiB journaled in {:.0} s: {spans} spans, {:.0} bytes each, {} segments",
        mebibytes(stats.bytes) / 1024.0,
        begun.elapsed().as_secs_f64(),
        stats.bytes as f64 / spans as f64,
        stats.segments
    );
    let keys = std::mem::take(&mut *keys.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(keys)
}

fn look(dir: &Path, keys: &[Key], lookups: usize, cold: bool) -> anyhow::Result<()> {
    let files = files(dir)?;
    forget(&files)?;
    let disk = Arc::new(CountingDisk::default());
    let (begun, resident) = (Instant::now(), resident_bytes(std::process::id())?);
    let (reader, _) = Journal::read(options(dir, Arc::clone(&disk)))?;
    let (took, opening) = (begun.elapsed(), disk.count());
    if cold {
        let stats = reader.stats();
        let grown = resident_bytes(std::process::id())?.saturating_sub(resident);
        println!(
            "opened from a cold disk in {:.0} ms: {} files, {:.0} MiB read; {:.1} MiB of filters, {} postings of the last segment \
             (a process of {:.0} MiB more)",
            took.as_secs_f64() * 1e3,
            opening.opened,
            mebibytes(opening.bytes),
            mebibytes(stats.filter_bytes),
            stats.postings_in_memory,
            mebibytes(grown)
        );
        println!(
            "{:<22} {:>8} {:>8} {:>8}   {:>7} {:>7} {:>9} {:>10}",
            "lookup, ms", "p50", "p99", "max", "opened", "reads", "KiB", "KiB (disk)"
        );
    }
    let (old, new) = (&keys[..keys.len() / 10], &keys[keys.len() - keys.len() / 10..]);
    ensure!(!old.is_empty(), "the journal is too small");
    let spread = |keys: &[Key], count: usize| (0..count).map(|at| keys[at * keys.len() / count]).collect();
    let third = lookups / 3;
    let absent = (0..third as u64).map(Stamper::absent).collect();
    for (name, keys) in [
        ("old", spread(old, third.min(old.len()))),
        ("new", spread(new, third.min(new.len()))),
        ("not there", absent),
    ] {
        let keys: Vec<Key> = keys;
        let row = row(name, &reader, &disk, &keys, cold.then_some(files.as_slice()))?;
        ensure!(row.found == if name == "not there" { 0 } else { keys.len() }, "{} found", row.found);
        row.show(cold);
    }
    Ok(())
}

fn row(
    name: &'static str,
    reader: &Reader,
    disk: &CountingDisk,
    keys: &[Key],
    cold: Option<&[PathBuf]>,
) -> anyhow::Result<Row> {
    let limits = intake::Limits::default();
    let mut row = Row { name, ms: Vec::new(), cost: Count::default(), from_disk: 0, found: 0 };
    for key in keys {
        if let Some(files) = cold {
            forget(files)?;
        }
        let (before, read_before, begun) = (disk.count(), read_from_disk()?, Instant::now());
        let mut spans = 0;
        for entry in reader.lookup(key, Position::MAX)? {
            let context =
                intake::Context { received: Nanos(entry.received_ns), limits: &limits, user_salt: &[7; 16] };
            let input = intake::record::decode_evidence(entry.kind, &entry.payload, &context);
            if let Input::Events(events) = input.map_err(|error| anyhow!("{error}"))? {
                spans += events.iter().filter(|event| event.trace.0 == *key).count();
            }
        }
        row.ms.push(begun.elapsed().as_secs_f64() * 1e3);
        row.from_disk += read_from_disk()? - read_before;
        let after = disk.count();
        row.cost.opened += after.opened - before.opened;
        row.cost.reads += after.reads - before.reads;
        row.cost.bytes += after.bytes - before.bytes;
        row.found += usize::from(spans == traffic::SPANS_PER_TRACE);
    }
    row.ms.sort_by(f64::total_cmp);
    Ok(row)
}

impl Row {
    fn show(&self, cold: bool) {
        let Self { name, ms, cost, from_disk, .. } = self;
        let each = |count: u64| count as f64 / ms.len() as f64;
        let state = if cold { "cold" } else { "warm" };
        println!(
            "{:<22} {:>8.2} {:>8.2} {:>8.2}   {:>7.1} {:>7.1} {:>9.1} {:>10.1}",
            format!("{name}, {state} ({})", ms.len()),
            quantile(ms, 0.5),
            quantile(ms, 0.99),
            quantile(ms, 1.0),
            each(cost.opened),
            each(cost.reads),
            each(cost.bytes) / 1024.0,
            each(*from_disk) / 1024.0
        );
    }
}

fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        File::open(&path)?.sync_all()?;
        found.push(path);
    }
    Ok(found)
}

/// The page cache holds none of them any more.
fn forget(files: &[PathBuf]) -> anyhow::Result<()> {
    files.iter().try_for_each(|path| Ok(fadvise(File::open(path)?, 0, None, Advice::DontNeed)?))
}

/// Bytes that this process had the disk read.
fn read_from_disk() -> anyhow::Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).context("no read_bytes")?;
    Ok(line.parse()?)
}

fn now() -> Nanos {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}
