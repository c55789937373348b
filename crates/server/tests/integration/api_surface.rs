//! The API's manners: strict parameters, problems with request ids, methods, conditional answers, envelopes.

use serde_json::{Value, json};

use crate::running::{Running, eventually, span, trace_path, url};

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_of_the_table_is_there() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    for endpoint in api::ENDPOINTS {
        let address = match endpoint.listener {
            api::Listener::Api => server.ready.listen,
            api::Listener::Admin => server.ready.admin,
            api::Listener::Otlp => server.ready.otlp_http,
        };
        let path = endpoint
            .path
            .replace("{id}", "inc_0000000000000000")
            .replace("{hash}", &"0".repeat(64))
            .replace("{provider}", "native");
        let method = reqwest::Method::from_bytes(endpoint.method.as_str().as_bytes()).unwrap();
        let response = server.client.request(method, url(address, &path)).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        // Where there is no issuer, the pages of people say so.
        let is_there = !text.contains("endpoint_not_found") || text.contains("nobody logs in here");
        assert!(status != 405 && is_there, "{} {path}: {status} {text}", endpoint.method.as_str());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_says_what_is_wrong_and_carries_the_request_id() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let id = "inc_0000000000000000";
    let cases = [
        ("/v1/incidents?colour=red", 400, "invalid_parameter"),
        ("/v1/incidents?limit=1&limit=2", 400, "invalid_parameter"),
        ("/v1/incidents?limit=0", 400, "invalid_parameter"),
        ("/v1/incidents?cursor=zz", 400, "invalid_cursor"),
        ("/v1/incidents/inc_12", 400, "invalid_parameter"),
        (&format!("/v1/incidents/{id}"), 404, "incident_not_found"),
        (&format!("/v1/incidents/{id}?x=1"), 400, "invalid_parameter"),
        (&format!("/v1/incidents/{id}/report"), 404, "incident_not_found"),
        (&format!("/v1/reports/{}", "0".repeat(64)), 404, "report_not_found"),
        ("/v1/reports/XYZ", 400, "invalid_parameter"),
        ("/v1/traces/0123", 400, "invalid_parameter"),
        (&trace_path(1), 404, "trace_not_found"),
        ("/v2/incidents", 404, "endpoint_not_found"),
    ];
    for (path, status, code) in cases {
        let response = server.get(path).header("x-request-id", "test-7").send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(response.headers()["x-request-id"], "test-7", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(problem["request_id"], "test-7", "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_parameter_is_told_by_its_name_and_with_what_is_known() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let hash = "0".repeat(64);
    let cases = [
        (
            "/v1/incidents?colour=red",
            "\"colour\" is no parameter here; known are state, env, service, limit, cursor",
        ),
        ("/v1/errors?colour=red", "\"colour\" is no parameter here; known are env, service, limit"),
        (&format!("/v1/reports/{hash}?x"), "\"x\" is no parameter here; known is format"),
        (
            "/v1/incidents/inc_0000000000000000/reports?x=1",
            "\"x\" is no parameter here; known are limit, cursor",
        ),
        ("/v1/incidents?limit=1&limit=2", "limit stands twice"),
        ("/v1/incidents?limit=a", "limit: invalid digit found in string"),
        ("/v1/incidents?state=shut", "state: unknown variant `shut`, expected `open` or `all`"),
    ];
    for (path, told) in cases {
        let problem: Value = server.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(problem["detail"], told, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_a_path_does_not_have_are_named() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let response = server.client.delete(url(server.ready.listen, "/v1/incidents")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    let head = server.client.head(url(server.ready.listen, "/v1/incidents")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    let odd = server.get("/v1/incidents").header("x-request-id", "not plain!").send().await.unwrap();
    assert_ne!(odd.headers()["x-request-id"], "not plain!");
    server.stop().await;
}

fn wide(id: u64, service: &str) -> Value {
    let now = server::now().to_rfc3339();
    json!({
        "schema_version": "2.0",
        "event_id": format!("00000000-0000-4000-8000-{id:012x}"),
        "ts_start": now, "ts_end": now, "duration_ms": 0,
        "kind": "http", "service": service, "env": "test",
        "trace_id": format!("{:032x}", id + 1), "span_id": format!("{:016x}", id + 1),
        "status": "ok",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_envelope_counts_every_wide_event_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let body = json!([wide(1, "shop"), wide(2, "shop"), { "schema_version": "2.0" }]);
    let dry: Value =
        server.post("/v1/events/validate").json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!((&dry["accepted"], dry["rejected"][0]["index"].as_u64()), (&json!(2), Some(2)), "{dry}");
    assert_eq!(server.get(&trace_path(1)).send().await.unwrap().status(), 404);
    let first: Value = server.post("/v1/events").json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!((&first["accepted"], &first["duplicate"]), (&json!(2), &json!(0)), "{first}");
    let lines = format!("{}\n\n{}\n", wide(2, "shop"), wide(3, "shop"));
    let request = server.post("/v1/events").header("content-type", "application/x-ndjson").body(lines);
    let second: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((&second["accepted"], &second["duplicate"]), (&json!(1), &json!(1)), "{second}");
    for trace in 1..=3 {
        assert_eq!(server.get(&trace_path(trace)).send().await.unwrap().status(), 200, "trace {trace}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn error_families_are_counted_as_the_engine_counts_them() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let spans: Vec<_> = (0..10).map(|n| span(n, n, "GET /cart", n < 4)).collect();
    assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    // The same again: duplicates count once.
    assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    let errors = eventually("the tick that counts them", async || {
        let errors = server.json("/v1/errors?service=shop").await;
        (errors["total"] == 1).then_some(errors)
    })
    .await;
    assert_eq!((&errors["errors"][0]["failures"], &errors["errors"][0]["requests"]), (&json!(4), &json!(10)));
    assert_eq!(server.json("/v1/errors?service=other").await["total"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_its_checks() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("durability", "buffered")]).await;
    let ready = server.client.get(url(server.ready.admin, "/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let health: api::Health = ready.json().await.unwrap();
    assert_eq!(health.durability, api::Durability::Buffered);
    let names: Vec<_> = health.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["serving", "disk", "load", "journal", "store", "engine"]);
    server.stop().await;
}
