//! A disk in memory that does no more than a disk must: what was not flushed is lost in a crash, sector by sector and in
//! no order; a failed flush throws bytes away and the next one succeeds; it fills up, fails and rots. All of it follows
//! from a seed. It must never know what is kept on it.

mod file;
mod names;
mod session;
mod story;
mod trial;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use journal::{Disk, DiskFile, Held, LockError};

use crate::Rng;
use file::Inode;
use names::Names;
pub use trial::{Outcome, trial};

/// How often something fails: once in so many operations, or never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub writes: Option<u64>,
    pub flushes: Option<u64>,
    /// Creations, renames, removals, truncations, and the folder's own flushes.
    pub names: Option<u64>,
    pub reads: Option<u64>,
    /// The machine loses its power after so many operations that change something.
    pub crash_after: Option<u64>,
    /// Bytes that fit.
    pub room: Option<u64>,
}

/// The disk; a clone is the same one.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    rng: Rng,
    weather: Weather,
    names: Names,
    inodes: Vec<Inode>,
    /// How often the power came back. Files opened before are of no use any more.
    boots: u64,
    is_down: bool,
}

#[derive(Debug)]
struct OpenFile {
    disk: SimDisk,
    inode: usize,
    boot: u64,
}

#[derive(Debug)]
struct NoLock;

impl Held for NoLock {}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").finish_non_exhaustive()
    }
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::new(seed),
            weather: Weather::default(),
            names: Names::default(),
            inodes: Vec::new(),
            boots: 0,
            is_down: false,
        })))
    }

    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Whether the power is gone.
    pub fn is_down(&self) -> bool {
        self.state().is_down
    }

    /// The power goes, if it has not gone yet, and comes back.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { rng, names, inodes, .. } = &mut *state;
        inodes.iter_mut().for_each(|inode| inode.crash(rng));
        names.crash(rng);
        state.boots += 1;
        state.is_down = false;
        state.weather = Weather::default();
    }

    /// The process ends and the machine goes on: what was written is there.
    pub fn restart(&self) {
        let mut state = self.state();
        state.boots += 1;
        state.is_down = false;
        state.weather = Weather::default();
    }

    /// Flips one bit of what is kept; whether there was any.
    pub fn rot(&self) -> bool {
        let mut state = self.state();
        let State { rng, names, inodes, .. } = &mut *state;
        let kept: Vec<usize> = names.inodes().filter(|inode| inodes[*inode].bytes() > 0).collect();
        if kept.is_empty() {
            return false;
        }
        let chosen = kept[rng.below(kept.len() as u64) as usize];
        inodes[chosen].rot(rng);
        true
    }

    pub fn used(&self) -> u64 {
        self.state().used()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One operation that changes something.
    fn change<T>(&self, what: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        state.come_nearer_to_the_crash()?;
        what(&mut state)
    }

    fn change_names<T>(&self, what: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.change(|state| {
            let often = state.weather.names;
            state.may_fail(often)?;
            what(state)
        })
    }

    fn opened(&self, inode: usize, boot: u64) -> Arc<dyn DiskFile> {
        Arc::new(OpenFile { disk: self.clone(), inode, boot })
    }
}

impl State {
    fn come_nearer_to_the_crash(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.weather.crash_after {
            self.is_down |= *left == 0;
            *left = left.saturating_sub(1);
        }
        self.is_up()
    }

    fn is_up(&self) -> io::Result<()> {
        if self.is_down { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    fn may_fail(&mut self, often: Option<u64>) -> io::Result<()> {
        match often {
            Some(often) if self.rng.chance(1, often) => Err(io::Error::other("device error")),
            _ => Ok(()),
        }
    }

    fn used(&self) -> u64 {
        self.names.inodes().map(|inode| self.inodes[inode].bytes()).sum()
    }

    /// How many more bytes fit.
    fn room(&self) -> u64 {
        self.weather.room.map_or(u64::MAX, |room| room.saturating_sub(self.used()))
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.is_up()?;
        self.names.find(&name(path)).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no room left")
}

impl Disk for SimDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.state().is_up()
    }

    fn names(&self, _dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.is_up()?;
        Ok(state.names.all())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        Ok(self.opened(state.find(path)?, state.boots))
    }

    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.change_names(|state| {
            if state.room() == 0 {
                return Err(full());
            }
            if let Ok(inode) = state.find(path) {
                state.inodes[inode].set_len(0);
                return Ok(self.opened(inode, state.boots));
            }
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.names.link(name(path), inode);
            Ok(self.opened(inode, state.boots))
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(|state| {
            state.find(from)?;
            state.names.rename(&name(from), name(to));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change_names(|state| {
            state.find(path)?;
            state.names.unlink(&name(path));
            Ok(())
        })
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        self.change_names(|state| {
            state.names.flush();
            Ok(())
        })
    }

    fn lock(&self, _dir: &Path, _exclusive: bool) -> Result<Option<Box<dyn Held>>, LockError> {
        Ok(Some(Box::new(NoLock)))
    }

    /// In turn, so that what fails follows from the seed.
    fn may_be_used_at_once(&self) -> bool {
        false
    }
}

impl OpenFile {
    fn change<T>(&self, what: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.disk.change(|state| {
            if state.boots != self.boot {
                return Err(io::Error::other("the power was gone"));
            }
            what(state)
        })
    }
}

impl DiskFile for OpenFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.is_up()?;
        let often = state.weather.reads;
        state.may_fail(often)?;
        let State { rng, inodes, .. } = &mut *state;
        inodes[self.inode].read(bytes, offset, rng)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(|state| {
            let grows = (offset + bytes.len() as u64).saturating_sub(state.inodes[self.inode].bytes());
            let missing = grows.saturating_sub(state.room()) as usize;
            let often = state.weather.writes;
            let failed = state.may_fail(often);
            let State { rng, inodes, .. } = &mut *state;
            let mut fits = bytes.len().saturating_sub(missing);
            if failed.is_err() {
                fits = rng.below(fits as u64 + 1) as usize;
            }
            inodes[self.inode].write(&bytes[..fits], offset, rng);
            if missing > 0 { Err(full()) } else { failed }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(|state| {
            let often = state.weather.flushes;
            let failed = state.may_fail(often);
            let State { rng, inodes, .. } = &mut *state;
            match failed {
                Ok(()) => inodes[self.inode].flush(),
                Err(_) => inodes[self.inode].fail_to_flush(rng),
            }
            failed
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.change(|state| {
            let often = state.weather.names;
            state.may_fail(often)?;
            state.inodes[self.inode].set_len(bytes as usize);
            Ok(())
        })
    }

    fn bytes(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.is_up()?;
        Ok(state.inodes[self.inode].bytes())
    }
}
