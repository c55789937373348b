//! What clients are told of their subscriptions, as JSON-RPC. It must never know a session.

use bytes::Bytes;

use crate::core::pool::WhyNot;
use crate::core::streams::{Full, SubscriptionId};
use crate::core::{error_response, result_response};
use crate::outbound::REFUSED;

pub(crate) fn subscription_answer(id: &[u8], result: &Result<SubscriptionId, WhyNot>) -> Bytes {
    match result {
        Ok(subscription) => result_response(id, format!("\"{subscription}\"").as_bytes()).into(),
        Err(why) => not_subscribed(id, why),
    }
}

pub(crate) fn not_subscribed(id: &[u8], why: &WhyNot) -> Bytes {
    let (code, said) = match why {
        WhyNot::Full(Full::Session { max }) => {
            (-32005, format!("this connection has {max} subscriptions, and may have no more"))
        }
        WhyNot::Full(Full::Pool { max }) => {
            (-32005, format!("there are {max} subscriptions here, and may be no more"))
        }
        WhyNot::Refused => (-32000, REFUSED.reason.to_owned()),
        // As a call that no node answered in time.
        WhyNot::Late => (-32603, "no node took this subscription in time; try again later".to_owned()),
    };
    error_response(id, code, &said).into()
}

pub(crate) fn unsubscription_answer(id: &[u8], was_subscribed: bool) -> Bytes {
    match was_subscribed {
        true => result_response(id, b"true").into(),
        false => error_response(id, -32000, "subscription not found").into(),
    }
}
