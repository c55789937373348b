//! How a request is treated by its verb and path, and what a node's status means. It must never read a body.

use super::Service;
use crate::core::{Again, AnswerKind, Class, Fault, Hash, Meaning, Needs, OnNull, Route, hex};

/// What POST asks of a Beacon node where it only reads: the lists are too long for an address. `*` stands for one segment.
const BEACON_READS: &[&str] = &[
    "/eth/*/beacon/states/*/validators",
    "/eth/*/beacon/states/*/validator_balances",
    "/eth/*/beacon/states/*/validator_identities",
    "/eth/*/validator/duties/attester/*",
    "/eth/*/validator/duties/sync/*",
    "/eth/*/validator/duties/ptc/*",
    "/eth/*/validator/liveness/*",
    "/eth/*/beacon/rewards/attestations/*",
    "/eth/*/beacon/rewards/sync_committee/*",
];

/// GET, HEAD and OPTIONS change nothing; PUT and DELETE twice are as once (RFC 9110, 9.2.2), so their fate need not be known
/// to send them again. Of POST, PATCH and what nobody knows a second time is never risked, but for what a Beacon node
/// only reads.
pub fn route_of(service: Service, method: &str, path: &str) -> Route {
    let is_read = matches!(method, "GET" | "HEAD" | "OPTIONS")
        || (service == Service::Beacon
            && method == "POST"
            && BEACON_READS.iter().any(|read| fits(read, path)));
    let again = if is_read || matches!(method, "PUT" | "DELETE") { Again::Freely } else { Again::IfUnsent };
    let class = if is_read { Class::ReadAtTag } else { Class::Write };
    let (needs, on_null) = match service {
        Service::Beacon if is_read => beacon_needs(path),
        Service::Beacon | Service::Plain => (Needs::Nothing, OnNull::Answer),
    };
    Route { class, needs, again, on_null, transaction: None, refused: None }
}

/// What a status says of the node and of the answer.
pub fn answer_kind(service: Service, again: Again, status: u16, retry_after_ms: Option<u64>) -> AnswerKind {
    let is_beacon = service == Service::Beacon;
    match status {
        // By the Beacon API it is syncing, and did not take what it was sent.
        503 if is_beacon && again == Again::IfUnsent => AnswerKind::Error(Meaning::NodeFault(Fault::Behind)),
        429 => AnswerKind::Error(Meaning::NodeFault(Fault::RateLimited { retry_after_ms })),
        501 => AnswerKind::Error(Meaning::MethodMissing),
        500..=599 => AnswerKind::Error(Meaning::NodeFault(Fault::Status(status))),
        // The key that the node was shown is ours, so a client can do nothing about it.
        401 | 403 | 407 if is_beacon => AnswerKind::Error(Meaning::NodeFault(Fault::Status(status))),
        404 if is_beacon => AnswerKind::Null,
        _ => AnswerKind::Value,
    }
}

/// Whether a status speaks of the node for certain. A 500 may as well be about the request: it counts against a node only
/// where another one answers the same.
pub fn is_of_the_node(status: u16) -> bool {
    !matches!(status, 500 | 505..=599)
}

/// What is asked about a block goes to a node that has it, and `head` to one that has the head that was told. What is about
/// the node itself, or its settings, goes to any.
fn beacon_needs(path: &str) -> (Needs, OnNull) {
    let mut segments = path.split('/').skip(3);
    let (Some(topic), rest) = (segments.next(), segments.next()) else {
        return (Needs::Nothing, OnNull::Answer);
    };
    match (topic, rest) {
        ("beacon", Some("genesis")) | ("config" | "node", _) => (Needs::Nothing, OnNull::Answer),
        ("beacon", Some("headers")) if segments.clone().next().is_none() => (Needs::Head, OnNull::Answer),
        ("beacon", Some("states" | "headers" | "blocks" | "blinded_blocks" | "blob_sidecars" | "blobs"))
        | ("debug", Some("beacon")) => {
            let id =
                segments.find(|segment| !matches!(*segment, "states" | "blocks" | "data_column_sidecars"));
            (of_id(id.unwrap_or_default()), OnNull::AskOthers)
        }
        _ => (Needs::Head, OnNull::AskOthers),
    }
}

