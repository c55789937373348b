//! What a block holds: transactions and logs made up from the seed, the number and the branch, and those that clients sent.
//! It must never know the rest of the chain.

use std::sync::Arc;

use super::block::{Block, Header, Log, NO_ITEMS};
use super::bloom::Bloom;
use super::draw::Draw;
use super::hex::{Address, Fixed, Hash};
use super::keccak::keccak256;
use super::transaction::{Draft, Transaction, half};

/// Transactions that a block gets beside those that clients sent.
const TRANSACTIONS_MAX: u64 = 4;
const LOGS_OF_TRANSACTION_MAX: u64 = 3;
const CONTRACTS: u64 = 4;
const ACCOUNTS: u64 = 8;
const GAS_OF_TRANSACTION: u64 = 50_000;
const GAS_LIMIT: u64 = 30_000_000;
const EVENTS: [&str; 3] =
    ["Transfer(address,address,uint256)", "Approval(address,address,uint256)", "Sync(uint112,uint112)"];

/// Where a block stands, and what it is made from.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub seed: u64,
    pub chain_id: u64,
    pub parent: &'a Block,
    pub slot: u64,
    pub timestamp: u64,
    pub mined_ms: u64,
    /// Different for every block that is ever made.
    pub salt: u64,
}

/// The contracts whose logs the blocks of this seed have.
pub fn contracts(seed: u64) -> Vec<Address> {
    (0..CONTRACTS).map(|contract| Draw::new("contract", &[seed, contract]).address()).collect()
}

/// The first topics of those logs.
pub fn events() -> Vec<Hash> {
    EVENTS.iter().map(|event| keccak256(event.as_bytes())).collect()
}

/// The accounts in their other topics, as topics.
pub fn accounts(seed: u64) -> Vec<Hash> {
    (0..ACCOUNTS).map(|account| as_topic(&Draw::new("account", &[seed, account]).address())).collect()
}

pub(super) fn make(place: &Place<'_>, sent: Vec<Arc<Transaction>>) -> Block {
    let number = place.parent.number() + 1;
    let mut transactions = made_up(place, number);
    transactions.extend(sent);
    let logs = logs(place.seed, &transactions);
    let mut draw = Draw::new("header", &[place.seed, number, place.salt]);
    let root = |draw: &mut Draw, empty: bool| if empty { NO_ITEMS } else { draw.hash() };
    let header = Header {
        parent: place.parent.hash,
        miner: draw.address(),
        state_root: draw.hash(),
        transactions_root: root(&mut draw, transactions.is_empty()),
        receipts_root: root(&mut draw, transactions.is_empty()),
        bloom: bloom(&logs),
        number,
        gas_limit: GAS_LIMIT,
        gas_used: GAS_OF_TRANSACTION * transactions.len() as u64,
        timestamp: place.timestamp,
        extra: b"casebook-devnet".to_vec(),
        mix: draw.hash(),
        base_fee: 1_000_000_000 + draw.below(1_000_000),
        parent_beacon_root: place.parent.root,
    };
    let hash = header.hash();
    let root = Block::root_of(&hash, place.slot, &place.parent.root);
    Block { hash, header, slot: place.slot, root, mined_ms: place.mined_ms, transactions, logs }
}

pub(super) fn genesis(seed: u64, timestamp: u64) -> Block {
    let mut draw = Draw::new("genesis", &[seed]);
    let header = Header {
        parent: Hash::ZERO,
        miner: Address::ZERO,
        state_root: draw.hash(),
        transactions_root: NO_ITEMS,
        receipts_root: NO_ITEMS,
        bloom: Bloom::new(),
        number: 0,
        gas_limit: GAS_LIMIT,
        gas_used: 0,
        timestamp,
        extra: b"casebook-devnet".to_vec(),
        mix: Hash::ZERO,
        base_fee: 1_000_000_000,
        parent_beacon_root: Hash::ZERO,
    };
    let hash = header.hash();
    let root = Block::root_of(&hash, 0, &Hash::ZERO);
    Block { hash, header, slot: 0, root, mined_ms: 0, transactions: Vec::new(), logs: Vec::new() }
}

pub(super) fn bloom(logs: &[Log]) -> Bloom {
    let mut bloom = Bloom::new();
    for log in logs {
        bloom.add(&log.address.0);
        log.topics.iter().for_each(|topic| bloom.add(&topic.0));
    }
    bloom
}

/// Every second one is the same on every branch, as after a real reorganisation; so is how many there are.
fn made_up(place: &Place<'_>, number: u64) -> Vec<Arc<Transaction>> {
    let count = Draw::new("transactions", &[place.seed, number]).below(TRANSACTIONS_MAX + 1);
    let contracts = contracts(place.seed);
    let one = |at: u64| {
        let salt = if at.is_multiple_of(2) { 0 } else { place.salt };
        let mut draw = Draw::new("transaction", &[place.seed, number, at, salt]);
        let draft = Draft {
            chain_id: place.chain_id,
            nonce: number * TRANSACTIONS_MAX + at,
            to: draw.pick(&contracts).copied().unwrap_or(Address::ZERO),
            value: 0,
            gas: GAS_OF_TRANSACTION,
            input: draw.bytes::<36>().0.to_vec(),
            r: half(draw.hash()),
            s: half(draw.hash()),
        };
        Arc::new(draft.into_transaction())
    };
    (0..count).map(one).collect()
}

/// They follow from the transaction, so that it has the same ones on every branch. What clients sent has none.
fn logs(seed: u64, transactions: &[Arc<Transaction>]) -> Vec<Log> {
    let (events, accounts) = (events(), accounts(seed));
    let mut logs = Vec::new();
    for (at, transaction) in transactions.iter().enumerate().filter(|(_, transaction)| !transaction.sent) {
        let (number, _) = transaction.hash.0.split_first_chunk::<8>().expect("a hash has 32 bytes");
        let mut draw = Draw::new("logs", &[seed, u64::from_be_bytes(*number)]);
        for _ in 0..draw.below(LOGS_OF_TRANSACTION_MAX + 1) {
            let mut topics = vec![draw.pick(&events).copied().unwrap_or(Hash::ZERO)];
            let others = draw.below(3);
            topics.extend((0..others).filter_map(|_| draw.pick(&accounts).copied()));
            logs.push(Log {
                address: transaction.to.unwrap_or(Address::ZERO),
                topics,
                data: draw.hash().0.to_vec(),
                index: logs.len() as u64,
                transaction_index: at as u64,
                transaction: transaction.hash,
            });
        }
    }
    logs
}

fn as_topic(address: &Address) -> Hash {
    let mut topic = [0; 32];
    topic.iter_mut().skip(12).zip(address.0).for_each(|(to, from)| *to = from);
    Fixed(topic)
}
