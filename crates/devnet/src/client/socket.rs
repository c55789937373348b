//! A WebSocket client that writes down all that comes. It must never know what should come.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::record::{Record, Seen};

/// How long a caller waits for an answer, and a watcher for what it waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Frames that wait to be sent. When they are this many, whoever sends waits.
const OUT_MAX: usize = 1_024;
/// Of a frame that comes in; a larger one ends the connection.
const FRAME_BYTES_MAX: usize = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0} is no URL that begins with ws://")]
    Url(String),
    #[error("could not connect: {0}")]
    Connect(std::io::Error),
    #[error("the upgrade was refused: {0}")]
    Upgrade(String),
    #[error("the connection ended before the answer came")]
    Ended,
    #[error("nothing came within {0:?}")]
    Patience(Duration),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub text: String,
}

/// Ends with the value.
#[derive(Debug)]
pub struct WsClient {
    shared: Arc<Shared>,
    out: mpsc::Sender<Message>,
    reading: watch::Sender<bool>,
    next_id: std::sync::atomic::AtomicU64,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts the frames that came.
    came: watch::Sender<u64>,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
    ended: bool,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<String>>>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn result(&self) -> Option<Value> {
        self.json().get_mut("result").map(Value::take)
    }

    /// Code and message.
    pub fn error(&self) -> Option<(i64, String)> {
        let answer = self.json();
        let error = answer.get("error")?;
        Some((error["code"].as_i64()?, error["message"].as_str()?.to_owned()))
    }
}

