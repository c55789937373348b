//! A batch of a session: its members run beside each other, and their answers come in their order. It must never know a node.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::asks::{subscription, topic};
use super::{Done, Door, GONE, needs_session, refusal};
use crate::core::streams::{SubscriptionId, Topic};
use crate::core::{Invalid, Request, SessionId, batch_response, error_response};
use crate::exchange::{Asked, BATCH_CALLS_AT_ONCE, BatchRoom};
use crate::filters::Network;
use crate::keys::{Holder, Place, subscribed};
use crate::metrics::Limit;
use crate::outbound::Outbound;
use crate::pool_loop::{Event, Left, ReplyTo, subscription_answer, unsubscription_answer};

/// What a member of a batch asks for.
pub(super) enum Item {
    Nothing,
    Refused(Bytes),
    Call(Asked),
    Subscribe { id: Bytes, topic: Topic, place: Option<Place> },
    Unsubscribe { id: Bytes, subscription: SubscriptionId },
}

impl Item {
    pub(super) fn new(
        door: &Door,
        (holder, network): (Option<&Arc<Holder>>, Network),
        message: &Bytes,
        item: &Result<Request<'_>, Invalid<'_>>,
    ) -> Self {
        let request = match item {
            Err(invalid) => return Self::Refused(refusal(invalid)),
            Ok(request) => request,
        };
        let asked = Asked::new(message, request, holder, network);
        if !needs_session(asked.route.class) {
            return Self::Call(asked);
        }
        let Some(id) = request.id else { return Self::Nothing };
        match request.method {
            b"eth_subscribe" => match topic(request.params) {
                Err(problem) => Self::Refused(error_response(id, -32602, &problem).into()),
                Ok(topic) => match subscribed(holder) {
                    Err(problem) => {
                        door.exchange.record.refused.of(Limit::KeySubscriptions).inc();
                        Self::Refused(error_response(id, -32005, problem).into())
                    }
                    Ok(place) => Self::Subscribe { id: message.slice_ref(id), topic, place },
                },
            },
            _ => match subscription(request.params) {
                None => Self::Refused(unsubscription_answer(id, false)),
                Some(subscription) => Self::Unsubscribe { id: message.slice_ref(id), subscription },
            },
        }
    }
}

pub(super) async fn batch(
    door: Door,
    session: SessionId,
    outbound: Arc<Outbound>,
    items: Vec<Item>,
) -> Option<Done> {
    let (room, came) = (BatchRoom::new(door.exchange.rules().frame_bytes_max), Instant::now());
    let members = items.into_iter().map(|item| member(&door, session, &outbound, (&room, came), item));
    let answers: Vec<_> = stream::iter(members).buffered(BATCH_CALLS_AT_ONCE).collect().await;
    let (answers, release): (Vec<Bytes>, Vec<_>) = answers.into_iter().flatten().unzip();
    let frame = batch_response(&answers)?.into();
    Some(Done { frame, release: release.into_iter().flatten().collect() })
}

async fn member(
    door: &Door,
    session: SessionId,
    outbound: &Arc<Outbound>,
    (room, came): (&BatchRoom, Instant),
    item: Item,
) -> Option<(Bytes, Option<SubscriptionId>)> {
    match item {
        Item::Nothing => None,
        Item::Refused(answer) => Some((answer, None)),
        Item::Call(asked) => {
            let is_notification = asked.is_notification();
            let answer = door.exchange.member_answer(asked, room).await;
            (!is_notification).then_some((answer, None))
        }
        Item::Subscribe { id, topic, place } => {
            let (sender, answer) = oneshot::channel();
            let (outbound, reply) = (Arc::clone(outbound), ReplyTo::Batch(sender));
            let event = Event::Subscribe { session, outbound, topic, came, reply, place };
            let sent = door.pool.send(event).await;
            match (sent, answer.await) {
                (Ok(()), Ok(result)) => Some((subscription_answer(&id, &result), result.ok())),
                _ => Some((error_response(&id, -32000, GONE).into(), None)),
            }
        }
        Item::Unsubscribe { id, subscription } => {
            let (sender, answer) = oneshot::channel();
            let sent = door
                .pool
                .send(Event::Unsubscribe { session, subscription, reply: Left::Batch(sender) })
                .await;
            let answer = match (sent, answer.await) {
                (Ok(()), Ok(was_subscribed)) => unsubscription_answer(&id, was_subscribed),
                _ => error_response(&id, -32000, GONE).into(),
            };
            Some((answer, None))
        }
    }
}
