//! Requests of one pool that are no JSON-RPC: the core says whom to ask and what becomes of the answers, this asks. An answer
//! is held until it is whole, so that a node may die in the middle of it; what is longer than can be held is passed on as it
//! comes. It must never decide anything about a request.

mod flight;
mod flow;
mod shown;

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::response::Parts;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::core::rest::Service;
use crate::core::{Call, CallEffect, CallInput, Fault, Refusal, Route, Ways};
use crate::exchange::{Exchange, outcome_of};
use crate::metrics::Outcome;
use crate::record::{AttemptRecord, CallRecord};
use crate::upstream::{NodeClient, RestRequest};
use flight::Flight;
use shown::{Shown, shown};

pub(crate) use flow::{BrokeOff, Flow};

/// What all requests of a pool share.
pub(crate) struct RestExchange {
    pub(crate) calls: Arc<Exchange>,
    pub(crate) pool: Arc<str>,
    pub(crate) service: Service,
}

/// What a client is answered with.
pub(crate) struct RestAnswer {
    pub(crate) head: Parts,
    pub(crate) body: RestBody,
}

pub(crate) enum RestBody {
    Held(Bytes),
    /// The beginning, and what is still to come of an answer that was too long to be held.
    Flow(Bytes, Flow),
    /// Nobody could see whether there are secrets in it.
    Hidden,
}

/// What a node answered, as far as it was waited for.
pub(super) struct Got {
    head: Parts,
    held: Vec<Bytes>,
    rest: Option<Incoming>,
    busy: Busy,
}

/// While this lives the node works on a request.
pub(super) struct Busy {
    _place: OwnedSemaphorePermit,
    _record: Option<AttemptRecord>,
}

impl RestExchange {
    /// The one answer of a request, or why there is none.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: RestRequest,
        route: Route,
    ) -> Result<RestAnswer, Refusal> {
        let record = CallRecord::begin(&self.calls.record, route.class, request.body.len(), Instant::now());
        let rules = self.calls.rules();
        let mut view = self.calls.view.clone();
        let mut call = Call::new(self.calls.now(), route, rules.limits, Ways::Http);
        let mut flight = Flight::new(self, rules, (request, route.again), record);
        let mut input = CallInput::Start;
        loop {
            let seen = Arc::clone(&view.borrow_and_update());
            let effects = {
                let mut pace = self.calls.pace.lock().unwrap_or_else(PoisonError::into_inner);
                call.step(self.calls.now(), &seen, &mut pace, input)
            };
            for effect in effects {
                match effect {
                    CallEffect::Answer { attempt } => return self.answered(flight, attempt),
                    CallEffect::Refuse(refusal) => {
                        flight.record.over(outcome_of(&refusal), 0);
                        return Err(refusal);
                    }
                    effect => flight.carry_out(effect),
                }
            }
            input = flight.next(&mut view, call.wake_at()).await;
        }
    }

    fn answered(self: &Arc<Self>, mut flight: Flight<'_>, attempt: u32) -> Result<RestAnswer, Refusal> {
        let Some((node, got)) = flight.take(attempt) else {
            flight.record.over(Outcome::Failed, 0);
            return Err(Refusal::Failed { attempts: attempt, fault: Fault::Reset });
        };
        flight.settle_doubts(got.head.status, node);
        let Got { mut head, held, rest, busy } = got;
        let held = held.concat();
        // What stood beside the status is the node's own words too.
        head.extensions.clear();
        let mut seen = Shown::AsItCame;
        if let Some(reach) = self.calls.nodes.get(node) {
            if let NodeClient::Rest(client) = &reach.client {
                client.hide(&mut head.headers, &self.pool);
            }
            seen = shown(&mut head, &held, rest.is_none(), &reach.secrets);
        }
        let body = match (seen, rest) {
            (Shown::Nothing, _) => RestBody::Hidden,
            (Shown::Without(scrubbed), _) => RestBody::Held(scrubbed.into()),
            (Shown::AsItCame, None) => RestBody::Held(held.into()),
            (Shown::AsItCame, Some(rest)) => {
                let flow = Flow::new(&self.calls, node, &head, rest, busy);
                RestBody::Flow(held.into(), flow)
            }
        };
        flight.record.over(Outcome::Answered, body.held());
        Ok(RestAnswer { head, body })
    }
}

impl RestBody {
    /// Bytes that are there.
    fn held(&self) -> usize {
        match self {
            Self::Held(held) | Self::Flow(held, _) => held.len(),
            Self::Hidden => 0,
        }
    }
}
