//! How a node stands on one transport, by what was seen of it. Every failure counts at once; trust comes back with time.
//! It must never know what other nodes do.

use super::{Fault, Millis, Standing};

/// The times that turn what was seen into a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthTimes {
    /// How long a node that came back has to stay before it is given calls that another can take.
    pub failback_after_ms: u64,
    /// How long a node that lied is given nothing.
    pub shunned_ms: u64,
    /// How long a node that asked for a pause without saying how long is given nothing.
    pub pause_ms: u64,
    /// A node that asks for more is asked again after this.
    pub pause_ms_max: u64,
}

impl Default for HealthTimes {
    fn default() -> Self {
        Self { failback_after_ms: 30_000, shunned_ms: 60_000, pause_ms: 1_000, pause_ms_max: 60_000 }
    }
}

/// Timeouts in a row without a success in between, after which a node is down. One alone may be the call's fault.
const TIMEOUTS_DOWN: u32 = 3;
/// Failures of connections in a row, after which a node is down.
const FAILURES_DOWN: u32 = 2;
/// How long others are preferred after a failure that is not enough to be down.
const SUSPECT_MS: u64 = 1_000;
/// Answers that speak of the node's own trouble, in a row.
const NODE_ERRORS_DOWN: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was seen yet.
    Unknown,
    Up,
    /// It came back; `since` begins the time after which it is trusted.
    Probation {
        since: Millis,
    },
    Down {
        fault: Fault,
    },
}

#[derive(Debug, Clone)]
pub struct Health {
    times: HealthTimes,
    state: State,
    /// Failures since the last success, by what they weigh.
    failures: u32,
    timeouts: u32,
    node_errors: u32,
    suspect_until: Millis,
    /// What it failed with last.
    failed_with: Option<Fault>,
    /// It owes an answer, and was asked for a sign of life in vain.
    is_silent: bool,
    /// Nothing is sent before.
    paused_until: Millis,
    shunned_until: Millis,
}

/// What changed for those who count and tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    WentDown(Fault),
    CameBack,
}

impl Health {
    pub fn new(times: HealthTimes) -> Self {
        Self {
            times,
            state: State::Unknown,
            failures: 0,
            timeouts: 0,
            node_errors: 0,
            suspect_until: Millis(0),
            failed_with: None,
            is_silent: false,
            paused_until: Millis(0),
            shunned_until: Millis(0),
        }
    }

    /// The configuration was read again.
    pub fn set_times(&mut self, times: HealthTimes) {
        self.times = times;
    }

    pub fn succeeded(&mut self, now: Millis) -> Option<Turn> {
        (self.failures, self.timeouts, self.node_errors) = (0, 0, 0);
        self.is_silent = false;
        match self.state {
            State::Unknown => self.state = State::Up,
            State::Down { .. } => {
                self.state = State::Probation { since: now };
                return Some(Turn::CameBack);
            }
            State::Probation { since } if now.since(since) >= self.times.failback_after_ms => {
                self.state = State::Up
            }
            State::Up | State::Probation { .. } => {}
        }
        None
    }

    /// A call that was given to it came back well. That ends a row of failures, but brings nobody back: an answer may be late.
    pub fn served_a_call(&mut self, now: Millis) {
        if !matches!(self.state, State::Down { .. } | State::Unknown) {
            self.succeeded(now);
        }
    }

    /// It owes an answer and gave no sign of life when it was asked for one. Any that comes ends that.
    pub fn fell_silent(&mut self) {
        self.is_silent = true;
    }

    /// It is slow with what it owes, no more.
    pub fn gave_a_sign(&mut self) {
        self.is_silent = false;
    }

