//! Whether the Casebook server of a configuration would take what the edge tells it. It must never tell it anything.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::Verdict;
use super::ask::{Answer, Asker, Question};
use crate::config::{Casebook, Config, Headers};
use crate::evidence::{authorization, below};
use crate::redact::SecretUrl;

const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 << 10;
const HTTP_OK: u16 = 200;
/// An export of nothing, which every receiver of OTLP takes.
const NO_SPANS: &str = r#"{"resourceSpans":[]}"#;

/// What one of its listeners answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What is sent there: `signals` or `spans`.
    pub takes: &'static str,
    /// Scheme, host and port.
    pub address: String,
    pub verdict: Verdict,
    pub said: String,
}

/// Asks for the holder of the key, and exports no spans. Nothing where no server is configured. An error is about this
/// machine: its authorities cannot be read.
pub async fn probe_casebook(config: &Config) -> Result<Vec<Listener>, String> {
    let Some(casebook) = &config.casebook else { return Ok(Vec::new()) };
    let urls = [Some(&casebook.url), casebook.otlp_url.as_ref()].into_iter().flatten();
    let asker = Asker::new(urls.into_iter().any(|url| url.expose().scheme() == "https"))?;
    let asking = Asking { asker, casebook, config };
    let mut listeners = vec![asking.signals().await];
    if let Some(url) = &casebook.otlp_url {
        listeners.push(asking.spans(url).await);
    }
    Ok(listeners)
}

struct Asking<'a> {
    asker: Asker,
    casebook: &'a Casebook,
    config: &'a Config,
}

impl Asking<'_> {
    async fn signals(&self) -> Listener {
        let answer = self.ask(below(&self.casebook.url, "/v1/caller"), None).await;
        let (verdict, said) = answer.map_or_else(|said| (Verdict::Fail, said), |answer| known_as(&answer));
        Listener { takes: "signals", address: self.casebook.url.to_string(), verdict, said }
    }

    async fn spans(&self, url: &SecretUrl) -> Listener {
        let nothing = Bytes::from_static(NO_SPANS.as_bytes());
        let answer = self.ask(below(url, "/v1/traces"), Some(nothing)).await;
        let (verdict, said) = match answer {
            Ok(_) => (Verdict::Ok, "takes spans".to_owned()),
            Err(said) => (Verdict::Fail, said),
        };
        Listener { takes: "spans", address: url.to_string(), verdict, said }
    }

    async fn ask(&self, url: SecretUrl, body: Option<Bytes>) -> Result<Answer, String> {
        let secrets = self.config.secrets();
        let question = Question {
            url,
            headers: &authorization(self.casebook).map(Headers::authorized).unwrap_or_default(),
            body,
            dial_timeout: DIAL_TIMEOUT,
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
            secrets: &secrets,
        };
        match self.asker.ask(question).await {
            Ok(answer) if answer.status == HTTP_OK => Ok(answer),
            Ok(Answer { status: 401, .. }) => Err("does not know the key".to_owned()),
            Ok(Answer { status: 403, .. }) => Err("does not let the key write".to_owned()),
            Ok(Answer { status, .. }) => Err(format!("answers {status}")),
            Err(failure) => Err(failure.cause.unwrap_or_else(|| failure.fault.class().to_owned())),
        }
    }
}

/// By the answer of `GET /v1/caller`.
fn known_as(answer: &Answer) -> (Verdict, String) {
    let caller: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let field = |name: &str| caller.as_ref().and_then(|caller| caller.get(name)?.as_str());
    match (field("scope"), field("name")) {
        (Some("write" | "admin"), Some(name)) => (Verdict::Ok, format!("knows the edge as {name}")),
        (Some(scope), _) => (Verdict::Fail, format!("the key has the scope {scope}, and needs write")),
        (None, _) => (Verdict::Fail, "is no Casebook server".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_to_let_the_edge_write() {
        let said =
            |body: &str| known_as(&Answer { status: 200, body: Bytes::copy_from_slice(body.as_bytes()) });
        for (body, verdict, words) in [
            (r#"{"kind":"key","name":"edge-1","scope":"write"}"#, Verdict::Ok, "knows the edge as edge-1"),
            (
                r#"{"kind":"anonymous","name":"local","scope":"admin"}"#,
                Verdict::Ok,
                "knows the edge as local",
            ),
            (r#"{"name":"x","scope":"read"}"#, Verdict::Fail, "the key has the scope read, and needs write"),
            ("<html>", Verdict::Fail, "is no Casebook server"),
        ] {
            assert_eq!(said(body), (verdict, words.to_owned()), "{body}");
        }
    }
}
