//! `eth_subscribe` and `eth_unsubscribe`. It must never know what a subscription is sent.

use serde_json::{Value, json};

use super::Node;
use super::answer::{Outcome, RpcError};
use super::connections::{Kind, Subscription};
use super::fault::{Face, Fault};
use super::handle::{Asked, Origin};
use super::log_filter::LogFilter;
use super::params::{Params, invalid};

impl Node {
    pub(super) fn subscribe(&mut self, params: &Params, asked: Asked) -> Outcome {
        let refused = self.switches.has(Face::Execution, &Fault::RefuseSubscriptions);
        let Some(connection) = asked.socket().filter(|_| !refused) else {
            return Err(RpcError::no_notifications());
        };
        let kind = match params.text(0)? {
            "newHeads" => Kind::NewHeads,
            "logs" => Kind::Logs(match params.optional(1) {
                None => LogFilter::default(),
                Some(asked) => LogFilter::read(asked, 1)?,
            }),
            "newPendingTransactions" => Kind::Pending { full: params.flag(1)? },
            "syncing" => Kind::Syncing,
            other => {
                let message = format!("no \"{other}\" subscription in eth namespace");
                return Err(RpcError::new(-32_601, message));
            }
        };
        let subscription = Subscription { kind, active_ms: asked.ready_ms };
        let restarts = self.switches.has(Face::Execution, &Fault::CounterRestart);
        let id = self.connections.subscribe(connection, subscription, restarts);
        id.map(Value::String).ok_or_else(|| RpcError::server("too many subscriptions"))
    }

    pub(super) fn unsubscribe(&mut self, params: &Params, origin: Origin) -> Outcome {
        params.at_most(1)?;
        let Origin::Socket(connection) = origin else { return Err(RpcError::no_notifications()) };
        let Some(id) = params.required(0)?.as_str() else {
            return Err(invalid(0, "json: cannot unmarshal into Go value of type rpc.ID"));
        };
        match self.connections.unsubscribe(connection, id) {
            true => Ok(json!(true)),
            false => Err(RpcError::server("subscription not found")),
        }
    }
}
