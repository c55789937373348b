//! Calls that go to another node though none failed: each move is told, with why, to whoever watches.

use devnet::node::{Fault, Switch};
use serde_json::{Value, json};

use crate::stage::{Stage, two_nodes, until};

const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";

async fn first(stage: &Stage) -> Value {
    stage.admin().get("/status").await.unwrap().json()["pools"][0].clone()
}

#[tokio::test]
async fn calls_that_go_elsewhere_though_nothing_failed_are_told_with_why() {
    let limited = Fault::Status { status: 429, retry_after_s: Some(30) };
    let limited = Switch::from(limited).for_methods(&["eth_getCode"]);
    for (fault, why) in [
        (Switch::from(Fault::Lag { blocks: 40 }), "behind"),
        (Switch::from(Fault::Syncing), "behind"),
        (limited, "rate_limited"),
    ] {
        let stage = two_nodes().await;
        stage.devnet.node(0).set(fault.clone()).unwrap();
        until(why, async || {
            let params = json!([ACCOUNT, "latest"]);
            let answer = stage.http().call("eth_getCode", params).await.unwrap().json();
            assert!(answer["result"].is_string(), "{answer}");
            let pool = first(&stage).await;
            let node = &pool["nodes"][0];
            node["http"]["state"] != "serving"
                && node["http"]["fault"] == why
                && node["stream"]["fault"] == why
        })
        .await;
        let pool = first(&stage).await;
        let last = &pool["last_failover"];
        let said = ["from", "to", "reason"].map(|key| last[key].clone());
        assert_eq!(said, ["node-0", "node-1", why].map(Value::from), "{fault:?}");
        let label = format!("error_class=\"{why}\"");
        assert!(stage.metric("casebook_edge_failovers_total", &[&label]).await >= 1.0, "{fault:?}");
    }
}
