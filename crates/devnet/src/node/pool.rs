//! Transactions that clients sent and no block has yet. Nodes tell each other of them after a while. It must never know
//! what a client was answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{Address, Hash, Transaction};

/// Transactions that wait. One more is refused, as geth does.
pub const POOL_MAX: usize = 4_096;
/// Transactions of one block; the others wait on.
const BLOCK_MAX: usize = 100;
/// Accounts whose next nonce is known. Of further ones any nonce is taken.
const ACCOUNTS_MAX: usize = 4_096;

#[derive(Debug, Clone)]
pub struct Pool {
    /// How long it takes until all nodes know what one was sent.
    gossip_ms: u64,
    waiting: BTreeMap<Hash, Waiting>,
    next_nonce: BTreeMap<Address, u64>,
    arrivals: u64,
}

#[derive(Debug, Clone)]
struct Waiting {
    transaction: Arc<Transaction>,
    /// Order of arrival.
    arrival: u64,
    first_ms: u64,
    /// Nodes that clients sent it to.
    told: Vec<usize>,
}

/// Why a node does not take a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    #[error("already known")]
    AlreadyKnown,
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow { next: u64, nonce: u64 },
    #[error("replacement transaction underpriced")]
    Underpriced,
    #[error("txpool is full")]
    Full,
}

impl Pool {
    pub fn new(gossip_ms: u64) -> Self {
        Self { gossip_ms, waiting: BTreeMap::new(), next_nonce: BTreeMap::new(), arrivals: 0 }
    }

    pub(super) fn take(
        &mut self,
        node: usize,
        transaction: Transaction,
        now_ms: u64,
    ) -> Result<Hash, PoolError> {
        let hash = transaction.hash;
        if self.knows(node, &hash, now_ms) {
            return Err(PoolError::AlreadyKnown);
        }
        let next = self.next_nonce(&transaction.from);
        if transaction.nonce < next {
            return Err(PoolError::NonceTooLow { next, nonce: transaction.nonce });
        }
        let rival = |held: &Waiting| {
            held.transaction.from == transaction.from && held.transaction.nonce == transaction.nonce
        };
        if self.waiting.values().any(|held| rival(held) && held.transaction.hash != hash) {
            return Err(PoolError::Underpriced);
        }
        if let Some(held) = self.waiting.get_mut(&hash) {
            held.told.push(node);
            return Ok(hash);
        }
        if self.waiting.len() >= POOL_MAX {
            return Err(PoolError::Full);
        }
        self.put(Arc::new(transaction), vec![node], now_ms);
        Ok(hash)
    }

    pub(crate) fn knows(&self, node: usize, hash: &Hash, now_ms: u64) -> bool {
        self.waiting.get(hash).is_some_and(|held| self.reached(held, node, now_ms))
    }

    pub(super) fn get(&self, node: usize, hash: &Hash, now_ms: u64) -> Option<&Arc<Transaction>> {
        let held = self.waiting.get(hash).filter(|held| self.reached(held, node, now_ms))?;
        Some(&held.transaction)
    }

    /// All that a node knows, in order of arrival.
    pub(super) fn known(&self, node: usize, now_ms: u64) -> Vec<Arc<Transaction>> {
        let reached = self.waiting.values().filter(|held| self.reached(held, node, now_ms));
        let mut held: Vec<&Waiting> = reached.collect();
        held.sort_by_key(|held| held.arrival);
        held.into_iter().map(|held| Arc::clone(&held.transaction)).collect()
    }

    /// When gossip next tells a node of something.
    pub fn next_gossip(&self, after_ms: u64) -> Option<u64> {
        let times = self.waiting.values().map(|held| held.first_ms.saturating_add(self.gossip_ms));
        times.filter(|at| *at > after_ms).min()
    }

