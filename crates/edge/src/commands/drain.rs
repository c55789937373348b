//! `casebook-edge drain` and `undrain`: take a node of a running edge out of use, and back. They must never know how the
//! edge does it.

use clap::Args;
use edge::check::{Asker, Question};
use edge::config::Headers;
use edge::redact::{SecretUrl, Secrets};
use edge::status::DrainOrder;
use serde_json::Value;

use super::columns::inert;
use super::exit::{Exit, Failure};
use super::status::{DIAL_TIMEOUT, TIMEOUT, admin_url};
use super::{one_thread, output};

/// The edge's answer is a line or two.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Gives a node of a running edge nothing new, while another one serves
///
/// Calls in flight end where they are, and clients notice nothing. The node stays watched; `casebook-edge undrain` uses it
/// again. It is forgotten when the edge starts anew.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook-edge drain geth-a
  casebook-edge drain geth-a --pool mainnet http://127.0.0.1:9545")]
pub(crate) struct Drain {
    #[command(flatten)]
    which: Which,
}

/// Uses a node again that was drained
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook-edge undrain geth-a")]
pub(crate) struct Undrain {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The node, by its name in the configuration
    node: String,
    /// Its pool, where several have a node of that name
    #[arg(long)]
    pool: Option<String>,
    /// The admin listener of the edge, its admin_listen
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9545", value_parser = admin_url)]
    url: SecretUrl,
}

impl Drain {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.which.order(true)
    }
}

impl Undrain {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.which.order(false)
    }
}

impl Which {
    fn order(self, draining: bool) -> Result<Exit, Failure> {
        let order = DrainOrder { node: self.node, pool: self.pool, draining };
        let body = serde_json::to_vec(&order)
            .map_err(|error| Failure::new(Exit::Usage, format!("the order cannot be written: {error}")))?;
        let mut url = self.url.expose().clone();
        url.set_path(&format!("{}/drain", url.path().trim_end_matches('/')));
        let asker =
            Asker::new(url.scheme() == "https").map_err(|problem| Failure::new(Exit::Failed, problem))?;
        let question = Question {
            url: SecretUrl::new(url),
            headers: &Headers::default(),
            body: Some(body.into()),
            dial_timeout: DIAL_TIMEOUT,
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
            secrets: &Secrets::default(),
        };
        let answer = one_thread()?.block_on(asker.ask(question)).map_err(|failure| {
            let cause = inert(failure.cause.as_deref().unwrap_or(failure.fault.class()));
            let said = format!("no answer from {}: {cause}; is `casebook-edge` running there?", self.url);
            Failure::new(Exit::Transport, said)
        })?;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |key: &str| inert(said[key].as_str().unwrap_or_default());
        match answer.status {
            200 => {
                let what =
                    if draining { "is given nothing new while another serves" } else { "is used again" };
                output::text(&format!("{}/{} {what}\n", text("pool"), text("node")))
            }
            status => {
                let exit = if (400..500).contains(&status) { Exit::Client } else { Exit::Failed };
                let detail = if said["detail"].is_string() {
                    text("detail")
                } else {
                    format!("{} answers {status}", self.url)
                };
                Err(Failure::new(exit, detail))
            }
        }
    }
}
