//! Damage of any shape, and payloads made to look like frames.

use std::{fs, os::unix::fs::FileExt};

use proptest::prelude::*;

use super::fixture::*;
use crate::{Options, Position, Record, SCAN_BUFFER_BYTES, frame, frame::HEADER_BYTES, stuffing::MARK};

/// A payload that holds whole valid frames, each made for exactly the position where it will stand.
fn forgery(position: u64) -> Record {
    let mut payload = vec![0; 5];
    for number in 0..4 {
        let at = position + (HEADER_BYTES + payload.len()) as u64;
        frame::encode(&mut payload, at, 66, number, frame::Form::Plain(b"\0forged"));
    }
    Record { kind: 1, received_ns: 9, keys: Vec::new(), payload }
}

#[test]
fn frames_inside_a_payload_are_never_taken_for_frames() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let first = append_all(&mut writer, [record(1, &[1])]);
    let forged = append_all(&mut writer, [forgery(reader.end().0)]);
    let last = append_all(&mut writer, [record(2, &[1])]);
    assert_eq!(
        read_all(&reader),
        [&first[..], &forged, &last].concat(),
        "undamaged, it comes back as it was"
    );
    drop((writer, reader));
    let path = paths(folder.path(), "log").remove(0);
    let bytes = fs::read(&path).unwrap();
    let start = usize::try_from(forged[0].position.0).unwrap();
    for at in start..start + HEADER_BYTES {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let (_writer, reader, recovery) = open(options(folder.path()));
        assert_eq!(read_all(&reader), [&first[..], &last].concat(), "damaged at {at}");
        assert_eq!((recovery.corrupt_frames, recovery.torn_bytes), (1, 0));
    }
}

#[test]
fn a_scan_from_inside_a_hostile_payload_begins_at_the_next_frame() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    append_all(&mut writer, [forgery(reader.end().0)]);
    let last = append_all(&mut writer, [record(2, &[1])]);
    for from in 33..=last[0].position.0 {
        let found: Vec<_> = reader.scan(Position(from)).map(Result::unwrap).collect();
        assert_eq!(found, last, "from {from}");
    }
    assert_eq!(reader.stats().corrupt_frames_read, 0, "nothing is damaged");
}

#[test]
fn the_next_frame_is_found_wherever_its_mark_falls_in_the_read_buffer() {
    let folder = folder();
    let options = Options { segment_bytes_max: 1 << 30, frame_bytes_max: 1 << 20, ..options(folder.path()) };
    for distance in SCAN_BUFFER_BYTES - 40..SCAN_BUFFER_BYTES + 8 {
        let (mut writer, reader, _) = open(options.clone());
        // After the damage at its first byte, the search begins at its second.
        let payload = vec![7; distance + 1 - HEADER_BYTES];
        let long = append_all(&mut writer, [Record { payload, ..record(1, &[]) }]);
        let last = append_all(&mut writer, [record(2, &[1])]);
        let path = paths(folder.path(), "log").remove(0);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"?", long[0].position.0).unwrap();
        assert_eq!(read_all(&reader), last, "distance {distance}");
        drop(writer);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_mark_made_by_damage_does_not_hide_the_frame_right_behind_it() {
    let folder = folder();
    let (mut writer, reader, _) = open(options(folder.path()));
    let hit = append_all(&mut writer, [record(1, &[1])]);
    let last = append_all(&mut writer, [record(2, &[1])]);
    let path = paths(folder.path(), "log").remove(0);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"?", hit[0].position.0).unwrap();
    for distance in MARK.len() as u64..20 {
        file.write_all_at(&MARK, last[0].position.0 - distance).unwrap();
        assert_eq!(read_all(&reader), last, "distance {distance}");
    }
}

#[test]
fn a_long_tail_of_zeros_is_torn_and_a_file_of_junk_is_kept() {
    let folder = folder();
    let (mut writer, _, _) = open(options(folder.path()));
    let entries = append_all(&mut writer, (0..3).map(|number| record(number, &[1])));
    drop(writer);
    let path = paths(folder.path(), "log").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.resize(bytes.len() + 5_000_000, 0);
    fs::write(&path, &bytes).unwrap();
    let (writer, reader, recovery) = open(options(folder.path()));
    assert_eq!((recovery.torn_bytes, recovery.corrupt_frames), (5_000_000, 0));
    assert_eq!(read_all(&reader), entries);
    drop(writer);

    fs::write(&path, [b'x'; 3000]).unwrap();
    let (mut writer, reader, recovery) = open(options(folder.path()));
    assert_eq!((recovery.torn_bytes, recovery.corrupt_frames, recovery.entries), (0, 2, 0));
    assert_eq!(fs::read(&path).unwrap(), [b'x'; 3000], "what was never ours is not cut");
    let more = append_all(&mut writer, [record(5, &[1])]);
    assert_eq!(read_all(&reader), more);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is overwritten, exactly the entries without a damaged byte are read, and nothing else.
    #[test]
    fn only_the_frames_that_were_hit_are_lost(
        hits in prop::collection::vec((0usize..2000, prop::collection::vec(any::<u8>(), 1..40), any::<bool>()), 1..6),
    ) {
        let folder = folder();
        let mut options = options(folder.path());
        options.segment_bytes_max = 1 << 20;
        let (mut writer, _, _) = open(options.clone());
        let entries = append_all(&mut writer, (0..24).map(|number| record(number, &[number as u8 % 3])));
        drop(writer);
        let path = paths(folder.path(), "log").remove(0);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        for (at, bytes, with_marks) in hits {
            let bytes = if with_marks { MARK.repeat(4) } else { bytes };
            let at = at % damaged.len();
            let end = (at + bytes.len()).min(damaged.len());
            damaged[at..end].copy_from_slice(&bytes[..end - at]);
        }
        fs::write(&path, &damaged).unwrap();
        let intact = |entry: &&crate::Entry| {
            let start = usize::try_from(entry.position.0).unwrap();
            let range = start..start + HEADER_BYTES + entry.payload.len();
            whole[range.clone()] == damaged[range]
        };
        let expected: Vec<_> = entries.iter().filter(intact).cloned().collect();
        prop_assume!(!expected.is_empty());
        let (_writer, reader, recovery) = open(options);
        prop_assert_eq!(read_all(&reader), expected);
        prop_assert_eq!(recovery.torn_bytes + recovery.corrupt_bytes > 0, whole != damaged);
    }
}
