//! From what a client sent to what it gets: each call is answered, and faults of requests are laid over that. It must never
//! know what a method does.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{Outcome, RpcError, batch, written};
use super::call::{Call, Message};
use super::connections::ConnectionId;
use super::fault::{Face, Fault};
use super::methods::SLEEP_MS_MAX;
use super::params::Params;
use super::{Node, World};

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Http,
    Socket(ConnectionId),
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Answer(Answer),
    /// Nothing is ever sent.
    Silent,
    Reset {
        at_ms: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub at_ms: u64,
    /// Of HTTP; 200 over WebSocket.
    pub status: u16,
    pub retry_after_s: Option<u32>,
    pub body: Bytes,
    /// After how many bytes the answer, and the connection, ends.
    pub cut: Option<usize>,
}

/// A request that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The calls of the request by their methods, in order; none where it could not be read.
    pub methods: Vec<String>,
    pub reply: Reply,
}

/// What a method is told besides its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub origin: Origin,
    /// When the answer will be sent.
    pub ready_ms: u64,
}

impl Node {
    /// Takes a body of HTTP or a frame, and says what becomes of it. Whoever is frozen is not asked.
    pub fn handle(&mut self, origin: Origin, bytes: &[u8], world: &mut World<'_>) -> Handled {
        let message = Message::read(bytes);
        let methods: Vec<String> = message.methods().map(str::to_owned).collect();
        let reply = self.reply(origin, &message, world);
        Handled { methods, reply }
    }

    fn reply(&mut self, origin: Origin, message: &Message<'_>, world: &mut World<'_>) -> Reply {
        let faults: Vec<Option<Fault>> =
            message.methods().map(|method| self.switches.take(Face::Execution, method)).collect();
        let whole = faults.iter().flatten().find(|fault| !is_of_one_call(fault)).cloned();
        let delay_ms = match whole {
            Some(Fault::Slow { ms }) => ms,
            _ => sleeping_ms(message),
        };
        let asked = Asked { origin, ready_ms: world.now_ms.saturating_add(delay_ms) };
        if whole == Some(Fault::ResetBefore) {
            return Reply::Reset { at_ms: asked.ready_ms };
        }
        if let (Some(Fault::Status { status, retry_after_s }), Origin::Http) = (&whole, origin) {
            return told_status(*status, *retry_after_s, asked);
        }
        let mut faults = faults.into_iter();
        let mut one = |node: &mut Self, call: &Result<Call<'_>, RpcError>, world: &mut World<'_>| match call {
            Ok(call) => node.answer(call, faults.next().flatten(), asked, world),
            Err(error) => Some(written(None, &Err(error.clone()))),
        };
        let body = match message {
            Message::Bad(error) => written(None, &Err(error.clone())),
            Message::Single(call) => one(self, call, world).unwrap_or_default(),
            Message::Batch(calls) => {
                let answers: Vec<_> = calls.iter().filter_map(|call| one(self, call, world)).collect();
                if answers.is_empty() { Vec::new() } else { batch(&answers) }
            }
        };
        match (whole, origin) {
            (Some(Fault::StatusAfter { status }), Origin::Http) => told_status(status, None, asked),
            (Some(Fault::StatusAfter { status }), Origin::Socket(_)) => {
                finish(None, asked, written(single_id(message), &Err(status_as_error(status))))
            }
            (whole, _) => finish(whole, asked, body),
        }
    }

    /// `None` for a notification.
    fn answer(
        &mut self,
        call: &Call<'_>,
        fault: Option<Fault>,
        asked: Asked,
        world: &mut World<'_>,
    ) -> Option<Vec<u8>> {
        let outcome = match fault {
            Some(Fault::Error { code, message, data }) => Err(RpcError { code, message, data }),
            Some(Fault::Null) => Ok(Value::Null),
            Some(Fault::Status { status, .. }) => Err(status_as_error(status)),
            _ => self.outcome(call, asked, world),
        };
        call.id.map(|id| written(Some(id), &outcome))
    }

    fn outcome(&mut self, call: &Call<'_>, asked: Asked, world: &mut World<'_>) -> Outcome {
        let params = Params(call.params.clone()?);
        self.call(&call.method, &params, asked, world)
    }
}

fn told_status(status: u16, retry_after_s: Option<u32>, asked: Asked) -> Reply {
    let body = Bytes::from_static(b"the devnet was told to answer with this status\n");
    Reply::Answer(Answer { at_ms: asked.ready_ms, status, retry_after_s, body, cut: None })
}

/// A batch is refused as a whole.
fn single_id<'a>(message: &Message<'a>) -> Option<&'a RawValue> {
    match message {
        Message::Single(Ok(call)) => call.id,
        Message::Single(Err(_)) | Message::Batch(_) | Message::Bad(_) => None,
    }
}

fn is_of_one_call(fault: &Fault) -> bool {
    matches!(fault, Fault::Error { .. } | Fault::Null)
}

/// The longest that a call of the message asks to wait.
fn sleeping_ms(message: &Message<'_>) -> u64 {
    let ms = |call: &Result<Call<'_>, RpcError>| match call {
        Ok(call) if call.method == "devnet_sleep" => {
            let ms = call.params.as_ref().ok()?.first()?.as_u64();
            ms.filter(|ms| *ms <= SLEEP_MS_MAX)
        }
        _ => None,
    };
    match message {
        Message::Single(call) => ms(call).unwrap_or(0),
        Message::Batch(calls) => calls.iter().filter_map(ms).max().unwrap_or(0),
        Message::Bad(_) => 0,
    }
}

/// A WebSocket has no status: what providers say there instead.
fn status_as_error(status: u16) -> RpcError {
    match status {
        429 => RpcError::new(-32_005, "limit exceeded"),
        _ => RpcError::new(-32_603, "internal error"),
    }
}

fn finish(fault: Option<Fault>, asked: Asked, body: Vec<u8>) -> Reply {
    let at_ms = asked.ready_ms;
    let answer = |body: Vec<u8>, cut| {
        Reply::Answer(Answer { at_ms, status: 200, retry_after_s: None, body: body.into(), cut })
    };
    match fault {
        Some(Fault::Silent) => Reply::Silent,
        Some(Fault::Reset) => Reply::Reset { at_ms },
        Some(Fault::Truncate { bytes }) => {
            let cut = bytes.min(body.len().saturating_sub(1));
            answer(body, Some(cut))
        }
        Some(Fault::Malformed) => {
            let mut half = body;
            half.truncate(half.len() / 2);
            half.extend_from_slice(b"<html>");
            answer(half, None)
        }
        _ => answer(body, None),
    }
}
