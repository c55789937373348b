//! Deliveries to real servers that are slow, full, wrong, gone or hang. Nothing here measures time: a test waits until
//! something has happened, and only for so long that a hang is told from a slow machine.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use model::{Incident, IncidentId, Nanos, ReportDocument, Severity};
use notify::{Client, Notifications, NotifyMetrics, Outgoing, Workers};
use runtime::Drain;
use store::{
    Change, Delivery, DeliveryState, ListedNotification, MemoryStore, Notification, NotificationEvent,
    NotificationFilter, Outbox, SqliteStore, Store,
};
use tokio::task::JoinHandle;

const WAIT_MAX: Duration = Duration::from_secs(60);

fn now() -> Nanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Nanos(u64::try_from(since.as_nanos()).unwrap())
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, looking).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

#[derive(Debug, Clone)]
struct Got {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

type Answers = Box<dyn FnMut(usize) -> Response + Send>;
type Shared = (Arc<Mutex<Vec<Got>>>, Arc<Mutex<Answers>>);

#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// Answers the n-th request, from 0, as told.
    async fn start(answers: impl FnMut(usize) -> Response + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<Mutex<Answers>> = Arc::new(Mutex::new(Box::new(answers)));
        let state = (Arc::clone(&got), answers);
        let router = Router::new().fallback(receive).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Incident and event of every webhook that came, in order.
    fn told(&self) -> Vec<(String, String)> {
        let read = |got: &Got| {
            let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (text(&body["incident"]["id"]), text(&body["event"]))
        };
        self.got().iter().map(read).collect()
    }
}

async fn receive(
    State((got, answers)): State<Shared>,
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let number = {
        let mut got = got.lock().unwrap();
        got.push(Got { path: uri.path().to_owned(), headers, body });
        got.len() - 1
    };
    (answers.lock().unwrap())(number)
}

fn ok(_: usize) -> Response {
    StatusCode::OK.into_response()
}

struct Bench<S> {
    store: Arc<S>,
    outgoing: Arc<Outgoing>,
    metrics: NotifyMetrics,
    drain: Drain,
    running: JoinHandle<()>,
}

fn configuration(targets: &[(&str, &str, String)]) -> Notifications {
    let head = "retry_first = \"1ms\"\nretry_max = \"4ms\"\nattempts_max = 6\ntimeout = \"30s\"\n";
    read(head, targets)
}

fn read(head: &str, targets: &[(&str, &str, String)]) -> Notifications {
    let target = |(name, kind, url): &(&str, &str, String)| {
        let secret = if *kind == "slack" { "" } else { "secret = \"the key\"\n" };
        format!("[[target]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"{url}\"\n{secret}")
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify.toml");
    std::fs::write(&path, head.to_owned() + &targets.iter().map(target).collect::<String>()).unwrap();
    notify::read(&path).unwrap()
}

fn webhook(name: &'static str, receiver: &Receiver) -> (&'static str, &'static str, String) {
    (name, "webhook", format!("http://{}/hook", receiver.address))
}

impl<S: Store + Outbox + 'static> Bench<S> {
    fn start(store: S, notifications: Notifications) -> Self {
        let (store, notifications) = (Arc::new(store), Arc::new(notifications));
        let outgoing = Arc::new(Outgoing::new(&notifications));
        let metrics = NotifyMetrics::default();
        let (drain, draining) = Drain::new();
        let workers = Workers {
            client: Client::new(&notifications).unwrap(),
            notifications,
            outbox: Arc::clone(&store) as Arc<dyn Outbox>,
            reports: Arc::clone(&store) as Arc<dyn Store>,
            outgoing: Arc::clone(&outgoing),
            metrics: metrics.clone(),
            clock: now,
        };
        let running = tokio::spawn(workers.run(draining));
        Self { store, outgoing, metrics, drain, running }
    }

    async fn tell(&self, position: u64, changes: &[Change]) {
        self.store.apply(position, changes).await.unwrap();
        self.outgoing.wake();
    }

    async fn ended(&self, id: &str) -> ListedNotification {
        eventually(id, async || {
            let listed = self.store.notification(id).await.unwrap().unwrap();
            (listed.delivery.state != DeliveryState::Pending).then_some(listed)
        })
        .await
    }

    async fn stop(self) -> Arc<S> {
        self.drain.start();
        self.running.await.unwrap();
        self.store
    }
}

fn incident(number: u8) -> Incident {
    let form = serde_json::json!({
        "id": IncidentId([number; 8]), "env": "prod", "state": "open", "severity": 2,
        "started_at": 1_000_000_000u64, "detected_at": 2_000_000_000u64, "updated_at": 3_000_000_000u64,
        "resolved_at": null, "reopened": 0, "summary": "checkout fails", "cause": "deploy",
        "cause_subject": "checkout 2.4.1", "origin_service": "checkout", "requests_affected": 9,
        "report_hash": "", "evidence_fingerprint": "",
    });
    serde_json::from_value(form).unwrap()
}

fn pending(id: &str, target: &str, number: u8, event: NotificationEvent) -> Change {
    Change::Notification {
        notification: Notification {
            id: id.to_owned(),
            target: target.to_owned(),
            event,
            incident: incident(number),
            severity_told_first: Severity(2),
            at: Nanos::from_secs(3),
        },
        delivery: Delivery {
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: Nanos(0),
            error: String::new(),
        },
    }
}

fn opened(id: &str, target: &str, number: u8) -> Change {
    pending(id, target, number, NotificationEvent::Opened)
}

#[tokio::test]
async fn what_fails_is_tried_again_and_what_asks_for_a_pause_gets_it() {
    let receiver = Receiver::start(|number| match number {
        0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        2 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3000")]).into_response(),
        _ => StatusCode::ACCEPTED.into_response(),
    })
    .await;
    let bench = Bench::start(MemoryStore::new(), configuration(&[webhook("hook", &receiver)]));
    let begun = now();
    bench.tell(1, &[opened("a", "hook", 1)]).await;
    let waiting = eventually("the pause", async || {
        let listed = bench.store.notification("a").await.unwrap().unwrap();
        (listed.delivery.attempts == 3).then_some(listed.delivery)
    })
    .await;
    assert_eq!(waiting.state, DeliveryState::Pending, "{waiting:?}");
    assert!(waiting.error.starts_with("answered 429"), "{waiting:?}");
    assert!(waiting.next_at.since(begun) >= Nanos::from_secs(3000).0, "{waiting:?}");
    bench.store.set_delivery("a", &Delivery { next_at: begun, ..waiting }).await.unwrap();
    bench.outgoing.wake();
    let sent = bench.ended("a").await.delivery;
    assert_eq!((sent.state, sent.attempts, sent.error.as_str()), (DeliveryState::Sent, 4, ""));
    assert_eq!((bench.metrics.sent.get(), bench.metrics.attempts_failed.get()), (1, 3));
    let ids: Vec<_> = receiver.got().iter().map(|got| got.headers["webhook-id"].clone()).collect();
    assert_eq!(ids, ["a"; 4], "the id stays, so that a receiver can know a second delivery");
    bench.stop().await;
}

#[tokio::test]
async fn after_the_last_attempt_there_is_a_dead_letter_that_can_be_tried_again() {
    let receiver = Receiver::start(|number| match number {
        0..6 => (StatusCode::BAD_GATEWAY, "the key \u{1b}[2J http://x/hook").into_response(),
        number => ok(number),
    })
    .await;
    let bench = Bench::start(MemoryStore::new(), configuration(&[webhook("hook", &receiver)]));
    bench.tell(1, &[opened("a", "hook", 1)]).await;
    let dead = bench.ended("a").await.delivery;
    assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 6));
    assert_eq!(dead.error, "answered 502: *** \u{fffd}[2J http://x***", "no secret, nothing that acts");
    eventually("the count", async || (bench.outgoing.dead() == 1).then_some(())).await;
    let again = Delivery { state: DeliveryState::Pending, attempts: 0, ..dead };
    bench.store.set_delivery("a", &again).await.unwrap();
    bench.outgoing.wake();
    assert_eq!(bench.ended("a").await.delivery.state, DeliveryState::Sent);
    assert_eq!(receiver.got().len(), 7);
    bench.stop().await;
}

