//! Clients that send too much, too slowly or nonsense: each gets a clear answer that is counted, and no other client
//! notices.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::otlp_http::gzip;
use crate::running::{Running, eventually, request_of, span, url};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_the_limit_are_refused_whichever_way_they_come() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let large = Bytes::from(vec![b' '; 100_000_000]);
    let response = server.export("application/json", large.clone()).send().await.unwrap();
    assert_eq!(response.status(), 413, "with a length");
    let parts: Vec<_> =
        large.chunks(1_000_000).map(|part| Ok::<_, std::io::Error>(large.slice_ref(part))).collect();
    let stream = reqwest::Body::wrap_stream(tokio_stream::iter(parts));
    let response = server.export("application/json", stream).send().await.unwrap();
    assert_eq!(response.status(), 413, "without a length");
    let bombs = [("gzip", gzip(&large)), ("zstd", zstd::encode_all(&*large, 1).unwrap())];
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 1_000_000);
        let request = server.export("application/json", bomb).header("content-encoding", encoding);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 413, "a bomb of {encoding}");
        let told: serde_json::Value = response.json().await.unwrap();
        let told = told["message"].as_str().unwrap();
        assert!(told.contains("16 MiB") && told.contains("--body-bytes-max"), "{told}");
    }
    let refused = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"body_too_large\"}";
    assert_eq!(server.metric(refused).await, 4.0);
    assert_eq!(server.metric("casebook_ingest_in_flight_bytes").await, 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_body_nobody_wants_reads_why() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let large = Bytes::from(vec![b' '; 50_000_000]);
    let refused = [
        ("/v1/events/validate", "text/plain", 415),
        ("/v1/events?dry", "application/json", 400),
        ("/v1/incidents/no-id/actions", "application/json", 400),
        ("/v1/baseline", "text/plain", 415),
        ("/v1/alerts/nobody", "application/json", 400),
        ("/v1/signals", "text/plain", 415),
        ("/v1/incidents", "application/json", 405),
    ];
    for (path, content_type, status) in refused {
        let request = server.post(path).header("content-type", content_type).body(large.clone());
        let response = request.send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        assert_eq!(response.status(), status, "{path}");
        let told: serde_json::Value = response.json().await.unwrap();
        assert!(told["detail"].is_string(), "{path}: {told}");
    }
    server.stop().await;
}

/// Each waits to be decoded, and is refused only then.
const BOMBS_AT_ONCE: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_bombs_waits_for_itself_alone() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let from = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        let client = reqwest::Client::builder().no_proxy().local_address(address).build().unwrap();
        let (url, body) = (url(server.ready.otlp_http, "/v1/traces"), "application/json");
        move |encoding: &str, bytes: Bytes| {
            let request = client.post(&url).header("content-type", body).header("content-encoding", encoding);
            request.body(bytes).send()
        }
    };
    let bomb = Bytes::from(gzip(&vec![b' '; 17 << 20]));
    let mut crowd = JoinSet::new();
    for _ in 0..BOMBS_AT_ONCE {
        let (send, bomb) = (from("127.0.0.1"), bomb.clone());
        crowd.spawn(async move { while send("gzip", bomb.clone()).await.unwrap().status() == 413 {} });
    }
    // Who finds that too many wait already is told so at once.
    crowd.join_next().await.unwrap().unwrap();
    let (elsewhere, beside) = (from("127.0.0.2"), from("127.0.0.1"));
    for number in 0..20 {
        let body = request_of(&[span(number, number, "GET /", false)], Some("shop")).to_string();
        let packed = elsewhere("gzip", gzip(body.as_bytes()).into()).await.unwrap();
        assert_eq!(
            packed.status(),
            200,
            "request {number} of another client: {}",
            packed.text().await.unwrap()
        );
        let plain = beside("identity", body.into()).await.unwrap();
        assert_eq!(
            plain.status(),
            200,
            "request {number} that needs no decoder: {}",
            plain.text().await.unwrap()
        );
    }
    assert!(server.metric("casebook_decoders_waiting").await > 0.0);
    let shed = "casebook_shed_requests_total{class=\"traces\",scarce=\"decoders\"}";
    assert!(server.metric(shed).await > 0.0);
    // Who went away waits no more.
    drop(crowd);
    eventually("nobody to wait", async || {
        (server.metric("casebook_decoders_waiting").await == 0.0).then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_operations_are_taken_and_those_beyond_the_bound_counted() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    for batch in 0..20_u64 {
        let spans: Vec<_> = (batch * 5_000..(batch + 1) * 5_000)
            .map(|n| {
                // Letters only: digits in names are generalised away.
                let name: String =
                    (0..6).map(|digit| char::from(b'a' + (n >> (digit * 4) & 15) as u8)).collect();
                span(n, n, &name, false)
            })
            .collect();
        assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    }
    eventually("the overflow to be counted", async || {
        (server.metric("casebook_engine_overflowed").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(server.export_json(&[span(1, 1, "GET /", false)], Some("shop")).await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dawdling_connections_are_closed_and_do_not_keep_others_out() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("idle-timeout", "300ms"), ("request-timeout", "300ms"), ("connections-max", "8")];
    let server = Running::start_with(data.path(), &flags).await;
    let mut dawdlers = Vec::new();
    for start in ["", "POST /v1/tra", "POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-a: ", "PRI * HTTP/2.0\r\n"] {
        for _ in 0..2 {
            let mut stream = TcpStream::connect(server.ready.otlp_http).await.unwrap();
            stream.write_all(start.as_bytes()).await.unwrap();
            dawdlers.push(stream);
        }
    }
    // All places are taken, so this one waits until the first of them are closed.
    assert_eq!(server.export_json(&[span(1, 1, "GET /", false)], Some("shop")).await.status(), 200);
    for mut stream in dawdlers {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a dawdling connection is still open");
    }
    let idle = server.metric("casebook_connections_closed_idle_total{listener=\"otlp_http\"}").await;
    assert!(idle >= 8.0, "{idle}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_end_is_given_up() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("request-timeout", "300ms")]).await;
    let mut stream = TcpStream::connect(server.ready.otlp_http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let refused = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"request_timeout\"}";
    assert_eq!(server.metric(refused).await, 1.0);
    server.stop().await;
}
