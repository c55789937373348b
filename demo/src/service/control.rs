//! The demo's hand on a service: commands on standard input, answers on standard output. When the input
//! closes - the demo is done, or gone - the service ends.

use std::io::Write as _;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::mpsc;

use super::Service;
use crate::protocol::{Command, Message};

/// Carries out commands until the input closes.
pub(super) async fn obey(service: &Service, provider: &SdkTracerProvider) {
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let answer = match serde_json::from_str(&line) {
            Ok(Command::Flush) => flush(provider).await,
            Ok(Command::Upstream { role, ports }) => {
                service.upstreams.set(role, ports);
                Message::Done
            }
            Err(error) => Message::Failed { reason: error.to_string() },
        };
        say(&answer);
    }
}

/// Waits for the input to close; for a process that takes no commands.
pub(super) async fn wait_for_end() {
    let mut lines = lines();
    while lines.recv().await.is_some() {}
}

/// A thread of its own reads: one of the runtime's would hold up the end of a service whose server failed.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let typed = std::io::stdin().lines().map_while(Result::ok);
        typed.map(|line| sender.blocking_send(line)).take_while(Result::is_ok).for_each(drop);
    });
    lines
}

/// Nobody listening is no error: the input is closed then too, and the service ends.
pub(super) fn say(message: &Message) {
    let Ok(mut line) = serde_json::to_vec(message) else { return };
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

/// The exporter blocks its thread, which must not be the one that drives the connection.
async fn flush(provider: &SdkTracerProvider) -> Message {
    let provider = provider.clone();
    match tokio::task::spawn_blocking(move || provider.force_flush()).await {
        Ok(Ok(())) => Message::Done,
        Ok(Err(error)) => Message::Failed { reason: error.to_string() },
        Err(error) => Message::Failed { reason: error.to_string() },
    }
}
