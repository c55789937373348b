//! No credential of a configuration comes out of the process: the real binary with planted ones, at its most verbose, among
//! nodes that repeat what they are sent and fail in every way; every byte that comes out is searched.

mod parrot;
mod rest;

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devnet::client::{HttpClient, WsClient};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan, Switch};
use devnet::served::Devnet;
use futures_util::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::program::{Folder, Program, run};
use crate::stage::PATIENCE;
use parrot::{METHODS, Parrot};

/// Every credential has it, in plain letters or in those of Base64.
const MARK: &str = "plnt";
const CLIENT_KEY: &str = "plnt-client-key";
const VARIABLES: &[(&str, &str)] = &[
    ("EDGE_TEST_KEY", "plnt-variable"),
    ("EDGE_TEST_URL", "plnt-no-url"),
    ("EDGE_TEST_PASSWORD", "plnt%2Fpass"),
];

/// Everything that came out, and where.
#[derive(Default)]
struct Searched(Vec<(String, Vec<u8>)>);

impl Searched {
    fn add(&mut self, from: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((from.into(), bytes.into()));
    }

    fn assert_clean(&self) {
        let basic = |pair: &str| STANDARD.encode(pair).to_lowercase();
        let needles = [
            MARK.to_owned(),
            basic("plnt-user-0:plnt/pass"),
            basic("plnt-user-2:plnt-pass-2"),
            basic("plnt-ws-user:"),
            basic("plnt-told-user:plnt-told-pass"),
            basic("plnt-otlp-user:plnt-otlp-pass"),
        ];
        let mut found = Vec::new();
        for (from, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes).to_lowercase();
            for needle in &needles {
                if let Some(at) = text.find(needle) {
                    let around = text.chars().skip(text[..at].chars().count().saturating_sub(160)).take(400);
                    found.push(format!("{from}: …{}…", around.collect::<String>()));
                }
            }
        }
        assert!(found.is_empty(), "{} places show a credential:\n{}", found.len(), found.join("\n"));
    }
}

/// Nodes that repeat credentials, and a good one.
struct Nodes {
    devnet: Devnet,
    http: Parrot,
    other: Parrot,
    websocket: Parrot,
    /// Where nobody listens.
    nobody: SocketAddr,
}

impl Nodes {
    async fn start() -> Self {
        let devnet =
            Devnet::start(Plan { block_ms: 200, nodes: vec![NodePlan::default(); 2], ..Plan::default() });
        let devnet = devnet.await.unwrap();
        let (good, also_good) = (devnet.node(0).http_url(), devnet.node(1).http_url());
        Self {
            devnet,
            http: Parrot::over_http(good).await,
            other: Parrot::over_http(also_good).await,
            websocket: Parrot::over_websocket().await,
            nobody: TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap(),
        }
    }

    /// With a credential at every place that can have one.
    fn config(&self, log: &str) -> String {
        let hash: String = Sha256::digest(CLIENT_KEY).iter().map(|byte| format!("{byte:02x}")).collect();
        let (http, other, websocket) = (self.http.address, self.other.address, self.websocket.address);
        let nobody = self.nobody;
        let bare = |url: String| url.split_once("://").map(|(_, rest)| rest.to_owned()).unwrap();
        let (good, good_ws) = (bare(self.devnet.node(1).http_url()), bare(self.devnet.node(1).ws_url()));
        format!(
            r#"
[edge]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
log = "{log}"
drain_lead = "0s"
drain_grace = "5s"
[[keys]]
name = "ada"
sha256 = "{hash}"
[pools.net]
kind = "execution"
chain_id = 1337
block_time = "200ms"
probe_every = "200ms"
deadline = "2s"
attempt_timeout = "1s"
dial_timeout = "500ms"
failback_after = "500ms"
[[pools.net.nodes]]
name = "parrot"
http_url = "http://plnt-user-0:${{EDGE_TEST_PASSWORD}}@{http}/v3/plnt-path-0?apikey=plnt-query-0"
ws_url = "ws://plnt-ws-user@{http}/ws/plnt-ws-path-0?apikey=plnt-ws-query-0"
headers = {{ x-api-key = "plnt-header-0", x-more = "${{EDGE_TEST_KEY}}" }}
[[pools.net.nodes]]
name = "other"
http_url = "http://{other}/${{file:token}}"
ws_url = "ws://{websocket}/plnt-ws-path-1/${{EDGE_TEST_KEY}}?k=plnt-ws-query-1"
headers = {{ authorization = "Bearer plnt-bearer-1" }}
[[pools.net.nodes]]
name = "good"
tier = "backup"
http_url = "http://plnt-user-2:plnt-pass-2@{good}/plnt-path-2"
ws_url = "ws://plnt-user-2:plnt-pass-2@{good_ws}/plnt-ws-path-2"
[pools.parrots]
kind = "execution"
chain_id = 1337
block_time = "200ms"
probe_every = "200ms"
deadline = "1s"
attempt_timeout = "500ms"
dial_timeout = "500ms"
[[pools.parrots.nodes]]
name = "parrot"
http_url = "http://{http}/plnt-alone?apikey=plnt-alone-query"
[[pools.parrots.nodes]]
name = "no-tls"
http_url = "https://{http}/plnt-no-tls"
ws_url = "wss://{http}/plnt-no-tls"
headers = {{ x-api-key = "plnt-no-tls-header" }}
[[pools.parrots.nodes]]
name = "nobody"
http_url = "http://{nobody}/plnt-nobody"
ws_url = "ws://{nobody}/plnt-nobody"
"#
        )
    }

