//! What the demo and its processes say to each other: a configuration on the command line, then one JSON
//! object a line on the child's standard input and output. Knows nothing of processes or HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a process of the shop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Gateway,
    Checkout,
    Payment,
    Inventory,
    Store,
    /// The third party: plain HTTP, reports nothing.
    CardProvider,
}

impl Role {
    /// Its service name, and the host name under which the others call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::Inventory => "inventory",
            Self::Store => "store",
            Self::CardProvider => "card-provider",
        }
    }
}

/// Everything that a process of the shop is told when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceConfig {
    pub(crate) role: Role,
    pub(crate) version: String,
    pub(crate) instance: String,
    /// Where spans go, such as `http://127.0.0.1:4317`.
    pub(crate) otlp_grpc: String,
    /// Where runtime signals go, such as `http://127.0.0.1:7420`.
    pub(crate) api: String,
    /// The ports of the services that it calls.
    pub(crate) upstreams: BTreeMap<Role, Vec<u16>>,
    /// Of a thousand requests to the card provider, how many it answers with an error.
    #[serde(default)]
    pub(crate) failures_per_mille: u32,
}

/// From the demo to a process of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub(crate) enum Command {
    /// Export all ended spans; answered with `Message::Done` when they are delivered.
    Flush,
    /// Call `role` at these ports from now on, in turn; answered with `Message::Done`.
    Upstream { role: Role, ports: Vec<u16> },
}

/// From a process of the shop to the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "message")]
pub(crate) enum Message {
    Ready { port: u16 },
    Done,
    Failed { reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_the_command_line() {
        let config = ServiceConfig {
            role: Role::Payment,
            version: "3.1.0".into(),
            instance: "payment-1".into(),
            otlp_grpc: "http://127.0.0.1:4317".into(),
            api: "http://127.0.0.1:7420".into(),
            upstreams: BTreeMap::from([(Role::CardProvider, vec![9001, 9002])]),
            failures_per_mille: 5,
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ServiceConfig>(&text).unwrap(), config);
    }

    #[test]
    fn commands_and_messages_are_one_line_each() {
        let command = Command::Upstream { role: Role::Checkout, ports: vec![1, 2] };
        let line = serde_json::to_string(&command).unwrap();
        assert_eq!(line, r#"{"command":"upstream","role":"checkout","ports":[1,2]}"#);
        let line = serde_json::to_string(&Message::Ready { port: 7 }).unwrap();
        assert_eq!(line, r#"{"message":"ready","port":7}"#);
    }
}
