//! Secrets come out nowhere: a real server is given every kind of secret, errors are made around each, and whatever it says is
//! searched for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::demo::{SHORT, as_expected};
use crate::serve::{Served, command};

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A webhook of PagerDuty.
const PING: &str = r#"{"event":{"id":"e","event_type":"pagey.ping"}}"#;
/// Stands in every secret that a person may choose.
const CANARY: &str = "zzcanary";

/// What must never be seen, by name.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn hidden_in(&self, place: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        for (name, secret) in &self.0 {
            assert!(!text.contains(secret.as_str()), "{place} shows the {name}: {text}");
        }
    }
}

/// The files that a server is given.
struct Files {
    keys: PathBuf,
    notify: PathBuf,
    pagerduty: PathBuf,
}

impl Files {
    fn write(dir: &Path, key: &server::NewKey) -> Self {
        let files = Self {
            keys: dir.join("keys.toml"),
            notify: dir.join("notify.toml"),
            pagerduty: dir.join("pagerduty"),
        };
        fs::write(&files.keys, key.file_entry("operator", None)).unwrap();
        // Nobody listens there, so that every delivery fails with an error that speaks of it.
        let target = |name: &str, kind: &str, rest: &str| {
            let url = format!("http://127.0.0.1:9/{CANARY}?token={CANARY}");
            format!("[[target]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"{url}\"\n{rest}")
        };
        let secret = format!("secret = \"{CANARY}\"\n");
        let targets = [
            target("hook", "webhook", &secret),
            target("chat", "slack", ""),
            target("page", "pagerduty", &secret),
        ];
        let head = "retry_first = \"1ms\"\nretry_max = \"1ms\"\nattempts_max = 2\n";
        fs::write(&files.notify, format!("{head}{}", targets.concat())).unwrap();
        fs::write(&files.pagerduty, format!("{CANARY}-webhook\n")).unwrap();
        files
    }

    fn flags(&self) -> Vec<String> {
        let flag = |name: &str, path: &Path| [name.to_owned(), path.display().to_string()];
        let all = [
            flag("--keys", &self.keys),
            flag("--notify", &self.notify),
            flag("--pagerduty-secrets", &self.pagerduty),
        ];
        all.into_iter().flatten().collect()
    }
}

fn run(arguments: &[&str], more: &[String], key: Option<&str>) -> Output {
    let mut command = Command::new(CASEBOOK);
    command.args(arguments).args(more);
    if let Some(key) = key {
        command.env("CASEBOOK_KEY", key);
    }
    command.output().unwrap()
}

/// The status and all of an answer, headers too.
async fn answer(request: reqwest::RequestBuilder) -> (u16, Vec<u8>) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
    (status, [headers.as_bytes(), &answer.bytes().await.unwrap()].concat())
}

