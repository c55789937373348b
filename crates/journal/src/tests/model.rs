//! Random histories, compared with a vector.

use std::time::Duration;

use proptest::prelude::*;

use super::fixture::*;
use crate::{Durability, Entry, Journal, Position, Reader, Retention, Writer};

#[derive(Clone, Debug)]
enum Step {
    Append { keys: Vec<u8>, hostile: bool },
    Sync,
    Reopen,
    ReadOnly,
    Retain { age_s: Option<u64>, bytes: Option<u64>, keep_from: prop::sample::Index },
    Lookup { key: u8, before: prop::sample::Index },
    Scan { from: prop::sample::Index, offset: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        10 => (prop::collection::vec(0u8..6, 0..4), any::<bool>())
            .prop_map(|(keys, hostile)| Step::Append { keys, hostile }),
        3 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::ReadOnly),
        1 => (prop::option::of(0u64..60), prop::option::of(1000u64..20_000), index())
            .prop_map(|(age_s, bytes, keep_from)| Step::Retain { age_s, bytes, keep_from }),
        3 => (0u8..7, index()).prop_map(|(key, before)| Step::Lookup { key, before }),
        2 => (index(), 0u64..40).prop_map(|(from, offset)| Step::Scan { from, offset }),
    ]
}

/// The journal and what it must hold.
struct History {
    folder: tempfile::TempDir,
    durability: Durability,
    writer: Option<Writer>,
    reader: Reader,
    visible: Vec<Entry>,
    pending: Vec<Entry>,
    now_s: u64,
}

impl History {
    fn new(durability: Durability) -> Self {
        let folder = folder();
        let (writer, reader, _) = open(crate::Options { durability, ..options(folder.path()) });
        let writer = Some(writer);
        Self { folder, durability, writer, reader, visible: Vec::new(), pending: Vec::new(), now_s: 0 }
    }

    fn options(&self) -> crate::Options {
        crate::Options { durability: self.durability, ..options(self.folder.path()) }
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().unwrap()
    }

    fn settle(&mut self) {
        let end = self.writer().durable_end();
        let settled = self.pending.partition_point(|entry| entry.position < end);
        self.visible.extend(self.pending.drain(..settled));
    }

    /// A position at or near an entry.
    fn place(&self, index: prop::sample::Index) -> Position {
        match self.visible.get(index.index(self.visible.len() + 1)) {
            Some(entry) => entry.position,
            None => self.reader.end(),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append { keys, hostile } => self.append(&keys, hostile),
            Step::Sync => {
                self.writer().sync().unwrap();
                self.settle();
                assert_eq!(self.pending, []);
            }
            Step::Reopen => {
                self.writer = None;
                self.pending.clear();
                let (writer, reader, recovery) = open(self.options());
                (self.writer, self.reader) = (Some(writer), reader);
                assert_eq!((recovery.torn_bytes, recovery.corrupt_frames, recovery.missing_bytes), (0, 0, 0));
                assert_eq!(recovery.entries, self.visible.len() as u64);
            }
            Step::ReadOnly => {
                self.writer = None;
                self.pending.clear();
                let (reader, _) = Journal::read(self.options()).unwrap();
                assert_eq!(read_all(&reader), self.visible);
                let wanted = with_key(&self.visible, [2; 16], Position::MAX);
                assert_eq!(reader.lookup(&[2; 16], Position::MAX).unwrap(), wanted);
                drop(reader);
                self.run(Step::Reopen);
            }
            Step::Retain { age_s, bytes, keep_from } => self.retain(age_s, bytes, keep_from),
            Step::Lookup { key, before } => {
                let before = self.place(before);
                let wanted = with_key(&self.visible, [key; 16], before);
                assert_eq!(self.reader.lookup(&[key; 16], before).unwrap(), wanted);
            }
            Step::Scan { from, offset } => {
                let from = Position(self.place(from).0 + offset);
                let wanted: Vec<_> =
                    self.visible.iter().filter(|entry| entry.position >= from).cloned().collect();
                let found: Vec<_> = self.reader.scan(from).map(Result::unwrap).collect();
                assert_eq!(found, wanted);
            }
        }
    }

    fn append(&mut self, keys: &[u8], hostile: bool) {
        self.now_s += 1;
        let mut record = record(self.now_s, keys);
        if hostile {
            record.payload.extend(crate::stuffing::MARK.repeat(3));
        }
        let position = self.writer().append(&record).unwrap();
        let last = self.pending.last().or(self.visible.last());
        assert!(last.is_none_or(|last| last.position < position), "positions ascend");
        self.pending.push(entry(position, &record));
        // A full segment is sealed, and with it what it holds becomes visible.
        self.settle();
    }

    fn retain(&mut self, age_s: Option<u64>, bytes_max: Option<u64>, keep_from: prop::sample::Index) {
        let keep_from = self.place(keep_from);
        let now_ns = self.now_s * 1_000_000_000;
        let age_max = age_s.map(Duration::from_secs);
        let before = self.reader.first();
        let retained = self.writer().retain(&Retention { now_ns, age_max, bytes_max, keep_from }).unwrap();
        assert_eq!(retained.first, self.reader.first());
        assert!(
            retained.first == before || retained.first <= keep_from,
            "nothing at or after keep_from goes"
        );
        let gone = self.visible.partition_point(|entry| entry.position < retained.first);
        assert_eq!(retained.entries_dropped, gone as u64);
        self.visible.drain(..gone);
        if keep_from == self.reader.end() && !retained.over_limit {
            assert!(bytes_max.is_none_or(|max| retained.bytes <= max));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_like_a_vector(
        buffered in any::<bool>(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut history = History::new(if buffered { Durability::Buffered } else { Durability::Durable });
        for step in steps {
            history.run(step);
            assert_eq!(history.reader.stats().entries, history.visible.len() as u64);
        }
        assert_eq!(read_all(&history.reader), history.visible);
    }
}
