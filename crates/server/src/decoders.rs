//! Who decodes next. Bodies that would hold up other tasks wait here for one of a few decoders, and turns go round their
//! clients: who sends many, or costly ones, waits for itself. It must never know what a body is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::oneshot;

use crate::auth::Caller;
use crate::limits::subscriber;
use crate::overload::Class;

/// Smaller bodies are decoded where they are, in under half a millisecond; for larger ones a thread that may block is
/// worth its switch.
pub(crate) const DECODED_IN_PLACE_BYTES_MAX: usize = 256 * 1024;
/// Bodies that may wait. All of a class have its part of this, so that alerts find room whatever telemetry there is, and of that
/// part a client has only what is of those that are still free.
const WAITING_MAX: u64 = 256;
/// Exporters of telemetry give a request up after ten seconds unless they are told otherwise. Long before that they hear to come
/// again: what is accepted is not to be late.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// As many decoders as there are cores, and who waits for them.
#[derive(Debug, Clone)]
pub(crate) struct Decoders {
    shared: Arc<Shared>,
}

/// Whose turn it is. Alerts and telemetry of one sender do not wait for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    name: Option<Arc<str>>,
    network: Option<(bool, u64)>,
    pub class: Class,
}

/// A decoder, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// `None` once it was given back.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    waiting: Gauge,
    waited: Histogram,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    /// Each with somebody in it; the first one's turn is next.
    lines: VecDeque<Line>,
    /// Of who joins next.
    number: u64,
}

#[derive(Debug)]
struct Line {
    client: Client,
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    turn: oneshot::Sender<Turn>,
}

/// A place in a line, left when this is dropped.
struct Place<'a> {
    shared: &'a Shared,
    client: &'a Client,
    number: u64,
}

impl Client {
    pub(crate) fn of(caller: Option<&Caller>, class: Class) -> Self {
        let name = caller.map(|caller| Arc::clone(&caller.name));
        Self { name, network: caller.map(|caller| subscriber(caller.address)), class }
    }
}

impl Decoders {
    pub(crate) fn new(decoders: usize, waiting: Gauge, waited: Histogram) -> Self {
        let queue = Queue { free: decoders, lines: VecDeque::new(), number: 0 };
        Self { shared: Arc::new(Shared { queue: Mutex::new(queue), waiting, waited }) }
    }

    /// Whether one more body of this client may wait.
    pub(crate) fn has_room(&self, client: &Client) -> bool {
        self.shared.lock().has_room(client)
    }

    /// A decoder when it is this client's turn; `None` where too many of its bodies wait, or this one waited too long.
    pub(crate) async fn turn(&self, client: &Client) -> Option<Turn> {
        let begun = Instant::now();
        let (sender, receiver) = oneshot::channel();
        let number = match self.shared.lock().join(client, sender)? {
            Joined::AtOnce => {
                self.shared.waited.observe(0.0);
                return Some(Turn { shared: Some(Arc::clone(&self.shared)) });
            }
            Joined::Waits(number) => number,
        };
        self.shared.waiting.inc();
        let _place = Place { shared: &self.shared, client, number };
        let turn = tokio::time::timeout(WAIT_MAX, receiver).await;
        self.shared.waited.observe(begun.elapsed().as_secs_f64());
        turn.ok()?.ok()
    }
}

enum Joined {
    AtOnce,
    Waits(u64),
}

impl Queue {
    fn has_room(&self, client: &Client) -> bool {
        let in_line = |line: &Line| line.waiters.len() as u64;
        let waiting: u64 = self.lines.iter().map(in_line).sum();
        let own = self.lines.iter().find(|line| line.client == *client).map_or(0, in_line);
        let (class, free) = (client.class, WAITING_MAX.saturating_sub(waiting));
        waiting < class.share(WAITING_MAX) && own < class.share(free)
    }

    /// `None` where there is no room.
    fn join(&mut self, client: &Client, turn: oneshot::Sender<Turn>) -> Option<Joined> {
        if self.free > 0 {
            self.free -= 1;
            return Some(Joined::AtOnce);
        }
        if !self.has_room(client) {
            return None;
        }
        let number = self.number;
        self.number += 1;
        let waiter = Waiter { number, turn };
        match self.lines.iter_mut().find(|line| line.client == *client) {
            Some(line) => line.waiters.push_back(waiter),
            None => {
                self.lines.push_back(Line { client: client.clone(), waiters: VecDeque::from([waiter]) });
            }
        }
        Some(Joined::Waits(number))
    }

    /// Who has waited longest of the client whose turn it is; that client's next turn comes after everybody else's.
    fn next(&mut self) -> Option<Waiter> {
        let mut line = self.lines.pop_front()?;
        let waiter = line.waiters.pop_front();
        if !line.waiters.is_empty() {
            self.lines.push_back(line);
        }
        waiter
    }

    fn leave(&mut self, client: &Client, number: u64) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.client == *client) {
            line.waiters.retain(|waiter| waiter.number != number);
        }
        self.lines.retain(|line| !line.waiters.is_empty());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a decoder to who is next.
    fn pass_on(self: Arc<Self>) {
        let mut queue = self.lock();
        let mut turn = Turn { shared: Some(Arc::clone(&self)) };
        while let Some(waiter) = queue.next() {
            match waiter.turn.send(turn) {
                Ok(()) => return,
                // Gone in this moment.
                Err(back) => turn = back,
            }
        }
        queue.free += 1;
        turn.shared = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.pass_on();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.waiting.dec();
        self.shared.lock().leave(self.client, self.number);
    }
}

impl Default for Decoders {
    fn default() -> Self {
        Self::new(1, Gauge::default(), Histogram::new([]))
    }
}

#[cfg(test)]
mod tests;
