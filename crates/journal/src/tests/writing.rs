//! What a writer accepts, and what readers see of it.

use std::fs;

use super::fixture::*;
use crate::{AppendError, Durability, Options, Position, Record, SEGMENT_KEYS_MAX, frame::HEADER_BYTES};

#[test]
fn nothing_is_seen_before_it_is_synced() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let position = writer.append(&record(1, &[5])).unwrap();
    assert_eq!(reader.end(), writer.durable_end());
    assert!(reader.end() <= position);
    assert_eq!(reader.scan(Position::START).count(), 0);
    assert_eq!(reader.lookup(&[5; 16], Position::MAX).unwrap(), []);
    writer.sync().unwrap();
    assert!(reader.end() > position);
    assert_eq!(reader.scan(Position::START).count(), 1);
    assert_eq!(reader.lookup(&[5; 16], Position::MAX).unwrap().len(), 1);
    assert_eq!(reader.lookup(&[5; 16], position).unwrap(), []);
}

#[test]
fn the_largest_record_fits_and_one_byte_more_is_refused_alone() {
    let folder = folder();
    let options = options(folder.path());
    let (mut writer, reader, _) = open(options.clone());
    let bytes_max = options.payload_bytes_max();
    assert_eq!(bytes_max + HEADER_BYTES, 600);
    let mut large = Record { payload: vec![0; bytes_max], ..record(1, &[]) };
    writer.append(&large).unwrap();
    large.payload.push(0);
    let refused = writer.append(&large);
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes: 601, bytes_max: 600 })), "{refused:?}");
    // The worst payload grows by a third on disk; that does not count.
    large.payload = [0xC5, 0x1A, 0x9E].repeat(bytes_max / 3);
    writer.append(&large).unwrap();
    writer.sync().unwrap();
    assert_eq!(read_all(&reader).len(), 2);
    drop(writer);
    let (_writer, reader, recovery) = open(options);
    assert_eq!((recovery.entries, recovery.corrupt_frames), (2, 0));
    assert_eq!(read_all(&reader)[1].payload, large.payload);
}

#[test]
fn too_many_keys_are_refused() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let record = Record { keys: vec![[0; 16]; SEGMENT_KEYS_MAX + 1], ..record(1, &[]) };
    assert!(matches!(writer.append(&record), Err(AppendError::TooManyKeys { .. })));
}

#[test]
fn frames_larger_than_the_options_allow_read_as_corrupt_and_are_not_cut() {
    let folder = folder();
    let options = options(folder.path());
    let (mut writer, _, _) = open(options.clone());
    let small = append_all(&mut writer, [record(1, &[1])]);
    append_all(&mut writer, [Record { payload: vec![0; 500], ..record(2, &[]) }]);
    drop(writer);
    let lower = Options { frame_bytes_max: 300, ..options.clone() };
    let (writer, reader, recovery) = open(lower);
    assert_eq!((recovery.entries, recovery.corrupt_frames, recovery.torn_bytes), (1, 1, 0));
    assert_eq!(read_all(&reader), small);
    drop(writer);
    assert_eq!(open(options).2.entries, 2, "with the former bound it is there again");
}

#[test]
fn segments_begin_where_the_one_before_ends() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..60).map(|number| record(number, &[1])));
    assert_eq!(read_all(&reader), entries);
    // What is written now has zeros behind it.
    drop(writer);
    let segments = paths(folder.path(), "log");
    assert!(segments.len() >= 5);
    let mut expected = 0;
    for path in segments {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name, format!("{expected:020}.log"));
        let bytes = fs::metadata(&path).unwrap().len();
        assert!(bytes <= 1024);
        expected += bytes;
    }
}

#[test]
fn every_position_is_a_place_to_go_on_from() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..40).map(|number| record(number, &[1])));
    for (index, entry) in entries.iter().enumerate() {
        let at: Vec<_> = reader.scan(entry.position).map(Result::unwrap).collect();
        assert_eq!(at, entries[index..]);
        let after: Vec<_> = reader.scan(entry.position.after()).map(Result::unwrap).collect();
        assert_eq!(after, entries[index + 1..]);
    }
}

#[test]
fn a_group_larger_than_the_write_buffer_is_one_group() {
    let folder = folder();
    let (mut writer, reader, _) = open(Options {
        segment_bytes_max: 1 << 30,
        frame_bytes_max: 2 << 20,
        durability: Durability::Durable,
        ..options(folder.path())
    });
    let big = Record { payload: vec![0; 1 << 20], ..record(1, &[]) };
    for _ in 0..12 {
        writer.append(&big).unwrap();
    }
    assert_eq!(reader.scan(Position::START).count(), 0);
    writer.sync().unwrap();
    assert_eq!(
        reader.scan(Position::START).filter(|entry| entry.as_ref().unwrap().payload == big.payload).count(),
        12
    );
}
