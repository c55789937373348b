//! A disk that refuses: nothing is acknowledged that is not there, and nothing is there twice.

use std::sync::atomic::Ordering;

use super::fixture::*;
use crate::{AppendError, Durability, Options, Record, Recovery, WriteError};

#[test]
fn a_failed_write_is_rolled_back_and_the_next_one_succeeds() {
    for durability in [Durability::Durable, Durability::Buffered] {
        let folder = folder();
        let options = Options { durability, ..options(folder.path()) };
        let (mut writer, reader, _) = open(options.clone());
        let before = append_all(&mut writer, [record(1, &[1])]);
        let lost_position = writer.append(&record(2, &[1])).unwrap();
        writer.file.faults.fail_write();
        assert!(matches!(writer.sync(), Err(WriteError::Failed(_))));
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
fn after_a_failed_flush_the_writer_refuses_until_reopened() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let before = append_all(&mut writer, [record(1, &[1])]);
    writer.append(&record(2, &[1])).unwrap();
    writer.file.faults.syncs.store(1, Ordering::SeqCst);
    assert!(matches!(writer.sync(), Err(WriteError::Refused(_))));
    assert!(writer.refusal().unwrap().contains("device error"));
    let refused = writer.append(&record(3, &[1]));
    assert!(matches!(refused, Err(AppendError::Write(WriteError::Refused(_)))));
    assert!(matches!(writer.sync(), Err(WriteError::Refused(_))));
    assert_eq!(read_all(&reader), before, "reading goes on");
    drop(writer);
    let (mut writer, reader, Recovery { entries, .. }) = open(options(folder.path()));
    assert_eq!((entries, read_all(&reader)), (1, before));
    append_all(&mut writer, [record(4, &[1])]);
}

#[test]
fn a_write_that_cannot_be_rolled_back_ends_the_writer() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let before = append_all(&mut writer, [record(1, &[1])]);
    writer.append(&record(2, &[1])).unwrap();
    writer.file.faults.fail_write();
    writer.file.faults.truncations.store(1, Ordering::SeqCst);
    assert!(matches!(writer.sync(), Err(WriteError::Refused(_))));
    assert!(matches!(writer.append(&record(3, &[1])), Err(AppendError::Write(WriteError::Refused(_)))));
    assert_eq!(read_all(&reader), before);
    drop(writer);
    let (_writer, reader, recovery) = open(options(folder.path()));
    assert!(recovery.torn_bytes > 0, "half a frame was left behind");
    assert_eq!(read_all(&reader), before);
}

#[test]
fn a_group_that_fails_in_its_second_segment_is_kept_as_far_as_the_first() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let mut positions = Vec::new();
    while positions.is_empty() || writer.durable_end() <= positions[0] {
        positions.push(writer.append(&record(positions.len() as u64, &[1])).unwrap());
    }
    writer.file.faults.fail_write();
    assert!(writer.sync().is_err());
    let kept: Vec<_> = read_all(&reader).into_iter().map(|entry| entry.position).collect();
    assert_eq!(kept, positions[..positions.len() - 1]);
    assert!(positions[positions.len() - 1] >= writer.durable_end());
}

#[test]
fn a_group_that_was_partly_written_is_taken_back_whole() {
    let folder = folder();
    let options = Options { segment_bytes_max: 1 << 30, frame_bytes_max: 2 << 20, ..options(folder.path()) };
    let (mut writer, reader, _) = open(options.clone());
    let before = append_all(&mut writer, [record(1, &[1])]);
    let large = Record { payload: vec![0; 1 << 20], ..record(2, &[]) };
    // More than the write buffer holds, so that some of it is in the file already.
    for _ in 0..6 {
        writer.append(&large).unwrap();
    }
    writer.file.faults.fail_write();
    assert!(matches!(writer.sync(), Err(WriteError::Failed(_))));
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
fn a_segment_that_cannot_be_begun_leaves_the_one_before_in_use() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let mut entries = Vec::new();
    while reader.end().0 < 940 {
        entries.extend(append_all(&mut writer, [record(0, &[])]));
    }
    // A folder stands where the next segment's file would.
    let obstacle = folder.path().join(crate::segment::file_name(reader.end().0));
    std::fs::create_dir(&obstacle).unwrap();
    let failed = writer.append(&record(0, &[]));
    assert!(matches!(failed, Err(AppendError::Write(_))), "{failed:?}");
    assert_eq!(read_all(&reader), entries);
    std::fs::remove_dir(&obstacle).unwrap();
    drop(writer);
    let (mut writer, reader, _) = open(options(folder.path()));
    entries.extend(append_all(&mut writer, [record(0, &[])]));
    assert_eq!(read_all(&reader), entries);
}
