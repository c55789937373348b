//! The binary: its ready line, its end, and what it says of bad arguments.

use std::process::{Output, Stdio};
use std::time::Duration;

use devnet::client::{HttpClient, WsClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook-devnet"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn ready(arguments: &[&str]) -> (Child, Value) {
    let mut child = command(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line =
        tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

async fn refused(arguments: &[&str]) -> String {
    let output: Output = command(arguments).output().await.unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn it_says_where_everything_is_and_ends_when_told_to() {
    let (mut child, line) =
        ready(&["--nodes", "3", "--block-time", "20ms", "--counter-ids", "--lag", "0ms,5ms"]).await;
    assert_eq!((&line["chain_id"], line["nodes"].as_array().unwrap().len()), (&json!(1_337), 3));
    let client = WsClient::connect(line["nodes"][1]["ws"].as_str().unwrap()).await.unwrap();
    assert_eq!(client.subscribe(json!(["newHeads"])).await.unwrap(), "0x1");
    client.until(|record| record.heads().count() >= 3).await.unwrap();
    let admin = HttpClient::new(line["admin"].as_str().unwrap());
    assert_eq!(admin.get("/status").await.unwrap().json()["block_ms"], 20);
    let health = HttpClient::new(line["nodes"][2]["beacon"].as_str().unwrap())
        .get("/eth/v1/node/health")
        .await
        .unwrap();
    assert_eq!(health.status, 200);
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.expect("it ends");
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn bad_arguments_are_explained() {
    for (arguments, hint) in [
        (&["--nodes", "0"][..], "a devnet has 1 to 32 nodes, not 0"),
        (&["--block-time", "5min"], "`min` is no unit: ms or s"),
        (&["--block-time", "soon"], "expected a number and a unit"),
        (&["--lag", "1s,1s,1s"], "--lag names 3 nodes, and there are 2"),
        (&["--ports", "65535"], "no port 65535 + 1"),
    ] {
        let said = refused(arguments).await;
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn help_has_examples() {
    let output = command(&["--help"]).output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("/nodes/0/fault"), "{help}");
}
