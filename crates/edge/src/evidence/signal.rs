//! What happens to nodes and to chains, as signals of a Casebook server: `dependency` where calls go to another node instead,
//! `healthcheck` for what is seen of a node or of a chain. It must never know a clock, nor the address of a node.

use std::sync::Arc;

use model::Nanos;
use serde_json::{Map, Value, json};

use super::told::Names;
use crate::core::pool::Happening;
use crate::core::{Fault, NodeId, Transport};
use crate::metrics::Label as _;

/// As whom the edge speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Speaker {
    pub(super) service: String,
    pub(super) env: Option<String>,
    /// Of this process and no other.
    pub(super) instance: String,
}

/// What is said once, under an id that stays when it is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) number: u64,
    pub(super) at_ns: u64,
    pub(super) fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    kind: &'static str,
    subtype: &'static str,
    status: &'static str,
    /// The node; none where it is about the pool's chain.
    subject: Option<Arc<str>>,
    message: String,
    attributes: Vec<(&'static str, String)>,
}

const DEPENDENCY: &str = "dependency";
const HEALTHCHECK: &str = "healthcheck";
const DOWN: &str = "down";
const DEGRADED: &str = "degraded";
const UP: &str = "up";

impl Fact {
    fn about(names: &Names, node: NodeId, kind: &'static str, subtype: &'static str) -> Self {
        let subject = names.node(node).map(|node| Arc::clone(&node.name));
        Self { subject, ..Self::of_pool(names, kind, subtype) }
    }

    fn of_pool(names: &Names, kind: &'static str, subtype: &'static str) -> Self {
        let attributes = vec![("pool", names.pool.to_string())];
        Self { kind, subtype, status: DEGRADED, subject: None, message: String::new(), attributes }
    }

    fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }
}

/// Calls, or streams, that were given to `from` go to `to`.
pub(super) fn failover(names: &Names, from: NodeId, to: NodeId, transport: Transport, fault: Fault) -> Fact {
    let (pool, left, taken) = (&names.pool, names.name(from), names.name(to));
    let (way, why) = (transport.word(), fault.class());
    Fact::about(names, from, DEPENDENCY, "failover")
        .status(DOWN)
        .saying(format!("pool {pool} goes on with {taken} instead of {left}, which failed over {way}: {why}"))
        .with("to", taken)
        .with("transport", way)
        .with("fault", why)
}

/// The node is given them again.
pub(super) fn failback(names: &Names, node: NodeId, transport: Transport) -> Fact {
    let (pool, name, way) = (&names.pool, names.name(node), transport.word());
    Fact::about(names, node, DEPENDENCY, "failback")
        .status(UP)
        .saying(format!("pool {pool} goes on with {name} over {way} again"))
        .with("transport", way)
}

/// Nothing for what goes as it should.
pub(super) fn of(happening: &Happening, names: &Names) -> Option<Fact> {
    let pool = &names.pool;
    let fact = match *happening {
        Happening::WentDown { node, transport, fault, others } => {
            let subtype = if fault == Fault::Stalled { "stall" } else { "node_down" };
            let (name, way, why) = (names.name(node), transport.word(), fault.class());
            Fact::about(names, node, HEALTHCHECK, subtype)
                .status(DOWN)
                .saying(format!("{name} of pool {pool} is down over {way}: {why}"))
                .with("transport", way)
                .with("fault", why)
                .with("others", others)
        }
        Happening::CameBack { node, transport } => {
            let (name, way) = (names.name(node), transport.word());
            Fact::about(names, node, HEALTHCHECK, "node_back")
                .status(UP)
                .saying(format!("{name} of pool {pool} answers again over {way}"))
                .with("transport", way)
        }
        Happening::Lied { node } => Fact::about(names, node, HEALTHCHECK, "lie")
            .saying(format!("{} of pool {pool} told of a head that cannot be", names.name(node))),
        Happening::Bridged { blocks } => Fact::of_pool(names, HEALTHCHECK, "gap")
            .saying(format!("{blocks} blocks of pool {pool} that no node had told of were fetched"))
            .with("blocks", blocks),
        Happening::Jumped { from, to } => Fact::of_pool(names, HEALTHCHECK, "gap_lost")
            .status(DOWN)
            .saying(format!("blocks {} to {} of pool {pool} cannot be had", from.number + 1, to.number))
            .with("blocks", to.number.saturating_sub(from.number)),
        Happening::RelayMoved { from, to, .. } => {
            let (left, taken) = (names.name(from), names.name(to));
            Fact::about(names, from, DEPENDENCY, "relay_moved")
                .saying(format!("a subscription of pool {pool} is fed by {taken} instead of {left}"))
                .with("to", taken)
        }
        // For a moment; what an attempt failed with is in its span.
        Happening::Announced { .. } | Happening::Reorganised { .. } | Happening::Doubted { .. } => {
            return None;
        }
    };
    Some(fact)
}

