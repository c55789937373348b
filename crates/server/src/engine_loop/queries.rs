//! Questions that only the engine can answer, asked from request tasks.

use std::time::Duration;

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

#[derive(Debug)]
pub(crate) enum Query {
    Families(oneshot::Sender<Vec<FamilyView>>),
    Judge(OperatorAction, oneshot::Sender<Result<(), Refusal>>),
}

impl Query {
    pub(super) fn answer(self, engine: &Engine) {
        match self {
            // Who asked may have gone away since.
            Self::Families(reply) => drop(reply.send(engine.families())),
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

    pub(crate) async fn families(&self) -> Result<Vec<FamilyView>, Failure> {
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