impl WsClient {
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_with(url, &[]).await
    }

    /// With headers of the upgrade.
    pub async fn connect_with(url: &str, headers: &[(&str, &str)]) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(url.to_owned());
        let mut request = url.into_client_request().map_err(|_| wrong())?;
        for (name, value) in headers {
            let name: HeaderName = name.parse().map_err(|_| wrong())?;
            request.headers_mut().insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        let authority = request.uri().authority().ok_or_else(wrong)?.as_str().to_owned();
        let stream = TcpStream::connect(&authority).await.map_err(ClientError::Connect)?;
        stream.set_nodelay(true).map_err(ClientError::Connect)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (socket, _) = upgraded.map_err(|error| ClientError::Upgrade(error.to_string()))?;
        let (out, outgoing) = mpsc::channel(OUT_MAX);
        let (reading, reads) = watch::channel(true);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            came: watch::Sender::new(0),
            started: Instant::now(),
        });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                run(socket, outgoing, reads, &shared).await;
                shared.over();
            }
        });
        Ok(Self { shared, out, reading, next_id: 1.into(), task })
    }

    /// A call under an id of the client's own.
    pub async fn call(&self, method: &str, params: Value) -> Result<Answered, ClientError> {
        let id = self.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.call_as(&json!(id), method, params).await
    }

    /// A call under a given id. Two at a time may have the same: answers are given out in the order of the calls.
    pub async fn call_as(&self, id: &Value, method: &str, params: Value) -> Result<Answered, ClientError> {
        let (answer, came) = oneshot::channel();
        self.shared.lock().waiting.entry(id.to_string()).or_default().push_back(answer);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(Message::text(body.to_string())).await?;
        match tokio::time::timeout(PATIENCE, came).await {
            Ok(Ok(text)) => Ok(Answered { text }),
            Ok(Err(_)) => Err(ClientError::Ended),
            Err(_) => Err(ClientError::Patience(PATIENCE)),
        }
    }

    /// The id of a new subscription.
    pub async fn subscribe(&self, params: Value) -> Result<String, ClientError> {
        let answer = self.call("eth_subscribe", params).await?;
        let id = answer.result().and_then(|id| id.as_str().map(str::to_owned));
        id.ok_or(ClientError::Upgrade(answer.text))
    }

    /// A frame as it is. What it asks is written down, and answered to nobody.
    pub async fn send_text(&self, text: &str) -> Result<(), ClientError> {
        self.send(Message::text(text)).await
    }

    pub async fn send_binary(&self, text: &str) -> Result<(), ClientError> {
        self.send(Message::binary(text.as_bytes().to_vec())).await
    }

    /// Reads nothing from now on, or goes on: a consumer that is slow or stuck.
    pub fn read(&self, reads: bool) {
        self.reading.send_replace(reads);
    }

    /// What was seen so far.
    pub fn record(&self) -> Record {
        self.shared.lock().record.clone()
    }

    /// Waits until the record is as wanted. `Err` where the connection ended before it was.
    pub async fn until(&self, wanted: impl Fn(&Record) -> bool) -> Result<(), ClientError> {
        let mut came = self.shared.came.subscribe();
        let watch = async {
            loop {
                match self.shared.is(&wanted) {
                    (true, _) => return Ok(()),
                    (false, true) => return Err(ClientError::Ended),
                    // The sender lives as long as this does.
                    (false, false) => _ = came.changed().await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, watch).await.unwrap_or(Err(ClientError::Patience(PATIENCE)))
    }

    /// Says goodbye, and waits until the connection is gone.
    pub async fn close(mut self) -> Record {
        // Who is gone already needs no goodbye.
        let _ = self.out.send(Message::Close(None)).await;
        let _ = tokio::time::timeout(PATIENCE, &mut self.task).await;
        self.record()
    }

    async fn send(&self, message: Message) -> Result<(), ClientError> {
        if let Ok(text) = message.to_text() {
            let at_ms = self.shared.now_ms();
            self.shared.lock().record.sent(at_ms, text);
        }
        self.out.send(message).await.map_err(|_| ClientError::Ended)
    }
}

impl Drop for WsClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // What is half written down is still what was seen.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the record is as wanted, and whether nothing more will come.
    fn is(&self, wanted: impl Fn(&Record) -> bool) -> (bool, bool) {
        let state = self.lock();
        (wanted(&state.record), state.ended)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn came(&self, text: &str) {
        let at_ms = self.now_ms();
        let mut state = self.lock();
        for answer in state.record.came(at_ms, text) {
            let waiting = state.waiting.get_mut(&answer.id).and_then(VecDeque::pop_front);
            if let Some(waiting) = waiting {
                // Whoever asked may have lost patience.
                let _ = waiting.send(answer.text);
            }
        }
        state.waiting.retain(|_, waiting| !waiting.is_empty());
        drop(state);
        self.came.send_modify(|frames| *frames += 1);
    }

    fn note(&self, seen: Seen) {
        let at_ms = self.now_ms();
        self.lock().record.note(at_ms, seen);
    }

    /// Nothing more will come: nobody needs to wait for it.
    fn over(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.waiting.clear();
        drop(state);
        self.came.send_modify(|frames| *frames += 1);
    }
}

async fn run(
    mut socket: WebSocketStream<TcpStream>,
    mut outgoing: mpsc::Receiver<Message>,
    mut reads: watch::Receiver<bool>,
    shared: &Shared,
) {
    let mut closing = false;
    loop {
        let reading = *reads.borrow_and_update();
        tokio::select! {
            changed = reads.changed() => if changed.is_err() { return },
            message = outgoing.recv() => {
                let Some(message) = message else { return };
                closing |= message.is_close();
                if let Err(error) = socket.send(message).await {
                    return shared.note(Seen::Lost { why: error.to_string() });
                }
            }
            message = socket.next(), if reading => match message {
                // What ends as it was asked to is nothing to write down.
                Some(Ok(Message::Close(_))) if closing => return,
                Some(Err(_)) | None if closing => {
                    return shared.note(Seen::Lost { why: "the goodbye was not answered".to_owned() });
                }
                Some(Ok(Message::Text(text))) => shared.came(&text),
                Some(Ok(Message::Binary(bytes))) => shared.came(&String::from_utf8_lossy(&bytes)),
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = match frame {
                        Some(frame) => (Some(u16::from(frame.code)), frame.reason.to_string()),
                        None => (None, String::new()),
                    };
                    shared.note(Seen::Closed { code, reason });
                    // The answer to the close goes out with the next read.
                    let _ = socket.next().await;
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return shared.note(Seen::Lost { why: error.to_string() }),
                None => return shared.note(Seen::Lost { why: "the connection ended".to_owned() }),
            },
        }
    }
}
