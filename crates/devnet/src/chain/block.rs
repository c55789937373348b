//! A block: its header with the hash that Ethereum would compute, its transactions and logs, and its place in the chain of
//! slots that the consensus nodes see. It must never know who has it.

use std::sync::Arc;

use super::bloom::Bloom;
use super::hex::{Address, Fixed, Hash};
use super::keccak::{keccak256, keccak256_of};
use super::rlp::RlpList;
use super::transaction::Transaction;

/// The hash of the list of no uncles.
pub const NO_UNCLES: Hash = Fixed([
    0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5, 0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3,
    0x12, 0x45, 0x1b, 0x94, 0x8a, 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47,
]);
/// The root of the trie of nothing.
pub const NO_ITEMS: Hash = Fixed([
    0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b,
    0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
]);
/// SHA-256 of nothing: the hash of no requests.
pub const NO_REQUESTS: Hash = Fixed([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// What the hash of a block is computed over, as since the fork called Prague.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub parent: Hash,
    pub miner: Address,
    pub state_root: Hash,
    pub transactions_root: Hash,
    pub receipts_root: Hash,
    pub bloom: Bloom,
    pub number: u64,
    pub gas_limit: u64,
    pub gas_used: u64,
    /// Seconds.
    pub timestamp: u64,
    pub extra: Vec<u8>,
    pub mix: Hash,
    pub base_fee: u64,
    pub parent_beacon_root: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub address: Address,
    pub topics: Vec<Hash>,
    pub data: Vec<u8>,
    /// Of all logs of the block.
    pub index: u64,
    /// Place of its transaction in the block.
    pub transaction_index: u64,
    pub transaction: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub hash: Hash,
    pub header: Header,
    pub slot: u64,
    /// Root of the beacon block that carries it.
    pub root: Hash,
    /// On the clock of the devnet.
    pub mined_ms: u64,
    pub transactions: Vec<Arc<Transaction>>,
    pub logs: Vec<Log>,
}

impl Header {
    pub fn hash(&self) -> Hash {
        let fields = RlpList::new()
            .bytes(&self.parent.0)
            .bytes(&NO_UNCLES.0)
            .bytes(&self.miner.0)
            .bytes(&self.state_root.0)
            .bytes(&self.transactions_root.0)
            .bytes(&self.receipts_root.0)
            .bytes(self.bloom.as_bytes())
            // Difficulty.
            .number(0_u64)
            .number(self.number)
            .number(self.gas_limit)
            .number(self.gas_used)
            .number(self.timestamp)
            .bytes(&self.extra)
            .bytes(&self.mix.0)
            // Nonce.
            .bytes(&[0; 8])
            .number(self.base_fee)
            // Withdrawals.
            .bytes(&NO_ITEMS.0)
            // Gas of blobs, used and in excess.
            .number(0_u64)
            .number(0_u64)
            .bytes(&self.parent_beacon_root.0)
            .bytes(&NO_REQUESTS.0);
        keccak256(&fields.encoded())
    }
}

impl Block {
    pub fn number(&self) -> u64 {
        self.header.number
    }

    pub fn parent(&self) -> Hash {
        self.header.parent
    }

    /// The root of a beacon block, which here is a hash over where it stands and what it carries.
    pub(super) fn root_of(hash: &Hash, slot: u64, parent_root: &Hash) -> Hash {
        keccak256_of(&[b"beacon block", &hash.0, &slot.to_be_bytes(), &parent_root.0])
    }

    /// What a consensus node calls the state after this block.
    pub fn state_root(&self) -> Hash {
        keccak256_of(&[b"beacon state", &self.root.0])
    }

    pub fn parent_root(&self) -> Hash {
        self.header.parent_beacon_root
    }

    pub fn position(&self, transaction: &Hash) -> Option<usize> {
        self.transactions.iter().position(|held| held.hash == *transaction)
    }

    pub fn logs_of(&self, transaction: &Hash) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter(move |log| log.transaction == *transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first block of Ethereum's main network: its hash shows that Keccak, RLP and the constants are right.
    #[test]
    fn the_hash_of_the_genesis_of_mainnet() {
        let hash = |text: &str| text.parse::<Hash>().unwrap();
        let fields = RlpList::new()
            .bytes(&[0; 32])
            .bytes(&NO_UNCLES.0)
            .bytes(&[0; 20])
            .bytes(&hash("0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544").0)
            .bytes(&NO_ITEMS.0)
            .bytes(&NO_ITEMS.0)
            .bytes(Bloom::new().as_bytes())
            .number(0x4_0000_0000_u64)
            .number(0_u64)
            .number(5_000_u64)
            .number(0_u64)
            .number(0_u64)
            .bytes(&hash("0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa").0)
            .bytes(&[0; 32])
            .bytes(&[0, 0, 0, 0, 0, 0, 0, 0x42]);
        let expected = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
        assert_eq!(keccak256(&fields.encoded()).to_string(), expected);
        assert_eq!(keccak256(&[0x80]), NO_ITEMS);
        assert_eq!(keccak256(&[0xc0]), NO_UNCLES);
    }
}
