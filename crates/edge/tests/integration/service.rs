//! A made-up service over HTTP that writes down what it is asked, and can be made to fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// An answer that is longer than the edge holds.
pub(crate) const BIG_BYTES: usize = 3 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    Status(u16),
    /// Says that the body is longer than it is.
    Cut,
    /// Takes the request in and closes.
    Drop,
    Silent,
}

pub(crate) struct Service {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    name: &'static str,
    mode: Mutex<Mode>,
    /// Whole requests, as they came.
    seen: Mutex<Vec<String>>,
}

impl Service {
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { name, mode: Mutex::new(Mode::Well), seen: Mutex::default() });
        let (own, at) = (Arc::clone(&shared), url.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (shared, url) = (Arc::clone(&own), at.clone());
                tokio::spawn(async move { serve(stream, &shared, &url).await });
            }
        });
        Self { url, shared, task }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    /// Requests whose first line begins so.
    pub(crate) fn seen(&self, beginning: &str) -> Vec<String> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().filter(|request| request.starts_with(beginning)).cloned().collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request of a connection.
async fn serve(mut stream: TcpStream, shared: &Shared, url: &str) -> Option<()> {
    let mut request = Vec::new();
    let head = loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while request.len() < head + length {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    shared.seen.lock().unwrap().push(text.clone());
    let mode = *shared.mode.lock().unwrap();
    let path = text.split(' ').nth(1).unwrap_or_default();
    let name = path.split('?').next().unwrap_or_default();
    let status = match mode {
        Mode::Silent => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return None;
        }
        Mode::Drop => return None,
        Mode::Status(status) => status,
        Mode::Well | Mode::Cut => 200,
    };
    if name.ends_with("/events") {
        return stream_events(stream).await;
    }
    let body = if name.ends_with("/big") { "x".repeat(BIG_BYTES) } else { format!("{} {path}", shared.name) };
    let location =
        if name.ends_with("/away") { format!("Location: {url}/base/there\r\n") } else { String::new() };
    let answer = format!(
        "HTTP/1.1 {status} Fine\r\nContent-Length: {}\r\nX-Of: service\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n{location}\
         Connection: close, X-Hop\r\n\r\n",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    if !text.starts_with("HEAD") {
        let body = if mode == Mode::Cut { &body[..body.len() * 2 / 3] } else { &body[..] };
        stream.write_all(body.as_bytes()).await.ok()?;
    }
    stream.shutdown().await.ok()
}

/// Until nobody reads them any more.
async fn stream_events(mut stream: TcpStream) -> Option<()> {
    let head = b"HTTP/1.1 200 Fine\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: here\n\n";
    stream.write_all(head).await.ok()?;
    let _ = stream.read(&mut [0; 1]).await;
    None
}
