//! Alerts of other systems as their webhooks bring them: taken in, folded, listed, and the same after a restart.

use reqwest::Response;
use serde_json::{Value, json};

use crate::running::{Running, eventually};

const GROUP: &str = include_str!("../../../intake/src/alerts/fixtures/alertmanager.json");
const GRAFANA: &str = include_str!("../../../intake/src/alerts/fixtures/grafana.json");
const PAGERDUTY: &str = include_str!("../../../intake/src/alerts/fixtures/pagerduty.json");

/// A fixture as of yesterday: what is too old is forgotten.
fn past(text: &str) -> String {
    text.replace("2027-01-15T", &yesterday("T"))
}

fn yesterday(time: &str) -> String {
    format!("{}{time}", &server::now().saturating_sub(86_400 * 1_000_000_000).to_rfc3339()[..10])
}

async fn send(server: &Running, path: &str, body: impl Into<reqwest::Body>) -> Response {
    server.post(path).header("content-type", "application/json").body(body).send().await.unwrap()
}

async fn reply(server: &Running, path: &str, body: String) -> Value {
    let response = send(server, path, body).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

/// The list once it holds what was sent.
async fn alerts(server: &Running, query: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually("the alerts", async || {
        let page = server.json(&format!("/v1/alerts{query}")).await;
        let found = page["alerts"].as_array().unwrap().clone();
        enough(&found).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_is_known_by_its_shape_and_its_alerts_outlive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    for (body, provider, accepted) in
        [(GROUP, "alertmanager", 2), (GRAFANA, "grafana", 2), (PAGERDUTY, "pagerduty", 1)]
    {
        let answer = reply(&server, "/v1/alerts", past(body)).await;
        assert_eq!(
            answer,
            json!({ "provider": provider, "accepted": accepted, "ignored": [], "rejected": [] })
        );
        // A resend.
        reply(&server, &format!("/v1/alerts/{provider}"), past(body)).await;
    }
    let native = json!({ "id": "disk", "title": "Disk full", "status": "firing", "service": "orders" });
    reply(&server, "/v1/alerts", native.to_string()).await;
    let whole = |found: &[Value]| {
        found.len() == 6 && found.iter().all(|alert| alert["times"] == 2 || alert["provider"] == "native")
    };
    let found = alerts(&server, "", whole).await;
    let of_payment = alerts(&server, "?service=payment&status=firing", |found| found.len() == 2).await;
    let payment = of_payment.iter().find(|alert| alert["provider"] == "alertmanager").unwrap();
    assert_eq!(payment["history"], json!([{ "at": yesterday("T07:58:30.500Z"), "status": "firing" }]));
    assert_eq!(payment["env"], Value::Null, "nobody knows, and it is not refused");
    let over = alerts(&server, "?status=resolved", |found| found.len() == 2).await;
    assert_eq!(over[0]["history"].as_array().unwrap().len(), 2, "{}", over[0]);
    server.stop().await;

    let server = Running::start(data.path()).await;
    assert_eq!(alerts(&server, "", |_| true).await, found);
    // The engine still knows them: the next resend is one more.
    reply(&server, "/v1/alerts", past(GROUP)).await;
    let again =
        alerts(&server, "?service=payment", |found| found.iter().any(|alert| alert["times"] == 3)).await;
    assert_eq!(again.len(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_is_said_and_never_taken() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let ping = past(PAGERDUTY).replace("incident.triggered", "pagey.ping");
    let answer = reply(&server, "/v1/alerts", ping).await;
    assert_eq!(
        (&answer["accepted"], &answer["ignored"][0]["reason"]),
        (&json!(0), &json!("\"pagey.ping\" changes no alert's status"))
    );
    let half = json!([{ "title": "t", "status": "firing" }, { "title": "u" }]);
    let answer = reply(&server, "/v1/alerts", half.to_string()).await;
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&json!(1), &json!(1)));
    for (path, body, status, code) in [
        ("/v1/alerts", r#"{"receiver": "x", "alerts": []}"#, 400, "invalid_body"),
        ("/v1/alerts", r#"[{"title": "u"}]"#, 400, "invalid_body"),
        ("/v1/alerts/alertmanager", "[]", 400, "invalid_body"),
        ("/v1/alerts/nagios", "[]", 400, "invalid_parameter"),
        ("/v1/alerts?x=1", "[]", 400, "invalid_parameter"),
    ] {
        let response = send(&server, path, body).await;
        assert_eq!(response.status(), status, "{path} {body}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code, "{path} {body}");
    }
    let none = send(&server, "/v1/alerts", r#"[{"title": "u"}]"#).await.text().await.unwrap();
    assert!(none.contains("alert 0: status: missing, expected one of firing, resolved"), "{none}");
    assert_eq!(alerts(&server, "", |found| !found.is_empty()).await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_mean_what_the_configuration_says() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("alert-service-labels", "team"), ("alert-env-labels", "zone")];
    let server = Running::start_with(data.path(), &flags).await;
    let labels = json!({ "service": "no", "team": "payment", "zone": "eu" });
    let alert = json!({ "title": "t", "status": "firing", "labels": labels });
    reply(&server, "/v1/alerts/native", alert.to_string()).await;
    let found = alerts(&server, "", |found| !found.is_empty()).await;
    assert_eq!((&found[0]["service"], &found[0]["env"]), (&json!("payment"), &json!("eu")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pagerduty_is_believed_only_with_a_signature_once_a_secret_is_configured() {
    let data = tempfile::tempdir().unwrap();
    let secrets = data.path().join("secrets");
    std::fs::write(&secrets, "other\nsecret\n").unwrap();
    let flags = [("pagerduty-secrets", secrets.to_str().unwrap())];
    let server = Running::start_with(data.path(), &flags).await;
    let body = r#"{"event":{"id":"e","event_type":"pagey.ping"}}"#;
    let signature = "v1=5a2d2c79db6f9ae2d0c432274ac276a9d9855e2fe6cf6d40b4aa5958c5112d0d";
    for (path, signature, status) in [
        ("/v1/alerts", None, 401),
        ("/v1/alerts/pagerduty", None, 401),
        ("/v1/alerts/pagerduty", Some("v1=0000"), 401),
        ("/v1/alerts/pagerduty", Some(signature), 200),
        ("/v1/alerts", Some(signature), 200),
    ] {
        let request = server.post(path).header("content-type", "application/json").body(body);
        let request = signature
            .into_iter()
            .fold(request, |request, text| request.header("x-pagerduty-signature", text));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path} {signature:?}");
        if status == 401 {
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["code"], "invalid_signature");
        }
    }
    // Others sign nothing.
    assert_eq!(send(&server, "/v1/alerts", past(GROUP)).await.status(), 200);
    server.stop().await;
}
