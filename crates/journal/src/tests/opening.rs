//! Who may open a journal, and what is refused.

use std::fs;

use super::fixture::*;
use crate::{Journal, OpenError, Options, Position, Record};

#[test]
fn one_writer_or_many_readers() {
    let folder = folder();
    let (writer, _reader, _) = open(options(folder.path()));
    assert!(matches!(Journal::open(options(folder.path())), Err(OpenError::Locked { .. })));
    let refused = Journal::read(options(folder.path())).unwrap_err();
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    drop(writer);
    let first = Journal::read(options(folder.path())).unwrap();
    let second = Journal::read(options(folder.path())).unwrap();
    assert!(matches!(Journal::open(options(folder.path())), Err(OpenError::Locked { .. })));
    drop((first, second));
    open(options(folder.path()));
}

#[test]
fn options_out_of_bounds_are_refused() {
    let folder = folder();
    let good = options(folder.path());
    for bad in [
        Options { segment_bytes_max: 1023, ..good.clone() },
        Options { segment_bytes_max: 1 << 41, ..good.clone() },
        Options { frame_bytes_max: 63, ..good.clone() },
        Options { frame_bytes_max: u32::MAX, ..good.clone() },
    ] {
        assert!(matches!(Journal::open(bad.clone()), Err(OpenError::Options(_))));
        assert!(matches!(Journal::read(bad), Err(OpenError::Options(_))));
    }
}

#[test]
fn reading_needs_a_folder_but_no_journal_in_it() {
    let folder = folder();
    assert!(matches!(Journal::read(options(&folder.path().join("absent"))), Err(OpenError::Io { .. })));
    let (reader, recovery) = Journal::read(options(folder.path())).unwrap();
    assert_eq!((recovery.entries, reader.first(), reader.end()), (0, Position(0), Position(0)));
    assert_eq!(read_all(&reader), []);
    assert_eq!(reader.lookup(&[0; 16], Position::MAX).unwrap(), []);
    assert_eq!(files(folder.path()), []);
}

#[test]
fn a_renamed_segment_and_a_newer_format_are_refused_untouched() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    append_all(&mut writer, (0..3).map(|number| record(number, &[1])));
    drop(writer);
    let path = paths(folder.path(), "log").remove(0);
    let renamed = path.with_file_name(crate::segment::file_name(4096));
    fs::rename(&path, &renamed).unwrap();
    let before = files(folder.path());
    assert!(matches!(Journal::open(options(folder.path())), Err(OpenError::Misplaced { base: 0, .. })));
    fs::rename(&renamed, &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 3;
    let crc = crc32c::crc32c(&bytes[..28]).to_le_bytes();
    bytes[28..32].copy_from_slice(&crc);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(Journal::open(options(folder.path())), Err(OpenError::Unsupported { version: 3, .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(before[0].1.len(), bytes.len());
}

#[test]
fn a_segment_of_the_version_before_is_read_and_written_on_under_the_present_one() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let before = append_all(&mut writer, (0..3).map(|number| record(number, &[1])));
    drop(writer);
    let path = paths(folder.path(), "log").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 1;
    let crc = crc32c::crc32c(&bytes[..28]).to_le_bytes();
    bytes[28..32].copy_from_slice(&crc);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(read_all(&Journal::read(options(folder.path())).unwrap().0), before);
    assert_eq!(fs::read(&path).unwrap(), bytes, "only read");
    let (mut writer, reader, recovery) = open(options(folder.path()));
    assert_eq!(recovery.corrupt_frames, 0);
    let repeated = Record { payload: b"\x01\x01again ".repeat(50), ..record(4, &[1]) };
    let after = append_all(&mut writer, [repeated]);
    assert_eq!(fs::read(&path).unwrap()[8], 2, "a program that knows only the first refuses it whole");
    let expected = [before, after].concat();
    assert_eq!(read_all(&reader), expected);
    assert_eq!(reader.lookup(&[1; 16], reader.end()).unwrap(), expected);
}

#[test]
fn a_whole_segment_that_is_missing_is_reported_and_the_rest_read() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..40).map(|number| record(number, &[1])));
    drop(writer);
    let path = paths(folder.path(), "log").remove(1);
    let base = crate::segment::parse_file_name(path.file_name().unwrap().to_str().unwrap(), "log").unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    let (_writer, reader, recovery) = open(options(folder.path()));
    assert_eq!(recovery.missing_bytes, bytes);
    let rest: Vec<_> =
        entries.into_iter().filter(|entry| !(base..base + bytes).contains(&entry.position.0)).collect();
    assert_eq!(read_all(&reader), rest);
    assert_eq!(reader.lookup(&[1; 16], Position::MAX).unwrap(), rest);
}

#[test]
fn bytes_past_the_next_segments_base_are_ignored() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..40).map(|number| record(number, &[1])));
    drop(writer);
    let path = paths(folder.path(), "log").remove(1);
    let base = crate::segment::parse_file_name(path.file_name().unwrap().to_str().unwrap(), "log").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = base + bytes.len() as u64;
    crate::frame::encode(&mut bytes, end, 1, 1, crate::frame::Form::Plain(b"\x01\x01overlapping"));
    fs::write(&path, &bytes).unwrap();
    let (_writer, reader, recovery) = open(options(folder.path()));
    assert_eq!((recovery.missing_bytes, recovery.corrupt_frames), (0, 0));
    assert_eq!(read_all(&reader), entries);
    assert_eq!(reader.lookup(&[1; 16], Position::MAX).unwrap(), entries);
}
