//! The devnet of a trial and the way to its nodes over HTTP: what is asked is answered at a time, or never. It must never
//! know why somebody asks.

use devnet::network::{Network, Plan as NetworkPlan, PlanError, Pushed};
use devnet::node::{Action, Face, Fault, Gate, Reply, Switch};

use edge::core::Block;

use super::plan::Plan;

/// The edge's own chain id.
pub(super) const CHAIN_ID: u64 = 1;

#[derive(Debug)]
pub(super) struct Net {
    pub(super) network: Network,
    has_slots: bool,
    /// A process that was killed is another when it comes back: what the old one would have answered never comes.
    pub(super) lives: Vec<u64>,
}

/// What comes back of a request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Response {
    Refused,
    /// Nothing ever comes.
    Nothing,
    Reset {
        at_ms: u64,
    },
    Answer {
        at_ms: u64,
        status: u16,
        retry_after_s: Option<u32>,
        body: Vec<u8>,
        is_cut: bool,
    },
}

impl Net {
    pub(super) fn new(seed: u64, plan: &Plan) -> Result<Self, PlanError> {
        let network = Network::new(NetworkPlan {
            seed,
            chain_id: CHAIN_ID,
            block_ms: plan.block_ms,
            missed_slot_every: plan.missed_slot_every,
            nodes: plan.nodes.clone(),
            ..NetworkPlan::default()
        })?;
        let has_slots = plan.has_slots();
        Ok(Self { network, has_slots, lives: vec![0; plan.nodes.len()] })
    }

    /// The last `depth` blocks are replaced by as many slots, and one more.
    pub(super) fn reorganise(&mut self, depth: u64, now_ms: u64) -> Option<Vec<Pushed>> {
        let chain = self.network.chain();
        let head = chain.head();
        let ancestor = chain.ancestor(&head.hash, head.number().checked_sub(depth).filter(|at| *at > 0)?)?;
        let slots = self.number_of(head) - self.number_of(ancestor);
        self.network.reorganise(depth, slots + 1, now_ms).ok().map(|(_, pushed)| pushed)
    }

    /// What the edge counts blocks by.
    pub(super) fn number_of(&self, block: &devnet::chain::Block) -> u64 {
        if self.has_slots { block.slot } else { block.number() }
    }

    pub(super) fn head_number(&self) -> u64 {
        self.number_of(self.network.chain().head())
    }

    /// As a node of this network would tell it. What nobody mined stays what it is.
    pub(super) fn numbered(&self, block: Block) -> Block {
        let mined = self.network.chain().block(&devnet::chain::Fixed(block.hash.0));
        let number = mined.map_or(block.number, |mined| self.number_of(mined));
        Block { number, ..block }
    }

    pub(super) fn set(&mut self, node: usize, fault: &Fault, now_ms: u64) -> Vec<Pushed> {
        if matches!(fault, Fault::Kill | Fault::Stop) {
            self.lives[node] += 1;
        }
        self.network.set(node, Switch::from(fault.clone()), now_ms).unwrap_or_default()
    }

    pub(super) fn clear(&mut self, node: usize, now_ms: u64) -> Vec<Pushed> {
        self.network.clear(node, None, now_ms).unwrap_or_default()
    }

    pub(super) fn gate(&self, node: usize) -> Gate {
        self.network.gate(node, Face::Execution)
    }

    /// A body of HTTP arrives.
    pub(super) fn request(&mut self, node: usize, body: &[u8], now_ms: u64) -> (Response, Vec<Pushed>) {
        match self.gate(node) {
            Gate::Closed => (Response::Refused, Vec::new()),
            Gate::Hanging | Gate::Frozen => (Response::Nothing, Vec::new()),
            Gate::Open => self.post(node, body, now_ms),
        }
    }

    /// The same over a connection that is there already.
    pub(super) fn post(&mut self, node: usize, body: &[u8], now_ms: u64) -> (Response, Vec<Pushed>) {
        let (reply, pushed) = self.network.post(node, body, now_ms);
        let response = match reply {
            Reply::Silent => Response::Nothing,
            Reply::Reset { at_ms } => Response::Reset { at_ms },
            Reply::Answer(answer) => {
                let whole = answer.body.len();
                let body = answer.body[..answer.cut.unwrap_or(whole).min(whole)].to_vec();
                Response::Answer {
                    at_ms: answer.at_ms,
                    status: answer.status,
                    retry_after_s: answer.retry_after_s,
                    is_cut: body.len() < whole,
                    body,
                }
            }
        };
        (response, pushed)
    }
}

/// Whether the connection ends with it.
pub(super) fn is_end(action: &Action) -> bool {
    !matches!(action, Action::Send(_))
}
