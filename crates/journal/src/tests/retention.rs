//! Retention drops whole old segments and nothing that is needed.

use std::time::Duration;

use super::fixture::*;
use crate::{Entry, Position, ReadError, Reader, Retained, Retention, Writer};

const NONE: Retention =
    Retention { now_ns: 60_000_000_000, age_max: None, bytes_max: None, keep_from: Position::MAX };

/// Sixty entries, received one each second.
fn journal(dir: &std::path::Path) -> (Writer, Reader, Vec<Entry>) {
    let (mut writer, reader, _) = open(options(dir));
    let entries = append_all(&mut writer, (0..60).map(|number| record(number, &[1])));
    writer.finish_sealing();
    (writer, reader, entries)
}

fn check(retention: &Retention) -> (Retained, Vec<Entry>, Vec<Entry>) {
    let folder = folder();
    let (mut writer, reader, entries) = journal(folder.path());
    let retained = writer.retain(retention).unwrap();
    let left = read_all(&reader);
    assert_eq!(left, entries[entries.len() - left.len()..], "only old entries go");
    assert_eq!(reader.lookup(&[1; 16], Position::MAX).unwrap(), left);
    assert_eq!((reader.first(), reader.stats().bytes), (retained.first, retained.bytes));
    drop(writer);
    let on_disk: u64 = files(folder.path()).iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert_eq!(on_disk, retained.bytes);
    let (_writer, reader, recovery) = open(options(folder.path()));
    assert_eq!((read_all(&reader), recovery.missing_bytes), (left.clone(), 0));
    (retained, entries, left)
}

#[test]
fn without_limits_nothing_goes() {
    let (retained, entries, left) = check(&NONE);
    assert_eq!((retained.segments_dropped, retained.over_limit), (0, false));
    assert_eq!(left, entries);
}

#[test]
fn by_age_whole_segments_go_whose_last_entry_is_too_old() {
    let (retained, entries, left) = check(&Retention { age_max: Some(Duration::from_secs(30)), ..NONE });
    assert!(retained.segments_dropped > 0);
    assert_eq!(retained.entries_dropped as usize, entries.len() - left.len());
    let young = entries.iter().filter(|entry| entry.received_ns >= 30_000_000_000).count();
    assert!(left.len() >= young && left.len() < young + 12, "{} of {young}", left.len());
}

#[test]
fn by_size_the_oldest_go_until_the_rest_fits() {
    let (retained, _, left) = check(&Retention { bytes_max: Some(20_000), ..NONE });
    assert!(retained.bytes <= 20_000 && retained.segments_dropped > 0 && !retained.over_limit);
    assert!(!left.is_empty());
}

#[test]
fn the_segment_being_written_stays_however_small_the_limit() {
    let (retained, _, left) = check(&Retention { bytes_max: Some(1), age_max: Some(Duration::ZERO), ..NONE });
    assert!(retained.over_limit && !left.is_empty());
}

#[test]
fn nothing_at_or_after_keep_from_goes() {
    let folder = folder();
    let (_, _, entries) = journal(folder.path());
    for index in (0..entries.len()).step_by(5) {
        let keep_from = entries[index].position;
        let (retained, _, left) = check(&Retention { bytes_max: Some(1), keep_from, ..NONE });
        assert!(retained.first <= keep_from);
        assert!(left.len() >= entries.len() - index);
        assert!(retained.over_limit);
    }
}

#[test]
fn a_scan_under_way_says_that_its_next_segment_is_gone() {
    let folder = folder();
    let (mut writer, reader, entries) = journal(folder.path());
    let mut scan = reader.scan(Position::START);
    assert_eq!(scan.next().unwrap().unwrap(), entries[0]);
    let first = writer.retain(&Retention { bytes_max: Some(1), ..NONE }).unwrap().first;
    let rest: Vec<_> = scan.collect();
    let (last, open_segment) = rest.split_last().unwrap();
    assert!(open_segment.iter().all(Result::is_ok), "the segment that was open is read to its end");
    assert!(matches!(last, Err(ReadError::Gone { first: found, .. }) if *found == first), "{last:?}");
    assert_eq!(reader.scan(Position::START).next().unwrap().unwrap().position, read_all(&reader)[0].position);
}
