//! Keccak-256, with which Ethereum hashes: the padding is older than that of SHA-3. It must never know what is hashed.

use sha3::{Digest as _, Keccak256};

use super::hex::{Fixed, Hash};

pub fn keccak256(bytes: &[u8]) -> Hash {
    keccak256_of(&[bytes])
}

/// Of the parts, one after the other.
pub fn keccak256_of(parts: &[&[u8]]) -> Hash {
    let mut keccak = Keccak256::new();
    parts.iter().for_each(|part| keccak.update(part));
    Fixed(keccak.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        for (text, digest) in [
            ("", "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
            ("abc", "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
            (
                "Transfer(address,address,uint256)",
                "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            ),
        ] {
            assert_eq!(keccak256(text.as_bytes()).to_string(), digest, "{text}");
        }
        assert_eq!(keccak256_of(&[b"a", b"", b"bc"]), keccak256(b"abc"));
    }
}
