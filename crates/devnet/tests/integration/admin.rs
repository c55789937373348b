//! The admin API.

use devnet::client::HttpClient;
use devnet::network::Plan;
use devnet::served::{Devnet, Setup};
use hyper::Method;
use serde_json::{Value, json};

use crate::running::http;

struct Admin {
    devnet: Devnet,
    client: HttpClient,
}

impl Admin {
    async fn start() -> Self {
        let devnet = Devnet::start(Setup::from(Plan::default()).by_hand().with_admin()).await.unwrap();
        let client = HttpClient::new(&devnet.admin_url().unwrap());
        Self { devnet, client }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.send(method, path, body.into()).await.unwrap();
        (answer.status, answer.json())
    }

    async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, document) = self.ask(method, path, body).await;
        assert_eq!(status, 200, "{path}: {document}");
        document
    }
}

#[tokio::test]
async fn blocks_and_forks_are_made() {
    let admin = Admin::start().await;
    let mined = admin.done(Method::POST, "/mine", Value::Null).await;
    assert_eq!(mined["head"]["number"], 11);
    assert_eq!(admin.done(Method::POST, "/mine", json!({"count": 4})).await["head"]["number"], 15);
    let forked = admin.done(Method::POST, "/fork", json!({"depth": 2, "length": 3})).await;
    assert_eq!(forked["head"]["number"], 16);
    let side =
        admin.done(Method::POST, "/fork", json!({"at": 10, "length": 9, "adopt": false, "nodes": [1]})).await;
    assert_eq!(side["head"], forked["head"], "only node 1 goes there");
    let status = admin.done(Method::GET, "/status", Value::Null).await;
    assert_eq!([&status["nodes"][0]["head"], &status["nodes"][1]["head"]], [16, 19]);
    assert_eq!(status["nodes"][0]["urls"]["http"], json!(admin.devnet.node(0).http_url()));
}

#[tokio::test]
async fn faults_are_set_shown_and_cleared() {
    let admin = Admin::start().await;
    let slow = json!({"fault": "slow", "ms": 1, "methods": ["eth_*"], "requests": 2});
    let node = admin.done(Method::POST, "/nodes/1/fault", slow).await;
    assert_eq!(node["faults"][0]["fault"], "slow");
    assert_eq!(node["faults"][0]["requests"], 2);
    admin.done(Method::POST, "/nodes/1/fault", json!({"fault": "syncing"})).await;
    let node = admin.done(Method::DELETE, "/nodes/1/fault?fault=slow", Value::Null).await;
    assert_eq!(node["faults"].as_array().unwrap().len(), 1);
    let node = admin.done(Method::DELETE, "/nodes/1/fault", Value::Null).await;
    assert_eq!(node["faults"], json!([]));
    admin.done(Method::POST, "/nodes/0/stop", Value::Null).await;
    assert!(http(&admin.devnet, 0).call("eth_chainId", json!([])).await.is_err());
    admin.done(Method::POST, "/nodes/0/start", Value::Null).await;
    assert_eq!(http(&admin.devnet, 0).call("eth_chainId", json!([])).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_truth_is_told() {
    let admin = Admin::start().await;
    http(&admin.devnet, 1).call("eth_chainId", json!([])).await.unwrap();
    let mined = admin.devnet.mine();
    let truth = admin.done(Method::GET, "/truth?last=3", Value::Null).await;
    let steps = truth["history"]["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[2]["hash"], &steps[2]["step"]), (3, &json!(mined.hash), &json!("added")));
    assert_eq!(truth["nodes"][1]["counts"]["eth_chainId"], json!({"received": 1, "answered": 1}));
    assert_eq!(truth["nodes"][1]["requests"][0]["method"], "eth_chainId");
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_with_a_hint() {
    let admin = Admin::start().await;
    for (method, path, body, status, hint) in [
        (Method::GET, "/nothing", Value::Null, 404, "there are GET /status"),
        (Method::GET, "/mine", Value::Null, 405, "is not for GET"),
        (Method::POST, "/mine", json!({"count": 0}), 400, "`count` is 1 to 1000"),
        (Method::POST, "/mine", json!({"cuont": 1}), 400, "unknown field `cuont`"),
        (Method::POST, "/mine", json!("x"), 400, "the body cannot be read"),
        (Method::POST, "/fork", json!({"length": 1}), 400, "give either `depth` or `at`"),
        (Method::POST, "/fork", json!({"at": 99, "length": 1}), 400, "block 99 is not on the main branch"),
        (Method::POST, "/nodes/0/fault", json!({"fault": "nap"}), 400, "unknown variant `nap`"),
        (Method::POST, "/nodes/0/fault", json!({"fault": "kill", "requests": 1}), 400, "the whole node"),
        (
            Method::POST,
            "/nodes/7/fault",
            json!({"fault": "kill"}),
            404,
            "there is no node 7: they are 0 to 1",
        ),
        (Method::GET, "/truth?last=many", Value::Null, 400, "`last` is a number"),
    ] {
        let (found, problem) = admin.ask(method, path, body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(found == status && detail.contains(hint), "{path}: {found} {problem}");
        assert_eq!(problem["status"], status);
    }
}
