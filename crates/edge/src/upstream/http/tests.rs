//! One way to a node, before sockets that answer by script. They must never need a pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::upstream::client_tls;

const WITHIN: Duration = Duration::from_secs(10);
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";

/// A node that gives each connection these answers, one to a request, and then closes it. How many came is counted.
async fn node(answers: &'static [&'static str]) -> (HttpClient, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = Uri::try_from(format!("http://{}/key", listener.local_addr().unwrap())).unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream, answers));
        }
    });
    let client = HttpClient::to(uri, HeaderMap::new(), client_tls(false).unwrap(), WITHIN, (8, 100)).unwrap();
    (client, came)
}

async fn answer(mut stream: TcpStream, answers: &'static [&'static str]) {
    let mut seen = Vec::new();
    for answer in answers {
        while !seen.ends_with(b"\r\n\r\nquestion") {
            if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                return;
            }
        }
        seen.clear();
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

async fn asked(client: &HttpClient) -> Result<String, Fault> {
    let body = client.post(Bytes::from_static(b"question"), WITHIN).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn one_connection_takes_one_request_after_the_other() {
    const CHUNKS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 x\r\nContent-Length: 2\r\n\r\nno";
    let (client, came) = node(&[GOOD, CHUNKS, BUSY, GOOD]).await;
    assert_eq!(asked(&client).await, Ok("ab".to_owned()));
    assert_eq!(asked(&client).await, Ok("a".to_owned()));
    assert_eq!(asked(&client).await, Err(Fault::Status(503)));
    assert_eq!(asked(&client).await, Ok("ab".to_owned()));
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_the_node_closed_is_not_used_again() {
    let (client, came) = node(&[GOOD]).await;
    assert_eq!(asked(&client).await, Ok("ab".to_owned()));
    // Until its end is known here.
    while let Some(connection) = client.0.take() {
        client.0.lock().push_back((Instant::now(), connection));
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(&client).await, Ok("ab".to_owned()));
    let (client, came_to_leave) =
        node(&["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"]).await;
    assert_eq!((asked(&client).await, asked(&client).await), (Ok("a".to_owned()), Ok("a".to_owned())));
    assert_eq!((came.load(Ordering::SeqCst), came_to_leave.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn what_is_cut_off_or_too_long_or_no_answer_is_a_fault() {
    for (text, fault) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Fault::Reset),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", Fault::Reset),
        ("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", Fault::TooLarge),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", Fault::TooLarge),
        ("HTTP/1.1 200", Fault::Reset),
        ("", Fault::Reset),
        ("HTTP/1.1 500 x\r\nContent-Length: 70000\r\n\r\n", Fault::Status(500)),
        ("HTTP/1.1 404 x\r\nContent-Length: 70000\r\n\r\n", Fault::Status(404)),
        ("HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nno", Fault::Status(404)),
        ("HTTP/1.1 429 x\r\nRetry-After: 3\r\n\r\n", Fault::RateLimited { retry_after_ms: Some(3_000) }),
    ] {
        let answers: &'static [&'static str] = Box::leak(Box::new([text]));
        let (client, _) = node(answers).await;
        assert_eq!(asked(&client).await, Err(fault), "{text}");
        assert!(client.0.lock().is_empty() || text.ends_with("no"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_may_end_with_the_connection_and_an_error_may_be_json() {
    let (client, _) = node(&["HTTP/1.0 200 OK\r\n\r\nall of it"]).await;
    assert_eq!(asked(&client).await, Ok("all of it".to_owned()));
    const REFUSED: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#;
    let text = format!("HTTP/1.1 400 x\r\nContent-Length: {}\r\n\r\n{REFUSED}", REFUSED.len());
    let (client, _) = node(Box::leak(Box::new([&*text.leak()]))).await;
    assert_eq!(asked(&client).await, Ok(REFUSED.to_owned()));
}

#[tokio::test]
async fn who_does_not_answer_is_late() {
    let (client, _) = node(&[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = Uri::try_from(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let silent = HttpClient::to(uri, HeaderMap::new(), client_tls(false).unwrap(), WITHIN, (8, 100)).unwrap();
    let late = silent.post(Bytes::from_static(b"question"), Duration::from_millis(20)).await;
    assert_eq!(late, Err(Fault::Timeout));
    assert_eq!(asked(&client).await, Err(Fault::Reset));
}

#[test]
fn the_head_says_where_it_goes_and_stops_before_the_length() {
    let uri = Uri::from_static("http://node.example:8545/v3/key?x=1");
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::try_from(host(&uri)).unwrap())]);
    let expected = "POST /v3/key?x=1 HTTP/1.1\r\nhost: node.example:8545\r\ncontent-length: ";
    assert_eq!(String::from_utf8(before(&uri, &headers)).unwrap(), expected);
    assert_eq!(host(&Uri::from_static("https://[::1]:443")), "[::1]");
    assert_eq!(host(&Uri::from_static("http://a:443/x")), "a:443");
}