/// One of `POST /v1/signals`.
pub(super) fn document(signal: &Signal, speaker: &Speaker) -> Value {
    let fact = &signal.fact;
    let attributes = fact.attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    let mut attributes: Map<String, Value> = attributes.collect();
    attributes.insert("instance".to_owned(), json!(speaker.instance));
    let mut document = json!({
        // In order of number, and so of time, within a process.
        "id": format!("{}-{}-{:012}", speaker.service, speaker.instance, signal.number),
        "kind": fact.kind,
        "subtype": fact.subtype,
        "at": Nanos(signal.at_ns).to_rfc3339(),
        "service": speaker.service,
        "status": fact.status,
        "message": fact.message,
        "attributes": attributes,
    });
    if let Some(subject) = &fact.subject {
        document["subject"] = json!(**subject);
    }
    if let Some(env) = &speaker.env {
        document["env"] = json!(env);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Hash, Head};
    use crate::evidence::told::NodeName;

    fn names() -> Names {
        let node = |name: &str| NodeName { name: name.into(), host: "10.0.0.1".to_owned(), port: Some(8545) };
        Names { pool: "mainnet".into(), nodes: vec![node("geth-a"), node("geth-b")] }
    }

    fn speaker() -> Speaker {
        Speaker { service: "edge".to_owned(), env: Some("prod".to_owned()), instance: "00ff".to_owned() }
    }

    fn head(number: u64) -> Head {
        Head { number, hash: Hash([0; 32]) }
    }

    #[test]
    fn a_failover_is_a_dependency_that_is_down_and_names_both_nodes() {
        let fact = failover(&names(), NodeId(0), NodeId(1), Transport::Http, Fault::Refused);
        let document = document(&Signal { number: 7, at_ns: 1_500_000_000, fact }, &speaker());
        let expected = json!({
            "id": "edge-00ff-000000000007",
            "kind": "dependency",
            "subtype": "failover",
            "at": "1970-01-01T00:00:01.500Z",
            "service": "edge",
            "env": "prod",
            "subject": "geth-a",
            "status": "down",
            "message": "pool mainnet goes on with geth-b instead of geth-a, which failed over http: refused",
            "attributes": {
                "pool": "mainnet", "to": "geth-b", "transport": "http", "fault": "refused", "instance": "00ff"
            },
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn a_failback_is_the_same_dependency_that_is_up() {
        let fact = failback(&names(), NodeId(0), Transport::Http);
        let said = (fact.kind, fact.subtype, fact.status, fact.subject.as_deref(), &*fact.message);
        let message = "pool mainnet goes on with geth-a over http again";
        assert_eq!(said, ("dependency", "failback", "up", Some("geth-a"), message));
    }

    #[test]
    fn what_goes_wrong_and_what_comes_back_is_told_and_nothing_else() {
        let down = |transport, fault| Happening::WentDown { node: NodeId(0), transport, fault, others: true };
        let (from, to) = (NodeId(0), NodeId(1));
        for (happening, expected) in [
            (
                down(Transport::Http, Fault::Refused),
                Some(("healthcheck", "node_down", "down", Some("geth-a"))),
            ),
            (down(Transport::Stream, Fault::Stalled), Some(("healthcheck", "stall", "down", Some("geth-a")))),
            (
                Happening::CameBack { node: to, transport: Transport::Http },
                Some(("healthcheck", "node_back", "up", Some("geth-b"))),
            ),
            (Happening::Lied { node: to }, Some(("healthcheck", "lie", "degraded", Some("geth-b")))),
            (Happening::Bridged { blocks: 3 }, Some(("healthcheck", "gap", "degraded", None))),
            (
                Happening::Jumped { from: head(7), to: head(9) },
                Some(("healthcheck", "gap_lost", "down", None)),
            ),
            (
                Happening::RelayMoved { stream: crate::core::streams::StreamId(1), from, to },
                Some(("dependency", "relay_moved", "degraded", Some("geth-a"))),
            ),
            (Happening::Doubted { node: to, transport: Transport::Http, fault: Fault::Reset }, None),
            (Happening::Announced { head: head(1) }, None),
            (Happening::Reorganised { depth: 2 }, None),
        ] {
            let fact = of(&happening, &names());
            let said = fact.as_ref().map(|f| (f.kind, f.subtype, f.status, f.subject.as_deref()));
            assert_eq!(said, expected, "{happening:?}");
        }
    }

    #[test]
    fn what_is_sent_again_has_the_id_that_it_had() {
        let fact = of(&Happening::Lied { node: NodeId(0) }, &names()).unwrap();
        let signal = |number| Signal { number, at_ns: 1, fact: fact.clone() };
        let id = |signal: &Signal| document(signal, &speaker())["id"].clone();
        assert_eq!(id(&signal(1)), id(&signal(1).clone()));
        assert_ne!(id(&signal(1)), id(&signal(2)));
        let other = Speaker { instance: "0001".to_owned(), ..speaker() };
        assert_ne!(id(&signal(1)), document(&signal(1), &other)["id"]);
    }
}
