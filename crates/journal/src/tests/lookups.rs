//! Lookups read little, and find what is there whatever became of the indexes.

use std::fs;

use super::fixture::*;
use crate::{
    Durability, Journal, LOOKUP_ENTRIES_MAX, Options, Position, Record, Retention,
    memory_index::MemoryIndex,
    segment::Tally,
    sidecar::{self, Sidecar},
};

#[test]
fn a_lookup_reads_only_the_frames_with_its_key_and_only_their_segments() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..200).map(|number| record(number, &[number as u8])));
    writer.finish_sealing();
    assert!(reader.stats().segments > 15);
    for key in 0..200 {
        let found = reader.lookup(&[key; 16], Position::MAX).unwrap();
        assert_eq!(found, with_key(&entries, [key; 16], Position::MAX));
    }
    let stats = reader.stats();
    assert_eq!((stats.lookups, stats.lookup_frames_read, stats.lookup_segments_read), (200, 200, 200));
    assert_eq!(stats.indexes_rebuilt, 0);
    assert!(stats.lookup_indexes_opened < 220, "filters are asked in memory: {stats:?}");
    assert_eq!(stats.filter_bytes, (stats.segments - 1) * 64);
    drop(writer);
    let (mut writer, reader, _) = open(options(folder.path()));
    assert_eq!(reader.stats().filter_bytes, stats.filter_bytes, "a start reads them");
    let all = Retention { now_ns: 0, age_max: None, bytes_max: Some(1), keep_from: Position::MAX };
    writer.retain(&all).unwrap();
    assert_eq!(reader.stats().filter_bytes, 0);
}

#[test]
fn a_key_named_twice_in_a_record_is_one_posting() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, [record(1, &[7, 8, 7, 7])]);
    assert_eq!(reader.stats().postings_in_memory, 2);
    assert_eq!(reader.lookup(&[7; 16], Position::MAX).unwrap(), entries);
}

#[test]
fn a_lookup_gives_the_earliest_entries_up_to_its_bound_and_says_so() {
    let folder = folder();
    let (mut writer, reader, _) =
        open(Options { durability: Durability::Buffered, ..options(folder.path()) });
    let entries =
        append_all(&mut writer, (0..LOOKUP_ENTRIES_MAX as u64 + 40).map(|number| record(number, &[9])));
    let found = reader.lookup(&[9; 16], Position::MAX).unwrap();
    assert_eq!(found, entries[..LOOKUP_ENTRIES_MAX]);
    assert_eq!(reader.stats().lookups_cut, 1);
    let before = entries[LOOKUP_ENTRIES_MAX].position;
    assert_eq!(reader.lookup(&[9; 16], before).unwrap().len(), LOOKUP_ENTRIES_MAX);
    assert_eq!(reader.stats().lookups_cut, 1, "with nothing left out it is not cut");
}

#[test]
fn one_entry_too_many_in_an_index_file_is_noticed() {
    let folder = folder();
    let segment_bytes_max = 200 << 10;
    let (mut writer, reader, _) = open(Options { segment_bytes_max, ..options(folder.path()) });
    let entries = append_all(&mut writer, (0..=LOOKUP_ENTRIES_MAX as u64).map(|number| record(number, &[9])));
    while reader.stats().segments == 1 {
        append_all(&mut writer, [record(0, &[])]);
    }
    writer.finish_sealing();
    assert_eq!(reader.lookup(&[9; 16], Position::MAX).unwrap(), entries[..LOOKUP_ENTRIES_MAX]);
    assert_eq!(reader.stats().lookups_cut, 1);
}