/// Every way to be refused, and everything that may be read.
async fn requests(server: &Served, key: &str, id: &str, secrets: &Secrets) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let api = format!("http://{}", server.ready.listen);
    let admin = format!("http://{}", server.ready.admin);
    let wrong = format!("casebook_admin_{CANARY}");
    let signed = client
        .post(format!("{api}/v1/alerts/pagerduty"))
        .header("x-pagerduty-signature", "v1=00")
        .header("content-type", "application/json");
    let broken = client.post(format!("{api}/v1/baseline")).header("content-type", "application/json");
    for (place, request, expected) in [
        ("a wrong key", client.get(format!("{api}/v1/incidents")).bearer_auth(&wrong), 401),
        ("an odd scheme", client.get(format!("{api}/v1/incidents")).basic_auth(CANARY, Some(CANARY)), 401),
        (
            "a key in the query",
            client.get(format!("{api}/v1/incidents?limit=x&key={key}")).bearer_auth(key),
            400,
        ),
        ("a wrong signature", signed.bearer_auth(key).body(PING), 401),
        ("a wrong body", broken.bearer_auth(key).body("{"), 400),
    ] {
        let (status, told) = answer(request).await;
        assert_eq!(status, expected, "{place}: {}", String::from_utf8_lossy(&told));
        secrets.hidden_in(place, &told);
    }
    for path in [
        "/v1/caller".to_owned(),
        "/v1/incidents?state=all".to_owned(),
        format!("/v1/incidents/{id}"),
        format!("/v1/incidents/{id}/report"),
        "/v1/notifications".to_owned(),
        "/v1/audit".to_owned(),
        "/v1/alerts".to_owned(),
        "/v1/errors".to_owned(),
    ] {
        let (status, told) = answer(client.get(format!("{api}{path}")).bearer_auth(key)).await;
        assert_eq!(status, 200, "{path}");
        secrets.hidden_in(&path, &told);
    }
    for path in ["/metrics", "/readyz"] {
        let (_, told) = answer(client.get(format!("{admin}{path}"))).await;
        assert!(!told.is_empty());
        secrets.hidden_in(path, &told);
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let demo = as_expected(&[&["--scenario", "dependency-outage"][..], &SHORT].concat(), 9);
    let dir = tempfile::tempdir().unwrap();
    let key = server::NewKey::generate(api::Scope::Admin).unwrap();
    let files = Files::write(dir.path(), &key);
    let data = demo.data();
    let installation: Value =
        serde_json::from_slice(&fs::read(data.join("installation.json")).unwrap()).unwrap();
    let secrets = Secrets(vec![
        ("key", key.reveal()[20..].to_owned()),
        ("canary", CANARY.to_owned()),
        ("salt", installation["user_salt"].as_str().unwrap().to_owned()),
    ]);
    let log = dir.path().join("log");
    let mut serve = command(&data);
    serve.args(files.flags()).args(["--log", "debug"]);
    serve.stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let server = Served::spawn(&mut serve);
    let url = format!("http://{}", server.ready.listen);
    let asked =
        |arguments: &[&str]| run(arguments, &["--server".to_owned(), url.clone()], Some(key.reveal()));
    let list: Value =
        serde_json::from_slice(&asked(&["incidents", "--state", "all", "--json"]).stdout).unwrap();
    let id = list["incidents"][0]["id"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(requests(&server, key.reveal(), &id, &secrets));
    let case = dir.path().join("case");
    // Of the salt a bundle needs what it says itself; the redacted one goes to strangers.
    let bundle: &[&str] = &["bundle", &id, "--redact", "--out", case.to_str().unwrap()];
    for arguments in
        [&["incidents"][..], &["keys", "who"], &["audit"], &["notifications"], &["doctor"], bundle]
    {
        let output = asked(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        secrets.hidden_in(&format!("{arguments:?}"), &[output.stdout, output.stderr].concat());
    }
    for file in fs::read_dir(&case).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let text = zstd::decode_all(&*bytes).unwrap_or(bytes);
        secrets.hidden_in(&path.display().to_string(), &text);
    }
    let data = data.display().to_string();
    let doctor = run(&["doctor", "--data", &data], &files.flags(), None);
    secrets.hidden_in("doctor", &[doctor.stdout, doctor.stderr].concat());
    // Broken while it runs, and then at a start: both are told with the place and not with what stands there.
    fs::write(&files.keys, format!("[[keys]]\nname = \"a\"\nsha256 = \"{CANARY}\"\n{CANARY}")).unwrap();
    fs::write(&files.notify, format!("[[target]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"{CANARY}\n"))
        .unwrap();
    let ready = format!("http://{}/readyz", server.ready.admin);
    let told = runtime.block_on(async {
        let (client, begun) = (reqwest::Client::builder().no_proxy().build().unwrap(), Instant::now());
        loop {
            let (_, told) = answer(client.get(&ready)).await;
            if String::from_utf8_lossy(&told).contains("stay in force") {
                return told;
            }
            assert!(begun.elapsed() < WAIT_MAX, "the broken keys are not told");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    secrets.hidden_in("/readyz with broken keys", &told);
    assert_eq!(server.terminate(), Some(0));
    let unread = run(&["serve", "--data", &data], &files.flags(), None);
    assert_eq!(unread.status.code(), Some(1));
    secrets.hidden_in("a start that fails", &[unread.stdout, unread.stderr].concat());
    let lines = fs::read(&log).unwrap();
    assert!(lines.len() > 200, "the log has something to say");
    secrets.hidden_in("the log", &lines);
}
