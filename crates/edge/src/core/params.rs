//! What stands at a position of raw parameters: blocks by tag, number and hash, and the range of a log filter. It must
//! never refuse anything: what it cannot read is the node's to judge.

use super::scan::json::{Cursor, member};
use super::{Hash, hex};

/// A block as a caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockAt {
    Latest,
    Pending,
    Safe,
    Finalized,
    Earliest,
    Number(u64),
    Hash(Hash),
    /// Something else. The node will say what is wrong with it.
    Other,
}

/// Whose logs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogsAt {
    Block(Hash),
    /// What is not said is latest.
    Range {
        from: BlockAt,
        to: BlockAt,
    },
}

/// The parameter at a position, as it was written; `None` where there are fewer, or where they have names.
pub fn nth(params: &[u8], n: usize) -> Option<&[u8]> {
    let (mut cursor, mut is_first) = (Cursor::new(params), true);
    cursor.enter(b'[').ok()?;
    for _ in 0..n {
        cursor.next(&mut is_first).ok().filter(|follows| *follows)?;
        cursor.value().ok()?;
    }
    cursor.next(&mut is_first).ok().filter(|follows| *follows)?;
    cursor.value().ok().map(|range| cursor.slice(range))
}

/// `None` where nothing is said, which mostly means latest.
pub fn block_at(params: Option<&[u8]>, n: usize) -> Option<BlockAt> {
    said(nth(params?, n)).map(block)
}

/// A hash at a position.
pub fn hash_at(params: Option<&[u8]>, n: usize) -> Option<Hash> {
    hash(inside(nth(params?, n)?)?)
}

/// The filter of `eth_getLogs` or `eth_newFilter` at a position.
pub fn logs_at(params: Option<&[u8]>, n: usize) -> LogsAt {
    let filter = params.and_then(|params| nth(params, n)).unwrap_or_default();
    let of = |name: &[u8]| said(member(filter, name).and_then(|range| filter.get(range)));
    if let Some(hash) = of(b"blockHash").and_then(|raw| hash(inside(raw)?)) {
        return LogsAt::Block(hash);
    }
    let end = |name: &[u8]| of(name).map_or(BlockAt::Latest, block);
    LogsAt::Range { from: end(b"fromBlock"), to: end(b"toBlock") }
}

/// A tag, a number, a hash, or the object of EIP-1898.
fn block(raw: &[u8]) -> BlockAt {
    if raw.first() != Some(&b'{') {
        return simple_block(raw);
    }
    let of = |name: &[u8]| said(member(raw, name).and_then(|range| raw.get(range)));
    match (of(b"blockHash"), of(b"blockNumber")) {
        (Some(raw), None) => inside(raw).and_then(hash).map_or(BlockAt::Other, BlockAt::Hash),
        (None, Some(number)) => simple_block(number),
        _ => BlockAt::Other,
    }
}

fn simple_block(raw: &[u8]) -> BlockAt {
    let Some(text) = inside(raw) else {
        // Some clients write a number as one.
        let decimal = std::str::from_utf8(raw).ok().and_then(|raw| raw.parse().ok());
        return decimal.map_or(BlockAt::Other, BlockAt::Number);
    };
    match text {
        b"latest" | b"" => BlockAt::Latest,
        b"pending" => BlockAt::Pending,
        b"safe" => BlockAt::Safe,
        b"finalized" => BlockAt::Finalized,
        b"earliest" => BlockAt::Earliest,
        _ => match (hash(text), number(text)) {
            (Some(hash), _) => BlockAt::Hash(hash),
            (None, Some(number)) => BlockAt::Number(number),
            (None, None) => BlockAt::Other,
        },
    }
}

fn hash(text: &[u8]) -> Option<Hash> {
    std::str::from_utf8(text).ok().and_then(hex::bytes).map(Hash)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().and_then(hex::quantity)
}

fn said(raw: Option<&[u8]>) -> Option<&[u8]> {
    raw.filter(|raw| *raw != b"null")
}

fn inside(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

#[cfg(test)]
mod tests;
