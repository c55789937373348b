//! A place for one request at a time, and what became of it. A connection that ended is opened again. It must never know
//! how often it is used.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use api::ReadyLine;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;
use tonic::Code;
use tonic::client::Grpc;
use tonic::transport::Channel;

use super::kinds::{Door, Kind};
use crate::connection::{call_grpc, connect, is_full_success};

/// Nobody waits longer for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// As pools of clients do: a server closes what is idle (after 75 s by default), and a request that crosses that is lost.
const UNUSED_MAX: Duration = Duration::from_secs(30);
/// Connections of gRPC, which carry many requests at once.
const CHANNELS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// 503 or `UNAVAILABLE`: there was no room.
    Shed,
    /// 429 or `RESOURCE_EXHAUSTED`: a limit of rates.
    Limited,
    Failed(String),
}

/// What the answers of the API have in common.
#[derive(Debug, Deserialize)]
struct Reply {
    accepted: u64,
    rejected: Vec<IgnoredAny>,
}

#[derive(Debug)]
pub(super) enum Lane {
    Grpc(Grpc<Channel>),
    Http { address: SocketAddr, sender: Option<SendRequest<Full<Bytes>>>, used: Instant },
}

impl Lane {
    /// All the lanes of a kind.
    pub(super) async fn open(kind: Kind, ready: &ReadyLine) -> anyhow::Result<Vec<Self>> {
        let address = match kind.door() {
            Door::OtlpGrpc => ready.otlp_grpc,
            Door::OtlpHttp => ready.otlp_http,
            Door::Api => ready.listen,
        };
        if kind.door() != Door::OtlpGrpc {
            let used = Instant::now();
            return Ok((0..kind.lanes()).map(|_| Self::Http { address, sender: None, used }).collect());
        }
        let mut channels = Vec::new();
        for _ in 0..CHANNELS {
            channels.push(Channel::from_shared(format!("http://{address}"))?.connect().await?);
        }
        let lane = |at: usize| Self::Grpc(Grpc::new(channels[at % CHANNELS].clone()));
        Ok((0..kind.lanes()).map(lane).collect())
    }

    /// How it ended, and how long it took.
    pub(super) async fn send(&mut self, kind: Kind, body: Vec<u8>) -> (Outcome, Duration) {
        let begun = Instant::now();
        let outcome = match timeout(ANSWER_WITHIN, self.ask(kind, body.into())).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(format!("{error:#}")),
            Err(_) => Outcome::Failed(format!("no answer within {ANSWER_WITHIN:?}")),
        };
        if let (Self::Http { sender, .. }, Outcome::Failed(_)) = (self, &outcome) {
            *sender = None;
        }
        (outcome, begun.elapsed())
    }

    async fn ask(&mut self, kind: Kind, body: Bytes) -> anyhow::Result<Outcome> {
        match self {
            Self::Grpc(client) => Ok(match call_grpc(client, body).await {
                Ok(answer) if is_full_success(&answer)? => Outcome::Accepted,
                Ok(_) => Outcome::Failed("not every item was accepted".to_owned()),
                Err(status) if status.code() == Code::Unavailable => Outcome::Shed,
                Err(status) if status.code() == Code::ResourceExhausted => Outcome::Limited,
                Err(status) => Outcome::Failed(status.to_string()),
            }),
            Self::Http { address, sender, used } => {
                let unused = used.elapsed();
                *used = Instant::now();
                let sender = match sender {
                    Some(open) if open.is_ready() && unused < UNUSED_MAX => open,
                    _ => sender.insert(connect(*address).await?),
                };
                ask_http(sender, *address, kind, body).await
            }
        }
    }
}

async fn ask_http(
    sender: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    kind: Kind,
    body: Bytes,
) -> anyhow::Result<Outcome> {
    let media = if kind.is_otlp() { "application/x-protobuf" } else { "application/json" };
    let request = Request::post(kind.path())
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, media)
        .body(Full::new(body))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let is_whole = |body: &[u8]| -> anyhow::Result<bool> {
        if kind.is_otlp() {
            return is_full_success(body);
        }
        let reply: Reply = serde_json::from_slice(body)?;
        Ok(reply.rejected.is_empty() && reply.accepted == kind.items())
    };
    Ok(match status {
        StatusCode::OK if is_whole(&body)? => Outcome::Accepted,
        StatusCode::SERVICE_UNAVAILABLE => Outcome::Shed,
        StatusCode::TOO_MANY_REQUESTS => Outcome::Limited,
        _ => Outcome::Failed(format!("{status}: {}", String::from_utf8_lossy(&body))),
    })
}
