//! A client of the Beacon API's event stream that writes down what comes. It must never know what should come.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::http::{HttpFailure, request};
use super::socket::{ClientError, PATIENCE};

/// Events that are kept; of more there is nothing.
const EVENTS_MAX: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub at_ms: u64,
    pub topic: String,
    pub data: Value,
}

/// Ends with the value.
#[derive(Debug)]
pub struct EventStream {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    events: Mutex<Vec<Event>>,
    came: watch::Sender<u64>,
    /// Why the stream ended, once it did.
    ended: Mutex<Option<String>>,
    started: Instant,
}

impl EventStream {
    /// `Err` with the status where that is not 200.
    pub async fn open(url: &str, topics: &str) -> Result<Result<Self, u16>, HttpFailure> {
        let accept = [("accept".to_owned(), "text/event-stream".to_owned())];
        let url = format!("{}/eth/v1/events?topics={topics}", url.trim_end_matches('/'));
        let answer = request(&url, Method::GET, &accept, Bytes::new()).await?;
        if answer.status() != 200 {
            return Ok(Err(answer.status().as_u16()));
        }
        let shared = Arc::new(Shared {
            events: Mutex::default(),
            came: watch::Sender::new(0),
            ended: Mutex::default(),
            started: Instant::now(),
        });
        let task = tokio::spawn(run(answer.into_body(), Arc::clone(&shared)));
        Ok(Ok(Self { shared, task }))
    }

    pub fn events(&self) -> Vec<Event> {
        self.shared.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the stream ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the events are as wanted, or the stream ended.
    pub async fn until(&self, wanted: impl Fn(&[Event]) -> bool) -> Result<(), ClientError> {
        let mut came = self.shared.came.subscribe();
        let watch = async {
            while !wanted(&self.events()) && self.ended().is_none() {
                if came.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, watch).await.map_err(|_| ClientError::Patience(PATIENCE))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut body: Incoming, shared: Arc<Shared>) {
    let mut text = String::new();
    let why = loop {
        match body.frame().await {
            None => break "the stream ended".to_owned(),
            Some(Err(error)) => break error.to_string(),
            Some(Ok(frame)) => {
                let Ok(bytes) = frame.into_data() else { continue };
                text.push_str(&String::from_utf8_lossy(&bytes));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    shared.came(&event);
                    text = rest;
                }
            }
        }
    };
    *shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    shared.came.send_modify(|events| *events += 1);
}

impl Shared {
    fn came(&self, text: &str) {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        // A comment keeps the connection alive and says nothing.
        let (Some(topic), Some(data)) = (field("event: "), field("data: ")) else { return };
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event =
            Event { at_ms, topic: topic.to_owned(), data: serde_json::from_str(data).unwrap_or_default() };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() < EVENTS_MAX {
            events.push(event);
        }
        drop(events);
        self.came.send_modify(|events| *events += 1);
    }
}
