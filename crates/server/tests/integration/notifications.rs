//! An outage is told to those who are to hear of it: once, also over restarts; and who cannot be reached is shown.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::incident::break_shop;
use crate::running::{Running, eventually};

/// Takes webhooks, or refuses them all.
#[derive(Debug, Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Value>>>,
    is_broken: Arc<AtomicBool>,
}

impl Receiver {
    async fn start(dir: &Path) -> (Self, PathBuf) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let file = dir.join("notify.toml");
        let text = format!(
            "retry_first = \"1ms\"\nretry_max = \"1ms\"\nattempts_max = 2\n[[target]]\nname = \"hook\"\n\
             kind = \"webhook\"\nurl = \"http://{address}/T0KEN\"\nsecret = \"S3CRET\"\n"
        );
        std::fs::write(&file, text).unwrap();
        (receiver, file)
    }

    /// Event and incident of each, in order.
    fn told(&self) -> Vec<(String, String)> {
        let got = self.got.lock().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        got.iter().map(|got| (text(&got["event"]), text(&got["incident"]["id"]))).collect()
    }
}

async fn take(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
    if receiver.is_broken.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.got.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

async fn listed(server: &Running, query: &str) -> Vec<Value> {
    let page = server.json(&format!("/v1/notifications?{query}")).await;
    page["notifications"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_told_once_from_its_opening_to_its_end() {
    let (data, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (receiver, file) = Receiver::start(config.path()).await;
    let flags = [("notify", file.to_str().unwrap())];
    let server = Running::start_with(data.path(), &flags).await;
    let id = break_shop(&server).await;
    eventually("the opening to be told", async || (!receiver.told().is_empty()).then_some(())).await;
    let report = receiver.got.lock().unwrap()[0]["report"].clone();
    assert!(report["markdown"].as_str().unwrap().contains("**Root cause**"), "{report}");
    assert!(server.json(&format!("/v1/reports/{}", report["hash"].as_str().unwrap())).await.is_object());
    server.stop().await;

    let server = Running::start_with(data.path(), &flags).await;
    let path = format!("/v1/incidents/{id}/actions");
    server.post(&path).json(&json!({ "action": "resolve" })).send().await.unwrap();
    eventually("the end to be told", async || {
        receiver.told().iter().any(|(event, _)| event == "resolved").then_some(())
    })
    .await;
    let told = receiver.told();
    assert!(told.iter().all(|(_, incident)| *incident == id), "{told:?}");
    let of = |event: &str| told.iter().filter(|(told, _)| told == event).count();
    assert_eq!((of("opened"), of("resolved")), (1, 1), "{told:?}");
    let sent = eventually("both to be kept as sent", async || {
        let sent = listed(&server, "state=sent&target=hook").await;
        (sent.len() == told.len()).then_some(sent)
    })
    .await;
    assert_eq!(sent.last().unwrap()["event"], "opened");
    let again = format!("/v1/notifications/{}/retry", sent[0]["id"].as_str().unwrap());
    assert_eq!(server.post(&again).send().await.unwrap().status(), 409);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_shown_and_can_be_tried_again() {
    let (data, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (receiver, file) = Receiver::start(config.path()).await;
    receiver.is_broken.store(true, Ordering::SeqCst);
    let server = Running::start_with(data.path(), &[("notify", file.to_str().unwrap())]).await;
    let id = break_shop(&server).await;
    let dead =
        eventually("a dead letter", async || listed(&server, "state=dead").await.into_iter().next()).await;
    assert_eq!((&dead["incident_id"], &dead["attempts"]), (&json!(id), &json!(2)));
    assert!(dead["error"].as_str().unwrap().starts_with("answered 503"), "{dead}");
    let health = eventually("the check", async || {
        let address = format!("http://{}/readyz", server.ready.admin);
        let health: Value = server.client.get(address).send().await.unwrap().json().await.unwrap();
        let checks = health["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|check| check["name"] == "notifications").unwrap();
        (check["status"] == "warn").then_some((health["ready"].clone(), check))
    })
    .await;
    assert_eq!(health.0, true, "a target that is gone does not make the server unfit");
    assert!(server.metric("casebook_notifications_dead_letters").await >= 1.0);
    let page = server.client.get(format!("http://{}/metrics", server.ready.admin)).send().await.unwrap();
    let shown =
        format!("{}{}{dead}{}", page.text().await.unwrap(), health.1, listed(&server, "").await.len());
    assert!(!shown.contains("T0KEN") && !shown.contains("S3CRET"), "{shown}");

    receiver.is_broken.store(false, Ordering::SeqCst);
    let path = format!("/v1/notifications/{}/retry", dead["id"].as_str().unwrap());
    let again: Value = server.post(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&again["state"], &again["attempts"]), (&json!("pending"), &json!(0)));
    eventually("it to be told", async || receiver.told().first().cloned()).await;
    let unknown = server.post("/v1/notifications/ntf_0/retry").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    for (query, status) in [("state=lost", 400), ("incident=x", 400), ("cursor=r100", 400), ("limit=1", 200)]
    {
        let answer = server.get(&format!("/v1/notifications?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{query}");
    }
    server.stop().await;
}

#[test]
fn a_target_that_makes_no_sense_stops_the_start_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notify.toml");
    let text = "[[target]]\nname = \"a\"\nkind = \"slack\"\nurl = \"ftp://S3CRET\"\n[[target]]\nname = \"b\"\nkind = \"x\"\n";
    std::fs::write(&file, text).unwrap();
    let flags = server::SettingFlags::default().with("data", "/tmp").with("notify", file.to_str().unwrap());
    let errors = flags.settings().unwrap_err();
    assert_eq!(errors.0.len(), 2, "{errors}");
    assert!(
        errors.to_string().contains("--notify: target \"a\": ") && !errors.to_string().contains("S3CRET"),
        "{errors}"
    );
}
