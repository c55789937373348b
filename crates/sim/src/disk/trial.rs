//! One trial: a story is journaled on a disk that fails, by a client that sends again what was not acknowledged, with
//! losses of power and ends of the process in between. At every start it is seen whether the journal kept its word.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use journal::{Durability, Entry, Journal, Options, Position, Reader, Recovery, Writer};

use super::session::Session;
use super::story::{Story, story};
use super::{SimDisk, Weather};
use crate::Rng;

const BATCH_MAX: u64 = 12;
const LIVES: u64 = 8;
const LOOKUPS: usize = 4;
/// Replaying takes longer than all else. The order and the bytes of what is replayed are compared in every trial.
const TRIALS_PER_REPLAY: u64 = 10;

/// What happened in a trial.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub entries: u64,
    /// Trials whose journal was replayed and said what an undisturbed engine says.
    pub replays: u64,
    /// Writes that were not acknowledged.
    pub refused: u64,
    /// Of those, how many were there after a crash nevertheless.
    pub survived: u64,
    pub power_losses: u64,
    /// Starts that the disk prevented.
    pub failed_starts: u64,
    pub bits_flipped: u64,
    /// Entries that a flipped bit took.
    pub damaged: u64,
}

impl Outcome {
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            replays: self.replays + other.replays,
            refused: self.refused + other.refused,
            survived: self.survived + other.survived,
            power_losses: self.power_losses + other.power_losses,
            failed_starts: self.failed_starts + other.failed_starts,
            bits_flipped: self.bits_flipped + other.bits_flipped,
            damaged: self.damaged + other.damaged,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} entries acknowledged, none lost, none twice; {} replays, all as undisturbed; {} writes refused, {} of them there after a \
             crash; {} losses of power, {} starts prevented; {} bits flipped, {} entries lost to them and counted",
            self.entries,
            self.replays,
            self.refused,
            self.survived,
            self.power_losses,
            self.failed_starts,
            self.bits_flipped,
            self.damaged
        )
    }
}

struct Trial {
    rng: Rng,
    disk: SimDisk,
    story: &'static Story,
    /// What must be there: where, and which record of the story.
    kept: Vec<(Position, usize)>,
    /// How often each record was refused and may be there nevertheless.
    attempted: Vec<u64>,
    next: usize,
    segment_bytes: u64,
    is_replayed: bool,
    rotted: bool,
    /// A start did not get to its end, and what it counted is not known.
    prevented: bool,
    outcome: Outcome,
}

/// Runs a trial.
///
/// # Errors
/// What the journal did that it must not.
pub fn trial(seed: u64) -> Result<Outcome, String> {
    let mut rng = Rng::new(seed);
    let story = story();
    let mut trial = Trial {
        disk: SimDisk::new(rng.word()),
        story,
        kept: Vec::new(),
        attempted: vec![0; story.records.len()],
        next: 0,
        segment_bytes: 4 << 10 << rng.below(5),
        is_replayed: seed.is_multiple_of(TRIALS_PER_REPLAY),
        rotted: false,
        prevented: false,
        outcome: Outcome::default(),
        rng,
    };
    for _ in 0..LIVES {
        trial.live()?;
    }
    trial.disk.set_weather(Weather::default());
    trial.end()
}

impl Trial {
    fn options(&self) -> Options {
        Options {
            dir: PathBuf::from("journal"),
            segment_bytes_max: self.segment_bytes,
            frame_bytes_max: 1 << 20,
            durability: Durability::Durable,
            keys: intake::record::keys,
            disk: Arc::new(self.disk.clone()),
        }
    }

    fn weather(&mut self) -> Weather {
        let rng = &mut self.rng;
        let mut often = |one_in: [u64; 3]| match rng.below(4) {
            0 => Some(one_in[rng.below(3) as usize]),
            _ => None,
        };
        let (writes, flushes, names) = (often([5, 30, 100]), often([3, 10, 50]), often([3, 10, 50]));
        let crash_after = self.rng.chance(3, 4).then(|| self.rng.below(120));
        let room = self.rng.chance(1, 4).then(|| self.disk.used() + self.rng.below(60_000));
        Weather { writes, flushes, names, reads: None, crash_after, room }
    }

