//! What one call has under way and in hand. It must never know why somebody is asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::reach::Reach;
use super::{Asked, over_http};
use crate::core::{Fault, Millis, NodeId, Response, Transport, scan_response};
use crate::record::{AttemptRecord, CallRecord};
use crate::upstream::Reply;

type OverHttp = Pin<Box<dyn Future<Output = Result<Bytes, Fault>> + Send>>;

/// An answer, and what stands where in it.
pub(crate) type Said = (Bytes, Response);

/// How an attempt's answer comes.
pub(super) enum Way {
    Http(OverHttp),
    /// With the time that the attempt has.
    Line(Reply, u64),
    /// It was not sent at all.
    Unsent(Fault),
}

/// An attempt that is under way.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) way: Way,
    /// What it holds at its node.
    pub(super) _held: Option<(OwnedSemaphorePermit, Option<AttemptRecord>)>,
}

/// What came of one.
pub(super) struct Ending {
    pub(super) attempt: u32,
    /// A node that was sent nothing did nothing wrong.
    pub(super) was_sent: bool,
    pub(super) result: Result<Said, Fault>,
}

/// What a node answered.
pub(super) struct Told {
    pub(super) attempt: u32,
    /// It says nothing against the node.
    pub(super) is_good: bool,
    pub(super) body: Bytes,
}

#[derive(Clone)]
pub(super) struct Sent {
    pub(super) node: NodeId,
    pub(super) via: Transport,
    pub(super) at: Millis,
    pub(super) began: Instant,
    /// `None` where the node was gone by then.
    pub(super) reach: Option<Arc<Reach>>,
}

pub(super) struct Flight {
    pub(super) asked: Asked,
    /// When something happened last: what is done about it is done then.
    pub(super) at: Instant,
    pub(super) open: SmallVec<[Attempt; 1]>,
    /// Attempts that nobody waits for any more.
    pub(super) abandoned: SmallVec<[u32; 2]>,
    /// By their numbers.
    pub(super) sent: SmallVec<[Sent; 1]>,
    pub(super) answers: SmallVec<[Told; 1]>,
    /// What speaks against nodes if another node answers, by attempt: else it may be the call's own fault.
    pub(super) suspicions: SmallVec<[(u32, Fault); 1]>,
    /// Attempts that were made while another was under way.
    pub(super) hedges: SmallVec<[u32; 1]>,
    pub(super) record: CallRecord,
}

impl Flight {
    pub(super) fn new(asked: Asked, record: CallRecord) -> Self {
        Self {
            asked,
            at: Instant::now(),
            open: SmallVec::new(),
            abandoned: SmallVec::new(),
            sent: SmallVec::new(),
            answers: SmallVec::new(),
            suspicions: SmallVec::new(),
            hedges: SmallVec::new(),
            record,
        }
    }

    pub(super) fn sent(&self, attempt: u32) -> Option<&Sent> {
        self.sent.get(attempt as usize)
    }

    /// Whether somebody still waits for an attempt.
    pub(super) fn is_waiting(&self) -> bool {
        self.open.len() > self.abandoned.len()
    }

    /// An answer over a WebSocket that nobody waits for is not read; over HTTP it is, so that the connection stays.
    pub(super) fn abandon(&mut self, attempt: u32) {
        let found = self.open.iter().position(|open| open.number == attempt);
        match found.map(|at| (at, &self.open[at].way)) {
            Some((at, Way::Line(..))) => drop(self.open.swap_remove(at)),
            Some(_) => self.abandoned.push(attempt),
            None => {}
        }
    }

    /// The next that is over and was waited for.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        let mut at = 0;
        while let Some(open) = self.open.get_mut(at) {
            let Poll::Ready(result) = open.way.poll(context) else {
                at += 1;
                continue;
            };
            // Nobody knows whose answer was too long for the connection. Over HTTP it is that of one call alone.
            if let (Way::Line(_, within_ms), Err(Fault::TooLarge)) = (&open.way, &result)
                && let Some(sent) = self.sent.get_mut(open.number as usize)
                && let Some(reach) = &sent.reach
            {
                let share = self.asked.share.clone();
                open.way = over_http(&reach.client, self.asked.whole().clone(), *within_ms, share);
                sent.via = Transport::Http;
                continue;
            }
            let over = self.open.swap_remove(at);
            match self.abandoned.iter().position(|of| *of == over.number) {
                Some(at) => drop(self.abandoned.swap_remove(at)),
                None => {
                    let was_sent = !matches!(over.way, Way::Unsent(_));
                    return Poll::Ready(Ending { attempt: over.number, was_sent, result });
                }
            }
        }
        Poll::Pending
    }

    /// Until every attempt is over, whatever comes of it.
    pub(super) async fn run_out(mut open: SmallVec<[Attempt; 1]>) {
        let all_over = |context: &mut Context<'_>| {
            open.retain(|attempt| attempt.way.poll(context).is_pending());
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        };
        std::future::poll_fn(all_over).await;
    }
}

impl Way {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Said, Fault>> {
        match self {
            Self::Http(answer) => answer.as_mut().poll(context).map(|body| read(body?)),
            Self::Line(reply, _) => reply.poll(context),
            Self::Unsent(fault) => Poll::Ready(Err(*fault)),
        }
    }
}

fn read(body: Bytes) -> Result<Said, Fault> {
    let response = scan_response(&body).ok_or(Fault::Malformed)?;
    Ok((body, response))
}
