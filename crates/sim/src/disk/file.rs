//! One file as programs see it, in the page cache, and as the medium holds it. Sectors reach the medium whole or not at
//! all, at a flush or before it, in any order.

use std::collections::BTreeSet;
use std::io;

use crate::Rng;

const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Inode {
    cache: Vec<u8>,
    medium: Vec<u8>,
    /// Sectors that the next flush writes. After a failed one the others are taken for clean, whatever the medium holds.
    dirty: BTreeSet<usize>,
}

impl Inode {
    pub(super) fn bytes(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(super) fn read(&mut self, bytes: &mut [u8], offset: u64, rng: &mut Rng) -> io::Result<()> {
        let start = offset as usize;
        let end = start.checked_add(bytes.len()).filter(|end| *end <= self.cache.len());
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        if rng.chance(1, 16) {
            self.evict();
        }
        bytes.copy_from_slice(&self.cache[start..end]);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, rng: &mut Rng) {
        if bytes.is_empty() {
            return;
        }
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[start..end].copy_from_slice(bytes);
        self.dirty.extend(start / SECTOR..=(end - 1) / SECTOR);
        if rng.chance(1, 4) {
            self.write_some_back(rng);
        }
    }

    pub(super) fn set_len(&mut self, bytes: usize) {
        self.cache.resize(bytes, 0);
        self.dirty.retain(|sector| sector * SECTOR < bytes);
        // The sector that was cut is written again, and so is the length.
        self.dirty.insert(bytes / SECTOR);
    }

    pub(super) fn flush(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        self.medium.resize(self.cache.len(), 0);
        dirty.into_iter().for_each(|sector| self.write_back(sector));
    }

    /// Some of it arrives; what did not is forgotten.
    pub(super) fn fail_to_flush(&mut self, rng: &mut Rng) {
        self.write_some_back(rng);
        self.dirty.clear();
    }

    /// Memory is short: what is taken for clean is read from the medium again.
    fn evict(&mut self) {
        for sector in 0..self.cache.len().div_ceil(SECTOR) {
            if self.dirty.contains(&sector) {
                continue;
            }
            let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(self.cache.len()));
            for at in start..end {
                self.cache[at] = self.medium.get(at).copied().unwrap_or(0);
            }
        }
    }

    fn write_some_back(&mut self, rng: &mut Rng) {
        let sectors: Vec<usize> = self.dirty.iter().copied().filter(|_| rng.chance(1, 2)).collect();
        sectors.into_iter().for_each(|sector| self.write_back(sector));
    }

    fn write_back(&mut self, sector: usize) {
        let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(self.cache.len()));
        if start >= end {
            return;
        }
        if self.medium.len() < end {
            self.medium.resize(end, 0);
        }
        self.medium[start..end].copy_from_slice(&self.cache[start..end]);
    }

    pub(super) fn crash(&mut self, rng: &mut Rng) {
        self.write_some_back(rng);
        let (cached, kept) = (self.cache.len(), self.medium.len());
        // A length that was not flushed may be either.
        if cached < kept && self.dirty.contains(&(cached / SECTOR)) && rng.chance(1, 2) {
            self.medium.truncate(cached);
        }
        self.cache = self.medium.clone();
        self.dirty.clear();
    }

    pub(super) fn rot(&mut self, rng: &mut Rng) {
        let at = rng.below(self.cache.len() as u64) as usize;
        let bit = 1 << rng.below(8);
        self.cache[at] ^= bit;
        if let Some(byte) = self.medium.get_mut(at) {
            *byte ^= bit;
        }
    }
}
