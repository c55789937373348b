//! Beacon nodes and plain services that repeat what they were sent, in every form that an answer can have.

use std::io::Read as _;

use devnet::network::Plan;
use devnet::node::NodePlan;
use devnet::served::Devnet;
use flate2::read::GzDecoder;
use percent_encoding::percent_decode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::parrot::{FORMS, MOVED, NO, Parrot};
use super::{Searched, VARIABLES};
use crate::program::{Folder, Program};
use crate::stage::{PATIENCE, until};

/// Of a form that nobody can look through.
const HIDDEN: &str = "in a form that cannot be shown";

fn config(parrot: &Parrot) -> String {
    let at = parrot.address;
    format!(
        r#"
[edge]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain_lead = "0s"
log = "trace"
[pools.web]
kind = "http"
[[pools.web.nodes]]
name = "parrot"
http_url = "http://plnt-user-0:${{EDGE_TEST_PASSWORD}}@{at}/v3/plnt-web-path?apikey=plnt-web-query"
headers = {{ x-api-key = "plnt-web-header" }}
[pools.beacon]
kind = "consensus"
chain_id = 1337
block_time = "200ms"
probe_every = "200ms"
[[pools.beacon.nodes]]
name = "parrot"
http_url = "http://{at}/${{EDGE_TEST_KEY}}?k=plnt-beacon-query"
headers = {{ authorization = "Bearer plnt-bearer-1" }}
"#
    )
}

/// Every byte of an answer, and what its body means where that is something else.
async fn asked(program: &Program, path: &str) -> (Vec<u8>, String) {
    let mut stream = TcpStream::connect(program.address("listen")).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: edge\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends").unwrap();
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let mut meant = String::new();
    if GzDecoder::new(&answer[body..]).read_to_string(&mut meant).is_err() {
        meant = String::from_utf8_lossy(&answer[body..]).into_owned();
    }
    // JSON has many ways to write a letter.
    if let Ok(document) = serde_json::from_str::<Value>(&meant) {
        meant = document.to_string();
    }
    (answer, meant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_comes_back_in_what_a_service_says_of_an_error() {
    let plan = Plan { block_ms: 200, nodes: vec![NodePlan::default()], ..Plan::default() };
    let devnet = Devnet::start(plan).await.unwrap();
    let parrot = Parrot::over_http(devnet.node(0).beacon_url()).await;
    let (folder, mut searched) = (Folder::new(), Searched::default());
    let program = Program::serve(&folder.file("edge.toml", &config(&parrot)), VARIABLES).await;
    until("the beacon node is asked", async || {
        let (answer, _) = asked(&program, "/beacon/eth/v1/beacon/genesis").await;
        answer.starts_with(b"HTTP/1.1 200")
    })
    .await;
    for status in [404, 400, 410] {
        for (form, is_readable) in FORMS {
            for pool in ["web", "beacon"] {
                let path = format!("/{pool}/say/{status}/{form}");
                let (answer, meant) = asked(&program, &path).await;
                let text = String::from_utf8_lossy(&answer).into_owned();
                assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {text:.400}");
                let expected = if *is_readable { NO } else { HIDDEN };
                assert!(meant.contains(expected), "{path}: {meant:.400}");
                searched.add(format!("what {path} means"), meant);
                searched.add(path, answer);
            }
        }
    }
    // After these a node is not asked any more, so they come last.
    for status in [401, 403, 429, 500, 503] {
        for pool in ["web", "beacon"] {
            let path = format!("/{pool}/say/{status}/gzip");
            let (answer, meant) = asked(&program, &path).await;
            searched.add(format!("what {path} means"), meant);
            searched.add(path, answer);
        }
    }
    let heard = parrot.heard();
    for planted in ["plnt-web-path", "plnt-web-query", "plnt-web-header", "plnt-variable", "plnt-bearer-1"] {
        assert!(heard.contains(planted), "no node was sent {planted}");
    }
    assert!(!heard.contains("gzip, br"), "what is asked for can be looked through");
    let said = program.end().await;
    searched.add("standard error", said.err);
    searched.assert_clean();
}

/// However often it is written in other letters.
fn decoded(answer: &[u8]) -> Vec<u8> {
    (0..3).fold(answer.to_vec(), |answer, _| percent_decode(&answer).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_comes_back_in_a_header_of_any_answer() {
    let plan = Plan { block_ms: 200, nodes: vec![NodePlan::default()], ..Plan::default() };
    let devnet = Devnet::start(plan).await.unwrap();
    let parrot = Parrot::over_http(devnet.node(0).beacon_url()).await;
    let (folder, mut searched) = (Folder::new(), Searched::default());
    let program = Program::serve(&folder.file("edge.toml", &config(&parrot)), VARIABLES).await;
    until("the beacon node is asked", async || {
        let (answer, _) = asked(&program, "/beacon/eth/v1/beacon/genesis").await;
        answer.starts_with(b"HTTP/1.1 200")
    })
    .await;
    for status in [200, 301, 302, 303, 307, 308] {
        for form in MOVED {
            for pool in ["web", "beacon"] {
                let path = format!("/{pool}/moved/{status}/{form}");
                let (answer, _) = asked(&program, &path).await;
                let text = String::from_utf8_lossy(&answer).into_owned();
                assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {text:.400}");
                assert!(text.ends_with("elsewhere"), "{path}: {text:.400}");
                // A redirect that stays below the node's address is still one, below the pool.
                let is_followed = text.contains(&format!("location: {path}/\r\n"));
                assert_eq!(is_followed, *form == "slash", "{path}: {text:.400}");
                searched.add(format!("what {path} means"), decoded(&answer));
                searched.add(path, answer);
            }
        }
    }
    searched.add("standard error", program.end().await.err);
    searched.assert_clean();
}
