//! gRPC by hand, as far as the export methods of OTLP need it.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::serve::Served;

pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub(crate) const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// What gRPC is on the wire, so that a message can be sent that no client would make.
#[derive(Clone)]
pub(crate) struct Grpc {
    connection: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Grpc {
    pub(crate) async fn connect(served: &Served) -> Self {
        Self::to(served.ready.otlp_grpc).await
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (connection, driver) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        Self { connection, address }
    }

    /// Status and message of the call, from the headers if it failed at once, else from the trailers.
    pub(crate) async fn call(&self, method: &str, encoding: &str, message: &[u8]) -> (u32, String) {
        let (status, told, _) = self.call_with_details(method, encoding, message).await;
        (status, told)
    }

    /// The same, and the bytes of the status's details.
    pub(crate) async fn call_with_details(
        &self,
        method: &str,
        encoding: &str,
        message: &[u8],
    ) -> (u32, String, Vec<u8>) {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let flag = u8::from(encoding != "identity");
        let body = [&[flag][..], &length, message].concat();
        let request = Request::post(format!("http://{}{method}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-encoding", encoding)
            .body(Full::new(Bytes::from(body)));
        let response = self.connection.clone().send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        let body = response.into_body().collect().await.unwrap();
        let told =
            body.trailers().filter(|trailers| trailers.contains_key("grpc-status")).unwrap_or(&headers);
        let text = |name| told.get(name).map_or("", |value| value.to_str().unwrap());
        let details =
            tonic::Status::from_header_map(told).map_or(Vec::new(), |status| status.details().to_vec());
        (text("grpc-status").parse().unwrap(), text("grpc-message").to_owned(), details)
    }
}
