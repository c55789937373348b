//! Questions that only the engine can answer, asked from request tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ErrorCode;
use engine::{Engine, FamilyView, Refusal};
use model::OperatorAction;
use runtime::{QueueSender, TrySendError};
use tokio::sync::oneshot;

use super::Wake;
use crate::http::Failure;

/// While the queue is full of entries, a question waits for a gap this long at most.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(2);
/// A list of families is shown for so many times as long as it took to make, at least: no larger part of the engine's time
/// goes into lists, however many ask.
const SHOWN_FOR: u32 = 20;

#[derive(Debug)]
pub(crate) enum Query {
    Families(oneshot::Sender<Arc<[FamilyView]>>),
    Judge(OperatorAction, oneshot::Sender<Result<(), Refusal>>),
}

/// The families as they were listed last, for all who ask until a tick may have changed them.
#[derive(Debug, Default)]
pub(super) struct FamilyList {
    made: Option<Made>,
}

#[derive(Debug)]
struct Made {
    families: Arc<[FamilyView]>,
    before_tick: bool,
    again_at: Instant,
}

impl FamilyList {
    /// The engine counts what came at its ticks.
    pub(super) fn note_tick(&mut self) {
        if let Some(made) = &mut self.made {
            made.before_tick = true;
        }
    }

    fn get(
        &mut self,
        now: impl Fn() -> Instant,
        make: impl FnOnce() -> Vec<FamilyView>,
    ) -> Arc<[FamilyView]> {
        let begun = now();
        if let Some(made) = self.made.as_ref().filter(|made| !made.before_tick || begun < made.again_at) {
            return Arc::clone(&made.families);
        }
        let families: Arc<[FamilyView]> = make().into();
        let ended = now();
        let again_at = ended + ended.saturating_duration_since(begun) * SHOWN_FOR;
        self.made = Some(Made { families: Arc::clone(&families), before_tick: false, again_at });
        families
    }
}

impl Query {
    pub(super) fn answer(self, engine: &Engine, families: &mut FamilyList) {
        match self {
            // Who asked may have gone away since.
            Self::Families(reply) => drop(reply.send(families.get(Instant::now, || engine.families()))),
            Self::Judge(action, reply) => drop(reply.send(engine.judge(&action))),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EngineQueries {
    inbox: QueueSender<Wake>,
}

impl EngineQueries {
    pub(crate) fn new(inbox: QueueSender<Wake>) -> Self {
        Self { inbox }
    }

    /// As of the last tick, or a little before where listing them takes the engine long.
    pub(crate) async fn families(&self) -> Result<Arc<[FamilyView]>, Failure> {
        self.answer(Query::Families).await
    }

    /// Whether the action would change something.
    pub(crate) async fn judge(&self, action: OperatorAction) -> Result<Result<(), Refusal>, Failure> {
        self.answer(|reply| Query::Judge(action, reply)).await
    }

    async fn answer<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let asking = async {
            self.ask(query(reply)).await?;
            answer.await.map_err(|_| stopping())
        };
        tokio::time::timeout(ASK_TIMEOUT, asking)
            .await
            .map_err(|_| Failure::new(ErrorCode::Overloaded, "the engine is busy"))?
    }

    async fn ask(&self, query: Query) -> Result<(), Failure> {
        let mut wake = Wake::Query(query);
        loop {
            match self.inbox.try_send(wake) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(stopping()),
                Err(TrySendError::Full(back)) => wake = back,
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

fn stopping() -> Failure {
    Failure::new(ErrorCode::NotReady, "the engine is stopping")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const MAKING: Duration = Duration::from_millis(40);

    /// How many lists were made for those who ask at these times, in milliseconds; at `None` is a tick.
    fn made(asked: &[Option<u64>]) -> u32 {
        let (mut list, clock, made) = (FamilyList::default(), Cell::new(Instant::now()), Cell::new(0));
        let begin = clock.get();
        for at in asked {
            let Some(at) = at else {
                list.note_tick();
                continue;
            };
            clock.set(begin + Duration::from_millis(*at));
            list.get(
                || clock.get(),
                || {
                    clock.set(clock.get() + MAKING);
                    made.set(made.get() + 1);
                    Vec::new()
                },
            );
        }
        made.get()
    }

    #[test]
    fn one_list_serves_everyone_between_two_ticks() {
        let everyone: Vec<_> = (0..1_000).map(|n| Some(40 + n)).collect();
        assert_eq!(made(&everyone), 1);
        let later = [None, Some(1_200), Some(1_300), None, Some(2_100)];
        assert_eq!(made(&[everyone, later.to_vec()].concat()), 3, "and one after each of two ticks");
    }

    #[test]
    fn quick_ticks_do_not_make_lists_dearer() {
        let every_100_ms: Vec<_> = (0..100).flat_map(|tick| [None, Some(tick * 100)]).collect();
        assert_eq!(made(&every_100_ms), 12, "40 ms in each 900");
    }
}
