//! What a client asks of its session itself: subscriptions, by their parameters. It must never know who is subscribed.

use std::sync::Arc;

use crate::core::filter::Filter;
use crate::core::hex;
use crate::core::params::nth;
use crate::core::streams::{SubscriptionId, Topic};

/// The parameters of a subscription that a node is asked for are kept, and written to the one WebSocket to that node.
const RELAY_PARAMS_BYTES_MAX: usize = 4 << 10;

/// From the parameters of `eth_subscribe`. The words are for the client.
pub(super) fn topic(params: Option<&[u8]>) -> Result<Topic, String> {
    let params =
        params.filter(|params| params.starts_with(b"[")).ok_or("the parameters have to be an array")?;
    match nth(params, 0) {
        Some(b"\"newHeads\"") => Ok(Topic::Heads),
        Some(b"\"logs\"") => Filter::parse(nth(params, 1)).map(Topic::Logs),
        Some(kind) if kind.starts_with(b"\"") => match params.len() <= RELAY_PARAMS_BYTES_MAX {
            true => Ok(Topic::Relay(Arc::from(params))),
            false => Err(format!("the parameters are longer than {RELAY_PARAMS_BYTES_MAX} bytes")),
        },
        _ => Err("the first parameter has to be the kind of subscription, such as \"newHeads\"".to_owned()),
    }
}

pub(super) fn subscription(params: Option<&[u8]>) -> Option<SubscriptionId> {
    let text: &str = serde_json::from_slice(nth(params?, 0)?).ok()?;
    hex::bytes::<16>(text).map(|bytes| SubscriptionId(u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_says_its_kind() {
        assert_eq!(topic(Some(b"[\"newHeads\"]")), Ok(Topic::Heads));
        assert_eq!(topic(Some(b"[ \"newHeads\" , {}]")), Ok(Topic::Heads));
        assert!(matches!(topic(Some(b"[\"logs\"]")), Ok(Topic::Logs(_))));
        assert!(matches!(topic(Some(b"[\"newPendingTransactions\",true]")), Ok(Topic::Relay(_))));
        assert!(
            topic(Some(b"[\"logs\",{\"address\":\"0x1\"}]"))
                .is_err_and(|problem| problem.contains("40 hex digits"))
        );
        for wrong in [None, Some(&b"{}"[..]), Some(b"[]"), Some(b"[7]")] {
            assert!(topic(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_node_is_told_of_a_subscription_is_short() {
        let of = |bytes: usize| format!("[\"kind\",\"{}\"]", "a".repeat(bytes - 11));
        assert!(topic(Some(of(RELAY_PARAMS_BYTES_MAX).as_bytes())).is_ok());
        let longer = topic(Some(of(RELAY_PARAMS_BYTES_MAX + 1).as_bytes()));
        assert!(longer.is_err_and(|problem| problem.contains("longer than 4096 bytes")));
    }

    #[test]
    fn only_ids_of_ours_are_subscriptions() {
        let id = SubscriptionId(0xab << 120 | 7);
        assert_eq!(subscription(Some(format!("[\"{id}\"]").as_bytes())), Some(id));
        for wrong in [&b"[\"0x1\"]"[..], b"[1]", b"[]", b"{}"] {
            assert_eq!(subscription(Some(wrong)), None);
        }
    }
}
