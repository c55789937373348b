//! Group commit: order, durability, bounds, failure.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
    mpsc,
};

use super::{failing, fixture::*};
use crate::{
    CommitError, Committed, Depth, Durability, GroupCommit, Options, Position, Record, Retention, SubmitError,
};

/// Thread, number, and what was submitted.
type Tag = (u64, u64, Record);

#[test]
fn the_sink_is_called_in_journal_order_with_many_threads_submitting() {
    let folder = folder();
    let options = Options { segment_bytes_max: 16 << 10, ..options(folder.path()) };
    let (options, faults) = failing(options);
    let (writer, reader, _) = open(options.clone());
    let committed: Arc<Mutex<Vec<(Position, Tag)>>> = Arc::default();
    let sink = {
        let (committed, reader) = (committed.clone(), reader.clone());
        move |group: Vec<Committed<Tag>>| {
            for done in group {
                let position = done.position.unwrap();
                assert!(position < reader.end(), "it is durable and visible before anyone is told");
                assert_eq!(done.received_ns, done.tag.2.received_ns);
                committed.lock().unwrap().push((position, done.tag));
            }
        }
    };
    let commit = GroupCommit::start(writer, 64, 1 << 20, sink).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let commit = &commit;
            scope.spawn(move || {
                for number in 0..500 {
                    let record = record(number, &[thread as u8]);
                    while commit.submit(record.clone(), (thread, number, record.clone())).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
    commit.stop();
    let committed = std::mem::take(&mut *committed.lock().unwrap());
    assert_eq!(committed.len(), 4000);
    assert!(committed.is_sorted_by(|a, b| a.0 < b.0));
    for thread in 0..8 {
        let numbers: Vec<_> =
            committed.iter().filter(|(_, tag)| tag.0 == thread).map(|(_, tag)| tag.1).collect();
        assert!(numbers.into_iter().eq(0..500), "thread {thread} is in its own order");
    }
    let expected: Vec<_> = committed.iter().map(|(position, tag)| entry(*position, &tag.2)).collect();
    assert_eq!(read_all(&reader), expected);
    assert!(faults.flushes.load(Ordering::SeqCst) <= 4000);
    let (_writer, reader, _) = open(options);
    assert_eq!(read_all(&reader), expected, "and after a restart");
}

/// A committer whose sink waits, for each record, until it is let go.
struct Gate {
    commit: GroupCommit<u32>,
    let_go: mpsc::SyncSender<()>,
    fates: mpsc::Receiver<(u32, Result<Position, CommitError>)>,
}

impl Gate {
    /// Waits until the sink holds the first record.
    fn first_is_durable(&self) {
        let (tag, fate) = self.fates.recv().unwrap();
        assert!(tag == 0 && fate.is_ok(), "{fate:?}");
    }
}

fn gated(writer: crate::Writer, records: usize, bytes: usize) -> Gate {
    let (let_go, wait) = mpsc::sync_channel(1000);
    let (tell, fates) = mpsc::sync_channel(1000);
    let sink = move |group: Vec<Committed<u32>>| {
        for done in group {
            tell.send((done.tag, done.position)).unwrap();
            let _ = wait.recv();
        }
    };
    Gate { commit: GroupCommit::start(writer, records, bytes, sink).unwrap(), let_go, fates }
}

#[test]
fn one_flush_serves_all_who_wait() {
    let folder = folder();
    let (options, faults) = failing(Options { segment_bytes_max: 1 << 20, ..options(folder.path()) });
    let (writer, _, _) = open(options);
    let flushed = faults.flushes.load(Ordering::SeqCst);
    let gate = gated(writer, 1000, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    assert_eq!(gate.fates.recv().unwrap().0, 0);
    for tag in 1..=100 {
        gate.commit.submit(record(1, &[]), tag).unwrap();
    }
    (0..101).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
    assert!(gate.fates.iter().map(|(tag, _)| tag).eq(1..=100));
    assert_eq!(faults.flushes.load(Ordering::SeqCst) - flushed, 2);
}

#[test]
fn the_queue_is_bounded_in_records_and_in_bytes_and_never_waits() {
    let folder = folder();
    let (writer, _, _) = open(options(folder.path()));
    let gate = gated(writer, 3, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    (1..=3).for_each(|tag| gate.commit.submit(record(0, &[]), tag).unwrap());
    assert_eq!(gate.commit.submit(record(0, &[]), 4), Err(SubmitError::Full(4)));
    assert_eq!(gate.commit.depth().records, 3);
    (0..4).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
    assert_eq!(gate.commit.depth(), Depth::default());
    assert_eq!(gate.commit.submit(record(0, &[]), 5), Err(SubmitError::Closed(5)));

    let (writer, _, _) = open(options(folder.path()));
    let gate = gated(writer, 100, 300);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    let accepted = (1..100).take_while(|tag| gate.commit.submit(record(0, &[]), *tag).is_ok()).count();
    assert_eq!(accepted, 2, "each counts 41 bytes of payload and 64 more");
    (0..3).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
}

#[test]
fn what_was_packed_waits_in_that_form_alone() {
    let folder = folder();
    let options = Options { frame_bytes_max: 1 << 20, segment_bytes_max: 1 << 20, ..options(folder.path()) };
    let (writer, reader, _) = open(options);
    let gate = gated(writer, 100, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    let repeats = Record { payload: b"\0http.request.method".repeat(1_000), ..record(1, &[]) };
    gate.commit.submit(repeats.clone(), 1).unwrap();
    let waiting = gate.commit.depth().bytes;
    (0..2).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
    assert!(waiting < repeats.payload.len() / 50, "{waiting} bytes wait");
    assert_eq!(gate.commit.depth(), Depth::default());
    assert_eq!(read_all(&reader)[1].payload, repeats.payload);
}

#[test]
fn a_record_larger_than_the_queue_is_taken_when_nothing_waits() {
    let folder = folder();
    let (writer, _, _) = open(options(folder.path()));
    let gate = gated(writer, 10, 1);
    gate.commit.submit(record(0, &[]), 7).unwrap();
    assert!(gate.fates.recv().unwrap().1.is_ok());
    gate.let_go.send(()).unwrap();
    gate.commit.stop();
}

#[test]
fn an_unacceptable_record_fails_alone() {
    let folder = folder();
    let (writer, reader, _) = open(options(folder.path()));
    let gate = gated(writer, 10, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    gate.commit.submit(record(1, &[]), 1).unwrap();
    gate.commit.submit(Record { payload: vec![0; 4000], ..record(2, &[]) }, 2).unwrap();
    gate.commit.submit(record(3, &[]), 3).unwrap();
    (0..4).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
    let fates: Vec<_> = gate.fates.iter().map(|(_, fate)| fate).collect();
    assert!(fates[0].is_ok() && fates[2].is_ok());
    assert!(matches!(&fates[1], Err(CommitError::Unacceptable(text)) if text.contains("4028")), "{fates:?}");
    assert_eq!(read_all(&reader).len(), 3);
}

#[test]
fn a_failed_write_fails_its_group_and_no_other() {
    for durability in [Durability::Durable, Durability::Buffered] {
        let folder = folder();
        let (options, faults) = failing(Options { durability, ..options(folder.path()) });
        let (writer, reader, _) = open(options);
        let gate = gated(writer, 100, 1 << 20);
        gate.commit.submit(record(0, &[]), 0).unwrap();
        gate.first_is_durable();
        faults.fail_write();
        (1..=3).for_each(|tag| gate.commit.submit(record(1, &[]), tag).unwrap());
        gate.let_go.send(()).unwrap();
        assert!(matches!(gate.fates.recv().unwrap(), (1, Err(CommitError::NotWritten(_)))));
        gate.commit.submit(record(4, &[]), 4).unwrap();
        (0..5).for_each(|_| gate.let_go.send(()).unwrap());
        gate.commit.stop();
        let fates: Vec<_> = gate.fates.iter().map(|(tag, fate)| (tag, fate.is_ok())).collect();
        assert_eq!(fates, [(2, false), (3, false), (4, true)]);
        assert_eq!(gate.commit.failure(), None);
        let kept: Vec<_> =
            read_all(&reader).into_iter().map(|entry| entry.received_ns / 1_000_000_000).collect();
        assert_eq!(kept, [0, 4]);
    }
}

#[test]
fn after_a_failed_flush_the_committer_says_why_until_a_group_is_written_again() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (writer, reader, _) = open(options);
    let gate = gated(writer, 100, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    assert_eq!(gate.commit.trouble(), None);
    // The group's flush, that of the cut, and that of the next segment's beginning.
    faults.syncs.store(3, Ordering::SeqCst);
    for tag in 1..=2 {
        gate.commit.submit(record(1, &[]), tag).unwrap();
        gate.let_go.send(()).unwrap();
        assert!(matches!(gate.fates.recv().unwrap(), (_, Err(CommitError::NotWritten(_)))));
        assert!(gate.commit.trouble().unwrap().contains("device error"));
    }
    gate.commit.submit(record(3, &[]), 3).unwrap();
    gate.let_go.send(()).unwrap();
    assert!(gate.fates.recv().unwrap().1.is_ok());
    assert_eq!(gate.commit.trouble(), None);
    gate.let_go.send(()).unwrap();
    gate.commit.stop();
    assert_eq!(gate.commit.failure(), None);
    assert_eq!(read_all(&reader).len(), 2);
}

#[test]
fn a_group_across_segments_that_fails_is_acknowledged_as_far_as_it_is_durable() {
    let folder = folder();
    let (options, faults) = failing(options(folder.path()));
    let (writer, reader, _) = open(options);
    let gate = gated(writer, 100, 1 << 20);
    gate.commit.submit(record(0, &[]), 0).unwrap();
    gate.first_is_durable();
    (1..=20).for_each(|tag| gate.commit.submit(record(1, &[]), tag).unwrap());
    // The flushes that seal the first segment and begin the second succeed, the group's own fails.
    faults.fail_sync_after(2);
    (0..21).for_each(|_| gate.let_go.send(()).unwrap());
    gate.commit.stop();
    let fates: Vec<_> = gate.fates.iter().map(|(_, fate)| fate).collect();
    let durable: Vec<_> = fates.iter().filter_map(|fate| fate.as_ref().ok()).copied().collect();
    assert!(!durable.is_empty() && durable.len() < 20, "{} durable", durable.len());
    assert!(fates[durable.len()..].iter().all(Result::is_err));
    let read: Vec<_> = read_all(&reader).into_iter().map(|entry| entry.position).skip(1).collect();
    assert_eq!(read, durable, "told and kept are the same");
}

#[test]
fn retention_runs_between_groups_on_the_committers_thread() {
    let folder = folder();
    let (writer, reader, _) = open(options(folder.path()));
    let commit = GroupCommit::start(writer, 1000, 1 << 20, |_: Vec<Committed<()>>| {}).unwrap();
    (0..60).for_each(|number| commit.submit(record(number, &[]), ()).unwrap());
    let (tell, outcome) = mpsc::sync_channel(1000);
    let retention = Retention { now_ns: 0, age_max: None, bytes_max: Some(1), keep_from: Position::MAX };
    let reply = Box::new(move |retained| tell.send(retained).unwrap());
    assert!(commit.retain(retention, reply).is_ok());
    let retained = outcome.recv().unwrap().unwrap();
    assert!(retained.segments_dropped > 0);
    commit.stop();
    assert_eq!(read_all(&reader).len() as u64, 60 - retained.entries_dropped);
}

#[test]
fn a_sink_that_panics_closes_the_committer() {
    let folder = folder();
    let (writer, _, _) = open(options(folder.path()));
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let commit = GroupCommit::start(writer, 10, 1 << 20, move |_: Vec<Committed<()>>| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("the sink's own fault");
    })
    .unwrap();
    commit.submit(record(0, &[]), ()).unwrap();
    commit.stop();
    assert_eq!(commit.submit(record(0, &[]), ()), Err(SubmitError::Closed(())));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(commit.failure().unwrap().contains("panicked"));
    open(options(folder.path()));
}
