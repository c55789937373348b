//! `casebook-edge status`: shows how a running edge stands, once or as it changes.

mod page;

use std::time::Duration;

use clap::Args;
use edge::check::{Answer, Asker, Failure as NoAnswer, Question};
use edge::config::Headers;
use edge::core::Fault;
use edge::redact::{SecretUrl, Secrets};
use edge::status::{SCHEMA, Status};
use url::Url;

use super::columns::inert;
use super::exit::{Exit, Failure};
use super::{one_thread, output};

const EVERY: Duration = Duration::from_secs(1);
pub(super) const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// No document of `/status` is larger; one that is comes from something else.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// To the upper left, and nothing below it.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Shows pools, nodes and clients of a running edge
///
/// Asks the admin listener. On a terminal the picture is drawn anew every second until Ctrl-C; elsewhere, or with --once, it
/// is printed once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook-edge status
  casebook-edge status --once http://127.0.0.1:9545")]
pub(crate) struct ShowStatus {
    /// The admin listener of the edge, its admin_listen
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9545", value_parser = admin_url)]
    url: SecretUrl,
    /// Print the picture once
    #[arg(long)]
    once: bool,
}

pub(super) fn admin_url(text: &str) -> Result<SecretUrl, String> {
    let wrong = "expected a URL such as http://127.0.0.1:9545";
    let mut url = Url::parse(text).map_err(|error| format!("{error}; {wrong}"))?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(wrong.to_owned());
    }
    let path = url.path().trim_end_matches('/').trim_end_matches("/status").to_owned();
    url.set_path(&path);
    Ok(SecretUrl::new(url))
}

impl ShowStatus {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let is_https = self.url.expose().scheme() == "https";
        let asker = Asker::new(is_https).map_err(|problem| Failure::new(Exit::Failed, problem))?;
        let runtime = one_thread()?;
        if self.once || !output::is_terminal() {
            let status = runtime.block_on(self.fetch(&asker))?;
            return output::text(&page::page(&status));
        }
        runtime.block_on(self.follow(&asker))
    }

    /// Draws until somebody has seen enough. While nobody answers, that is shown.
    async fn follow(&self, asker: &Asker) -> Result<Exit, Failure> {
        let mut turns = tokio::time::interval(EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return output::text("\n"),
                _ = turns.tick() => {}
            }
            let drawn = match self.fetch(asker).await {
                Ok(status) => page::page(&status),
                Err(failure) => format!("{failure}\n"),
            };
            output::text(&format!("{CLEAR}{drawn}"))?;
        }
    }

    async fn fetch(&self, asker: &Asker) -> Result<Status, Failure> {
        let question = Question {
            url: self.document(),
            headers: &Headers::default(),
            body: None,
            dial_timeout: DIAL_TIMEOUT,
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
            secrets: &Secrets::default(),
        };
        let answer = asker.ask(question).await.map_err(|failure| self.no_answer(&failure))?;
        self.understood(&answer)
    }

    /// Below the address that was given.
    fn document(&self) -> SecretUrl {
        let mut url = self.url.expose().clone();
        let path = format!("{}/status", url.path().trim_end_matches('/'));
        url.set_path(&path);
        SecretUrl::new(url)
    }

    fn understood(&self, answer: &Answer) -> Result<Status, Failure> {
        let url = &self.url;
        let exit = match answer.status {
            200 => None,
            400..500 => Some(Exit::Client),
            _ => Some(Exit::Failed),
        };
        if let Some(exit) = exit {
            let problem = format!("{url} answers {}; is it the admin_listen of an edge?", answer.status);
            return Err(Failure::new(exit, problem));
        }
        let read = serde_json::from_slice::<Status>(&answer.body).map_err(|error| error.to_string());
        let known = read.and_then(|status| match status.schema == SCHEMA {
            true => Ok(status),
            false => Err(format!("it is {} and not {SCHEMA}", status.schema)),
        });
        known.map_err(|problem| {
            let problem = inert(&problem);
            Failure::new(
                Exit::Failed,
                format!("{url} gave a status that cannot be read: {problem}; is it an edge of this version?"),
            )
        })
    }

    fn no_answer(&self, failure: &NoAnswer) -> Failure {
        let exit = if failure.fault == Fault::TooLarge { Exit::Failed } else { Exit::Transport };
        let cause = inert(failure.cause.as_deref().unwrap_or(failure.fault.class()));
        Failure::new(exit, format!("no answer from {}: {cause}; is `casebook-edge` running there?", self.url))
    }
}

#[cfg(test)]
mod tests;
