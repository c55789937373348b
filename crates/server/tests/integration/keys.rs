//! Keys: every endpoint demands what the table says, in every protocol's own words, and keys change while requests run.

use std::path::{Path, PathBuf};

use api::{Access, Scope};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use server::NewKey;

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
        Running::start_with(data, &[("keys", self.path.to_str().unwrap())]).await
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
        let is_let_in = matches!(endpoint.access, Access::Open | Access::LocalOr(_));
        assert_eq!(bare != 401, is_let_in, "{told} without a key: {bare}");
        let made_up = NewKey::generate(Scope::Admin).unwrap();
        let wrong = status(request().bearer_auth(made_up.reveal())).await;
        assert_eq!(wrong != 401, endpoint.access == Access::Open, "{told} with a key made up: {wrong}");
        for scope in Scope::ALL {
            let found = status(request().bearer_auth(keys.of(scope))).await;
            let may = match endpoint.access {
                Access::Open | Access::AnyKey => true,
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
        let entries = page["entries"].as_array().unwrap().clone();
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
