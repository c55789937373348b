//! `casebook doctor`: checks everything that a working server stands on.

mod health;

use std::error::Error;
use std::time::Duration;

use api::{Check, CheckStatus};
use clap::Args;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use server::{DataDir, SettingFlags};

use crate::client::no_answer;
use crate::exit::{Exit, Failure};
use crate::key::KeyArguments;
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::transport::{TlsArguments, Transport, Trust};

const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// As every command that asks a server has it.
const SERVER_DEFAULT: &str = "http://127.0.0.1:7420";
/// A clock that is further off makes a server refuse events as lying in the future, sooner or later.
const SKEW_MAX_S: u64 = 30;
/// What the probe sends stands under this name and never counts as a failure.
const PROBE_SERVICE: &str = "casebook-doctor";

/// Checks configuration, disk, journal, store and a running server
///
/// With --data checks what a server keeps there. With --server, or with nothing at all, checks the running server: sends
/// one harmless event through its ports and reads it back, for which a server with keys wants one of the scope admin. With
/// --health only asks the server whether it is ready, where its settings have --admin. Exit code 4 says that a check failed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook doctor
  casebook doctor --data /var/lib/casebook
  casebook doctor --server http://127.0.0.1:7420
  casebook doctor --health")]
pub(crate) struct Doctor {
    /// A running server to check [default without --data: http://127.0.0.1:7420]
    #[arg(long, value_name = "URL", env = "CASEBOOK_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// Only ask the server on this machine whether it is ready, on the listener --admin of the same settings; needs no key.
    /// Behind TLS its certificate is looked at only where --ca is given
    #[arg(long)]
    health: bool,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    tls: TlsArguments,
    #[command(flatten)]
    settings: SettingFlags,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let async_runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Server, format!("no threads can be started: {error}")))?;
        let checks = async_runtime.block_on(self.checks());
        output::text(&table(&checks))?;
        let failed = checks.iter().any(|check| check.status == CheckStatus::Fail);
        Ok(if failed { Exit::Server } else { Exit::Ok })
    }

    async fn checks(&self) -> Vec<Check> {
        if self.health {
            return health::checks(&self.settings, &self.tls).await;
        }
        let mut checks = Vec::new();
        // Without any setting there is no server of one's own to configure, only a running one to ask.
        let configured = self.settings.names_data() || (self.server.is_none() && !self.settings.is_empty());
        if configured {
            match self.settings.settings() {
                Ok(settings) => {
                    checks.push(check("configuration", CheckStatus::Ok, "every setting is valid"));
                    checks.extend(
                        server::check_data(&DataDir::new(settings.data), settings.disk_reserve).await,
                    );
                }
                Err(errors) => checks.extend(
                    errors.0.iter().map(|error| check("configuration", CheckStatus::Fail, error.to_string())),
                ),
            }
        }
        let default = (!configured).then_some(SERVER_DEFAULT);
        if let Some(server) = self.server.as_deref().or(default) {
            checks.extend(check_server(server.trim_end_matches('/'), &self.key, &self.tls).await);
        }
        checks
    }
}

fn check(name: &str, status: CheckStatus, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status, detail: detail.into() }
}

async fn check_server(server: &str, key: &KeyArguments, tls: &TlsArguments) -> Vec<Check> {
    let client = match Asking::new(server, key, tls) {
        Ok(client) => client,
        Err(detail) => return vec![check("server", CheckStatus::Fail, detail)],
    };
    let answer = match client.send(client.get(&format!("{server}/v1/incidents?limit=1"))).await {
        Ok(answer) => answer,
        Err(error) => {
            return vec![check("server", CheckStatus::Fail, no_answer(server, &*error))];
        }
    };
    let skew = skew(&answer);
    let status = answer.status();
    let found = if status.is_success() { CheckStatus::Ok } else { CheckStatus::Fail };
    let mut checks = vec![check("server", found, format!("{server} answers {status}")), skew];
    checks.push(match probe(&client, server).await {
        Ok(detail) => check("probe", CheckStatus::Ok, detail),
        Err(detail) => check("probe", CheckStatus::Fail, detail),
    });
    checks
}

