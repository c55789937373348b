//! How many connections an address may have, and what the next one is told; and clients that send a byte now and then.

use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::transport::Channel;

use crate::running::{Running, eventually, request_of, span};

/// From an address of this machine's own choice.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

async fn served(stream: &mut TcpStream) -> String {
    // A refused connection may be over before the request is written.
    let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut head = [0; 12];
    match stream.read_exact(&mut head).await {
        Ok(_) => String::from_utf8_lossy(&head).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_part_of_the_connections_and_others_have_theirs() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("connections-per-address-max", "3")]).await;
    let ready = server.ready.clone();
    for (name, address) in [("api", ready.listen), ("otlp_http", ready.otlp_http)] {
        let mut open = Vec::new();
        for _ in 0..3 {
            let mut stream = connect("127.0.0.2", address).await;
            assert_eq!(served(&mut stream).await, "HTTP/1.1 404", "{name}");
            open.push(stream);
        }
        let mut refused = connect("127.0.0.2", address).await;
        let mut text = String::new();
        refused.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("\r\nRetry-After: 1\r\n"), "{text}");
        assert!(text.contains("--connections-per-address-max"), "{text}");
        assert_eq!(served(&mut connect("127.0.0.3", address).await).await, "HTTP/1.1 404", "{name}");
        let metric = format!("casebook_connections_refused_total{{listener=\"{name}\"}}");
        assert_eq!(server.metric(&metric).await, 1.0);
        open.pop();
        eventually("the place of a closed connection", async || {
            let found = served(&mut connect("127.0.0.2", address).await).await;
            (found == "HTTP/1.1 404").then_some(())
        })
        .await;
    }
    // What was refused is in the audit at the end at the latest.
    server.stop().await;
    let server = Running::start(data.path()).await;
    let page: api::AuditPage =
        server.get("/v1/audit?outcome=denied").send().await.unwrap().json().await.unwrap();
    let entry =
        page.entries.iter().find(|one| one.reason.as_deref() == Some("connections_of_address")).unwrap();
    assert_eq!(entry.details.denied.as_ref().unwrap().from.as_deref(), Some("127.0.0.2/32"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_grpc_is_told_and_comes_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("connections-per-address-max", "1")]).await;
    let channel = Channel::from_shared(format!("http://{}", server.ready.otlp_grpc)).unwrap();
    let request = ExportTraceServiceRequest::default;
    let mut first = TraceServiceClient::connect(channel.clone()).await.unwrap();
    first.export(request()).await.unwrap();
    let mut raw = TcpStream::connect(server.ready.otlp_grpc).await.unwrap();
    let mut told = Vec::new();
    raw.read_to_end(&mut told).await.unwrap();
    assert!(told.ends_with(b"too many connections"), "{told:?}");
    let mut second = TraceServiceClient::new(channel.connect_lazy());
    let refused = second.export(request()).await.unwrap_err();
    // Which it is depends on whether the request was on its way before the words came; a sender tries again in each case.
    let retried = [tonic::Code::ResourceExhausted, tonic::Code::Cancelled, tonic::Code::Unavailable];
    assert!(retried.contains(&refused.code()), "{refused:?}");
    drop(first);
    eventually("a place for the second client", async || {
        second.export(request()).await.is_ok().then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_now_and_then_keeps_no_connection_open() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("idle-timeout", "500ms"), ("request-timeout", "500ms")];
    let server = Running::start_with(data.path(), &flags).await;
    let drip = async |address: SocketAddr, beginning: &'static str| {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let dripping = tokio::spawn(async move {
            let _ = writing.write_all(beginning.as_bytes()).await;
            while writing.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), reading.read_to_end(&mut rest)).await;
        dripping.abort();
        assert!(ended.is_ok(), "{beginning:?} keeps its connection");
    };
    let ready = server.ready.clone();
    for address in [ready.listen, ready.admin, ready.otlp_http, ready.otlp_grpc] {
        drip(address, "GET /livez HTTP/1.1\r\nhost: x\r\nx-a: ").await;
    }
    drip(ready.otlp_http, "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{\"").await;
    // On a slow machine even an honest client may be too late for such a limit.
    eventually("a place for an honest client", async || {
        let body = request_of(&[span(1, 1, "GET /", false)], Some("shop")).to_string();
        let answer = server.export("application/json", body).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    server.stop().await;
}

/// More than sockets hold unless they are told to.
const BURST: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_connections_waits_and_none_is_reset() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("connections-max", "1")]).await;
    let address = server.ready.otlp_http;
    let mut only = TcpStream::connect(address).await.unwrap();
    assert_eq!(served(&mut only).await, "HTTP/1.1 404");
    let (body, close) = (r#"{"resourceSpans":[]}"#, "connection: close");
    let length = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\n{close}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut burst = Vec::new();
    for number in 0..BURST {
        // Nobody accepts it as long as the only place is taken.
        let connecting = tokio::time::timeout(Duration::from_secs(30), TcpStream::connect(address));
        let mut stream =
            connecting.await.unwrap_or_else(|_| panic!("no room for connection {number}")).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        burst.push(stream);
    }
    drop(only);
    for (number, mut stream) in burst.into_iter().enumerate() {
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "connection {number}: {answer}");
    }
    server.stop().await;
}
