//! The journal's committer, held at a gate between groups, so that which records make a group follows from the seed and
//! not from the machine.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use journal::{CommitError, Committed, GroupCommit, Position, Record, Retention, Writer};

/// For what takes no time; longer means that it hangs.
const WAIT_MAX: Duration = Duration::from_secs(60);
const FATES_MAX: usize = 64;

type Fate = (usize, Result<Position, CommitError>);

pub(super) struct Session {
    commit: GroupCommit<usize>,
    fates: Receiver<Fate>,
    at_gate: (SyncSender<()>, Receiver<()>),
    let_go: std::cell::RefCell<Option<SyncSender<()>>>,
}

impl Session {
    pub(super) fn start(writer: Writer) -> Result<Self, String> {
        let (tell, fates) = sync_channel(FATES_MAX);
        let sink = move |group: Vec<Committed<usize>>| {
            group.into_iter().for_each(|done| drop(tell.send((done.tag, done.position))));
        };
        let commit =
            GroupCommit::start(writer, FATES_MAX, 1 << 30, sink).map_err(|error| error.to_string())?;
        let session = Self { commit, fates, at_gate: sync_channel(1), let_go: None.into() };
        session.shut_gate()?;
        session.wait()?;
        Ok(session)
    }

    /// The committer stops behind what was submitted so far. It is a retention that lets go of nothing, for whose answer
    /// the committer waits.
    fn shut_gate(&self) -> Result<Option<SyncSender<()>>, String> {
        let (let_go, gone) = sync_channel(1);
        let at_gate = self.at_gate.0.clone();
        let reply = Box::new(move |_| {
            let _ = at_gate.send(());
            let _ = gone.recv();
        });
        let nothing = Retention { now_ns: 0, age_max: None, bytes_max: None, keep_from: Position::START };
        self.commit.retain(nothing, reply).map_err(|_| "the gate was refused".to_owned())?;
        Ok(self.let_go.replace(Some(let_go)))
    }

    fn wait(&self) -> Result<(), String> {
        self.at_gate.1.recv_timeout(WAIT_MAX).map_err(|_| "the committer hangs".to_owned())
    }

    /// Writes the records as one group; their fates.
    pub(super) fn commit(&self, records: impl Iterator<Item = (Record, usize)>) -> Result<Vec<Fate>, String> {
        for (record, number) in records {
            self.commit.submit(record, number).map_err(|error| error.to_string())?;
        }
        // Dropping the sender of the gate before opens that one.
        drop(self.shut_gate()?);
        self.wait()?;
        Ok(self.fates.try_iter().collect())
    }

    pub(super) fn stop(self) {
        drop(self.let_go.take());
        self.commit.stop();
    }
}
