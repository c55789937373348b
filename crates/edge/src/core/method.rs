//! What a method is: whether it may be asked again and of whom, and which block its answer is about. It must never know
//! which nodes there are.

mod meaning;
mod table;
mod transaction;

use super::Hash;
use super::call::Ways;
use super::params::{self, BlockAt, LogsAt};
use table::{At, Kind};

pub use meaning::{Meaning, error_meaning};
pub use transaction::transaction_hash;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The answer depends on where the chain stands.
    ReadAtTag,
    /// The answer is the same for ever, once there is one.
    ImmutableRead,
    Write,
    /// Belongs to a filter that one node keeps.
    StatefulFilter,
    Subscription,
    /// Refused here, and never sent to a node.
    Unsupported,
}

/// What a node must have to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// The block that was announced last.
    Head,
    /// The block of that number, or the one announced last where that is lower.
    Number(u64),
    /// The block of that hash, if it is known who has it.
    Block(Hash),
}

/// Whether a request whose fate is unknown may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It changes nothing.
    Freely,
    /// A signed transaction: twice is as once, and its hash tells what became of it.
    ByHash,
    /// Only where it surely reached nobody.
    IfUnsent,
}

/// What `null` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnNull {
    Answer,
    /// Not here. Others may have it.
    AskOthers,
    /// There is no such block here. Others may have it, and one that was told all will have.
    NoSuchBlock,
    /// Nothing that a node in order says.
    IsNoAnswer,
}

/// All that deciding on a call needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub class: Class,
    pub needs: Needs,
    pub again: Again,
    pub on_null: OnNull,
    /// Of the transaction that is sent, where it could be computed.
    pub transaction: Option<Hash>,
    /// What a client is told of a method that is refused here.
    pub refused: Option<&'static str>,
}

impl Class {
    /// The value of the label `class`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadAtTag => "read_at_tag",
            Self::ImmutableRead => "immutable_read",
            Self::Write => "write",
            Self::StatefulFilter => "stateful_filter",
            Self::Subscription => "subscription",
            Self::Unsupported => "unsupported",
        }
    }
}

impl Route {
    /// Of a request that is no JSON-RPC: it may go to any node, again only if it is safe by its verb.
    pub fn plain(again: Again) -> Self {
        let class = if again == Again::Freely { Class::ReadAtTag } else { Class::Write };
        let (needs, on_null) = (Needs::Nothing, OnNull::Answer);
        Self { class, needs, again, on_null, transaction: None, refused: None }
    }
}

/// By the table of known methods. Others are passed on: those whose name says that they read are reads of the head, and
/// all others are sent once, because nobody knows what a second time would do.
pub fn route_of(method: &[u8], params: Option<&[u8]>) -> Route {
    let Kind { class, at, again, on_null } = table::kind(method);
    let refused = (class == Class::Unsupported).then(|| table::why_unsupported(method));
    let transaction = (again == Again::ByHash).then(|| transaction_hash(params)).flatten();
    Route { class, needs: needs(at, params), again, on_null, transaction, refused }
}

/// By what a call may travel. Many share a node's WebSocket, and a node may work on what comes over it one by one; so only
/// reads travel by it that every node answers at once and shortly, and what is long holds up nobody.
pub fn ways_of(method: &[u8]) -> Ways {
    if table::IN_A_WORD.iter().any(|word| word.as_bytes() == method) { Ways::StreamFirst } else { Ways::Http }
}

fn needs(at: At, params: Option<&[u8]>) -> Needs {
    match at {
        At::Nowhere => Needs::Nothing,
        At::Head => Needs::Head,
        At::Block(n) => params::block_at(params, n).map_or(Needs::Head, of_block),
        At::Hash(n) => params::hash_at(params, n).map_or(Needs::Nothing, Needs::Block),
        At::Logs(n) => match params::logs_at(params, n) {
            LogsAt::Block(hash) => Needs::Block(hash),
            LogsAt::Range { from, to } => of_range(from, to),
        },
    }
}

/// What cannot be read needs the head: no node refuses it for the wrong reason.
fn of_block(block: BlockAt) -> Needs {
    match block {
        BlockAt::Earliest => Needs::Nothing,
        BlockAt::Number(number) => Needs::Number(number),
        BlockAt::Hash(hash) => Needs::Block(hash),
        BlockAt::Latest | BlockAt::Pending | BlockAt::Safe | BlockAt::Finalized | BlockAt::Other => {
            Needs::Head
        }
    }
}

fn of_range(from: BlockAt, to: BlockAt) -> Needs {
    match (of_block(from), of_block(to)) {
        (Needs::Nothing, Needs::Nothing) => Needs::Nothing,
        (Needs::Number(number), Needs::Nothing) | (Needs::Nothing, Needs::Number(number)) => {
            Needs::Number(number)
        }
        (Needs::Number(from), Needs::Number(to)) => Needs::Number(from.max(to)),
        _ => Needs::Head,
    }
}

#[cfg(test)]
mod tests;
