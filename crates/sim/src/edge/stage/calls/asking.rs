//! What clients ask for, and when that is known for good. It must never know who is asked.

use devnet::chain::{Block, Fixed, Hash, data, keccak256, signed};
use edge::core::{
    Call, CallInput, Head, Millis, Request as Found, Scanned, result_response, route_of, scan_request,
    ways_of,
};

use super::super::super::net::CHAIN_ID;
use super::super::super::request::{Request, Wish};
use super::{Flight, Stage};

/// Blocks below the head that are asked about.
const BACK_MAX: u64 = 5;
/// Requests in one message.
const BATCH_MAX: usize = 100;

impl Stage {
    /// One thing, or several in one message.
    pub(in super::super) fn client_asks(&mut self) {
        let members = if self.calls.rng.chance(1, 12) { 2 + self.calls.rng.below(3) } else { 1 };
        let mut requests = Vec::new();
        for _ in 0..members {
            let wish = self.wish();
            self.calls.made += 1;
            requests.push((self.calls.made, Request::new(wish, self.calls.made, &mut self.calls.rng)));
        }
        let first = requests.first().map_or(0, |(call, _)| *call);
        let texts: Vec<&[u8]> = requests.iter().map(|(_, request)| &request.text[..]).collect();
        let text =
            if members > 1 { [&b"["[..], &texts.join(&b","[..])[..], b"]"].concat() } else { texts.concat() };
        self.note(format_args!("request {first}: {}", String::from_utf8_lossy(&text)));
        let scanned = scan_request(&text, BATCH_MAX);
        let found: Vec<&Found<'_>> = match &scanned {
            Ok(Scanned::Single(found)) => vec![found],
            Ok(Scanned::Batch(items)) => items.iter().flatten().collect(),
            Err(_) => Vec::new(),
        };
        if found.len() != requests.len() {
            return self.is_wrong(first, &format!("{} requests are read of {members}", found.len()));
        }
        if members > 1 {
            self.tally.batches += 1;
            let waiting = requests.iter().map(|(call, request)| (*call, request.clone(), None)).collect();
            self.calls.batches.insert(first, waiting);
        }
        for ((call, request), found) in requests.into_iter().zip(found) {
            let batch = (members > 1).then_some(first);
            self.is_asked(call, request, found, batch);
        }
    }

    fn is_asked(&mut self, call: u64, request: Request, found: &Found<'_>, batch: Option<u64>) {
        if found.id != Some(request.id.as_bytes()) {
            return self.is_wrong(call, &format!("its id is {} and is read as another", request.id));
        }
        let (route, ways) = (route_of(found.method, found.params), ways_of(found.method));
        let height = if found.method == b"eth_blockNumber" { self.published.height() } else { None };
        let id = request.id.clone();
        let flight = Flight {
            whole: found.whole.to_vec(),
            id_range: found.id_range.clone(),
            route,
            call: Call::new(Millis(self.now), route, self.calls.plan.limits, ways),
            came: self.now,
            deadline: self.now + self.calls.plan.limits.deadline_ms,
            told: self.published.served.filter(|head| self.stands(head)),
            was_settled: self.is_settled(&request.wish),
            batch,
            sent: Vec::new(),
            answers: Vec::new(),
            suspicions: Vec::new(),
            woken_at: None,
            is_over: false,
            is_told_failed: false,
            is_taken: false,
            acted: 0,
            is_reverted: false,
            sends: 0,
            request,
        };
        self.tally.calls += 1;
        self.calls.flights.insert(call, flight);
        if let Some(height) = height {
            let answer = result_response(id.as_bytes(), format!("\"{height:#x}\"").as_bytes());
            return self.tell_client(call, &answer, None);
        }
        self.calls.open.insert(call);
        self.calls.begun += 1;
        self.step_call(call, CallInput::Start);
    }

    fn wish(&mut self) -> Wish {
        let (drawn, back) = (self.calls.rng.below(16), self.calls.rng.below(BACK_MAX));
        // A head of another branch may be higher than the main one is yet.
        let highest = self.net.network.chain().head().number();
        let number = self.told_head().map(|head| head.number().min(highest));
        // Heights that are slots are of another kind of pool, which is asked by other means.
        let number = number.filter(|_| !self.plan.has_slots());
        match (drawn, number, self.told_block(back)) {
            (0 | 1, Some(_), _) => Wish::Height,
            (2 | 3, ..) => Wish::CallAtHead,
            (4, ..) => Wish::BlockAtHead,
            (5 | 6, Some(number), _) => {
                let mut account = [0; 20];
                account[..8].copy_from_slice(&self.calls.rng.word().to_be_bytes());
                Wish::Balance { account: Fixed(account), number: number.saturating_sub(back) }
            }
            (7, ..) => Wish::Revert,
            (8 | 9, _, Some(hash)) => Wish::Block(hash),
            (10, _, Some(hash)) => Wish::Logs(hash),
            (11, ..) => self.sent_before().map_or(Wish::Version, |(_, hash)| Wish::Receipt(hash)),
            (12, ..) => Wish::Once,
            (13..=15, ..) => self.transaction(),
            _ => Wish::Version,
        }
    }

    /// A new one, one that was sent before, or another one in the place of that.
    fn transaction(&mut self) -> Wish {
        let (drawn, before) = (self.calls.rng.below(8), self.sent_before());
        let made = self.calls.made;
        let (sender, chain_id, is_new) = match (drawn, before) {
            (0, Some((sender, _))) => (sender, CHAIN_ID, false),
            (1, Some((sender, rival))) => {
                self.calls.rivalled.insert(rival);
                (sender, CHAIN_ID + 1, false)
            }
            _ => (made, CHAIN_ID, true),
        };
        let raw = signed(sender, 0, chain_id);
        let hash = keccak256(&raw);
        if is_new {
            self.calls.sent_transactions.push((sender, hash));
        }
        Wish::Transaction { hash, raw: data(&raw), is_new }
    }

    fn sent_before(&mut self) -> Option<(u64, Hash)> {
        let sent = self.calls.sent_transactions.len() as u64;
        let at = self.calls.rng.below(sent);
        self.calls.sent_transactions.get(at as usize).copied()
    }

    /// Of the main branch: no node made it up, nor has it for itself.
    pub(super) fn stands(&self, head: &Head) -> bool {
        let chain = self.net.network.chain();
        chain.is_ancestor(&Fixed(head.hash.0), &chain.head().hash)
    }

    /// The head that clients were told.
    fn told_head(&self) -> Option<&Block> {
        let head = self.published.served?;
        self.net.network.chain().block(&Fixed(head.hash.0)).map(|block| &**block)
    }

    fn told_block(&self, back: u64) -> Option<Hash> {
        let head = self.told_head()?;
        let number = head.number().checked_sub(back)?;
        self.net.network.chain().ancestor(&head.hash, number).map(|block| block.hash)
    }

    /// What it is about stands in a block of the main branch, and below the head that clients were told.
    pub(super) fn is_settled(&self, wish: &Wish) -> bool {
        let chain = self.net.network.chain();
        let Some(told) = self.told_head() else { return false };
        let stands = |block: &Block| {
            [told, &**chain.head()].iter().all(|head| chain.is_ancestor(&block.hash, &head.hash))
        };
        match wish {
            Wish::Block(hash) | Wish::Logs(hash) => chain.block(hash).is_some_and(|block| stands(block)),
            Wish::Receipt(hash) => chain.with_transaction(hash).any(|block| stands(block)),
            _ => true,
        }
    }
}
