//! What a service does about a panic: the hook marks the span that was at work, and tells Casebook through a
//! runtime signal, as a crash reporter on the host would.

use std::panic::PanicHookInfo;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::ENVIRONMENT;
use crate::protocol::ServiceConfig;

pub(super) const ERROR_TYPE: &str = "panic";

/// Panics waiting to be reported; more are left out, their spans tell of them.
const QUEUE_MAX: usize = 64;
/// A crash reporter does not send a signal for every crash of a crash storm.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends signals until it is dropped.
#[derive(Debug)]
pub(super) struct Reporter(JoinHandle<()>);

impl Drop for Reporter {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Panic {
    message: String,
    at: SystemTime,
}

pub(super) fn install(config: &ServiceConfig) -> anyhow::Result<Reporter> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()
        .context("no HTTP client for signals")?;
    let (sender, panics) = mpsc::channel(QUEUE_MAX);
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        previous(info);
        let message = describe(info);
        mark_span(&message);
        // A full queue loses a signal, never a request.
        let _ = sender.try_send(Panic { message, at: SystemTime::now() });
    }));
    Ok(Reporter(tokio::spawn(report(client, config.clone(), panics))))
}

async fn report(client: reqwest::Client, config: ServiceConfig, mut panics: mpsc::Receiver<Panic>) {
    let url = format!("{}/v1/signals", config.api);
    while let Some(panic) = panics.recv().await {
        let more = std::iter::from_fn(|| panics.try_recv().ok()).count();
        // The spans say it too; a signal that is refused must not disturb the shop.
        let _ = client.post(&url).json(&signal(&config, &panic, 1 + more)).send().await;
        tokio::time::sleep(PAUSE).await;
    }
}

fn signal(config: &ServiceConfig, panic: &Panic, count: usize) -> Value {
    let since_epoch = panic.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = model::Nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX));
    json!({
        "kind": "runtime",
        "subtype": "panic",
        "service": config.role.as_str(),
        "instance": config.instance,
        "env": ENVIRONMENT,
        "at": at.to_rfc3339(),
        "message": panic.message,
        "attributes": { "panics": count.to_string(), "version": config.version },
    })
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(place) => format!("{text} at {}:{}", place.file(), place.line()),
        None => text.to_owned(),
    }
}

/// The hook runs before the stack unwinds, so the span that was at work is still the current one.
fn mark_span(message: &str) {
    let context = Context::current();
    let span = context.span();
    let exception = vec![
        KeyValue::new("exception.type", ERROR_TYPE),
        KeyValue::new("exception.message", message.to_owned()),
        KeyValue::new("exception.escaped", true),
    ];
    span.add_event("exception", exception);
    span.set_attribute(KeyValue::new("error.type", ERROR_TYPE));
    span.set_status(Status::error(message.to_owned()));
}
