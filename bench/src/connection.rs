//! One keep-alive connection to a listener: sends encoded requests and reads what became of them, over HTTP/1.1 or
//! gRPC. It must never know what is in a request.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use bytes::{Buf as _, BufMut as _, Bytes};
use http::header::{CONTENT_TYPE, HOST};
use http::uri::PathAndQuery;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde::Serialize;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Status};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    Grpc,
    HttpProtobuf,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Every span was accepted.
    Taken,
    /// The server asked to come again later; nothing was kept.
    Busy,
}

#[derive(Debug)]
pub(crate) enum Connection {
    Grpc(Grpc<Channel>),
    Http { host: String, sender: SendRequest<Full<Bytes>> },
}

impl Transport {
    pub(crate) const ALL: [Self; 2] = [Self::Grpc, Self::HttpProtobuf];

    /// That of two which belongs to this transport.
    pub(crate) fn of<T>(self, grpc: T, http: T) -> T {
        match self {
            Self::Grpc => grpc,
            Self::HttpProtobuf => http,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "gRPC",
            Self::HttpProtobuf => "HTTP/protobuf",
        }
    }
}

impl Connection {
    pub(crate) async fn open(transport: Transport, address: SocketAddr) -> anyhow::Result<Self> {
        match transport {
            Transport::Grpc => {
                let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
                Ok(Self::Grpc(Grpc::new(channel)))
            }
            Transport::HttpProtobuf => {
                Ok(Self::Http { host: address.to_string(), sender: connect(address).await? })
            }
        }
    }

    /// Anything but a full success or a plea for patience is an error: then the figures would mean nothing.
    pub(crate) async fn send(&mut self, body: Vec<u8>) -> anyhow::Result<Answer> {
        match self {
            Self::Grpc(client) => export_grpc(client, body.into()).await,
            Self::Http { host, sender } => export_http(sender, host, body.into()).await,
        }
    }
}

/// A page of the server, over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut sender = connect(address).await?;
    let request = Request::get(path).header(HOST, address.to_string()).body(Full::default())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let text = String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned();
    if status != StatusCode::OK {
        bail!("GET {path} was answered with {status}: {text}");
    }
    Ok(text)
}

pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} does not answer"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with the connection; what went wrong is said to whoever sends.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn export_http(
    sender: &mut SendRequest<Full<Bytes>>,
    host: &str,
    body: Bytes,
) -> anyhow::Result<Answer> {
    let request = Request::post("/v1/traces")
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(body))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    match status {
        StatusCode::OK if is_full_success(&body)? => Ok(Answer::Taken),
        StatusCode::SERVICE_UNAVAILABLE => Ok(Answer::Busy),
        _ => bail!("a request was answered with {status}: {}", String::from_utf8_lossy(&body)),
    }
}

async fn export_grpc(client: &mut Grpc<Channel>, body: Bytes) -> anyhow::Result<Answer> {
    match call_grpc(client, body).await {
        Ok(answer) if is_full_success(&answer)? => Ok(Answer::Taken),
        Ok(answer) => bail!("not every span was accepted: {answer:?}"),
        Err(status) if status.code() == Code::Unavailable => Ok(Answer::Busy),
        Err(status) => bail!("a call failed: {status}"),
    }
}

/// Traces in one call.
pub(crate) async fn call_grpc(client: &mut Grpc<Channel>, body: Bytes) -> Result<Bytes, Status> {
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let call = client.unary(tonic::Request::new(body), PathAndQuery::from_static(EXPORT), AsBytes);
    Ok(call.await?.into_inner())
}

/// Nothing was rejected and nothing was remarked. Some say that with no byte, some with an empty part.
pub(crate) fn is_full_success(answer: &[u8]) -> anyhow::Result<bool> {
    let answer = ExportTraceServiceResponse::decode(answer).context("an answer is not understood")?;
    Ok(answer.partial_success.unwrap_or_default() == ExportTracePartialSuccess::default())
}

/// Messages that are encoded already.
#[derive(Debug)]
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_without_a_byte_or_with_an_empty_part_is_full_and_a_rejected_span_is_not() {
        assert!(is_full_success(&[]).unwrap());
        assert!(is_full_success(&[0x0a, 0]).unwrap());
        assert!(!is_full_success(&[0x0a, 2, 0x08, 1]).unwrap());
        assert!(!is_full_success(&[0x0a, 3, 0x12, 1, b'x']).unwrap());
        assert!(is_full_success(&[0x0a, 9]).is_err());
    }
}
