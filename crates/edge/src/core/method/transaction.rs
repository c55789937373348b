//! The hash by which a signed transaction is known, from the bytes that are sent. It must never know who signed it.

use std::ops::Range;

use crate::core::keccak::keccak256;
use crate::core::{Hash, params};

/// The type of transactions that are sent with blobs, which their hash leaves out.
const BLOB_TYPE: u8 = 3;
/// From here on, the first byte of a value's encoding begins a list.
const LIST: u8 = 0xc0;
/// From here on, it says how long the length is; below, the length itself.
const LONG_LIST: u8 = 0xf8;

/// Of the first parameter of `eth_sendRawTransaction`; `None` where that is no hexadecimal data.
pub fn transaction_hash(params: Option<&[u8]>) -> Option<Hash> {
    let raw = params::nth(params?, 0)?;
    let digits = raw.strip_prefix(b"\"0x")?.strip_suffix(b"\"")?;
    let is_whole = !digits.is_empty() && digits.len().is_multiple_of(2);
    let bytes = digits.chunks_exact(2).map(byte).collect::<Option<Vec<u8>>>().filter(|_| is_whole)?;
    let hashed = if bytes.first() == Some(&BLOB_TYPE) { without_blobs(&bytes)? } else { bytes };
    Some(Hash(keccak256(&hashed)))
}

fn byte(pair: &[u8]) -> Option<u8> {
    pair.iter().try_fold(0, |byte, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(byte << 4 | u8::try_from(digit).ok()?)
    })
}

/// A transaction of blobs is sent as a list that begins with the transaction itself; one without them is that itself.
fn without_blobs(bytes: &[u8]) -> Option<Vec<u8>> {
    let inside = &bytes[1..][list(&bytes[1..])?];
    match list(inside) {
        Some(transaction) => Some([&[BLOB_TYPE][..], &inside[..transaction.end]].concat()),
        None => Some(bytes.to_vec()),
    }
}

/// Where the items of a list stand that begins here; `None` where none begins, or it is cut short.
fn list(bytes: &[u8]) -> Option<Range<usize>> {
    let (first, rest) = bytes.split_first().filter(|(first, _)| **first >= LIST)?;
    let (length, start) = if *first < LONG_LIST {
        (usize::from(first - LIST), 1)
    } else {
        let digits = usize::from(first - LONG_LIST) + 1;
        let length = rest.get(..digits)?.iter().try_fold(0_usize, |length, byte| {
            length.checked_mul(256).map(|length| length + usize::from(*byte))
        })?;
        (length, 1 + digits)
    };
    let end = length.checked_add(start).filter(|end| *end <= bytes.len())?;
    Some(start..end)
}

#[cfg(test)]
mod tests;
