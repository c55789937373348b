//! When a node that gives no stream is dialled again. Over real sockets; the pauses are held against what the node saw.

use std::time::Duration;

use runtime::Drain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::super::client_tls;
use super::*;
use crate::config::{Endpoint, Headers};
use crate::redact::SecretUrl;

const PATIENCE: Duration = Duration::from_secs(20);

/// The pauses that a node sees which answers every dial like that, after so long.
async fn pauses(dials: usize, answer: &str, after: Duration) -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let endpoint = Endpoint { url: SecretUrl::new(url), headers: Headers::default() };
    let client = RestClient::new(&endpoint, client_tls(false).unwrap(), Duration::from_secs(5), 1).unwrap();
    let followed = FollowedEvents { node: NodeId(0), client, within_ms: Arc::new(AtomicU64::new(5_000)) };
    let (_orders, taken) = mpsc::channel(1);
    let (told, mut events) = mpsc::channel(dials + 1);
    let (_drain, draining) = Drain::new();
    let following = tokio::spawn(follow_events(followed, taken, told, draining));
    let mut seen = Vec::new();
    let mut answered: Option<Instant> = None;
    let dialled = async {
        while seen.len() < dials {
            let (mut stream, _) = listener.accept().await.unwrap();
            seen.extend(answered.map(|at| at.elapsed()));
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            sleep(after).await;
            answered = Some(Instant::now());
            stream.write_all(answer.as_bytes()).await.unwrap();
            assert!(matches!(events.recv().await, Some(Input::Lost { .. })));
        }
    };
    timeout(PATIENCE, dialled).await.expect("it dials again");
    following.abort();
    seen
}

#[tokio::test]
async fn a_node_that_asks_for_a_pause_is_given_it() {
    let answer = "HTTP/1.1 429 No\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let seen = pauses(1, answer, Duration::ZERO).await;
    assert!(seen[0] >= Duration::from_secs(1), "{seen:?}");
}

/// The time that a dial takes says nothing of a connection.
#[tokio::test]
async fn who_takes_long_to_refuse_is_not_dialled_as_if_it_had_been_well() {
    let answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let seen = pauses(2, answer, REDIAL_MIN * 18).await;
    assert!(seen[0] >= REDIAL_MIN * 2 && seen[1] >= REDIAL_MIN * 4, "{seen:?}");
}