    /// A Casebook server that nobody can reach.
    fn casebook(&self) -> String {
        let nobody = self.nobody;
        format!(
            r#"
[casebook]
url = "http://plnt-told-user:plnt-told-pass@{nobody}/plnt-told-path?k=plnt-told-query"
otlp_url = "http://plnt-otlp-user:plnt-otlp-pass@{nobody}/plnt-otlp-path?k=plnt-otlp-query"
key = "plnt-told-key"
"#
        )
    }

    /// What every kind of failure is made with.
    fn faults() -> Vec<Switch> {
        let error = Fault::Error { code: -32_000, message: "no".to_owned(), data: None };
        [
            Fault::Kill,
            Fault::Freeze,
            Fault::Silent,
            Fault::Reset,
            Fault::Status { status: 500, retry_after_s: None },
            Fault::Status { status: 429, retry_after_s: Some(1) },
            error,
            Fault::Truncate { bytes: 10 },
            Fault::Malformed,
            Fault::WrongChain { chain_id: 7 },
            Fault::LieHead { ahead: 1_000_000 },
            Fault::CloseSockets { code: 1_012, reason: "restart".to_owned() },
            Fault::DropSockets,
            Fault::RefuseSubscriptions,
        ]
        .map(Switch::from)
        .into()
    }
}

/// Everything that clients and operators can see of a running proxy.
struct Watched<'a> {
    program: &'a Program,
    searched: &'a mut Searched,
}