#[tokio::test]
async fn what_would_be_refused_again_is_not_tried_again_and_redirects_lead_nowhere() {
    let other = Receiver::start(ok).await;
    let elsewhere = format!("http://{}/elsewhere", other.address);
    let receiver = Receiver::start(move |number| match number {
        0 => (StatusCode::BAD_REQUEST, "invalid_blocks").into_response(),
        _ => (StatusCode::TEMPORARY_REDIRECT, [("location", elsewhere.clone())]).into_response(),
    })
    .await;
    let bench = Bench::start(MemoryStore::new(), configuration(&[webhook("hook", &receiver)]));
    bench.tell(1, &[opened("a", "hook", 1), opened("b", "hook", 2)]).await;
    let refused = bench.ended("a").await.delivery;
    assert_eq!((refused.state, refused.attempts), (DeliveryState::Dead, 1));
    assert_eq!(refused.error, "answered 400: invalid_blocks");
    let led_away = bench.ended("b").await.delivery;
    assert_eq!((led_away.state, led_away.attempts), (DeliveryState::Dead, 1));
    assert!(led_away.error.contains("redirects are not followed"), "{led_away:?}");
    assert!(other.got().is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn nobody_listens_and_one_that_hangs_up_are_failures_like_others() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/x", closed.local_addr().unwrap());
    drop(closed);
    let rude = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/x", rude.local_addr().unwrap());
    let hanging_up = tokio::spawn(async move {
        loop {
            drop(rude.accept().await.unwrap());
        }
    });
    let targets = [("nobody", "webhook", nobody), ("rude", "webhook", address)];
    let bench = Bench::start(MemoryStore::new(), configuration(&targets));
    bench.tell(1, &[opened("a", "nobody", 1), opened("b", "rude", 1)]).await;
    for id in ["a", "b"] {
        let dead = bench.ended(id).await.delivery;
        assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 6), "{dead:?}");
        assert!(!dead.error.is_empty());
    }
    hanging_up.abort();
    bench.stop().await;
}

