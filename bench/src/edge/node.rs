//! Two nodes behind the programs that are measured: they answer at once with what was made beforehand, and their blocks have
//! real hashes, so that whoever follows heads follows these. They must never be what bounds a measurement.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use devnet::chain::{BranchId, Chain, Mining, Origin, json};
use memchr::memmem;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::wire::{self, TEXT, Wire, put_frame};

pub(super) const CHAIN_ID: u64 = 1_337;
pub(super) const BALANCE: &[u8] = b"\"0x1bc16d674ec80000\"";
/// Hex digits of a contract of nearly 50 KB: an answer of 100 KB.
pub(super) const CODE_DIGITS: usize = 100_000;
/// Of more blocks than these nobody asks.
const BLOCKS_KEPT: usize = 256;
const NODES: usize = 2;

#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) addresses: Vec<SocketAddr>,
    world: Arc<World>,
}

#[derive(Debug)]
struct World {
    state: Mutex<State>,
    heads: broadcast::Sender<Bytes>,
    code: Bytes,
    began: Instant,
}

#[derive(Debug)]
struct State {
    chain: Chain,
    /// Hash and block as JSON, the newest last.
    blocks: VecDeque<(String, Bytes)>,
    number: u64,
}

impl Nodes {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let epoch_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let chain = Chain::new(Origin { seed: 1, chain_id: CHAIN_ID, epoch_s, slot_ms: 1_000 });
        let code = [b"\"0x".as_slice(), &b"60".repeat(CODE_DIGITS / 2), b"\""].concat().into();
        let state = Mutex::new(State { chain, blocks: VecDeque::new(), number: 0 });
        let world = Arc::new(World { state, heads: broadcast::channel(64).0, code, began: Instant::now() });
        let mut addresses = Vec::new();
        for _ in 0..NODES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            addresses.push(listener.local_addr()?);
            tokio::spawn(listen(listener, Arc::clone(&world)));
        }
        let nodes = Self { addresses, world };
        nodes.mine();
        Ok(nodes)
    }

    /// One block more, announced by both at once. Its number.
    pub(super) fn mine(&self) -> u64 {
        let mut state = self.world.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.world.began.elapsed().as_millis() as u64;
        let block = state.chain.mine(BranchId::MAIN, Mining { now_ms, ..Mining::default() });
        let whole = text(&json::block(&block, CHAIN_ID, false));
        let header = text(&json::header(&block.hash, &block.header));
        state.blocks.push_back((block.hash.to_string(), whole));
        if state.blocks.len() > BLOCKS_KEPT {
            state.blocks.pop_front();
        }
        state.number = block.number();
        // Nobody may be listening yet.
        let _ = self.world.heads.send(header);
        state.number
    }

    /// How long the header of a block is as `newHeads` tells it.
    pub(super) fn header_bytes(&self) -> usize {
        let state = self.world.state.lock().unwrap_or_else(PoisonError::into_inner);
        let head = state.chain.head();
        text(&json::header(&head.hash, &head.header)).len()
    }

    /// A block a second, for as long as this is polled.
    pub(super) async fn mine_steadily(&self) -> Infallible {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.mine();
        }
    }
}

fn text(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("JSON values are written to memory without failing").into()
}

async fn listen(listener: TcpListener, world: Arc<World>) {
    while let Ok((stream, _)) = listener.accept().await {
        let world = Arc::clone(&world);
        // Whoever goes away in the middle of something is answered nothing.
        tokio::spawn(async move { drop(serve(&world, stream).await) });
    }
}

async fn serve(world: &World, stream: TcpStream) -> anyhow::Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut out = Vec::new();
    while let Some(head) = wire.message().await? {
        if wire.bytes.starts_with(b"GET") {
            let key = wire::header(&wire.bytes[..head.len], "sec-websocket-key").unwrap_or_default();
            let accept = derive_accept_key(key.as_bytes());
            wire.taken(head.len + head.body);
            wire.write(upgraded(&accept).as_bytes()).await?;
            return socket(world, wire).await;
        }
        out.clear();
        let body = &wire.bytes[head.len..head.len + head.body];
        let (id, result) = (id(body), world.result(body));
        let length = ANSWER_BYTES + id.len() + result.len();
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ");
        out.extend_from_slice(length.to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        put_answer(&mut out, id, &result);
        wire.write(&out).await?;
        wire.taken(head.len + head.body);
    }
    Ok(())
}

