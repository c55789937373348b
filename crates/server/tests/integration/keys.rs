//! Keys: every endpoint demands what the table says, in every protocol's own words, and keys change while requests run.

use std::path::{Path, PathBuf};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::{Access, Scope};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use server::NewKey;
use tokio::sync::watch;
use tonic::transport::Channel;

use crate::running::{Running, eventually, request_of, span, url};

/// A file with one key of each scope.
pub(crate) struct Keys {
    pub(crate) path: PathBuf,
    keys: Vec<(Scope, NewKey)>,
}

impl Keys {
    pub(crate) fn write(dir: &Path) -> Self {
        let keys = Scope::ALL.map(|scope| (scope, NewKey::generate(scope).unwrap()));
        let path = dir.join("keys.toml");
        let entries = keys.iter().map(|(scope, key)| key.file_entry(&format!("key-{scope}"), None));
        std::fs::write(&path, entries.collect::<Vec<_>>().join("\n")).unwrap();
        Self { path, keys: keys.into() }
    }

    pub(crate) fn of(&self, scope: Scope) -> &str {
        self.keys.iter().find(|(of, _)| *of == scope).unwrap().1.reveal()
    }

    pub(crate) async fn server(&self, data: &Path) -> Running {
        // Tests are refused more often than an honest client; limits have tests of their own.
        let flags = [("keys", self.path.to_str().unwrap()), ("rate-denied-requests", "1000000")];
        Running::start_with(data, &flags).await
    }
}

fn address(server: &Running, listener: api::Listener) -> std::net::SocketAddr {
    match listener {
        api::Listener::Api => server.ready.listen,
        api::Listener::Admin => server.ready.admin,
        api::Listener::Otlp => server.ready.otlp_http,
    }
}

