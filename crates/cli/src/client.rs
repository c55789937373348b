//! Asking a server: one request, one bounded answer, and a failure that says what, where and what would be right.

use std::net::IpAddr;
use std::time::Duration;

use api::Problem;
use clap::Args;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::advice::advice;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::key::KeyArguments;
use crate::transport::{TlsArguments, Transport, Trust};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// No answer of a server is larger; one that is comes from something else.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of an answer that is no problem document, as much is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Which server is asked, and with which key.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The server to ask
    #[arg(
        long,
        value_name = "URL",
        env = "CASEBOOK_SERVER",
        hide_env_values = true,
        global = true,
        default_value = "http://127.0.0.1:7420",
        value_parser = server,
        help_heading = "Connection"
    )]
    server: Url,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    tls: TlsArguments,
}

fn server(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}; expected a URL such as http://127.0.0.1:7420"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() && url.query().is_none() && url.fragment().is_none() => Ok(url),
        "http" | "https" => Err("expected a URL such as http://127.0.0.1:7420".to_owned()),
        other => Err(format!("{other} is not supported; expected a URL such as http://127.0.0.1:7420")),
    }
}

/// That a server cannot be reached, and the innermost cause: the outer ones only repeat the URL.
pub(crate) fn no_answer(server: &str, error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let cause = escape::line(&innermost.to_string()).into_owned();
    format!("no answer from {server}: {cause}; is `casebook serve` running there?")
}

/// What a server answered with 2xx.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// Without its quotes.
    pub(crate) etag: Option<String>,
}

impl Connection {
    /// `GET` of a path made of these segments, which need no escaping by the caller.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, &str)], accept: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, self.url(path, query), accept, None)
    }

    /// `POST` of a body in JSON, and the answer as `get_json` gives it.
    pub(crate) fn post_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<(String, T), Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(Exit::Usage, format!("the request cannot be written: {error}")))?;
        let answer = self.ask(Method::POST, self.url(path, &[]), "application/json", Some(body))?;
        self.understood(answer)
    }

    /// An answer in JSON: the text as it came, and what it says.
    pub(crate) fn get_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(String, T), Failure> {
        let answer = self.get(path, query, "application/json")?;
        self.understood(answer)
    }

    /// The lines of a long answer, one after another, each at most so long. The server may take its time over the whole,
    /// not over the next piece.
    pub(crate) fn each_line(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        line_bytes_max: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        runtime.block_on(async {
            let transport = self.transport(|builder| builder.read_timeout(ANSWER_WAIT))?;
            let request = transport.client.get(self.url(path, query)).header(ACCEPT, "application/x-ndjson");
            let sent = transport.send(self.authorized(request)?).await;
            let mut response = sent.map_err(|error| self.unreachable(&*error))?;
            let status = response.status();
            if !status.is_success() {
                let body = self.body(response).await?;
                return Err(self.refused(status.as_u16(), &body));
            }
            let mut line = Vec::new();
            while let Some(chunk) = self.next(&mut response).await? {
                for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                    line.extend_from_slice(part);
                    if line.len() > line_bytes_max {
                        return Err(
                            self.misunderstood(&format!("a line is longer than {line_bytes_max} bytes"))
                        );
                    }
                    if let Some(whole) = line.strip_suffix(b"\n") {
                        each(whole)?;
                        line.clear();
                    }
                }
            }
            if line.is_empty() { Ok(()) } else { Err(self.misunderstood("the last line has no end")) }
        })
    }

    fn understood<T: DeserializeOwned>(&self, answer: Answer) -> Result<(String, T), Failure> {
        let text = String::from_utf8(answer.body).map_err(|_| self.misunderstood("it is not UTF-8"))?;
        let said = serde_json::from_str(&text).map_err(|error| self.misunderstood(&error.to_string()))?;
        Ok((text, said))
    }

    pub(crate) fn misunderstood(&self, detail: &str) -> Failure {
        let message = format!(
            "{} gave an answer that cannot be read: {}; is it a Casebook server of this version?",
            self.server,
            escape::line(detail)
        );
        Failure::new(Exit::Server, message)
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn ask(&self, method: Method, url: Url, accept: &str, body: Option<Vec<u8>>) -> Result<Answer, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.unreachable(&error))?;
        runtime.block_on(self.exchange(method, url, accept, body))
    }

    async fn exchange(
        &self,
        method: Method,
        url: Url,
        accept: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Failure> {
        let transport = self.transport(|builder| builder.timeout(ANSWER_WAIT))?;
        let mut request = transport.client.request(method, url).header(ACCEPT, accept);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let sent = transport.send(self.authorized(request)?).await;
        let response = sent.map_err(|error| self.unreachable(&*error))?;
        let status = response.status().as_u16();
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.map(|etag| etag.trim_matches('"').to_owned());
        let body = self.body(response).await?;
        match status {
            200..300 => Ok(Answer { body, etag }),
            status => Err(self.refused(status, &body)),
        }
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder, Failure> {
        Ok(match self.key.header().map_err(|fault| Failure::new(Exit::Usage, fault))? {
            Some(key) => request.header(AUTHORIZATION, key),
            None => request,
        })
    }

    fn transport(
        &self,
        wait: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Transport, Failure> {
        let client = self.client(wait).map_err(|error| self.unreachable(&error))?;
        Transport::new(client, self.server.scheme() == "https", &self.tls, Trust::Authorities, ANSWER_WAIT)
            .map_err(|fault| Failure::new(Exit::Usage, fault))
    }

    /// The next piece of a body. The client's own timeouts do not reach through TLS.
    async fn next(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
        match tokio::time::timeout(ANSWER_WAIT, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| self.unreachable(&error)),
            Err(slow) => Err(self.unreachable(&slow)),
        }
    }

    fn client(
        &self,
        wait: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<reqwest::Client, reqwest::Error> {
        let builder = wait(reqwest::Client::builder())
            .connect_timeout(CONNECT_WAIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("casebook/", env!("CARGO_PKG_VERSION")));
        // A proxy could not reach this machine's own addresses.
        let builder = if self.is_loopback() { builder.no_proxy() } else { builder };
        builder.build()
    }

    fn is_loopback(&self) -> bool {
        let host = self.server.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next(&mut response).await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.misunderstood("it is larger than 64 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> Failure {
        let message = format!(
            "{} --server or CASEBOOK_SERVER names another server",
            no_answer(self.server.as_str(), error)
        );
        Failure::new(Exit::Transport, message)
    }

    fn refused(&self, status: u16, body: &[u8]) -> Failure {
        let exit = if (500..600).contains(&status) { Exit::Server } else { Exit::Client };
        let message = match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => self.told(status, &problem),
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                let start: String = text.trim().chars().take(SHOWN_CHARS_MAX).collect();
                format!(
                    "{} answered {status}: {}; is it a Casebook server of this version?",
                    self.server,
                    escape::line(&start)
                )
            }
        };
        Failure::new(exit, message)
    }

    /// What the server said, and what to do about it.
    fn told(&self, status: u16, problem: &Problem) -> String {
        let request = problem.request_id.as_deref().map(|id| format!(", request {}", escape::line(id)));
        format!(
            "{} answered {status}: {}: {} ({}{})\n{}",
            self.server,
            escape::line(&problem.title),
            escape::line(&problem.detail),
            problem.code,
            request.unwrap_or_default(),
            advice(problem.code)
        )
    }
}