impl Watched<'_> {
    fn client(&self, path: &str, header: &str, value: &str) -> HttpClient {
        let url = format!("http://{}{path}", self.program.address("listen"));
        HttpClient::new(&url).with_header(header, value).with_patience(PATIENCE)
    }

    async fn ask(&mut self, client: &HttpClient, method: Method, path: &str, body: String) {
        let came = answer(client, method, path, body).await;
        self.searched.0.push(came);
    }

    /// Calls of every outcome, over HTTP and alone, in a batch, and over a WebSocket; all at once, for many take their whole time.
    async fn calls(&mut self, pool: &str, socket: &WsClient) {
        let client = self.client(pool, "x-api-key", CLIENT_KEY);
        let params = json!([{}, "latest"]);
        let call = |(at, method): (usize, &&str)| json!({ "jsonrpc": "2.0", "id": at, "method": method, "params": params });
        let calls: Vec<Value> = METHODS.iter().enumerate().map(call).collect();
        let batch = Value::from(calls.clone()).to_string();
        let bodies = calls.iter().map(Value::to_string).chain([batch]);
        let posts = join_all(bodies.map(|body| answer(&client, Method::POST, "", body)));
        let methods = METHODS.iter().chain(&["eth_getBlockByNumber", "admin_peers", "eth_newFilter"]);
        let messages = join_all(methods.map(async |method| {
            let came = socket.call(method, json!(["latest", false])).await.ok()?;
            Some((format!("the answer to {method} over a WebSocket"), came.text.into_bytes()))
        }));
        let (posts, messages) = join(posts, messages).await;
        self.searched.0.extend(posts.into_iter().chain(messages.into_iter().flatten()));
    }

    /// What is refused before it is a call.
    async fn refusals(&mut self) {
        let right = self.client("/net", "authorization", &format!("Bearer {CLIENT_KEY}"));
        for body in ["", "{", "[]", "7", "{\"id\":1}", "[{\"id\":1},7]"] {
            self.ask(&right, Method::POST, "", body.to_owned()).await;
        }
        self.ask(&right, Method::PUT, "", String::new()).await;
        for (header, value) in [
            ("x-api-key", "plnt-wrong"),
            ("authorization", "Bearer plnt-wrong"),
            ("authorization", "Basic plnt"),
        ] {
            let wrong = self.client("/net", header, value);
            self.ask(&wrong, Method::POST, "", "{}".to_owned()).await;
        }
        for path in ["/plnt-no-pool", "/net/plnt-below", "/net?key=plnt-client-query", "/?plnt=plnt"] {
            let elsewhere = self.client(path, "x-api-key", CLIENT_KEY);
            self.ask(&elsewhere, Method::POST, "", "{}".to_owned()).await;
        }
    }

    async fn pages(&mut self) {
        let admin = self.program.admin();
        for path in ["/status", "/metrics", "/readyz", "/livez", "/plnt-nothing"] {
            let answer = admin.get(path).await.unwrap();
            self.searched.add(path, answer.body.to_vec());
        }
        let url = format!("http://{}", self.program.address("admin_listen"));
        let said = run(&["status", "--once", &url], VARIABLES).await;
        self.searched.add("the command status", [said.out, said.err].concat());
    }
}

/// What came, and from where.
async fn answer(client: &HttpClient, method: Method, path: &str, body: String) -> (String, Vec<u8>) {
    match client.send(method, path, body.clone().into()).await {
        Ok(answer) => (format!("the answer to {body:.60}"), answer.body.to_vec()),
        Err(failure) => ("no answer".to_owned(), failure.to_string().into_bytes()),
    }
}