#[test]
fn missing_indexes_are_rebuilt_at_the_start_and_by_lookups() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..60).map(|number| record(number, &[number as u8 % 7])));
    drop(writer);
    let indexes = paths(folder.path(), "idx");
    let whole: Vec<_> = indexes.iter().map(|path| fs::read(path).unwrap()).collect();
    indexes.iter().for_each(|path| fs::remove_file(path).unwrap());
    let wanted = with_key(&entries, [3; 16], Position::MAX);

    let (reader, recovery) = Journal::read(options(folder.path())).unwrap();
    assert_eq!(recovery.indexes_rebuilt, indexes.len() as u64);
    assert_eq!(reader.lookup(&[3; 16], Position::MAX).unwrap(), wanted);
    assert_eq!(paths(folder.path(), "idx"), [""; 0].map(std::path::PathBuf::from), "reading writes nothing");
    drop(reader);

    let (_writer, reader, recovery) = open(options(folder.path()));
    assert_eq!(recovery.indexes_rebuilt, indexes.len() as u64);
    let rebuilt: Vec<_> = indexes.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(rebuilt, whole);
    fs::remove_file(&indexes[1]).unwrap();
    assert_eq!(reader.lookup(&[3; 16], Position::MAX).unwrap(), wanted);
    assert_eq!(reader.stats().indexes_rebuilt, 1);
    assert_eq!(fs::read(&indexes[1]).unwrap(), whole[1]);
}

#[test]
fn index_files_without_a_sealed_segment_and_unfinished_ones_are_removed() {
    let folder = folder();
    drop(open(options(folder.path())));
    for name in
        ["00000000000000000000.idx", "00000000000000000512.idx", "00000000000000000512.tmp", "notes.txt"]
    {
        fs::write(folder.path().join(name), b"x").unwrap();
    }
    drop(open(options(folder.path())));
    let names: Vec<_> = files(folder.path()).into_iter().map(|(path, _)| path).collect();
    let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["00000000000000000000.log", "lock", "notes.txt"]);
}

#[test]
fn an_index_of_many_pages_answers_for_every_key() {
    let folder = folder();
    let path = folder.path().join("00000000000000000000.idx");
    let key = |number: u64| {
        let mut key = [0; 16];
        key[8..].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        key
    };
    let mut index = MemoryIndex::default();
    for number in 0..3000 {
        index.insert(key(number), number * 10);
        if number % 3 == 0 {
            index.insert([1; 16], number * 10);
        }
    }
    let (bytes, _) = sidecar::write(&crate::RealDisk, &path, 0, 99_999, &Tally::default(), &index).unwrap();
    assert_eq!(bytes, fs::metadata(&path).unwrap().len());
    let file = Sidecar::open(&crate::RealDisk, &path, 0, 99_999).unwrap();
    for number in 0..3000 {
        assert_eq!(file.positions(0, &key(number), u64::MAX, 5).unwrap(), [number * 10]);
        assert_eq!(file.positions(0, &key(number), number * 10, 5).unwrap(), [0; 0]);
        assert_eq!(file.positions(0, &key(number + 5000), u64::MAX, 5).unwrap(), [0; 0]);
    }
    let common = file.positions(0, &[1; 16], 20_000, usize::MAX).unwrap();
    assert_eq!(
        common,
        (0..2000).filter(|number| number % 3 == 0).map(|number| number * 10).collect::<Vec<_>>()
    );
    assert_eq!(file.positions(0, &[1; 16], u64::MAX, 700).unwrap().len(), 700);
    assert!(Sidecar::open(&crate::RealDisk, &path, 1, 99_999).is_err());
    assert!(Sidecar::open(&crate::RealDisk, &path, 0, 99_998).is_err());
}

#[test]
fn a_segment_is_sealed_when_it_has_too_many_keys() {
    let folder = folder();
    let (mut writer, reader, _) = open(Options { segment_bytes_max: 1 << 30, ..options(folder.path()) });
    let keys =
        (0..1u32 << 19).map(|number| std::array::from_fn(|index| number.to_le_bytes()[index % 4])).collect();
    let many = Record { keys, ..record(1, &[]) };
    for expected in [1, 1, 2] {
        append_all(&mut writer, [many.clone()]);
        assert_eq!(reader.stats().segments, expected);
    }
    assert_eq!(reader.lookup(&many.keys[77], Position::MAX).unwrap().len(), 3);
}
