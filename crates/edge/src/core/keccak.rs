//! The hash of Ethereum.

use sha3::{Digest as _, Keccak256};

pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}