fn concrete(path: &str) -> String {
    let path = path.replace("{id}", "inc_0000000000000000").replace("{hash}", &"0".repeat(64));
    path.replace("{provider}", "native")
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_demands_what_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    for endpoint in api::ENDPOINTS {
        let url = url(address(&server, endpoint.listener), &concrete(endpoint.path));
        let method = Method::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
        let request = || server.client.request(method.clone(), url.clone());
        let told = format!("{method} {url}");
        let bare = status(request()).await;
        // The test itself comes from this machine.
        let is_let_in = matches!(endpoint.access, Access::Open | Access::Login | Access::LocalOr(_));
        assert_eq!(bare != 401, is_let_in, "{told} without a key: {bare}");
        let made_up = NewKey::generate(Scope::Admin).unwrap();
        let wrong = status(request().bearer_auth(made_up.reveal())).await;
        let is_open = matches!(endpoint.access, Access::Open | Access::Login);
        assert_eq!(wrong != 401, is_open, "{told} with a key made up: {wrong}");
        for scope in Scope::ALL {
            let found = status(request().bearer_auth(keys.of(scope))).await;
            let may = match endpoint.access {
                Access::Open | Access::Login | Access::AnyKey => true,
                Access::Needs(needed) | Access::LocalOr(needed) => scope.covers(needed),
            };
            assert_ne!(found, 401, "{told} with {scope}");
            assert_eq!(found != 403, may, "{told} with {scope}: {found}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_to_those_with_a_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    for (method, path, found) in [(Method::GET, "/v2/x", 404), (Method::DELETE, "/v1/incidents", 405)] {
        let request = || server.client.request(method.clone(), url(server.ready.listen, path));
        assert_eq!(status(request()).await, 401, "{path}");
        assert_eq!(status(request().bearer_auth(keys.of(Scope::Write))).await, found, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_written_as_each_protocol_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    let told = async |response: Response| -> (u16, String, Value) {
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        (response.status().as_u16(), challenge, response.json().await.unwrap())
    };
    let (status, challenge, problem) = told(server.get("/v1/incidents").send().await.unwrap()).await;
    assert_eq!((status, &*challenge), (401, "Bearer realm=\"casebook\""));
    assert_eq!(problem["code"], "unauthenticated");
    let request = server.get("/v1/incidents").bearer_auth(keys.of(Scope::Write));
    let (status, challenge, problem) = told(request.send().await.unwrap()).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    assert!(challenge.ends_with("error=\"insufficient_scope\""), "{challenge}");
    assert_eq!(problem["detail"], "this needs a key of scope read; this one has write");

    let body = || request_of(&[span(1, 1, "GET /", false)], Some("shop")).to_string();
    let (status, _, told) = told(server.export("application/json", body()).send().await.unwrap()).await;
    assert_eq!((status, &told["code"]), (401, &json!(16)), "{told}");
    let taken = server.export("application/json", body()).bearer_auth(keys.of(Scope::Write));
    assert_eq!(taken.send().await.unwrap().status(), 200);
    assert_eq!(
        server.metric("casebook_requests_denied_total{listener=\"api\",reason=\"no_key\"}").await,
        1.0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_told_who_that_is_and_acts_in_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    let request = server.get("/v1/caller").bearer_auth(keys.of(Scope::Write));
    let caller: Value = request.send().await.unwrap().json().await.unwrap();
    let expected = json!({ "kind": "key", "name": "key-write", "scope": "write", "address": "127.0.0.1" });
    assert_eq!(caller, expected);

    let now = server::now().to_rfc3339();
    for body in [json!({ "until": now }), json!({ "until": now, "actor": "Ann" })] {
        let accepting = server.post("/v1/baseline").bearer_auth(keys.of(Scope::Agent)).json(&body);
        assert_eq!(accepting.send().await.unwrap().status(), 202);
    }
    let actors = eventually("both actions in the audit", async || {
        let request = server.get("/v1/audit").bearer_auth(keys.of(Scope::Read));
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let mut entries = page["entries"].as_array().unwrap().clone();
        entries.retain(|entry| !entry["position"].is_null());
        (entries.len() == 2).then(|| entries.iter().map(|entry| entry["actor"].clone()).collect::<Vec<_>>())
    })
    .await;
    assert_eq!(actors, [json!("key-agent for Ann"), json!("key-agent")]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_keys_file_changes_nothing_and_is_told_until_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let whole = std::fs::read_to_string(&keys.path).unwrap();
    let server = keys.server(&dir.path().join("data")).await;
    let check = async || {
        let request = server.client.get(url(server.ready.admin, "/readyz"));
        let health: api::Health = request.send().await.unwrap().json().await.unwrap();
        assert!(health.ready);
        health.checks.into_iter().find(|check| check.name == "keys").unwrap()
    };
    assert_eq!(check().await.detail, "4 are known");
    std::fs::write(&keys.path, "[[keys").unwrap();
    eventually("the broken file to be told", async || {
        (check().await.status == api::CheckStatus::Warn).then_some(())
    })
    .await;
    assert_eq!(server.metric("casebook_keys_file_broken").await, 1.0);
    assert_eq!(status(server.get("/v1/incidents").bearer_auth(keys.of(Scope::Read))).await, 200);

    let new = NewKey::generate(Scope::Read).unwrap();
    std::fs::write(&keys.path, whole + &new.file_entry("key-read", None)).unwrap();
    eventually("the new key to be known", async || {
        let found = status(server.get("/v1/incidents").bearer_auth(new.reveal())).await;
        (found == 200).then_some(())
    })
    .await;
    assert_eq!(check().await.detail, "5 are known");
    assert_eq!(server.metric("casebook_keys_file_broken").await, 0.0);
    server.stop().await;
}

/// Sends with whichever key is the current one until there is none any more; every failure is kept.
async fn send_on(
    mut key: watch::Receiver<Option<String>>,
    done: Arc<AtomicU64>,
    mut send: impl AsyncFnMut(String) -> Result<(), String>,
) -> Vec<String> {
    let mut failures = Vec::new();
    loop {
        let Some(current) = key.borrow_and_update().clone() else { return failures };
        failures.extend(send(current).await.err());
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_load_without_a_failed_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    let [old, new] = [(); 2].map(|()| NewKey::generate(Scope::Write).unwrap());
    std::fs::write(&path, old.file_entry("collector", None)).unwrap();
    let server = Running::start_with(&dir.path().join("data"), &[("keys", path.to_str().unwrap())]).await;
    let (current, key) = watch::channel(Some(old.reveal().to_owned()));
    let done = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    let body = request_of(&[span(1, 1, "GET /", false)], Some("shop"));

    let (client, address, text) = (server.client.clone(), server.ready.otlp_http, body.to_string());
    let over_http = send_on(key.clone(), Arc::clone(&done[0]), async move |key| {
        let request = client.post(url(address, "/v1/traces")).header("content-type", "application/json");
        let response = request.bearer_auth(key).body(text.clone()).send().await;
        let status = response.map_err(|error| error.to_string())?.status();
        if status == 200 { Ok(()) } else { Err(format!("HTTP {status}")) }
    });
    let channel = Channel::from_shared(url(server.ready.otlp_grpc, "")).unwrap().connect().await.unwrap();
    let mut client = TraceServiceClient::new(channel);
    let over_grpc = send_on(key, Arc::clone(&done[1]), async move |key| {
        let mut request = tonic::Request::new(serde_json::from_value(body.clone()).unwrap());
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        client.export(request).await.map(drop).map_err(|status| status.to_string())
    });
    let more = async || {
        let before = done.each_ref().map(|done| done.load(Ordering::Relaxed));
        eventually("more requests over both", async || {
            let pairs = done.iter().zip(before);
            pairs.into_iter().all(|(done, before)| done.load(Ordering::Relaxed) > before + 20).then_some(())
        })
        .await;
    };
    let answers = async |key: &NewKey, expected: u16| {
        eventually("the change to count", async || {
            let found = status(server.get("/v1/caller").bearer_auth(key.reveal())).await;
            (found == expected).then_some(())
        })
        .await;
    };
    let conducting = async {
        more().await;
        let both = old.file_entry("collector", None) + &new.file_entry("collector", None);
        std::fs::write(&path, both).unwrap();
        answers(&new, 200).await;
        more().await;
        current.send_replace(Some(new.reveal().to_owned()));
        more().await;
        std::fs::write(&path, new.file_entry("collector", None)).unwrap();
        answers(&old, 401).await;
        more().await;
        current.send_replace(None);
    };
    let (http, grpc, ()) = tokio::join!(over_http, over_grpc, conducting);
    assert_eq!((http, grpc), (Vec::new(), Vec::new()));
    server.stop().await;
}
