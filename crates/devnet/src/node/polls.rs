//! Filters that a client asks for changes (`eth_newFilter` and its like): state of this node, which others do not have. It
//! must never know a connection.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::answer::{Outcome, RpcError};
use super::connections::random_id;
use super::log_filter::LogFilter;
use super::params::Params;
use super::push::logs;
use super::{Node, World};
use crate::chain::{Draw, Hash};

/// Filters of one node. When there is one more, the oldest is forgotten.
pub const POLLS_MAX: usize = 1_024;

#[derive(Debug, Clone)]
pub(super) struct Polls {
    draw: Draw,
    /// Oldest first.
    held: VecDeque<(String, Poll)>,
}

#[derive(Debug, Clone)]
enum Poll {
    /// With the newest block that was told of.
    Blocks {
        told: Hash,
    },
    Logs {
        filter: LogFilter,
        told: Hash,
    },
    /// With what was told of and still waits.
    Pending {
        told: BTreeSet<Hash>,
    },
}

impl Polls {
    pub(super) fn new(draw: Draw) -> Self {
        Self { draw, held: VecDeque::new() }
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    fn add(&mut self, poll: Poll) -> Outcome {
        let id = random_id(&mut self.draw);
        if self.held.len() >= POLLS_MAX {
            self.held.pop_front();
        }
        self.held.push_back((id.clone(), poll));
        Ok(json!(id))
    }

    fn get(&mut self, id: &str) -> Result<&mut Poll, RpcError> {
        let held = self.held.iter_mut().find(|(held, _)| held == id);
        held.map(|(_, poll)| poll).ok_or_else(|| RpcError::server("filter not found"))
    }
}

impl Node {
    pub(super) fn new_log_poll(&mut self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let filter = LogFilter::read(params.required(0)?, 0)?;
        let told = self.view().readable(world.chain).hash;
        self.polls.add(Poll::Logs { filter, told })
    }

    pub(super) fn new_block_poll(&mut self, world: &World<'_>) -> Outcome {
        let told = self.view().readable(world.chain).hash;
        self.polls.add(Poll::Blocks { told })
    }

    pub(super) fn new_pending_poll(&mut self, world: &World<'_>) -> Outcome {
        let told = world.pool.known(self.index, world.now_ms).iter().map(|held| held.hash).collect();
        self.polls.add(Poll::Pending { told })
    }

    pub(super) fn poll_changes(&mut self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let (index, readable) = (self.index, self.view().readable(world.chain).hash);
        match self.polls.get(params.text(0)?)? {
            Poll::Blocks { told } => {
                let path = world.chain.path(told, &readable);
                *told = readable;
                Ok(path.added.iter().map(|block| json!(block.hash)).collect())
            }
            Poll::Logs { filter, told } => {
                let path = world.chain.path(told, &readable);
                *told = readable;
                Ok(Value::Array(logs(filter, &path)))
            }
            Poll::Pending { told } => {
                let known: Vec<Hash> =
                    world.pool.known(index, world.now_ms).iter().map(|held| held.hash).collect();
                let come =
                    known.iter().filter(|hash| !told.contains(*hash)).map(|hash| json!(hash)).collect();
                *told = known.into_iter().collect();
                Ok(come)
            }
        }
    }

    pub(super) fn uninstall_poll(&mut self, params: &Params) -> Outcome {
        params.at_most(1)?;
        let id = params.text(0)?;
        let before = self.polls.held.len();
        self.polls.held.retain(|(held, _)| held != id);
        Ok(json!(self.polls.held.len() < before))
    }
}