/// Takes connections and says nothing.
async fn hanging() -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    (url, held)
}

#[tokio::test]
async fn a_target_that_hangs_holds_up_nobody_else() {
    let (url, _held) = hanging().await;
    let receiver = Receiver::start(ok).await;
    let targets = [("hangs", "webhook", url), webhook("hook", &receiver)];
    let bench = Bench::start(MemoryStore::new(), read("timeout = \"1h\"\n", &targets));
    let mut changes = vec![opened("h", "hangs", 1)];
    changes.extend((0..50).map(|number| opened(&format!("n{number}"), "hook", number)));
    bench.tell(1, &changes).await;
    for number in 0..50 {
        assert_eq!(bench.ended(&format!("n{number}")).await.delivery.state, DeliveryState::Sent);
    }
    assert_eq!(bench.store.notification("h").await.unwrap().unwrap().delivery.attempts, 0);
    // An attempt that hangs does not hold up the end either.
    bench.stop().await;
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up() {
    let (url, _held) = hanging().await;
    let head = "retry_first = \"1ms\"\nretry_max = \"1ms\"\nattempts_max = 2\ntimeout = \"20ms\"\n";
    let bench = Bench::start(MemoryStore::new(), read(head, &[("hangs", "webhook", url)]));
    bench.tell(1, &[opened("h", "hangs", 1)]).await;
    let dead = bench.ended("h").await.delivery;
    assert_eq!((dead.state, dead.error.as_str()), (DeliveryState::Dead, "no answer within 20ms"));
    bench.stop().await;
}

#[tokio::test]
async fn what_is_told_of_one_incident_never_overtakes_and_another_incident_need_not_wait() {
    let receiver = Receiver::start(|number| match number {
        0 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3000")]).into_response(),
        number => ok(number),
    })
    .await;
    let bench = Bench::start(MemoryStore::new(), configuration(&[webhook("hook", &receiver)]));
    let resolved = pending("b", "hook", 1, NotificationEvent::Resolved);
    bench.tell(1, &[opened("a", "hook", 1), resolved, opened("c", "hook", 2)]).await;
    assert_eq!(bench.ended("c").await.delivery.state, DeliveryState::Sent);
    let (one, two) = (IncidentId([1; 8]).to_string(), IncidentId([2; 8]).to_string());
    let told = |id: &str, event: &str| (id.to_owned(), event.to_owned());
    assert_eq!(receiver.told(), [told(&one, "opened"), told(&two, "opened")]);
    let waiting = bench.store.notification("a").await.unwrap().unwrap().delivery;
    bench.store.set_delivery("a", &Delivery { next_at: Nanos(0), ..waiting }).await.unwrap();
    bench.outgoing.wake();
    assert_eq!(bench.ended("b").await.delivery.state, DeliveryState::Sent);
    assert_eq!(receiver.told()[2..], [told(&one, "opened"), told(&one, "resolved")]);
    bench.stop().await;
}

#[tokio::test]
async fn what_waits_outlives_a_restart_and_what_was_taken_is_not_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let open = async || SqliteStore::open(&dir.path().join("casebook.sqlite")).await.unwrap();
    // Until it is mended it takes the first and refuses the rest.
    let receiver = Receiver::start(|number| match number {
        0 => ok(0),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
    .await;
    let patient = "retry_first = \"1ms\"\nretry_max = \"2ms\"\nattempts_max = 100\ntimeout = \"30s\"\n";
    let bench = Bench::start(open().await, read(patient, &[webhook("hook", &receiver)]));
    bench.tell(1, &[opened("a", "hook", 1), opened("b", "hook", 2)]).await;
    assert_eq!(bench.ended("a").await.delivery.state, DeliveryState::Sent);
    eventually("an attempt of b", async || (receiver.got().len() > 2).then_some(())).await;
    bench.stop().await.close().await;

    let mended = Receiver::start(ok).await;
    let gone = opened("c", "of another configuration", 3);
    let store = open().await;
    store.apply(2, &[gone]).await.unwrap();
    let bench = Bench::start(store, read(patient, &[webhook("hook", &mended)]));
    assert_eq!(bench.ended("b").await.delivery.state, DeliveryState::Sent);
    let orphan = bench.ended("c").await.delivery;
    assert_eq!(orphan.state, DeliveryState::Dead);
    assert!(orphan.error.contains("no target of this name"), "{orphan:?}");
    let told: Vec<_> = mended.told().into_iter().map(|(id, _)| id).collect();
    assert_eq!(told, [IncidentId([2; 8]).to_string()]);
    let all = bench.store.notifications(&NotificationFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    bench.stop().await;
}

/// Verifies the signature with nothing of ours: the few lines that the documentation gives to receivers.
const VERIFY: &str = r#"
import base64, hashlib, hmac, sys
key, id, at, signature, body = sys.argv[1].encode(), sys.argv[2], sys.argv[3], sys.argv[4], open(sys.argv[5], "rb").read()
mac = hmac.new(key, id.encode() + b"." + at.encode() + b"." + body, hashlib.sha256).digest()
sys.exit(0 if hmac.compare_digest("v1," + base64.b64encode(mac).decode(), signature) else 1)
"#;

fn verifies(dir: &Path, got: &Got, body: &[u8]) -> bool {
    let file = dir.join("body");
    std::fs::write(&file, body).unwrap();
    let header = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    let arguments = [
        "the key".to_owned(),
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    ];
    let run = std::process::Command::new("python3").args(["-c", VERIFY]).args(arguments).arg(file).status();
    run.unwrap().success()
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_very_bytes() {
    let receiver = Receiver::start(ok).await;
    let bench = Bench::start(MemoryStore::new(), configuration(&[webhook("hook", &receiver)]));
    bench.tell(1, &[opened("ntf_1", "hook", 1)]).await;
    bench.ended("ntf_1").await;
    let got = receiver.got().remove(0);
    let dir = tempfile::tempdir().unwrap();
    assert!(verifies(dir.path(), &got, &got.body));
    assert!(!verifies(dir.path(), &got, &[&got.body[..], b" "].concat()));
    let at: u64 = got.headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
    assert!(at.abs_diff(now().as_secs()) < 3600);
    bench.stop().await;
}

#[tokio::test]
async fn every_kind_of_target_gets_its_own_form() {
    const REPORT: &[u8] = include_bytes!("../../../../doc/formats/vectors/bad-version.json");
    let receiver = Receiver::start(ok).await;
    let url = |path: &str| format!("http://{}{path}", receiver.address);
    let targets = [
        ("chat", "slack", url("/services/T/B/x")),
        ("page", "pagerduty", url("/v2/enqueue")),
        ("am", "alertmanager", url("/am/")),
    ];
    let bench = Bench::start(MemoryStore::new(), configuration(&targets));
    let report = ReportDocument {
        incident: IncidentId([1; 8]),
        tick: Nanos::from_secs(3),
        hash: engine::sha256_hex(REPORT),
        bytes: REPORT.to_vec(),
    };
    let mut changes = vec![Change::Report(report.clone())];
    for (id, target) in [("a", "chat"), ("b", "page"), ("c", "am")] {
        let Change::Notification { mut notification, delivery } = opened(id, target, 1) else {
            unreachable!()
        };
        notification.incident.report_hash.clone_from(&report.hash);
        changes.push(Change::Notification { notification, delivery });
    }
    bench.tell(1, &changes).await;
    for id in ["a", "b", "c"] {
        assert_eq!(bench.ended(id).await.delivery.state, DeliveryState::Sent);
    }
    let got = receiver.got();
    let body = |path: &str| -> serde_json::Value {
        let got = got.iter().find(|got| got.path == path).unwrap_or_else(|| panic!("nothing came to {path}"));
        assert_eq!(got.headers["content-type"], "application/json");
        serde_json::from_slice(&got.body).unwrap()
    };
    let chat = body("/services/T/B/x");
    assert!(chat["text"].as_str().unwrap().starts_with("Opened: Incident inc_"), "{chat}");
    assert!(chat.to_string().contains("*Root cause*"), "{chat}");
    let page = body("/v2/enqueue");
    assert_eq!(page["event_action"], "trigger");
    assert_eq!(page["dedup_key"], "inc_0101010101010101");
    assert_eq!((&page["payload"]["severity"], &page["routing_key"]), (&"error".into(), &"the key".into()));
    assert!(page["payload"]["custom_details"]["note"].as_str().unwrap().contains("ROOT CAUSE: deploy"));
    let alert = body("/am/api/v2/alerts");
    assert_eq!(alert[0]["labels"]["incident"], "inc_0101010101010101");
    let header = |path: &str| got.iter().find(|got| got.path == path).unwrap().headers.clone();
    assert_eq!(header("/am/api/v2/alerts")["authorization"], "the key");
    bench.stop().await;
}