fn upgraded(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

async fn socket(world: &World, mut wire: Wire) -> anyhow::Result<()> {
    let (mut heads, mut is_subscribed) = (world.heads.subscribe(), false);
    let (mut out, mut text) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            message = wire.text() => {
                let Some(message) = message? else { return Ok(()) };
                is_subscribed |= memmem::find(&message, b"eth_subscribe").is_some();
                text.clear();
                put_answer(&mut text, id(&message), &world.result(&message));
                put_frame(&mut out, TEXT, &text, false);
                if wire.has_frame() {
                    continue;
                }
            }
            header = heads.recv() => {
                let Ok(header) = header else { continue };
                if !is_subscribed {
                    continue;
                }
                let before = br#"{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":"#;
                text.clear();
                text.extend_from_slice(before);
                text.extend_from_slice(&header);
                text.extend_from_slice(b"}}");
                put_frame(&mut out, TEXT, &text, false);
            }
        }
        wire.write(&out).await?;
        out.clear();
    }
}

/// Beside the id and the result.
const ANSWER_BYTES: usize = br#"{"jsonrpc":"2.0","id":,"result":}"#.len();

pub(super) fn put_answer(out: &mut Vec<u8>, id: &[u8], result: &[u8]) {
    for part in [br#"{"jsonrpc":"2.0","id":"#, id, br#","result":"#, result, b"}"] {
        out.extend_from_slice(part);
    }
}

/// As it was written. Everybody here writes it without blanks.
pub(super) fn id(message: &[u8]) -> &[u8] {
    let Some(at) = memmem::find(message, b"\"id\":") else { return b"null" };
    let rest = &message[at + 5..];
    let end = rest.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(rest.len());
    &rest[..end]
}

impl World {
    fn result(&self, message: &[u8]) -> Bytes {
        let method = between(message, b"\"method\":\"", b'"').unwrap_or_default();
        match method {
            b"eth_getBalance" | b"eth_call" => Bytes::from_static(BALANCE),
            b"eth_getCode" => self.code.clone(),
            b"eth_chainId" => format!("\"{CHAIN_ID:#x}\"").into(),
            b"eth_syncing" => Bytes::from_static(b"false"),
            b"eth_subscribe" => Bytes::from_static(b"\"0x1\""),
            b"eth_unsubscribe" => Bytes::from_static(b"true"),
            b"eth_getLogs" => Bytes::from_static(b"[]"),
            b"eth_getBlockByNumber" => self.block(None),
            b"eth_getBlockByHash" => self.block(between(message, b"\"params\":[\"", b'"')),
            _ => Bytes::from_static(b"null"),
        }
    }

    fn block(&self, hash: Option<&[u8]>) -> Bytes {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = state.blocks.iter().rev();
        let found = match hash {
            Some(hash) => blocks.find(|(of, _)| of.as_bytes() == hash),
            None => blocks.next(),
        };
        found.map_or(Bytes::from_static(b"null"), |(_, block)| block.clone())
    }
}

pub(super) fn between<'a>(message: &'a [u8], before: &[u8], behind: u8) -> Option<&'a [u8]> {
    let rest = &message[memmem::find(message, before)? + before.len()..];
    Some(&rest[..memchr::memchr(behind, rest)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocks_are_linked_and_found_by_their_hashes() {
        let nodes = Nodes::start().await.unwrap();
        let first: serde_json::Value = serde_json::from_slice(&nodes.world.block(None)).unwrap();
        assert_eq!(nodes.mine(), 2);
        let second: serde_json::Value = serde_json::from_slice(&nodes.world.block(None)).unwrap();
        assert_eq!(second["parentHash"], first["hash"]);
        let ask = format!(
            r#"{{"id":1,"method":"eth_getBlockByHash","params":["{}",false]}}"#,
            first["hash"].as_str().unwrap()
        );
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&nodes.world.result(ask.as_bytes())).unwrap(),
            first
        );
        assert_eq!(id(br#"{"id":17,"x":1}"#), b"17");
    }
}