    pub fn failed(&mut self, now: Millis, fault: Fault) -> Option<Turn> {
        self.is_silent &= !is_an_answer(fault);
        match fault {
            Fault::RateLimited { retry_after_ms } => {
                let pause_ms = retry_after_ms.unwrap_or(self.times.pause_ms).min(self.times.pause_ms_max);
                self.paused_until = self.paused_until.max(now.plus(pause_ms));
                None
            }
            Fault::Lying => {
                self.shunned_until = now.plus(self.times.shunned_ms);
                None
            }
            // What one call could not get says nothing about the next.
            Fault::Missing | Fault::TooLarge => None,
            Fault::Timeout => self.count(now, fault, |health| {
                health.timeouts += 1;
                health.is_silent || health.timeouts >= TIMEOUTS_DOWN
            }),
            Fault::NodeError | Fault::Malformed | Fault::Status(_) => self.count(now, fault, |health| {
                health.node_errors += 1;
                health.node_errors >= NODE_ERRORS_DOWN
            }),
            Fault::Reset | Fault::DialTimeout => self.count(now, fault, |health| {
                health.failures += 1;
                health.failures >= FAILURES_DOWN
            }),
            // Nobody listens, the stream is gone or silent, or it is another chain: no second look is needed.
            Fault::Refused | Fault::Closed | Fault::Stalled | Fault::WrongChain | Fault::Behind => {
                self.down(fault)
            }
        }
    }

    pub fn standing(&self, now: Millis) -> Standing {
        if now < self.paused_until || self.is_shunned(now) {
            return Standing::Out;
        }
        match self.state {
            State::Up | State::Probation { .. } | State::Unknown if self.is_silent => Standing::Silent,
            State::Up if now < self.suspect_until => Standing::Suspect,
            State::Up => Standing::Serving,
            State::Probation { since } if now.since(since) >= self.times.failback_after_ms => {
                Standing::Serving
            }
            State::Probation { .. } | State::Unknown => Standing::Suspect,
            State::Down { .. } => Standing::Out,
        }
    }

    /// Whether it lied, and nothing it says counts yet.
    pub fn is_shunned(&self, now: Millis) -> bool {
        now < self.shunned_until
    }

    /// Why it is given nothing, if so.
    pub fn fault(&self, now: Millis) -> Option<Fault> {
        match self.state {
            State::Down { fault } => Some(fault),
            _ if self.is_shunned(now) => Some(Fault::Lying),
            _ if now < self.paused_until => {
                Some(Fault::RateLimited { retry_after_ms: Some(self.paused_until.since(now)) })
            }
            _ => None,
        }
    }

    /// Why others are asked first for now, though it is not down.
    pub fn doubt(&self, now: Millis) -> Option<Fault> {
        match self.state {
            State::Down { .. } => None,
            _ if self.is_silent => Some(Fault::Timeout),
            State::Up if now < self.suspect_until => self.failed_with,
            State::Up | State::Unknown | State::Probation { .. } => None,
        }
    }

    /// When the standing changes by itself.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let trusted = match self.state {
            State::Probation { since } => Some(since.plus(self.times.failback_after_ms)),
            _ => None,
        };
        let until = [Some(self.suspect_until), Some(self.paused_until), Some(self.shunned_until), trusted];
        until.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn count(&mut self, now: Millis, fault: Fault, is_enough: impl Fn(&mut Self) -> bool) -> Option<Turn> {
        if is_enough(self) {
            return self.down(fault);
        }
        self.failed_with = Some(fault);
        match self.state {
            State::Probation { .. } => self.state = State::Probation { since: now },
            State::Unknown | State::Up | State::Down { .. } => self.suspect_until = now.plus(SUSPECT_MS),
        }
        None
    }

    fn down(&mut self, fault: Fault) -> Option<Turn> {
        let was_down = matches!(self.state, State::Down { .. });
        self.state = State::Down { fault };
        (!was_down).then_some(Turn::WentDown(fault))
    }
}

/// Whatever it says, it lives.
fn is_an_answer(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::RateLimited { .. }
            | Fault::Status(_)
            | Fault::Malformed
            | Fault::NodeError
            | Fault::Missing
            | Fault::TooLarge
            | Fault::WrongChain
            | Fault::Behind
            | Fault::Lying
    )
}

#[cfg(test)]
mod tests;