    /// From one start to the next.
    fn live(&mut self) -> Result<(), String> {
        let weather = self.weather();
        self.disk.set_weather(Weather { reads: self.rng.chance(1, 6).then_some(40), ..weather });
        match Journal::open(self.options()) {
            Err(_) => {
                self.outcome.failed_starts += 1;
                self.prevented = true;
            }
            Ok((writer, reader, recovery)) => {
                self.prevented |= self.disk.is_down();
                if !self.disk.is_down() {
                    self.disk.set_weather(Weather::default());
                    self.check_start(&reader, &recovery)?;
                    self.disk.set_weather(weather);
                    self.work(writer, &reader)?;
                }
            }
        }
        if self.disk.is_down() || self.rng.chance(1, 2) {
            self.outcome.power_losses += 1;
            self.disk.crash();
        } else {
            self.disk.restart();
        }
        if self.rng.chance(1, 12) && self.disk.rot() {
            self.rotted = true;
            self.outcome.bits_flipped += 1;
        }
        Ok(())
    }

    /// Sends until the power is gone, or for a while.
    fn work(&mut self, writer: Writer, reader: &Reader) -> Result<(), String> {
        let session = Session::start(writer)?;
        for _ in 0..self.rng.below(40) {
            if self.disk.is_down() || self.next == self.story.records.len() {
                break;
            }
            self.send(&session)?;
        }
        if !self.disk.is_down() {
            self.disk.set_weather(Weather::default());
            self.check_running(reader)?;
        }
        session.stop();
        Ok(())
    }

    fn send(&mut self, session: &Session) -> Result<(), String> {
        let end = (self.next + 1 + self.rng.below(BATCH_MAX) as usize).min(self.story.records.len());
        let fates =
            session.commit((self.next..end).map(|number| (self.story.records[number].clone(), number)))?;
        if fates.len() != end - self.next {
            return Err(format!("{} fates for {} records", fates.len(), end - self.next));
        }
        for (number, fate) in fates {
            match fate {
                Ok(position) => {
                    if number != self.next || self.kept.last().is_some_and(|(last, _)| *last >= position) {
                        return Err(format!("record {number} was acknowledged out of turn at {position:?}"));
                    }
                    self.next += 1;
                    self.kept.push((position, number));
                }
                Err(_) => {
                    self.outcome.refused += 1;
                    self.attempted[number] += 1;
                }
            }
        }
        Ok(())
    }

    /// After a start: everything acknowledged is there, in its place, once; and nothing that was never sent.
    fn check_start(&mut self, reader: &Reader, recovery: &Recovery) -> Result<(), String> {
        let entries = read_all(reader)?;
        let kept: std::collections::BTreeMap<Position, usize> = self.kept.drain(..).collect();
        let mut missing = kept.len();
        for entry in &entries {
            let number = match kept.get(&entry.position) {
                Some(number) if is_it(entry, &self.story.records[*number]) => {
                    missing -= 1;
                    *number
                }
                Some(number) => {
                    return Err(format!("record {number} at {:?} is another now", entry.position));
                }
                None => self.survivor(entry)?,
            };
            self.kept.push((entry.position, number));
        }
        let counted = recovery.corrupt_bytes
            + recovery.torn_bytes
            + recovery.missing_bytes
            + reader.stats().corrupt_frames_read;
        if missing > 0 && !self.rotted {
            return Err(format!("{missing} acknowledged records are gone"));
        }
        // What a flipped bit makes of the last frame looks torn, and is cut off by a start that then fails.
        if missing > 0 && counted == 0 && !std::mem::take(&mut self.prevented) {
            return Err(format!("{missing} records were taken by a flipped bit and nothing was counted"));
        }
        self.outcome.damaged += missing as u64;
        self.check_lookups(reader, &entries)
    }