async fn connect(program: &Program, pool: &str) -> WsClient {
    let url = format!("ws://{}{pool}", program.address("listen"));
    WsClient::connect_with(&url, &[("authorization", &format!("Bearer {CLIENT_KEY}"))]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_comes_out_while_everything_fails() {
    let (nodes, folder, mut searched) = (Nodes::start().await, Folder::new(), Searched::default());
    folder.file("token", "plnt-file\n");
    let config = folder.file("edge.toml", &(nodes.config("trace") + &nodes.casebook()));
    let program = Program::serve(&config, VARIABLES).await;
    let sockets = [connect(&program, "/net").await, connect(&program, "/parrots").await];
    for kind in [json!(["newHeads"]), json!(["logs", {}]), json!(["newPendingTransactions"])] {
        let _ = sockets[0].subscribe(kind).await;
    }
    let mut watched = Watched { program: &program, searched: &mut searched };
    watched.refusals().await;
    watched.calls("/parrots", &sockets[1]).await;
    for fault in Nodes::faults() {
        nodes.devnet.node(1).set(fault).unwrap();
        watched.calls("/net", &sockets[0]).await;
        watched.pages().await;
        nodes.devnet.node(1).clear(None).unwrap();
    }
    // Every node has to have been sent what was planted, or nothing was proved.
    let heard = nodes.http.heard() + &nodes.other.heard() + &nodes.websocket.heard();
    for planted in [
        "plnt-path-0",
        "plnt-query-0",
        "plnt-ws-path-0",
        "plnt-header-0",
        "plnt-variable",
        "plnt-file",
        "plnt-bearer-1",
        "plnt-ws-query-1",
        "plnt-alone-query",
        &STANDARD.encode("plnt-user-0:plnt/pass"),
    ] {
        assert!(heard.contains(planted), "no node was sent {planted}");
    }
    let (said, records) = (program.end().await, sockets.map(WsClient::close));
    assert_eq!(said.code, Some(0), "{}", String::from_utf8_lossy(&said.err));
    for record in records {
        searched.add("a WebSocket, with its close", format!("{:?}", record.await));
    }
    let log = String::from_utf8_lossy(&said.err).into_owned();
    assert!(log.contains("\"level\":\"DEBUG\"") && log.contains("node is down"), "{log}");
    for what in ["signals", "spans"] {
        let is_told = |line: &str| line.contains("Casebook server is not told") && line.contains(what);
        assert!(log.lines().any(is_told), "the Casebook server was sent no {what}: {log}");
    }
    searched.add("standard output", said.out);
    searched.add("standard error", said.err);
    searched.assert_clean();
}

#[tokio::test]
async fn check_and_its_probe_show_no_credential() {
    let (nodes, folder, mut searched) = (Nodes::start().await, Folder::new(), Searched::default());
    folder.file("token", "plnt-file\n");
    let config = folder.file("edge.toml", &(nodes.config("debug") + &nodes.casebook()));
    for (arguments, code) in [(&["check"][..], 0), (&["check", "--probe"][..], 4)] {
        let said = run(&[arguments, &[config.to_str().unwrap()]].concat(), VARIABLES).await;
        assert_eq!(said.code, Some(code), "{}", String::from_utf8_lossy(&said.err));
        searched.add(format!("{arguments:?}"), [said.out, said.err].concat());
    }
    assert!(nodes.http.heard().contains("plnt-query-0"));
    searched.assert_clean();
}

/// Lines that stand in for others, each of them wrong and each with a credential.
const WRONG: &[(&str, &str)] = &[
    ("kind = \"execution\"", "kind = \"plnt\""),
    ("chain_id = 1337", "chain_id = \"plnt\""),
    ("deadline = \"2s\"", "deadline = \"plnt\""),
    ("log = \"off\"", "log = \"plnt=very=loud\""),
    ("listen = \"127.0.0.1:0\"", "listen = \"plnt:plnt\""),
    ("name = \"ada\"", "name = \"plnt plnt\""),
    ("name = \"parrot\"", "name = \"plnt plnt\""),
    ("sha256 = ", "sha256 = \"plnt\" #"),
    ("http_url = ", "http_url = \"ftp://plnt:plnt@127.0.0.1/plnt\" #"),
    ("http_url = ", "http_url = \"${EDGE_TEST_URL}\" #"),
    ("http_url = ", "http_url = \"http://127.0.0.1:plnt/${EDGE_TEST_KEY}\" #"),
    ("http_url = ", "http_url = \"http://127.0.0.1/${EDGE_TEST_KEY}${EDGE_TEST_NOTHING}\" #"),
    ("http_url = ", "http_url = \"http://plnt:plnt@127.0.0.1/plnt"),
    ("http_url = ", "http_url = plnt-bare #"),
    ("http_url = ", "http_url = [\"plnt\"] #"),
    ("headers = ", "headers = \"plnt\" #"),
    ("headers = ", "headers = { x-api-key = \"plnt\\u0007\" } #"),
    ("headers = ", "headers = { x-api-key = \"${EDGE_TEST_KEY}\\n\" } #"),
    ("headers = ", "headers = { authorization = \"Bearer plnt\" } #"),
    ("[edge]", "[casebook]\nurl = \"plnt://plnt:plnt@127.0.0.1/plnt\"\nkey = \"${EDGE_TEST_KEY}\"\n[edge]"),
    ("[edge]", "[casebook]\nurl = \"http://127.0.0.1\"\nkey = \"plnt plnt\"\n[edge]"),
];

#[tokio::test]
async fn a_wrong_file_is_told_without_its_values() {
    let (nodes, folder, mut searched) = (Nodes::start().await, Folder::new(), Searched::default());
    folder.file("token", "plnt-file\n");
    for (at, (right, wrong)) in WRONG.iter().enumerate() {
        let text = nodes.config("off").replacen(right, wrong, 1);
        let config = folder.file(&format!("wrong-{at}.toml"), &text);
        for command in ["check", "serve"] {
            let said = run(&[command, config.to_str().unwrap()], VARIABLES).await;
            assert_ne!(said.code, Some(0), "{wrong} is taken by {command}");
            assert!(!said.err.is_empty(), "nothing is said of {wrong}");
            searched.add(format!("{command} of {wrong}"), [said.out, said.err].concat());
        }
    }
    searched.assert_clean();
}
