//! What nodes answer over real sockets, what that means beside the others, and what should be thought about.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{Headers, Surroundings};
use crate::core::Fault;
use crate::redact::{SecretUrl, Secrets};

const SECRET: &str = "canary-in-the-path";

fn parse(text: &str) -> Config {
    let nothing = |_: &str| None;
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &nothing,
        file: &|_| Err("cannot be read".to_owned()),
        tls: &|_| Ok(()),
    };
    Config::parse(text, "edge.toml", &surroundings).unwrap()
}

/// A node that answers each request by the first of the answers whose word stands in it; its address.
async fn node(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, answers));
        }
    });
    format!("http://{address}/{SECRET}")
}

async fn answer(mut stream: TcpStream, answers: &[(&str, u16, &str)]) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let Some((_, status, body)) = answers.iter().find(|(word, _, _)| request.contains(word)) else { return };
    let length = body.len();
    let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

const GOOD: &[(&str, u16, &str)] = &[
    ("eth_chainId", 200, r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#),
    ("eth_syncing", 200, r#"{"jsonrpc":"2.0","id":1,"result":false}"#),
    ("eth_blockNumber", 200, r#"{"jsonrpc":"2.0","id":1,"result":"0x64"}"#),
];

async fn probed(kind: &str, urls: &[(&str, String)]) -> Vec<(String, Verdict, String)> {
    let mut text = format!("[pools.p]\n{kind}\nattempt_timeout = \"5s\"\n");
    for (name, url) in urls {
        text.push_str(&format!("[[pools.p.nodes]]\nname = \"{name}\"\nhttp_url = \"{url}\"\n"));
    }
    let findings = probe(&parse(&text)).await.unwrap();
    findings.into_iter().map(|finding| (finding.node.to_string(), finding.verdict, finding.said)).collect()
}

#[tokio::test]
async fn execution_nodes_are_asked_and_compared() {
    const SYNCING: &[(&str, u16, &str)] =
        &[GOOD[0], ("eth_syncing", 200, r#"{"result":{"currentBlock":"0x1"}}"#), GOOD[2]];
    const OTHER: &[(&str, u16, &str)] = &[("eth_chainId", 200, r#"{"result":"0x5"}"#), GOOD[1], GOOD[2]];
    const AHEAD: &[(&str, u16, &str)] =
        &[GOOD[0], GOOD[1], ("eth_blockNumber", 200, r#"{"result":"0x8954b0"}"#)];
    const REFUSING: &[(&str, u16, &str)] =
        &[("eth_chainId", 200, r#"{"error":{"code":-1,"message":"no key canary-in-the-path\u001b"}}"#)];
    const BROKEN: &[(&str, u16, &str)] = &[("eth_chainId", 500, "canary-in-the-path")];
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nodes = [
        ("good", node(GOOD).await),
        ("also-good", node(GOOD).await),
        ("syncing", node(SYNCING).await),
        ("other", node(OTHER).await),
        ("ahead", node(AHEAD).await),
        ("refusing", node(REFUSING).await),
        ("broken", node(BROKEN).await),
        ("silent", node(&[]).await),
        ("gone", format!("http://{gone}/{SECRET}")),
    ];
    let found = probed("kind = \"execution\"\nchain_id = 1", &nodes).await;
    let expected = [
        ("good", Verdict::Ok, "at block 100"),
        ("also-good", Verdict::Ok, "at block 100"),
        ("syncing", Verdict::Warn, "syncing, at block 100"),
        ("other", Verdict::Fail, "wrong chain: 5 instead of 1"),
        ("ahead", Verdict::Warn, "9000012 blocks ahead of the others, at block 9000112"),
        ("refusing", Verdict::Fail, "refuses the call: no key …\u{1b}"),
        ("broken", Verdict::Fail, "answers 500"),
        ("silent", Verdict::Fail, "broke off: "),
        ("gone", Verdict::Fail, "cannot be reached: "),
    ];
    for ((name, verdict, said), (node, as_expected, words)) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), *verdict), (node, as_expected), "{said}");
        assert!(said.starts_with(words) && !said.contains(SECRET), "{name}: {said}");
    }
    assert_eq!(found.len(), expected.len());
}

#[tokio::test]
async fn consensus_nodes_are_asked_and_compared() {
    const SPEC: (&str, u16, &str) =
        ("config/spec", 200, r#"{"data":{"DEPOSIT_CHAIN_ID":"1","SECONDS_PER_SLOT":"12"}}"#);
    macro_rules! syncing {
        ($slot:literal, $distance:literal, $optimistic:literal, $offline:literal) => {
            (
                "node/syncing",
                200,
                concat!(
                    r#"{"data":{"head_slot":""#,
                    $slot,
                    r#"","sync_distance":""#,
                    $distance,
                    r#"","is_syncing":false,"is_optimistic":"#,
                    $optimistic,
                    r#","el_offline":"#,
                    $offline,
                    "}}"
                ),
            )
        };
    }
    const GOOD: &[(&str, u16, &str)] = &[SPEC, syncing!("1000", "1", "false", "false")];
    const FAR: &[(&str, u16, &str)] = &[SPEC, syncing!("900", "101", "false", "false")];
    const OPTIMISTIC: &[(&str, u16, &str)] = &[SPEC, syncing!("1000", "0", "true", "false")];
    const OFFLINE: &[(&str, u16, &str)] = &[SPEC, syncing!("1000", "0", "false", "true")];
    const ODD: &[(&str, u16, &str)] = &[SPEC, ("node/syncing", 200, "[]")];
    const BUSY: &[(&str, u16, &str)] = &[("config/spec", 429, "")];
    let nodes = [
        ("good", node(GOOD).await),
        ("far", node(FAR).await),
        ("optimistic", node(OPTIMISTIC).await),
        ("offline", node(OFFLINE).await),
        ("odd", node(ODD).await),
        ("busy", node(BUSY).await),
    ];
    let found = probed("kind = \"consensus\"\nchain_id = 1", &nodes).await;
    let expected = [
        ("good", Verdict::Ok, "at slot 1000"),
        ("far", Verdict::Warn, "101 slots behind the clock, at slot 900"),
        ("optimistic", Verdict::Warn, "optimistic, at slot 1000"),
        ("offline", Verdict::Warn, "its execution node is offline, at slot 1000"),
        ("odd", Verdict::Fail, "answers something else than was asked for: /eth/v1/node/syncing"),
        ("busy", Verdict::Fail, "answers 429, too many requests: /eth/v1/config/spec"),
    ];
    assert_eq!(found, expected.map(|(node, verdict, said)| (node.to_owned(), verdict, said.to_owned())));
}

#[tokio::test]
async fn plain_services_are_well_by_their_path_or_by_answering_at_all() {
    const SERVICE: &[(&str, u16, &str)] =
        &[("GET /canary-in-the-path/ok?a ", 204, ""), ("GET /canary-in-the-path ", 404, "")];
    let asked = |path: &'static str| async move {
        let url = node(SERVICE).await;
        let found = probed(&format!("kind = \"http\"\n{path}"), &[("a", url)]).await;
        (found[0].1, found[0].2.clone())
    };
    assert_eq!(asked("health_path = \"/ok?a\"").await, (Verdict::Ok, "answers 204".to_owned()));
    assert_eq!(asked("").await, (Verdict::Ok, "answers 404".to_owned()));
    const SICK: &[(&str, u16, &str)] = &[("GET", 503, "")];
    let found = probed("kind = \"http\"\nhealth_path = \"/\"", &[("a", node(SICK).await)]).await;
    assert_eq!((found[0].1, found[0].2.as_str()), (Verdict::Fail, "answers 503"));
}

#[tokio::test]
async fn a_node_that_says_nothing_or_too_much_costs_its_time_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (headers, secrets) = (Headers::default(), Secrets::default());
    let question = |url: &str, answer_bytes_max| Question {
        url: SecretUrl::new(url.parse().unwrap()),
        headers: &headers,
        body: None,
        dial_timeout: Duration::from_secs(5),
        timeout: Duration::from_millis(50),
        answer_bytes_max,
        secrets: &secrets,
    };
    let asker = Asker::new(false).unwrap();
    let hung = asker.ask(question(&format!("http://{}", listener.local_addr().unwrap()), 10)).await;
    assert_eq!(hung.unwrap_err(), Failure::from(Fault::Timeout));
    const LONG: &[(&str, u16, &str)] = &[("GET", 200, "eleven bytes")];
    let mut question = question(&node(LONG).await, 11);
    question.timeout = Duration::from_secs(5);
    assert_eq!(asker.ask(question).await.unwrap_err().fault, Fault::TooLarge);
}

#[test]
fn what_is_valid_and_odd_is_noted() {
    let config = parse(
        r#"
        edge.listen = "0.0.0.0:8545"
        edge.admin_listen = "[::]:9545"
        edge.allow_public_without_keys = true
        [pools.a]
        kind = "execution"
        chain_id = 1
        [[pools.a.nodes]]
        name = "one"
        tier = "backup"
        http_url = "http://user:canary@node.example.org"
        [pools.b]
        kind = "http"
        nodes = [
            { name = "x", tier = "backup", http_url = "http://127.0.0.1:1/?k=canary" },
            { name = "y", tier = "backup", http_url = "http://[::1]:1", headers = { x-key = "canary" } },
        ]
        [pools.c]
        kind = "http"
        nodes = [
            { name = "near", http_url = "http://127.0.0.1/v3/0123456789abcdef" },
            { name = "plain", http_url = "http://c.example.org/eth/v1/beacon-of-hope" },
            { name = "key", http_url = "http://c.example.org/v3/0123456789abcdef" },
            { name = "sealed", http_url = "https://c.example.org/v3/0123456789abcdef" },
        ]
        "#,
    );
    assert_eq!(
        notes(&config),
        [
            "whoever reaches 0.0.0.0:8545 is served: there are no keys",
            "whoever reaches [::]:9545 sees the status and the metrics",
            "pool a has one node: there is nothing to fail over to",
            "no node of pool a has a ws_url: heads are found by asking",
            "what node one of pool a is sent as a secret travels without TLS",
            "every node of pool b is a backup",
            "what node key of pool c is sent as a secret travels without TLS",
        ]
    );
}
