//! Clients that call: over HTTP one call at a time on each connection, over a WebSocket several. Every answer is compared byte
//! by byte. They must never know which program they call.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::node::{BALANCE, CODE_DIGITS, id, put_answer};
use super::wire::{TEXT, Wire, put_frame, status};
use crate::lanes;

pub(super) const CONNECTIONS: usize = 32;
/// Calls that one WebSocket has under way.
pub(super) const IN_FLIGHT: usize = 8;
/// Whoever waits longer has lost its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What is asked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Calls {
    /// `POST` of `eth_getBalance`: some 150 bytes there and 57 back.
    Post,
    /// `POST` of `eth_call`, as large: computed by nodes, so that the edge asks for it over HTTP as well.
    PostComputed,
    /// `POST` of `eth_getCode`: 100 KB back.
    PostLarge,
    /// `eth_getBalance` over WebSockets, several under way on each.
    Socket,
    /// The same, one at a time on each.
    SocketOne,
}

impl Calls {
    pub(super) fn is_socket(self) -> bool {
        matches!(self, Self::Socket | Self::SocketOne)
    }

    /// The method and its first parameter.
    fn asks(self) -> (&'static str, &'static str) {
        const ADDRESS: &str = "\"0x00000000219ab540356cbb839cbe05303d7705fa\"";
        const CALL: &str = "{\"to\":\"0x00000000219ab540356cbb839cbe05303d7705fa\"}";
        match self {
            Self::Post | Self::Socket | Self::SocketOne => ("eth_getBalance", ADDRESS),
            Self::PostComputed => ("eth_call", CALL),
            Self::PostLarge => ("eth_getCode", ADDRESS),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) answered: u64,
    /// Another status, id or result than there should be.
    pub(super) wrong: u64,
    /// Connections that ended, or were silent, where an answer was due.
    pub(super) broken: u64,
    pub(super) answers_us: Vec<f32>,
}

/// Where a program takes connections, and under which path.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) path: &'static str,
}

/// One connection.
#[derive(Debug)]
struct Lane {
    calls: Calls,
    target: Target,
    wire: Wire,
    next: u64,
    result: Vec<u8>,
    text: Vec<u8>,
    out: Vec<u8>,
    open: Vec<(u64, Instant)>,
}

/// All connections to one program.
#[derive(Debug)]
pub(super) struct Load {
    lanes: Vec<Lane>,
}

impl Load {
    pub(super) async fn connect(calls: Calls, target: &Target) -> anyhow::Result<Self> {
        let mut lanes = Vec::new();
        for number in 0..CONNECTIONS {
            let wire = open(calls, target).await?;
            let result = match calls {
                Calls::Post | Calls::PostComputed | Calls::Socket | Calls::SocketOne => BALANCE.to_vec(),
                Calls::PostLarge => [b"\"0x".as_slice(), &b"60".repeat(CODE_DIGITS / 2), b"\""].concat(),
            };
            // Ids of one length, and each but once.
            let next = 1_000_000_000 * (number as u64 + 1);
            let (target, open) = (target.clone(), Vec::new());
            lanes.push(Lane { calls, target, wire, next, result, text: Vec::new(), out: Vec::new(), open });
        }
        Ok(Self { lanes })
    }

    /// Comes back when every call that was begun has been answered.
    pub(super) async fn send_for(&mut self, seconds: f64) -> anyhow::Result<Sent> {
        lanes::send_for(&mut self.lanes, seconds).await
    }
}

impl lanes::Lane for Lane {
    type Sent = Sent;

    async fn send_until(&mut self, end: Instant) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        let at_once = if self.calls == Calls::Socket { IN_FLIGHT } else { 1 };
        while Instant::now() < end {
            let round = timeout(ANSWER_WITHIN, self.round(at_once, end, &mut sent)).await;
            if !matches!(round, Ok(Ok(()))) {
                sent.broken += 1;
                self.wire = open(self.calls, &self.target).await?;
                self.open.clear();
            }
        }
        Ok(sent)
    }
}

impl Lane {
    /// Until nothing is under way: over HTTP that is one call.
    async fn round(&mut self, at_once: usize, end: Instant, sent: &mut Sent) -> anyhow::Result<()> {
        self.out.clear();
        (0..at_once).for_each(|_| self.ask());
        loop {
            self.wire.write(&self.out).await?;
            self.out.clear();
            loop {
                self.hear(sent).await?;
                if at_once > 1 && Instant::now() < end {
                    self.ask();
                }
                if !(at_once > 1 && self.wire.has_frame()) {
                    break;
                }
            }
            if self.open.is_empty() {
                return Ok(());
            }
        }
    }

    fn ask(&mut self) {
        let ((method, first), id) = (self.calls.asks(), self.next);
        self.next += 1;
        self.open.push((id, Instant::now()));
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[{first},"latest"]}}"#);
        if self.calls.is_socket() {
            return put_frame(&mut self.out, TEXT, body.as_bytes(), true);
        }
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.target.path,
            self.target.address,
            body.len()
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(body.as_bytes());
    }

    async fn hear(&mut self, sent: &mut Sent) -> anyhow::Result<()> {
        let is_right = if self.calls.is_socket() {
            let text = self.wire.text().await?;
            let text = text.ok_or_else(|| anyhow::anyhow!("a WebSocket was closed"))?;
            self.check(&text, sent)
        } else {
            let head = self.wire.message().await?;
            let head = head.ok_or_else(|| anyhow::anyhow!("a connection was closed"))?;
            let whole = self.wire.bytes.split_to(head.len + head.body);
            status(&whole) == Some(200) && self.check(&whole[head.len..], sent)
        };
        sent.answered += u64::from(is_right);
        sent.wrong += u64::from(!is_right);
        if !is_right && !self.calls.is_socket() {
            self.open.clear();
        }
        Ok(())
    }

    /// Whether it is the answer of a call that is under way, which is over then.
    fn check(&mut self, answer: &[u8], sent: &mut Sent) -> bool {
        let written: Option<u64> = std::str::from_utf8(id(answer)).ok().and_then(|id| id.parse().ok());
        let Some(at) = self.open.iter().position(|(id, _)| Some(*id) == written) else { return false };
        let (id, asked) = self.open.swap_remove(at);
        sent.answers_us.push(asked.elapsed().as_secs_f32() * 1e6);
        self.text.clear();
        put_answer(&mut self.text, id.to_string().as_bytes(), &self.result);
        self.text == answer
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.wrong += other.wrong;
        self.broken += other.broken;
        self.answers_us.extend(other.answers_us);
    }
}

async fn open(calls: Calls, target: &Target) -> anyhow::Result<Wire> {
    match calls {
        Calls::Post | Calls::PostComputed | Calls::PostLarge => {
            Wire::new(TcpStream::connect(target.address).await?)
        }
        Calls::Socket | Calls::SocketOne => upgrade(target).await,
    }
}

/// A WebSocket.
pub(super) async fn upgrade(target: &Target) -> anyhow::Result<Wire> {
    let mut wire = Wire::new(TcpStream::connect(target.address).await?)?;
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        target.path, target.address
    );
    wire.write(head.as_bytes()).await?;
    let head = wire.message().await?;
    let upgraded = head.filter(|head| status(&wire.bytes[..head.len]) == Some(101));
    ensure!(upgraded.is_some(), "a WebSocket was refused: {}", String::from_utf8_lossy(&wire.bytes));
    wire.taken(upgraded.map_or(0, |head| head.len));
    Ok(wire)
}