/// A root of a state is not one of a block: nobody keeps account of who has it.
fn of_id(id: &str) -> Needs {
    match id {
        "genesis" | "finalized" | "justified" => Needs::Nothing,
        "head" => Needs::Head,
        _ => match (id.parse(), hex::bytes::<32>(id)) {
            (Ok(slot), _) => Needs::Number(slot),
            (_, Some(root)) => Needs::Block(Hash(root)),
            _ => Needs::Head,
        },
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut parts, mut segments) = (pattern.split('/'), path.trim_end_matches('/').split('/'));
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(part), Some(segment)) if part == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";

    #[test]
    fn what_may_have_acted_is_never_repeated_and_what_reads_always_is() {
        for (service, method, path, again, class) in [
            (Service::Plain, "GET", "/a", Again::Freely, Class::ReadAtTag),
            (Service::Plain, "HEAD", "/a", Again::Freely, Class::ReadAtTag),
            (Service::Plain, "PUT", "/a", Again::Freely, Class::Write),
            (Service::Plain, "DELETE", "/a", Again::Freely, Class::Write),
            (Service::Plain, "POST", "/eth/v1/validator/liveness/3", Again::IfUnsent, Class::Write),
            (Service::Plain, "PATCH", "/a", Again::IfUnsent, Class::Write),
            (Service::Plain, "BREW", "/a", Again::IfUnsent, Class::Write),
            (Service::Beacon, "POST", "/eth/v2/beacon/blocks", Again::IfUnsent, Class::Write),
            (Service::Beacon, "POST", "/eth/v1/validator/duties/attester/7", Again::Freely, Class::ReadAtTag),
            (Service::Beacon, "POST", "/eth/v1/validator/duties/attester/", Again::IfUnsent, Class::Write),
            (
                Service::Beacon,
                "POST",
                "/eth/v1/beacon/states/head/validators",
                Again::Freely,
                Class::ReadAtTag,
            ),
            (Service::Beacon, "POST", "/eth/v1/beacon/pool/attestations", Again::IfUnsent, Class::Write),
        ] {
            let route = route_of(service, method, path);
            assert_eq!((route.again, route.class), (again, class), "{method} {path}");
        }
    }

    #[test]
    fn what_is_about_a_block_goes_to_who_has_it() {
        let root = Hash([1; 32]);
        for (path, needs, on_null) in [
            ("/eth/v1/node/health", Needs::Nothing, OnNull::Answer),
            ("/eth/v1/config/spec", Needs::Nothing, OnNull::Answer),
            ("/eth/v1/beacon/genesis", Needs::Nothing, OnNull::Answer),
            ("/eth/v1/beacon/headers", Needs::Head, OnNull::Answer),
            ("/eth/v1/beacon/headers/head", Needs::Head, OnNull::AskOthers),
            ("/eth/v2/beacon/blocks/77", Needs::Number(77), OnNull::AskOthers),
            ("/eth/v1/beacon/blocks/finalized/root", Needs::Nothing, OnNull::AskOthers),
            ("/eth/v2/debug/beacon/states/head", Needs::Head, OnNull::AskOthers),
            ("/eth/v1/validator/duties/proposer/3", Needs::Head, OnNull::AskOthers),
            ("/eth", Needs::Nothing, OnNull::Answer),
            ("/", Needs::Nothing, OnNull::Answer),
        ] {
            let route = route_of(Service::Beacon, "GET", path);
            assert_eq!((route.needs, route.on_null), (needs, on_null), "{path}");
        }
        let path = format!("/eth/v1/beacon/headers/{ROOT}");
        assert_eq!(route_of(Service::Beacon, "GET", &path).needs, Needs::Block(root));
        assert_eq!(route_of(Service::Plain, "GET", &path).needs, Needs::Nothing);
    }

    #[test]
    fn statuses_mean_what_their_service_means_by_them() {
        let fault = |status| AnswerKind::Error(Meaning::NodeFault(Fault::Status(status)));
        for (status, beacon, plain) in [
            (200, AnswerKind::Value, AnswerKind::Value),
            (206, AnswerKind::Value, AnswerKind::Value),
            (400, AnswerKind::Value, AnswerKind::Value),
            (401, fault(401), AnswerKind::Value),
            (404, AnswerKind::Null, AnswerKind::Value),
            (500, fault(500), fault(500)),
            (503, fault(503), fault(503)),
        ] {
            let of = |service| answer_kind(service, Again::Freely, status, None);
            assert_eq!((of(Service::Beacon), of(Service::Plain)), (beacon, plain), "{status}");
        }
        let limited =
            AnswerKind::Error(Meaning::NodeFault(Fault::RateLimited { retry_after_ms: Some(3_000) }));
        assert_eq!(answer_kind(Service::Plain, Again::IfUnsent, 429, Some(3_000)), limited);
        let published = |service| answer_kind(service, Again::IfUnsent, 503, None);
        let syncs = AnswerKind::Error(Meaning::NodeFault(Fault::Behind));
        assert_eq!((published(Service::Beacon), published(Service::Plain)), (syncs, fault(503)));
        assert!(is_of_the_node(503) && is_of_the_node(401) && !is_of_the_node(500));
    }
}
