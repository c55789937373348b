//! What the failover proxy reads: requests of clients, answers of nodes, filters, blocks and logs, its configuration. Knows
//! nothing of sockets.

use std::path::Path;

use ::edge::config::{Config, Surroundings};
use ::edge::core::filter::{Filter, LogKey};
use ::edge::core::keccak::keccak256;
use ::edge::core::{
    Bloom, Hash, Invalid, InvalidKind, Request, Response, ResponseKind, Scanned, Upstream, error_meaning,
    hex, params, route_of, scan_request, scan_upstream, splice, wire,
};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

const BATCH_MAX: usize = 16;
/// What lies deeper is refused by the scanner, and by serde where it builds values.
const NESTING_MAX: usize = 128;
/// In the configuration's environment; no error may say it. Where it stands in the name of a host, which is shown, its letters
/// become small ones.
const SECRET: &str = "A-Secret-Of-The-Environment";

/// A body of a client: what is taken is JSON and holds what serde finds there; what is called no JSON is none.
pub fn edge_requests(data: &[u8]) {
    match scan_request(data, BATCH_MAX) {
        // What serde passes over may hold half a surrogate pair; where it builds values, that is no JSON to it either.
        Err(Invalid { kind: InvalidKind::Parse, .. }) => {
            let is_value = serde_json::from_slice::<Value>(data).is_ok();
            assert!(!is_value || depth(data) >= NESTING_MAX, "JSON is called none")
        }
        // The rest of a batch that is too long is not looked at.
        Err(Invalid { kind: InvalidKind::TooMany, .. }) => {}
        Err(Invalid { kind: InvalidKind::Request, .. }) => assert!(is_json(data)),
        Ok(Scanned::Single(request)) => {
            assert!(is_json(data));
            same_request(&request);
        }
        Ok(Scanned::Batch(items)) => {
            assert!(is_json(data) && (1..=BATCH_MAX).contains(&items.len()));
            items.iter().flatten().for_each(same_request);
        }
    }
}

/// What was found in a request is what serde finds in it, and another id goes in its place and nowhere else.
fn same_request(request: &Request<'_>) {
    let raw = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let _ = route_of(request.method, request.params);
    // Numbers that serde cannot hold, and halves of surrogate pairs.
    let Some(document) = raw(request.whole) else { return };
    assert_eq!(document.get("id").cloned(), request.id.and_then(raw));
    assert_eq!(document.get("params").cloned(), request.params.and_then(raw));
    assert_eq!(document["method"].as_str().map(str::as_bytes), Some(request.method));
    if request.id.is_some() {
        let mut other: Value =
            raw(&splice(request.whole, request.id_range.clone(), b"\"other\"")).expect("it is JSON still");
        assert_eq!(other["id"], "other");
        other["id"] = document["id"].clone();
        assert_eq!(other, document);
    }
}

/// A message of a node: what is taken is JSON and holds what serde finds there; an answer that serde finds is taken.
pub fn edge_answers(data: &[u8]) {
    let read = serde_json::from_slice::<Value>(data).ok();
    let scanned = scan_upstream(data);
    assert!(scanned.is_none() || is_json(data));
    let Some(document) = read else { return };
    // Names that are written with escapes are other names to the scanner.
    if data.contains(&b'\\') {
        return;
    }
    match scanned {
        Some(Upstream::Response(response)) => same_response(data, &document, &response),
        Some(Upstream::Notification(notification)) => {
            let raw = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("it is JSON");
            assert_eq!(document["params"]["result"], raw(notification.result));
            assert_eq!(document["params"]["subscription"], raw(notification.subscription));
        }
        None => {
            let has_result =
                document.get("result").is_some() && document.get("error").is_none_or(Value::is_null);
            let is_answer = document.get("id").is_some() && (has_result || document["error"].is_object());
            assert!(
                !is_answer || document.get("method").is_some() || depth(data) >= NESTING_MAX,
                "it is an answer"
            );
        }
    }
}

