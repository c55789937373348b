//! Pages in browsers: those of sites that the configuration names may call, others may not, and programs always may.

use devnet::client::{HttpClient, WsClient};
use devnet::node::NodePlan;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::{PATIENCE, Stage, stage};

const SITE: &str = "https://app.example";

async fn status(stage: &Stage, origin: &str) -> u16 {
    let url = format!("http://{}/net", stage.edge.listen);
    let page = HttpClient::new(&url).with_header("origin", origin).with_patience(PATIENCE);
    page.call("eth_chainId", json!([])).await.unwrap().status
}

async fn may_connect(stage: &Stage, origin: &str) -> bool {
    WsClient::connect_with(&format!("ws://{}/net", stage.edge.listen), &[("origin", origin)]).await.is_ok()
}

#[tokio::test]
async fn a_page_calls_where_its_site_is_named_and_nowhere_else() {
    let (open, closed) = tokio::join!(
        stage(vec![NodePlan::default()], "origins = [\"https://app.example\"]"),
        stage(vec![NodePlan::default()], "")
    );
    assert_eq!(status(&open, SITE).await, 200);
    assert!(may_connect(&open, SITE).await);
    for other in ["https://app.example.org", "http://app.example", "null"] {
        assert_eq!(status(&open, other).await, 403, "{other}");
        assert!(!may_connect(&open, other).await, "{other}");
    }
    assert_eq!(status(&closed, SITE).await, 403);
    assert!(!may_connect(&closed, SITE).await);
    assert_eq!(closed.http().call("eth_chainId", json!([])).await.unwrap().status, 200, "a program");
    assert_eq!(closed.metric("casebook_edge_refused_total", &["limit=\"origin\""]).await, 2.0);
}

#[tokio::test]
async fn a_browser_asks_before_and_is_told_that_its_page_may() {
    let stage = stage(vec![NodePlan::default()], "origins = \"*\"").await;
    let asks = format!(
        "OPTIONS /net HTTP/1.1\r\nHost: edge\r\nOrigin: {SITE}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(stage.edge.listen).await.unwrap();
    stream.write_all(asks.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    for expected in [
        "HTTP/1.1 204",
        "access-control-allow-origin: https://app.example\r\n",
        "access-control-allow-methods: POST\r\n",
        "access-control-allow-headers: content-type\r\n",
    ] {
        assert!(answer.contains(expected), "{answer}");
    }
}
