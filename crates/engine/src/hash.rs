//! Stable 64-bit hashes: the same on every machine and in every version, because sampling and bounds depend on them.

use model::{SpanId, TraceId};
use sha2::{Digest, Sha256};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A value with a hash that never changes.
pub(crate) trait StableHash {
    fn stable_hash(&self) -> u64;
}

pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

pub(crate) fn bytes(bytes: &[u8]) -> u64 {
    let mut state = SEED ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word)).wrapping_add(SEED);
    }
    mix(state)
}

impl StableHash for TraceId {
    fn stable_hash(&self) -> u64 {
        bytes(&self.0)
    }
}

impl StableHash for model::Str {
    fn stable_hash(&self) -> u64 {
        bytes(self.as_bytes())
    }
}

/// One number for a span of the trace with this hash: the key under which a second delivery is recognised.
pub(crate) fn span(trace: u64, span: SpanId) -> u64 {
    mix(trace ^ u64::from_le_bytes(span.0).wrapping_mul(SEED))
}

/// One number for all that a log record says.
pub(crate) fn log(log: &model::LogRecord) -> u64 {
    let texts =
        [&log.env, &log.service, &log.version, &log.instance, &log.template, &log.body, &log.exception];
    let said = texts.iter().fold(SEED, |state, text| mix(state ^ text.stable_hash()));
    let of_span = log.span.map_or(0, |span| u64::from_le_bytes(span.0));
    let of_trace = log.trace.map_or(0, |trace| trace.stable_hash());
    mix(said ^ of_trace.rotate_left(1) ^ of_span.wrapping_mul(SEED) ^ mix(log.at.0 ^ log.severity as u64))
}

/// SHA-256 as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        for nibble in [b >> 4, b & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
        text
    })
}

/// The first eight bytes of the SHA-256 over parts, each preceded by its length.
pub(crate) fn digest8(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        assert_eq!(hex(&bytes(b"casebook").to_be_bytes()), "d32ef26cddcff905");
        assert_ne!(bytes(b"a\0"), bytes(b"a"));
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
