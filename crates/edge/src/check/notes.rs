//! What is valid and still should be thought about. It must never ask anybody.

use crate::config::{Config, Endpoint, Node, Pool, Service};
use crate::core::Tier;

/// What providers of nodes put into paths is no shorter.
const KEY_BYTES_MIN: usize = 12;

/// In the order of the file.
pub fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let edge = &config.edge;
    let is_public = !edge.listen.ip().is_loopback();
    if is_public && config.keys.is_empty() {
        notes.push(format!("whoever reaches {} is served: there are no keys", edge.listen));
    }
    if is_public && !config.keys.is_empty() && edge.tls.is_none() {
        notes.push(format!("clients send their keys to {} without TLS", edge.listen));
    }
    if !edge.admin_listen.ip().is_loopback() {
        notes.push(format!("whoever reaches {} sees the status and the metrics", edge.admin_listen));
    }
    for pool in &config.pools {
        of_pool(&mut notes, pool);
    }
    notes
}

fn of_pool(notes: &mut Vec<String>, pool: &Pool) {
    let name = &pool.name;
    if pool.nodes.len() == 1 {
        notes.push(format!("pool {name} has one node: there is nothing to fail over to"));
    } else if pool.nodes.iter().all(|node| node.tier == Tier::Backup) {
        notes.push(format!("every node of pool {name} is a backup"));
    }
    if matches!(pool.service, Service::Execution(_)) && pool.nodes.iter().all(|node| node.ws.is_none()) {
        notes.push(format!("no node of pool {name} has a ws_url: heads are found by asking"));
    }
    for node in pool.nodes.iter().filter(|node| travels_openly(node)) {
        notes.push(format!("what node {} of pool {name} is sent as a secret travels without TLS", node.name));
    }
}

/// Whether something that may be a secret leaves this machine in the clear.
fn travels_openly(node: &Node) -> bool {
    let is_open = |endpoint: &Endpoint| {
        let url = endpoint.url.expose();
        let is_near = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => true,
        };
        let has_key = url.path_segments().into_iter().flatten().any(may_be_a_key);
        let has_secret = endpoint.headers.iter().next().is_some() || url.query().is_some() || has_key;
        matches!(url.scheme(), "http" | "ws") && !is_near && has_secret
    };
    is_open(&node.http) || node.ws.as_ref().is_some_and(is_open)
}

/// Words of protocols are shorter, and names of folders have no digits.
fn may_be_a_key(segment: &str) -> bool {
    segment.len() >= KEY_BYTES_MIN && segment.bytes().any(|byte| byte.is_ascii_digit())
}
