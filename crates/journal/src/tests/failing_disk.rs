//! A disk that refuses: nothing is acknowledged that is not there, and nothing is there twice.

use std::sync::atomic::Ordering;

use super::{failing, fixture::*};
use crate::{AppendError, Durability, Options, Record};

#[test]
fn a_failed_write_is_rolled_back_and_the_next_one_succeeds() {
    for durability in [Durability::Durable, Durability::Buffered] {
        let folder = folder();
        let (options, faults) = failing(Options { durability, ..options(folder.path()) });
        let (mut writer, reader, _) = open(options.clone());
        let before = append_all(&mut writer, [record(1, &[1])]);
        let lost_position = writer.append(&record(2, &[1])).unwrap();
        faults.fail_write();
        assert!(writer.sync().is_err());
        assert_eq!(read_all(&reader), before);
        let bytes = std::fs::metadata(&paths(folder.path(), "log")[0]).unwrap().len();
        assert_eq!(bytes, writer.durable_end().0, "half a group was taken back");
        let after = append_all(&mut writer, [record(3, &[1])]);
        assert_eq!(after[0].position, lost_position);
        let expected = [before, after].concat();
        assert_eq!(read_all(&reader), expected);
        assert_eq!(
            reader.lookup(&[1; 16], reader.end()).unwrap(),
            expected,
            "what was lost left no key behind"
        );
        drop(writer);
        let (_writer, reader, recovery) = open(options);
        assert_eq!(read_all(&reader), expected);
        assert_eq!((recovery.torn_bytes, recovery.corrupt_frames), (0, 0));
    }
}

#[test]
fn after_a_failed_flush_the_next_record_goes_into_a_new_file() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (mut writer, reader, _) = open(options.clone());
    let before = append_all(&mut writer, [record(1, &[1])]);
    let lost = writer.append(&record(2, &[1])).unwrap();
    faults.syncs.store(1, Ordering::SeqCst);
    assert!(writer.sync().unwrap_err().to_string().contains("device error"));
    assert_eq!(read_all(&reader), before, "reading goes on");
    let after = append_all(&mut writer, [record(3, &[1])]);
    assert!(after[0].position > lost, "no flush of the old file is believed any more");
    assert_eq!(paths(folder.path(), "log").len(), 2);
    let expected = [before, after].concat();
    assert_eq!(reader.lookup(&[1; 16], reader.end()).unwrap(), expected);
    drop(writer);
    let (mut writer, reader, recovery) = open(options);
    assert_eq!(read_all(&reader), expected);
    assert_eq!((recovery.torn_bytes, recovery.corrupt_frames, recovery.missing_bytes), (0, 0, 0));
    append_all(&mut writer, [record(4, &[1])]);
}

#[test]
fn what_could_not_be_taken_back_lies_behind_the_end_of_its_segment() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (mut writer, reader, _) = open(options.clone());
    let before = append_all(&mut writer, [record(1, &[1])]);
    writer.append(&record(2, &[1])).unwrap();
    faults.fail_write();
    faults.truncations.store(1, Ordering::SeqCst);
    assert!(writer.sync().is_err());
    let bytes = std::fs::metadata(&paths(folder.path(), "log")[0]).unwrap().len();
    assert!(bytes > writer.durable_end().0, "half a group was left behind");
    assert_eq!(read_all(&reader), before);
    let expected = [before, append_all(&mut writer, [record(3, &[1])])].concat();
    assert_eq!(read_all(&reader), expected);
    drop(writer);
    let (_writer, reader, _) = open(options);
    assert_eq!(read_all(&reader), expected);
}

#[test]
fn a_whole_group_that_could_not_be_taken_back_stays_unseen() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (mut writer, reader, _) = open(options.clone());
    let before = append_all(&mut writer, [record(1, &[1])]);
    writer.append(&record(2, &[1])).unwrap();
    faults.syncs.store(1, Ordering::SeqCst);
    faults.truncations.store(1, Ordering::SeqCst);
    assert!(writer.sync().is_err());
    // Begun and given up more than once.
    faults.creations.store(2, Ordering::SeqCst);
    for _ in 0..2 {
        let error = writer.append(&record(3, &[1])).unwrap_err();
        assert!(error.to_string().contains("no room for a file"), "{error}");
    }
    let expected = [before, append_all(&mut writer, [record(4, &[1])])].concat();
    assert_eq!(read_all(&reader), expected);
    drop(writer);
    let (_writer, reader, recovery) = open(options);
    assert_eq!(read_all(&reader), expected, "the bytes of the failed group are in the file and are not read");
    assert_eq!((recovery.torn_bytes, recovery.corrupt_frames), (0, 0));
}

#[test]
fn a_group_that_fails_in_its_second_segment_is_kept_as_far_as_the_first() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (mut writer, reader, _) = open(options);
    let mut positions = Vec::new();
    while positions.is_empty() || writer.durable_end() <= positions[0] {
        positions.push(writer.append(&record(positions.len() as u64, &[1])).unwrap());
    }
    faults.fail_write();
    assert!(writer.sync().is_err());
    let kept: Vec<_> = read_all(&reader).into_iter().map(|entry| entry.position).collect();
    assert_eq!(kept, positions[..positions.len() - 1]);
    assert!(positions[positions.len() - 1] >= writer.durable_end());
}

#[test]
fn a_group_that_was_partly_written_is_taken_back_whole() {
    let folder = folder();
    let options = Options { segment_bytes_max: 1 << 30, frame_bytes_max: 2 << 20, ..options(folder.path()) };
    let (options, faults) = failing(options);
    let (mut writer, reader, _) = open(options.clone());
    let before = append_all(&mut writer, [record(1, &[1])]);
    // No two bytes alike for long, so that it is not stored shorter.
    let payload = (0..1_u32 << 20).map(|at| (at.wrapping_mul(0x9E37_79B9) >> 13) as u8).collect();
    let large = Record { payload, ..record(2, &[]) };
    // More than the write buffer holds, so that some of it is in the file already.
    for _ in 0..6 {
        writer.append(&large).unwrap();
    }
    faults.fail_write();
    assert!(writer.sync().is_err());
    let bytes = std::fs::metadata(&paths(folder.path(), "log")[0]).unwrap().len();
    assert_eq!(bytes, writer.durable_end().0);
    let expected = [before, append_all(&mut writer, [record(3, &[1])])].concat();
    assert_eq!(read_all(&reader), expected);
    drop(writer);
    let (_writer, reader, recovery) = open(options);
    assert_eq!(read_all(&reader), expected);
    assert_eq!((recovery.torn_bytes, recovery.corrupt_frames), (0, 0));
}

#[test]
fn a_segment_that_cannot_be_begun_is_tried_again_with_the_next_record() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let mut entries = Vec::new();
    while reader.end().0 < 940 {
        entries.extend(append_all(&mut writer, [record(0, &[])]));
    }
    // A folder stands where the next segment's file would.
    let end = reader.end();
    let obstacle = folder.path().join(crate::segment::file_name(end.0));
    std::fs::create_dir(&obstacle).unwrap();
    for _ in 0..2 {
        let failed = writer.append(&record(0, &[]));
        assert!(matches!(failed, Err(AppendError::Write(_))), "{failed:?}");
        assert_eq!((read_all(&reader), writer.durable_end()), (entries.clone(), end));
    }
    std::fs::remove_dir(&obstacle).unwrap();
    entries.extend(append_all(&mut writer, [record(0, &[])]));
    assert_eq!(read_all(&reader), entries);
    drop(writer);
    let (_writer, reader, _) = open(options(folder.path()));
    assert_eq!(read_all(&reader), entries);
}
