//! A gate: a wait that stands inside a command, where whoever orders units does not see it.

use std::time::Duration;

use super::{Endpoint, Name};
use crate::Place;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    pub at: Place,
    pub wait: Wait,
    pub holds: Holds,
    /// Which of the unit's commands waits: one timeout counts for all gates of one command.
    pub command: usize,
    pub budget: Budget,
    pub end: End,
}

/// What has to happen for the gate to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A good answer: of a URL behind a proxy, from what stands behind it.
    Answer(Endpoint),
    /// Any answer, or a connection: whoever listens first is enough, a proxy that answers 502 too.
    Connect(Endpoint),
    /// The unit is up: `systemctl is-active` in a loop.
    Active(Name),
    /// `systemctl start`: returns when the other's start is over, at once if it is up.
    Start(Name),
    /// `systemctl restart`: takes the other down first, so that it never returns at once.
    Restart(Name),
}

/// Which milestones of its own unit come after the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Before anything ran.
    ServeAndDone,
    /// After what serves was started.
    Done,
    /// In the process whose start is not awaited.
    Serve,
}

impl Holds {
    pub fn serve(self) -> bool {
        self != Self::Done
    }

    pub fn done(self) -> bool {
        self != Self::Serve
    }
}

/// How long the gate tries. A zero interval is a try without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Before the first try.
    pub first: Duration,
    /// None: until it opens.
    pub attempts: Option<u64>,
    /// After each try; whether after the last one too is known by `pauses`.
    pub interval: Duration,
    pub pauses: u64,
    /// A single try ends after this, if nothing answers at all.
    pub attempt_max: Option<Duration>,
    /// Ends all tries together.
    pub total_max: Option<Duration>,
}

impl Budget {
    /// When it gives up, if every try is refused at once: what is not up on this machine, or behind a proxy, refuses. None:
    /// never.
    pub fn refused(&self) -> Option<Duration> {
        self.over(Duration::ZERO)
    }

    /// When it gives up, if every try takes as long as it may. None: nothing bounds it.
    pub fn at_most(&self) -> Option<Duration> {
        match self.attempt_max {
            Some(each) => self.over(each),
            None => self.over(Duration::ZERO),
        }
    }

    fn over(&self, each: Duration) -> Option<Duration> {
        let times =
            |span: Duration, count: u64| span.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let tries = self.attempts.map(|attempts| {
            let tried = times(each, attempts).saturating_add(times(self.interval, self.pauses));
            self.first.saturating_add(tried)
        });
        match (tries, self.total_max) {
            (Some(tries), Some(total)) => Some(tries.min(total)),
            (tries, total) => tries.or(total),
        }
    }
}

/// What the command comes to when the gate gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The failure is hidden: the command ends as if the gate had opened.
    Passes,
    Fails,
}