    /// Grows with everything that is taken.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    pub fn next_nonce(&self, account: &Address) -> u64 {
        self.next_nonce.get(account).copied().unwrap_or(0)
    }

    /// Takes out what the next block gets, in order of nonce.
    pub fn for_block(&mut self) -> Vec<Arc<Transaction>> {
        let mut chosen: Vec<Arc<Transaction>> =
            self.waiting.values().map(|held| Arc::clone(&held.transaction)).collect();
        chosen.sort_by_key(|transaction| (transaction.from, transaction.nonce, transaction.hash));
        chosen.truncate(BLOCK_MAX);
        for transaction in &chosen {
            self.waiting.remove(&transaction.hash);
            if self.next_nonce.len() < ACCOUNTS_MAX || self.next_nonce.contains_key(&transaction.from) {
                self.next_nonce.insert(transaction.from, transaction.nonce.saturating_add(1));
            }
        }
        chosen
    }

    /// The block that had it is no longer on the main branch.
    pub fn put_back(&mut self, transaction: &Arc<Transaction>, now_ms: u64) {
        if let Some(next) = self.next_nonce.get_mut(&transaction.from) {
            *next = transaction.nonce.min(*next);
        }
        if self.waiting.len() < POOL_MAX {
            self.put(Arc::clone(transaction), Vec::new(), now_ms.saturating_sub(self.gossip_ms));
        }
    }

    /// A node ended; what only it knew is lost.
    pub fn forget(&mut self, node: usize, now_ms: u64) {
        let gossip_ms = self.gossip_ms;
        self.waiting.retain(|_, held| {
            held.told.retain(|told| *told != node);
            !held.told.is_empty() || held.first_ms.saturating_add(gossip_ms) <= now_ms
        });
    }

    fn put(&mut self, transaction: Arc<Transaction>, told: Vec<usize>, first_ms: u64) {
        let held = Waiting { transaction, arrival: self.arrivals, first_ms, told };
        self.arrivals += 1;
        self.waiting.insert(held.transaction.hash, held);
    }

    fn reached(&self, held: &Waiting, node: usize, now_ms: u64) -> bool {
        held.told.contains(&node) || held.first_ms.saturating_add(self.gossip_ms) <= now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::signed;

    fn sent(sender: u64, nonce: u64) -> Transaction {
        Transaction::read(&signed(sender, nonce, 1)).unwrap()
    }

    #[test]
    fn a_node_knows_what_it_was_sent_and_later_what_others_were() {
        let mut pool = Pool::new(100);
        let hash = pool.take(0, sent(1, 0), 1_000).unwrap();
        assert_eq!(pool.take(0, sent(1, 0), 1_001), Err(PoolError::AlreadyKnown));
        assert_eq!(pool.take(1, sent(1, 0), 1_050), Ok(hash), "gossip is slower");
        assert_eq!(pool.next_gossip(1_000), Some(1_100));
        assert!(!pool.knows(2, &hash, 1_099) && pool.knows(2, &hash, 1_100));
        assert_eq!((pool.known(2, 1_099).len(), pool.known(2, 1_100).len()), (0, 1));
    }

    #[test]
    fn what_was_mined_is_too_low_until_it_is_put_back() {
        let mut pool = Pool::new(0);
        for nonce in [1, 0] {
            pool.take(0, sent(1, nonce), 0).unwrap();
        }
        let mined = pool.for_block();
        assert_eq!(mined.iter().map(|held| held.nonce).collect::<Vec<_>>(), [0, 1]);
        let low = PoolError::NonceTooLow { next: 2, nonce: 0 };
        assert_eq!(pool.take(0, sent(1, 0), 0), Err(low));
        assert_eq!(low.to_string(), "nonce too low: next nonce 2, tx nonce 0");
        mined.iter().rev().for_each(|held| pool.put_back(held, 9));
        assert_eq!(pool.take(0, sent(1, 0), 9), Err(PoolError::AlreadyKnown));
        assert_eq!(pool.for_block().len(), 2);
    }

    #[test]
    fn what_only_a_dead_node_knew_is_lost() {
        let mut pool = Pool::new(100);
        let hash = pool.take(0, sent(1, 0), 0).unwrap();
        let mut later = pool.clone();
        pool.forget(0, 50);
        assert!(!pool.knows(1, &hash, 1_000));
        later.forget(0, 100);
        assert!(later.knows(1, &hash, 1_000));
    }

    #[test]
    fn a_pool_has_a_bound_and_one_transaction_a_nonce() {
        let mut pool = Pool::new(0);
        (0..POOL_MAX as u64).for_each(|sender| _ = pool.take(0, sent(sender, 0), 0).unwrap());
        assert_eq!(pool.take(0, sent(99_999, 0), 0), Err(PoolError::Full));
        let rival = Transaction { hash: Hash::ZERO, ..sent(1, 0) };
        assert_eq!(pool.take(0, rival, 0), Err(PoolError::Underpriced));
    }
}