/// The way to the server, and the key to ask with.
struct Asking {
    transport: Transport,
    key: Option<reqwest::header::HeaderValue>,
}

impl Asking {
    fn new(server: &str, key: &KeyArguments, tls: &TlsArguments) -> Result<Self, String> {
        let client =
            Client::builder().timeout(ANSWER_WAIT).no_proxy().build().map_err(|error| error.to_string())?;
        let transport =
            Transport::new(client, server.starts_with("https:"), tls, Trust::Authorities, ANSWER_WAIT)?;
        Ok(Self { transport, key: key.header()? })
    }

    fn get(&self, url: &str) -> RequestBuilder {
        self.transport.client.get(url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Box<dyn Error + Send + Sync>> {
        let request = match &self.key {
            Some(key) => request.header(reqwest::header::AUTHORIZATION, key.clone()),
            None => request,
        };
        self.transport.send(request).await
    }
}

/// The server's clock against this machine's, from the `Date` of its answer.
fn skew(answer: &Response) -> Check {
    let date = answer.headers().get("date").and_then(|value| value.to_str().ok()).and_then(parse_http_date);
    let Some(theirs) = date else {
        return check("clock", CheckStatus::Warn, "the answer has no readable Date");
    };
    let skew_s = theirs.abs_diff(server::now().as_secs());
    match skew_s <= SKEW_MAX_S {
        true => check("clock", CheckStatus::Ok, format!("{skew_s} s from the server's")),
        false => check(
            "clock",
            CheckStatus::Fail,
            format!(
                "{skew_s} s from the server's; at most {SKEW_MAX_S} s are sound: synchronise both with NTP"
            ),
        ),
    }
}

/// `Sat, 21 Nov 2026 03:38:20 GMT`, as seconds since 1970.
fn parse_http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let time = model::Nanos::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()?;
    Some(time.as_secs())
}

/// One event in, and the same event out again.
async fn probe(client: &Asking, server: &str) -> Result<String, String> {
    let now = server::now();
    let trace = format!("{:032x}", now.0);
    let event = probe_event(&trace, now);
    let sent = client.send(client.transport.client.post(format!("{server}/v1/events")).json(&event)).await;
    let answer = sent.map_err(|error| format!("POST /v1/events: {error}"))?;
    let status = answer.status();
    let reply: Value =
        answer.json().await.map_err(|error| format!("POST /v1/events answered {status}: {error}"))?;
    if reply.get("accepted") != Some(&json!(1)) {
        return Err(format!("POST /v1/events answered {status}: {reply}"));
    }
    let read = client.send(client.get(&format!("{server}/v1/traces/{trace}"))).await;
    let answer = read.map_err(|error| format!("GET /v1/traces/{trace}: {error}"))?;
    match answer.status() {
        status if status.is_success() => Ok(format!("an event went in and was read back as trace {trace}")),
        status => Err(format!("an event was acknowledged, but GET /v1/traces/{trace} answered {status}")),
    }
}

fn probe_event(trace: &str, now: model::Nanos) -> Value {
    json!({
        "schema_version": "2.0",
        "event_id": format!("{}-{}-4{}-8{}-{}", &trace[0..8], &trace[8..12], &trace[13..16], &trace[17..20], &trace[20..32]),
        "ts_start": now.to_rfc3339(),
        "ts_end": now.to_rfc3339(),
        "duration_ms": 0,
        "kind": "job",
        "service": PROBE_SERVICE,
        "env": PROBE_SERVICE,
        "operation": "probe",
        "version": env!("CARGO_PKG_VERSION"),
        "trace_id": trace,
        "span_id": &trace[16..32],
        "status": "ok",
        "steps": [],
        "fields": {},
    })
}

fn table(checks: &[Check]) -> String {
    let mut table = Table::new(&[Column::Whole("CHECK"), Column::Whole("STATUS"), Column::Text("DETAIL")]);
    for found in checks {
        let status = match found.status {
            CheckStatus::Ok => "ok",
            CheckStatus::Warn => "warn",
            CheckStatus::Fail => "FAIL",
        };
        table.row([&found.name, status, &found.detail]);
    }
    table.render(terminal_width())
}
