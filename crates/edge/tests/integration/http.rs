//! Plain services: any verb on any path, answered while one node is well, and never done twice where that may matter.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use devnet::client::HttpClient;
use edge::Edge;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::service::{BIG_BYTES, Mode, Service};
use crate::stage::{PATIENCE, parsed};

/// SHA-256 of `test`.
const KEY: &str = "[[keys]]\nname = \"ops\"\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

struct Stage {
    services: [Service; 2],
    edge: Edge,
}

async fn stage(keys: &str, pool: &str) -> Stage {
    let services = [Service::start("a").await, Service::start("b").await];
    let mut text = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"off\"\n{keys}[pools.web]\nkind = \"http\"\n\
         probe_every = \"500ms\"\nfailback_after = \"1s\"\ndeadline = \"10s\"\nattempt_timeout = \"2s\"\n\
         request_bytes_max = \"1KiB\"\n{pool}\n"
    );
    for (service, tier) in services.iter().zip(["primary", "backup"]) {
        let url = &service.url;
        writeln!(
            text,
            "[[pools.web.nodes]]\nname = \"{tier}\"\ntier = \"{tier}\"\nhttp_url = \"{url}/base?k=1\""
        )
        .unwrap();
        writeln!(text, "headers = {{ \"x-node-key\" = \"of-the-node\" }}").unwrap();
    }
    let edge = Edge::start(&parsed(&text)).await.unwrap();
    let stage = Stage { services, edge };
    stage.until_first_is("serving").await;
    stage
}

impl Stage {
    fn client(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}/web", self.edge.listen)).with_patience(PATIENCE)
    }

    async fn until_first_is(&self, state: &str) {
        let admin = HttpClient::new(&format!("http://{}", self.edge.admin_listen));
        let wait = async {
            while admin.get("/status").await.unwrap().json()["pools"][0]["nodes"][0]["http"]["state"] != state
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the node is seen as it is");
    }

    /// A request as it is written, and its answer as it comes.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.edge.listen).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn reads_of_a_service_have_no_failure_that_a_client_sees_while_one_node_is_well() {
    for mode in [
        Mode::Status(500),
        Mode::Status(502),
        Mode::Status(503),
        Mode::Status(504),
        Mode::Status(429),
        Mode::Cut,
        Mode::Drop,
        Mode::Silent,
    ] {
        let stage = stage("", "").await;
        stage.services[0].set(mode);
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::GET] {
            let answer = stage.client().send(method.clone(), "/x", Bytes::new()).await.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, "b /base/x?k=1"), "{mode:?} {method}");
        }
    }
}

#[tokio::test]
async fn a_post_that_may_have_acted_is_never_repeated_and_one_that_did_not_is() {
    let stage = stage("", "").await;
    let post = |path: &'static str| {
        let client = stage.client();
        async move { client.send(Method::POST, path, Bytes::from_static(b"{}")).await.unwrap() }
    };
    stage.services[0].set(Mode::Drop);
    let answer = post("/x").await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("may have been carried out"), "{}", answer.text());
    assert_eq!((stage.services[0].seen("POST").len(), stage.services[1].seen("POST").len()), (1, 0));
    stage.services[0].set(Mode::Well);
    stage.until_first_is("serving").await;
    // What a node says of itself is told: it may have acted before it said so.
    stage.services[0].set(Mode::Status(503));
    assert_eq!(post("/x").await.status, 503);
    assert_eq!(stage.services[1].seen("POST").len(), 0);
    stage.services[0].set(Mode::Status(429));
    assert_eq!(post("/x").await.status, 200);
    assert_eq!(stage.services[1].seen("POST").len(), 1);
}

#[tokio::test]
async fn what_is_passed_on_is_what_is_meant_for_the_other_side() {
    let stage = stage(KEY, "").await;
    let head = "Host: edge\r\nAuthorization: Bearer test\r\nX-Api-Key: test\r\nX-Mine: 1\r\nX-Secret: 2\r\n\
                X-Node-Key: of-a-client\r\nTE: trailers\r\nConnection: close, X-Secret\r\n\r\n";
    let answer = stage.raw(&format!("GET /web/a/b?c=d HTTP/1.1\r\n{head}")).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200") && answer.ends_with("a /base/a/b?k=1&c=d"), "{answer}");
    assert!(answer.contains("\r\nx-of: service\r\n"), "{answer}");
    assert!(!answer.contains("x-hop") && !answer.contains("keep-alive"), "{answer}");
    let seen = stage.services[0].seen("GET /base/a/b?k=1&c=d HTTP/1.1")[0].to_lowercase();
    assert!(seen.contains("\r\nx-mine: 1\r\n") && seen.contains("\r\nx-node-key: of-the-node\r\n"), "{seen}");
    assert!(seen.contains("\r\nvia: 1.1 casebook-edge\r\n"), "{seen}");
    for absent in ["bearer", "x-api-key", "x-secret", "of-a-client", "\r\nte:", "host: edge"] {
        assert!(!seen.contains(absent), "{absent}: {seen}");
    }
    let away = stage.raw(&format!("GET /web/away HTTP/1.1\r\n{head}")).await.to_lowercase();
    assert!(away.contains("\r\nlocation: /web/there\r\n"), "{away}");
    let told = stage.raw(&format!("HEAD /web/a HTTP/1.1\r\n{head}")).await.to_lowercase();
    assert!(told.starts_with("http/1.1 200") && told.contains("content-length: 13\r\n"), "{told}");
    for path in ["/web/../x", "/web/a/%2e%2e/%2e%2e/x", "/web/..;/x", "/web/a%5c..%5cx"] {
        let answer = stage.raw(&format!("GET {path} HTTP/1.1\r\n{head}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    let whole = stage.client().with_header("x-api-key", "test");
    let long = whole.send(Method::POST, "/x", Bytes::from(vec![b'x'; 1_025])).await.unwrap();
    assert_eq!(long.status, 413);
    assert_eq!(stage.client().get("/x").await.unwrap().status, 401);
    assert_eq!(stage.services[0].seen("POST").len(), 0);
}

#[tokio::test]
async fn a_long_answer_flows_and_one_that_breaks_off_is_seen_to() {
    let stage = stage("", "").await;
    let answer = stage.client().get("/big").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, BIG_BYTES));
    stage.services[0].set(Mode::Cut);
    assert!(stage.client().get("/big").await.is_err(), "what is cut never looks whole");
    // What can be held is asked of another node instead.
    assert_eq!(stage.client().get("/small").await.unwrap().text(), "b /base/small?k=1");
}

#[tokio::test]
async fn a_service_whose_health_path_says_no_is_given_nothing() {
    let stage = stage("", "health_path = \"/healthz\"").await;
    assert_eq!(stage.client().get("/x").await.unwrap().text(), "a /base/x?k=1");
    assert!(!stage.services[0].seen("GET /base/healthz?k=1").is_empty());
    stage.services[0].set(Mode::Status(503));
    stage.until_first_is("out").await;
    let before = stage.services[0].seen("GET /base/x").len();
    for _ in 0..5 {
        assert_eq!(stage.client().get("/x").await.unwrap().text(), "b /base/x?k=1");
    }
    assert_eq!(stage.services[0].seen("GET /base/x").len(), before);
    stage.services[0].set(Mode::Well);
    stage.until_first_is("serving").await;
    assert_eq!(stage.client().get("/x").await.unwrap().text(), "a /base/x?k=1");
}