    /// A record that was refused, and is there.
    fn survivor(&mut self, entry: &Entry) -> Result<usize, String> {
        let records = self.story.records.iter().zip(&self.attempted);
        let found =
            records.enumerate().position(|(_, (record, attempts))| *attempts > 0 && is_it(entry, record));
        let number = found.ok_or_else(|| format!("nobody sent what stands at {:?}", entry.position))?;
        self.attempted[number] -= 1;
        self.outcome.survived += 1;
        Ok(number)
    }

    /// While it runs, readers see what was acknowledged and nothing else.
    fn check_running(&self, reader: &Reader) -> Result<(), String> {
        let entries = read_all(reader)?;
        let same = entries.len() == self.kept.len()
            && entries.iter().zip(&self.kept).all(|(entry, (position, number))| {
                entry.position == *position && is_it(entry, &self.story.records[*number])
            });
        match same || self.rotted {
            true => self.check_lookups(reader, &entries),
            false => Err(format!("{} entries are seen, {} were kept", entries.len(), self.kept.len())),
        }
    }

    fn check_lookups(&self, reader: &Reader, entries: &[Entry]) -> Result<(), String> {
        let mut rng = self.rng.clone();
        for _ in 0..LOOKUPS {
            let record = &self.story.records[rng.below(self.story.records.len() as u64) as usize];
            let Some(key) = record.keys.first() else { continue };
            // What was sent says which keys an entry has; reading each one again would be most of a trial.
            let has_key = |entry: &&Entry| {
                let at = self.kept.binary_search_by_key(&entry.position, |(position, _)| *position);
                at.is_ok_and(|at| self.story.records[self.kept[at].1].keys.contains(key))
            };
            let wanted: Vec<&Entry> = entries.iter().filter(has_key).collect();
            let found = reader.lookup(key, reader.end()).map_err(|error| error.to_string())?;
            if !found.iter().eq(wanted.iter().copied()) {
                return Err(format!("a lookup found {} entries, a scan {}", found.len(), wanted.len()));
            }
        }
        Ok(())
    }

    /// On a disk that works again the story is told to its end, and replays.
    fn end(&mut self) -> Result<Outcome, String> {
        let (writer, reader, recovery) = Journal::open(self.options()).map_err(|error| error.to_string())?;
        self.check_start(&reader, &recovery)?;
        let session = Session::start(writer)?;
        while self.next < self.story.records.len() {
            let before = self.next;
            self.send(&session)?;
            if self.next == before {
                return Err("a disk that works again is refused".to_owned());
            }
        }
        session.stop();
        let entries = read_all(&reader)?;
        self.check_running(&reader)?;
        let order: Vec<usize> = self.kept.iter().map(|(_, number)| *number).collect();
        if self.is_replayed {
            self.story.compare(&entries, &order)?;
            self.outcome.replays += 1;
        }
        self.outcome.entries = entries.len() as u64;
        Ok(self.outcome)
    }
}

fn read_all(reader: &Reader) -> Result<Vec<Entry>, String> {
    reader.scan(Position::START).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn is_it(entry: &Entry, record: &journal::Record) -> bool {
    (entry.kind, entry.received_ns, &entry.payload) == (record.kind, record.received_ns, &record.payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_keeps_its_word_and_a_seed_gives_the_same_trial_again() {
        let mut all = Outcome::default();
        for seed in 1..=20 {
            let outcome = trial(seed).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
            if !seed.is_multiple_of(TRIALS_PER_REPLAY) {
                assert_eq!(trial(seed), Ok(outcome), "seed {seed}");
            }
            all = all.and(outcome);
        }
        let seen = [all.refused, all.survived, all.power_losses, all.failed_starts, all.bits_flipped];
        assert!(seen.iter().all(|count| *count > 0), "something never happened: {all:?}");
    }
}
