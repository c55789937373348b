//! Every method, over HTTP and over WebSocket: what is answered is the same.

use devnet::chain::{accounts, contracts, data, signed};
use devnet::node::{BATCH_MAX, REVERT_CALL};
use serde_json::{Value, json};

use crate::running::{http, one, result, ws};

#[tokio::test]
async fn every_method_answers_alike_over_both_ways() {
    let devnet = one().await;
    (0..5).for_each(|_| _ = devnet.mine());
    let socket = ws(&devnet, 0).await;
    let head = devnet.head();
    let (contract, account) =
        (contracts(1)[0], accounts(1)[0].to_string().replace("000000000000000000000000", ""));
    let transaction = devnet.read(|network| {
        let main = network.history().main();
        main.iter().find_map(|block| Some(block.transactions.first()?.hash)).unwrap()
    });
    let calls: Vec<(&str, Value)> = vec![
        ("eth_chainId", json!([])),
        ("eth_blockNumber", json!([])),
        ("eth_syncing", json!([])),
        ("net_version", json!([])),
        ("net_peerCount", json!([])),
        ("net_listening", json!([])),
        ("web3_clientVersion", json!([])),
        ("eth_accounts", json!([])),
        ("eth_getBlockByHash", json!([head.hash, true])),
        ("eth_getBlockByNumber", json!(["finalized", false])),
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getTransactionByHash", json!([transaction])),
        ("eth_getTransactionReceipt", json!([transaction])),
        ("eth_getLogs", json!([{"fromBlock": "0x1", "toBlock": "latest", "address": contract}])),
        ("eth_getBalance", json!([account, "latest"])),
        ("eth_getTransactionCount", json!([account, "latest"])),
        ("eth_getCode", json!([account, "latest"])),
        ("eth_call", json!([{"to": contract, "data": "0x01"}, "latest"])),
        ("eth_call", json!([{"to": contract, "data": REVERT_CALL}, "latest"])),
        ("eth_estimateGas", json!([{"to": contract}])),
        ("eth_gasPrice", json!([])),
        ("eth_maxPriorityFeePerGas", json!([])),
        ("devnet_sleep", json!([1])),
        ("devnet_large", json!([1_000])),
        ("eth_unheardOf", json!([])),
    ];
    for (method, params) in calls {
        let id = json!("same");
        let over_http = http(&devnet, 0)
            .post(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())
            .await
            .unwrap();
        let over_ws = socket.call_as(&id, method, params).await.unwrap();
        assert_eq!((over_http.status, over_http.text()), (200, over_ws.text), "{method}");
    }
}

#[tokio::test]
async fn state_of_a_node_lasts_from_one_connection_to_the_next() {
    let devnet = one().await;
    let filter = result(&devnet, "eth_newBlockFilter", json!([])).await;
    let block = devnet.mine();
    assert_eq!(result(&devnet, "eth_getFilterChanges", json!([filter])).await, json!([block.hash]));
    let raw = data(&signed(1, 0, 1_337));
    let hash = result(&devnet, "eth_sendRawTransaction", json!([raw])).await;
    let again = http(&devnet, 0).call("eth_sendRawTransaction", json!([raw])).await.unwrap().answered();
    assert_eq!(again.error(), Some((-32_000, "already known".to_owned())));
    devnet.mine();
    assert_eq!(result(&devnet, "eth_getTransactionReceipt", json!([hash])).await["status"], "0x1");
    assert_eq!(result(&devnet, "eth_uninstallFilter", json!([filter])).await, true);
}

#[tokio::test]
async fn ids_batches_and_nonsense_over_both_ways() {
    let devnet = one().await;
    let (plain, socket) = (http(&devnet, 0), ws(&devnet, 0).await);
    for (sent, expected) in [
        (
            r#"{"id":123456789012345678901234,"method":"eth_chainId"}"#,
            r#"{"jsonrpc":"2.0","id":123456789012345678901234,"result":"0x539"}"#,
        ),
        (r#"[{"id":"a","method":"eth_chainId"}]"#, r#"[{"jsonrpc":"2.0","id":"a","result":"0x539"}]"#),
        ("{", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#),
        ("[]", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"empty batch"}}"#),
    ] {
        assert_eq!(plain.post(sent).await.unwrap().text(), expected);
        let before = socket.record().entries().len();
        socket.send_binary(sent).await.unwrap();
        let came = |record: &devnet::client::Record| {
            record
                .entries()
                .iter()
                .skip(before)
                .any(|entry| !matches!(entry.seen, devnet::client::Seen::Sent { .. }))
        };
        socket.until(came).await.unwrap();
    }
    let notification = plain.post(r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#).await.unwrap();
    assert_eq!((notification.status, notification.text().as_str()), (200, ""));
    let large: Vec<Value> = (0..=BATCH_MAX).map(|id| json!({ "id": id, "method": "eth_chainId" })).collect();
    let refused = plain.post(&json!(large).to_string()).await.unwrap().answered();
    assert_eq!(refused.error(), Some((-32_600, "batch too large".to_owned())));
}

#[tokio::test]
async fn a_large_answer_passes_whole() {
    let devnet = one().await;
    let bytes = 40 << 20;
    let over_http = http(&devnet, 0).call("devnet_large", json!([bytes])).await.unwrap();
    assert!(over_http.body.len() > bytes);
    let over_ws = ws(&devnet, 0).await.call("devnet_large", json!([bytes])).await.unwrap();
    assert_eq!(over_ws.text.len(), over_http.body.len());
}

#[tokio::test]
async fn requests_and_connections_are_known() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    socket.call("eth_chainId", json!([])).await.unwrap();
    result(&devnet, "eth_chainId", json!([])).await;
    assert_eq!(devnet.node(0).count("eth_chainId"), 2);
    let connections = devnet.node(0).connections();
    assert_eq!((connections.sockets, connections.execution >= 1), (1, true));
    socket.close().await;
    let gone = async {
        while devnet.node(0).connections().execution > 0 || devnet.node(0).connections().sockets > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.expect("all are gone");
}