fn same_response(data: &[u8], document: &Value, response: &Response) {
    let raw = |range: std::ops::Range<usize>| {
        serde_json::from_slice::<Value>(data.get(range).expect("within")).expect("it is JSON")
    };
    assert_eq!(document["id"], raw(response.id_range.clone()));
    match response.kind.clone() {
        ResponseKind::Result { range, is_null } => {
            assert_eq!((&document["result"], document["result"].is_null()), (&raw(range), is_null))
        }
        ResponseKind::Error { range, code, message } => {
            assert_eq!(document["error"], raw(range));
            assert!(code == 0 || document["error"]["code"].as_i64() == Some(code));
            let said = data.get(message).expect("within");
            assert!(
                said.is_empty() || document["error"]["message"].as_str().map(str::as_bytes) == Some(said)
            );
            let _ = error_meaning(code, said);
        }
    }
}

/// Parameters of calls, and the filter of a subscription: what matches a log may match its block.
pub fn edge_filters(data: &[u8]) {
    for n in 0..4 {
        let found = params::nth(data, n);
        let _ =
            (params::block_at(Some(data), n), params::hash_at(Some(data), n), params::logs_at(Some(data), n));
        if let (Some(found), Ok(all)) = (found, serde_json::from_slice::<Vec<&RawValue>>(data)) {
            assert_eq!(all.get(n).map(|value| value.get().as_bytes()), Some(found));
        }
    }
    let Ok(filter) = Filter::parse(Some(data)) else { return };
    let log = log_of(data);
    if filter.matches(&log) {
        let mut bloom = Bloom(Box::new([0; 256]));
        add(&mut bloom, &log.address);
        log.topics.iter().for_each(|topic| add(&mut bloom, topic));
        assert!(filter.may_match(&bloom), "the bloom filter hides a log");
    }
}

/// From the first values in the text that look like its parts.
fn log_of(data: &[u8]) -> LogKey {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('"').filter(|part| part.starts_with("0x"));
    let address = parts.clone().find_map(hex::bytes::<20>).unwrap_or([7; 20]);
    LogKey { address, topics: parts.by_ref().filter_map(hex::bytes::<32>).take(4).collect() }
}

/// Three bits of the hash, as the Yellow Paper has them.
fn add(bloom: &mut Bloom, value: &[u8]) {
    let hash = keccak256(value);
    for pair in hash.as_chunks::<2>().0.iter().take(3) {
        let bit = usize::from(u16::from_be_bytes(*pair) % 2048);
        bloom.0[255 - bit / 8] |= 1 << (bit % 8);
    }
}

/// Headers, blocks and logs of nodes: what is kept of them is JSON that says the same again.
pub fn edge_blocks(data: &[u8]) {
    if let Some(block) = wire::block(data) {
        let again = wire::block(&block.header).expect("a header is one");
        assert_eq!((again.hash, again.parent, again.number), (block.hash, block.parent, block.number));
    }
    if let Some(logs) = wire::logs(data, Hash([0x11; 32])) {
        for log in logs {
            assert!(log.key.topics.len() <= data.len() && is_json(&log.raw));
            let told = wire::retracted(&log.raw);
            assert!(is_json(&told));
            if let Ok(told) = serde_json::from_slice::<Value>(&told) {
                assert_eq!(told["removed"], true);
            }
        }
    }
    let _ = wire::retracted(data);
}

/// A configuration: what is wrong is said, and neither that nor what is shown to developers has a secret in it.
pub fn edge_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let surroundings = Surroundings {
        folder: Path::new("."),
        variable: &|_| Some(SECRET.to_owned()),
        file: &|_| Ok(SECRET.to_owned()),
        tls: &|_| Ok(()),
    };
    let shown = match Config::parse(text, "edge.toml", &surroundings) {
        Ok(config) => format!("{config:?} {:?}", ::edge::check::notes(&config)),
        Err(errors) => errors.to_string(),
    };
    assert!(!shown.contains(SECRET) || text.contains(SECRET), "a secret is shown: {shown}");
}

fn is_json(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

/// Of arrays and objects in each other, in what is JSON.
fn depth(data: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in data {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
