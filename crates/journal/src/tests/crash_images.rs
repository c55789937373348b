//! A small journal, cut at every length and with every byte flipped.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::fixture::*;
use crate::{Entry, Journal, Position, Recovery, ZEROS_MAX, frame::HEADER_BYTES, segment};

/// A journal of a few segments, as a crash would leave it, and what is in it.
struct Image {
    files: Vec<(PathBuf, Vec<u8>)>,
    entries: Vec<Entry>,
}

impl Image {
    fn new() -> Self {
        let folder = folder();
        let (mut writer, reader, _) = open(options(folder.path()));
        let entries = append_all(
            &mut writer,
            (0..29).map(|number| record(number, &[number as u8 % 5, 100 + number as u8])),
        );
        assert_eq!(reader.stats().segments, 3);
        drop(writer);
        let files = files(folder.path())
            .into_iter()
            .map(|(path, bytes)| (PathBuf::from(path.file_name().unwrap()), bytes))
            .filter(|(name, _)| name.extension().is_some())
            .collect();
        Self { files, entries }
    }

    fn write(&self, dir: &Path) {
        for (name, bytes) in &self.files {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }

    /// The files that end so, in order.
    fn named(&self, extension: &str) -> Vec<(PathBuf, Vec<u8>)> {
        self.files.iter().filter(|(name, _)| name.extension().unwrap() == extension).cloned().collect()
    }

    /// The places of the entries of a segment in its file, as byte ranges.
    fn frames_of(&self, name: &Path) -> Vec<(std::ops::Range<usize>, Entry)> {
        let base = segment::parse_file_name(name.to_str().unwrap(), "log").unwrap();
        let bytes = self.files.iter().find(|(other, _)| other == name).unwrap().1.len();
        let in_it = |entry: &&Entry| (base..base + bytes as u64).contains(&entry.position.0);
        let frames = self.entries.iter().filter(in_it).map(|entry| {
            let start = usize::try_from(entry.position.0 - base).unwrap();
            (start..start + HEADER_BYTES + entry.payload.len(), entry.clone())
        });
        frames.collect()
    }

    fn without(&self, lost: &[Entry]) -> Vec<Entry> {
        self.entries.iter().filter(|entry| !lost.contains(entry)).cloned().collect()
    }
}

/// Opens the folder to write and checks that exactly `expected` is in it, by scan and by lookup, that a second
/// opening finds nothing torn, and that the journal can be written.
fn check(dir: &Path, expected: &[Entry], context: &str) -> Recovery {
    let before = files(dir);
    let (reader, seen) = Journal::read(options(dir)).expect(context);
    assert_eq!(read_all(&reader), expected, "{context}, read only");
    drop(reader);
    assert_eq!(files(dir), before, "{context}: reading changes nothing");
    let (mut writer, reader, recovery) = Journal::open(options(dir)).expect(context);
    assert_eq!(Recovery { took: seen.took, ..recovery }, seen, "{context}: both see the same");
    assert_eq!(read_all(&reader), expected, "{context}");
    for key in [0, 3, 101, 115, 128] {
        let wanted = with_key(expected, [key; 16], Position::MAX);
        assert_eq!(reader.lookup(&[key; 16], Position::MAX).unwrap(), wanted, "{context}, key {key}");
    }
    let more = append_all(&mut writer, [record(900, &[77])]);
    assert_eq!(reader.scan(reader.end()).count(), 0);
    drop((writer, reader));
    let (_writer, reader, second) = Journal::open(options(dir)).expect(context);
    assert_eq!(second.torn_bytes, 0, "{context}: repaired");
    assert_eq!(read_all(&reader), [expected, &more[..]].concat(), "{context}, opened again");
    recovery
}

#[test]
fn the_last_segment_cut_at_every_length() {
    let image = Image::new();
    let (name, bytes) = image.named("log").pop().unwrap();
    let frames = image.frames_of(&name);
    for length in 0..bytes.len() {
        let folder = folder();
        image.write(folder.path());
        fs::write(folder.path().join(&name), &bytes[..length]).unwrap();
        let lost: Vec<_> =
            frames.iter().filter(|(range, _)| range.end > length).map(|(_, entry)| entry.clone()).collect();
        let good_end = frames.iter().map(|(range, _)| range.end).filter(|end| *end <= length).max();
        let good_end = good_end.unwrap_or(if length < 32 { 0 } else { 32 });
        let recovery = check(folder.path(), &image.without(&lost), &format!("cut at {length}"));
        assert_eq!(recovery.torn_bytes, (length - good_end) as u64, "cut at {length}");
        assert_eq!(recovery.corrupt_frames, 0, "cut at {length}");
    }
}

#[test]
fn every_byte_of_the_last_segment_flipped() {
    let image = Image::new();
    let (name, bytes) = image.named("log").pop().unwrap();
    let frames = image.frames_of(&name);
    for at in 0..bytes.len() {
        let folder = folder();
        image.write(folder.path());
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(folder.path().join(&name), &damaged).unwrap();
        let hit = frames.iter().position(|(range, _)| range.contains(&at));
        let lost: Vec<_> = hit.map(|index| frames[index].1.clone()).into_iter().collect();
        let hit_bytes = hit.map_or(32, |index| frames[index].0.len() as u64);
        let recovery = check(folder.path(), &image.without(&lost), &format!("flipped at {at}"));
        if hit == Some(frames.len() - 1) {
            assert_eq!((recovery.torn_bytes, recovery.corrupt_frames), (hit_bytes, 0), "flipped at {at}");
        } else {
            let found = (recovery.torn_bytes, recovery.corrupt_frames, recovery.corrupt_bytes);
            assert_eq!(found, (0, 1, hit_bytes), "flipped at {at}");
        }
        if at < 32 {
            let (_, _, second) = open(options(folder.path()));
            assert_eq!(second.corrupt_frames, 0, "flipped at {at}: the header was written again");
        }
    }
}

#[test]
fn a_sealed_segment_cut_at_every_length() {
    let image = Image::new();
    let (name, bytes) = image.named("log").swap_remove(1);
    let frames = image.frames_of(&name);
    for length in 0..bytes.len() {
        let folder = folder();
        image.write(folder.path());
        fs::write(folder.path().join(&name), &bytes[..length]).unwrap();
        let lost: Vec<_> =
            frames.iter().filter(|(range, _)| range.end > length).map(|(_, entry)| entry.clone()).collect();
        let recovery = check(folder.path(), &image.without(&lost), &format!("cut at {length}"));
        assert_eq!(recovery.missing_bytes, (bytes.len() - length) as u64, "cut at {length}");
        assert_eq!((recovery.indexes_rebuilt, recovery.torn_bytes), (1, 0), "cut at {length}");
    }
}

#[test]
fn every_byte_of_a_sealed_segment_flipped() {
    let image = Image::new();
    let (name, bytes) = image.named("log").swap_remove(1);
    let frames = image.frames_of(&name);
    for at in 0..bytes.len() {
        for with_index in [true, false] {
            let folder = folder();
            image.write(folder.path());
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(folder.path().join(&name), &damaged).unwrap();
            if !with_index {
                fs::remove_file(folder.path().join(name.with_extension("idx"))).unwrap();
            }
            let hit = frames.iter().find(|(range, _)| range.contains(&at));
            let lost: Vec<_> = hit.map(|(_, entry)| entry.clone()).into_iter().collect();
            let context = format!("flipped at {at}, index {with_index}");
            let recovery = check(folder.path(), &image.without(&lost), &context);
            // With its index in order a sealed segment is not read at the start: damage shows when it is.
            let at_start = !with_index || at < 32;
            assert_eq!(recovery.corrupt_frames, u64::from(at_start), "{context}");
            let (_, reader, _) = open(options(folder.path()));
            let mut scan = reader.scan(Position::START);
            assert!(scan.by_ref().all(|entry| entry.is_ok()));
            assert_eq!(scan.corrupt_frames(), u64::from(hit.is_some()), "{context}");
        }
    }
}

#[test]
fn an_index_file_cut_or_flipped_anywhere_changes_no_answer() {
    let image = Image::new();
    let (name, bytes) = image.named("idx").swap_remove(0);
    let lookups = |dir: &Path, context: &str| {
        let (_writer, reader, recovery) = Journal::open(options(dir)).expect(context);
        for key in [0, 1, 4, 104, 200] {
            let wanted = with_key(&image.entries, [key; 16], Position::MAX);
            assert_eq!(reader.lookup(&[key; 16], Position::MAX).unwrap(), wanted, "{context}, key {key}");
        }
        recovery.indexes_rebuilt + reader.stats().indexes_rebuilt
    };
    let folder = folder();
    image.write(folder.path());
    assert_eq!(lookups(folder.path(), "whole"), 0);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(folder.path().join(&name), &damaged).unwrap();
        assert_eq!(lookups(folder.path(), &format!("flipped at {at}")), 1, "flipped at {at}");
        assert_eq!(fs::read(folder.path().join(&name)).unwrap(), bytes, "rebuilt as it was");
    }
    for length in (0..bytes.len()).step_by(7) {
        fs::write(folder.path().join(&name), &bytes[..length]).unwrap();
        assert_eq!(lookups(folder.path(), &format!("cut at {length}")), 1, "cut at {length}");
    }
}

