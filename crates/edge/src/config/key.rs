//! The digest of a key that clients show. It must never hold the key itself.

use std::fmt;

use sha2::{Digest, Sha256};

const HEX_DIGITS: usize = 64;

/// SHA-256 of a key. Keys are compared by it, so that the time it takes says nothing about a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// From 64 hexadecimal digits.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        if text.len() != HEX_DIGITS || !text.is_ascii() {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, at) in digest.iter_mut().zip((0..HEX_DIGITS).step_by(2)) {
            // A sign would be taken for a digit.
            let digits = text.get(at..at + 2).filter(|digits| !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_sha256sum_prints_it() {
        // printf quiet | sha256sum
        let hex = "008f0747f4e27c8462baa991a538025bcc2dd143e78422f1afbdfcd9e757a20f";
        assert_eq!(KeyHash::from_hex(hex), Some(KeyHash::of(b"quiet")));
        for text in ["", "ab", &"+1".repeat(32), &"é".repeat(32), &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(KeyHash::from_hex(text), None, "{text}");
        }
    }
}
