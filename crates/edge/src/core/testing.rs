//! Blocks made up for tests: a hash says its branch and its number.

use std::sync::Arc;

use super::{Block, Hash};

pub(crate) fn hash(branch: u8, number: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[0] = branch;
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    Hash(bytes)
}

/// A block of `branch` whose parent is on `parent_branch`.
pub(crate) fn block(branch: u8, number: u64, parent_branch: u8) -> Block {
    let header = format!("{{\"number\":\"{number:#x}\",\"hash\":\"{}\"}}", hash(branch, number));
    Block {
        hash: hash(branch, number),
        parent: hash(parent_branch, number.wrapping_sub(1)),
        number,
        bloom: None,
        header: Arc::from(header.into_bytes()),
    }
}