#[test]
fn zeros_that_were_written_ahead_are_no_torn_write() {
    let (folder, killed) = (folder(), folder());
    let (mut writer, _reader, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..3).map(|number| record(number, &[1])));
    // As the files stand while it runs, so a kill leaves them.
    let path = paths(folder.path(), "log").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let (end, name) = (writer.durable_end().0 as usize, path.file_name().unwrap().to_owned());
    assert!(bytes.len() > end);
    assert!(bytes[end..].iter().all(|byte| *byte == 0));
    let opened = |bytes: &[u8]| {
        fs::write(killed.path().join(&name), bytes).unwrap();
        let (reader, seen) = Journal::read(options(killed.path())).unwrap();
        drop(reader);
        let (mut writer, reader, recovery) = open(options(killed.path()));
        assert_eq!((seen.torn_bytes, seen.corrupt_frames), (recovery.torn_bytes, recovery.corrupt_frames));
        assert_eq!(read_all(&reader), entries);
        let more = append_all(&mut writer, [record(7, &[1])]);
        assert_eq!(read_all(&reader), [entries.clone(), more].concat());
        drop((writer, reader));
        fs::remove_file(killed.path().join(&name)).unwrap();
        recovery.torn_bytes
    };
    assert_eq!(opened(&bytes), 0);
    bytes[end + 9] = 1;
    assert_eq!(opened(&bytes), (bytes.len() - end) as u64, "anything else there is a write that was torn");
    bytes[end + 9] = 0;
    bytes.resize(end + ZEROS_MAX as usize, 0);
    assert_eq!(opened(&bytes), 0);
    bytes.push(0);
    assert_eq!(opened(&bytes), ZEROS_MAX + 1, "and so are more zeros than are ever written ahead");
}
