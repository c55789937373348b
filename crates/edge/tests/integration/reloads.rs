//! What a new configuration changes of what is open: streams of nodes, and the places of those that left.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Process, Said};
use crate::service::Service;
use crate::stage::until;

const TWO: [Said; 2] = [("a", 0, "primary"), ("b", 1, "backup")];

/// A pool of one node, called as the service is.
fn web(name: &str, service: &Service) -> String {
    let url = &service.url;
    format!("[pools.web]\nkind = \"http\"\n[[pools.web.nodes]]\nname = \"{name}\"\nhttp_url = \"{url}\"\n")
}

/// Names and states of its nodes.
fn nodes(status: &Value) -> Vec<(String, String)> {
    let pools = status["pools"].as_array().unwrap();
    let web = pools.iter().find(|pool| pool["name"] == "web");
    let nodes = web.and_then(|pool| pool["nodes"].as_array()).into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    nodes.map(|node| (text(&node["name"]), text(&node["http"]["state"]))).collect()
}

fn said(nodes: &[(&str, &str)]) -> Vec<(String, String)> {
    nodes.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

/// It speaks of its own node alone.
#[tokio::test]
async fn an_endless_stream_holds_the_place_of_its_node_and_no_other() {
    let process = Process::start(2, &TWO, "").await;
    let services = [Service::start("a").await, Service::start("b").await, Service::start("c").await];
    let move_to = async |name: &'static str, service: &Service| {
        process.reload(&TWO, "", "", &web(name, service)).await;
        let serves = (name.to_owned(), "serving".to_owned());
        process.until("it serves", |status| nodes(status).contains(&serves)).await;
    };
    move_to("a", &services[0]).await;
    let mut events = TcpStream::connect(process.listen()).await.unwrap();
    events.write_all(b"GET /web/events HTTP/1.1\r\nHost: edge\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    until("events stream", async || {
        events.read_buf(&mut read).await.unwrap();
        String::from_utf8_lossy(&read).contains(": here")
    })
    .await;
    move_to("b", &services[1]).await;
    move_to("c", &services[2]).await;
    let left = said(&[("c", "serving"), ("a", "leaving")]);
    process.until("only the one that streams is there", |status| nodes(status) == left).await;
    drop(events);
    let left = said(&[("c", "serving")]);
    process.until("it has left", |status| nodes(status) == left).await;
}
