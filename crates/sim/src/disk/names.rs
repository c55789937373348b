//! The names of a folder, in memory and on the medium. The file system's own log keeps their changes in order, so a
//! crash leaves the first few of those that were not flushed.

use std::collections::{BTreeMap, VecDeque};

use crate::Rng;

#[derive(Debug, Default)]
pub(super) struct Names {
    now: BTreeMap<String, usize>,
    flushed: BTreeMap<String, usize>,
    /// What was done since the last flush.
    done: VecDeque<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => drop(names.insert(name, inode)),
            Self::Unlink(name) => drop(names.remove(&name)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
        }
    }
}

impl Names {
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.now.get(name).copied()
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.now.keys().cloned().collect()
    }

    pub(super) fn inodes(&self) -> impl Iterator<Item = usize> {
        self.now.values().copied()
    }

    pub(super) fn link(&mut self, name: String, inode: usize) {
        self.change(Change::Link(name, inode));
    }

    pub(super) fn unlink(&mut self, name: &str) {
        self.change(Change::Unlink(name.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &str, to: String) {
        self.change(Change::Rename(from.to_owned(), to));
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.now);
        self.done.push_back(change);
    }

    pub(super) fn flush(&mut self) {
        self.flushed = self.now.clone();
        self.done.clear();
    }

    pub(super) fn crash(&mut self, rng: &mut Rng) {
        let kept = rng.below(self.done.len() as u64 + 1) as usize;
        for change in self.done.drain(..).take(kept) {
            change.apply(&mut self.flushed);
        }
        self.now = self.flushed.clone();
    }
}
