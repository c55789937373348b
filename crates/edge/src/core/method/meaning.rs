//! What an error of a node means: an answer to the caller, or a word about the node. By one table of how geth,
//! Nethermind, Besu, Erigon, Reth and those who rent them out put it. It must never know who said it.

use memchr::memmem;

use crate::core::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The node understood and this is what it says: a revert, wrong parameters, no funds. Asking again changes nothing.
    Answer,
    /// It speaks of the node. Another may answer.
    NodeFault(Fault),
    /// The transaction is in its pool, or in the chain.
    AlreadyKnown,
    NonceTooLow,
    /// The node does not offer the method. Another may.
    MethodMissing,
}

/// Of a message that is longer, the rest is not looked at: what contracts and callers put in comes behind.
const LOOKED_AT_BYTES: usize = 512;

const ANSWER: Meaning = Meaning::Answer;
const KNOWN: Meaning = Meaning::AlreadyKnown;
const NONCE: Meaning = Meaning::NonceTooLow;
const METHOD: Meaning = Meaning::MethodMissing;
const LIMITED: Meaning = Meaning::NodeFault(Fault::RateLimited { retry_after_ms: None });
const NODE: Meaning = Meaning::NodeFault(Fault::NodeError);
const BEHIND: Meaning = Meaning::NodeFault(Fault::Behind);
const MISSING: Meaning = Meaning::NodeFault(Fault::Missing);
const TIMEOUT: Meaning = Meaning::NodeFault(Fault::Timeout);

/// How an error is recognised. Words are in lower case.
#[derive(Debug, Clone, Copy)]
enum By {
    Code(i64),
    Says(&'static str),
    Begins(&'static str),
    CodeSays(i64, &'static str),
}

/// The first that fits counts. Reverts come first, because the words behind them are a contract's.
#[rustfmt::skip]
const TABLE: &[(By, Meaning)] = &[
    (By::Code(3), ANSWER),
    (By::Code(-32015), ANSWER),
    (By::Says("revert"), ANSWER),
    (By::Says("vm execution error"), ANSWER),
    (By::Says("vm exception"), ANSWER),
    (By::Says("execution aborted"), ANSWER),
    (By::CodeSays(-32602, "block not found"), NODE),
    (By::Code(-32602), ANSWER),
    (By::Says("authority nonce too low"), ANSWER),

    (By::Says("already known"), KNOWN),
    (By::Says("alreadyknown"), KNOWN),
    (By::Says("already_exists"), KNOWN),
    (By::Begins("known transaction"), KNOWN),
    (By::Says("already imported"), KNOWN),
    (By::Says("existing tx with same hash"), KNOWN),
    (By::Says("already in mempool"), KNOWN),
    (By::Says("already in the mempool"), KNOWN),
    (By::Says("already in the pool"), KNOWN),
    (By::Says("nonce too low"), NONCE),
    (By::Says("nonce is too low"), NONCE),
    (By::Says("oldnonce"), NONCE),
    (By::Says("nonce already used"), NONCE),
    (By::Says("nonce has already been used"), NONCE),

    (By::Code(429), LIMITED),
    (By::Code(-32029), LIMITED),
    (By::Says("rate limit"), LIMITED),
    (By::Says("rate-limit"), LIMITED),
    (By::Says("ratelimit"), LIMITED),
    (By::Says("too many requests"), LIMITED),
    (By::Says("request limit reached"), LIMITED),
    (By::Says("requests per second"), LIMITED),
    (By::Says("request count exceeded"), LIMITED),
    (By::Says("compute units"), LIMITED),
    (By::Says("capacity limit exceeded"), LIMITED),
    (By::Says("quota exceeded"), LIMITED),
    (By::CodeSays(-32005, "rate exceeded"), LIMITED),
    (By::CodeSays(-32005, "limit exceeded"), LIMITED),

    (By::Code(-32601), METHOD),
    (By::Code(-32604), METHOD),
    (By::Says("method not found"), METHOD),
    (By::Says("method not supported"), METHOD),
    (By::Says("method not enabled"), METHOD),
    (By::Says("method is not supported"), METHOD),
    (By::Says("method is not available"), METHOD),
    (By::Says("unsupported method"), METHOD),
    (By::Says("does not exist/is not available"), METHOD),
    (By::Says("namespace is disabled"), METHOD),
    (By::Says("is not whitelisted"), METHOD),

    (By::Code(401), NODE),
    (By::Code(403), NODE),
    (By::Code(-40100), NODE),
    (By::Says("unauthorized"), NODE),
    (By::Says("invalid api key"), NODE),
    (By::Says("invalid project id"), NODE),

    (By::Says("syncing"), BEHIND),
    (By::Says("initial sync"), BEHIND),
    (By::Says("not yet in sync"), BEHIND),
    (By::Says("not synced"), BEHIND),

    (By::Code(4444), MISSING),
    (By::Says("missing trie node"), MISSING),
    (By::Says("historical state"), MISSING),
    (By::Says("no state available"), MISSING),
    (By::Says("world state unavailable"), MISSING),
    (By::Says("state is not available"), MISSING),
    (By::Says("state not available"), MISSING),
    (By::Says("is pruned"), MISSING),
    (By::Says("pruned history"), MISSING),
    (By::Says("due to pruning"), MISSING),
    (By::Says("archive node"), MISSING),

    (By::Code(-39001), NODE),
    (By::Says("header not found"), NODE),
    (By::Says("header for hash not found"), NODE),
    (By::Says("header range not found"), NODE),
    (By::Says("unknown block"), NODE),
    (By::Says("block not found"), NODE),
    (By::Says("receipts not found"), NODE),
    (By::Says("could not find block"), NODE),
    (By::Says("could not be found"), NODE),

    (By::Says("timed out"), TIMEOUT),
    (By::Says("timeout"), TIMEOUT),
    (By::Says("deadline exceeded"), TIMEOUT),

    (By::Says("server busy"), NODE),
    (By::Says("overloaded"), NODE),
    (By::Says("service unavailable"), NODE),
    (By::Says("temporarily unavailable"), NODE),
    (By::Says("bad gateway"), NODE),
    (By::Says("try again later"), NODE),
    (By::Says("shutting down"), NODE),
    (By::Says("database closed"), NODE),
    (By::Says("leveldb: closed"), NODE),
    (By::Says("pool is full"), NODE),
    (By::Says("transaction pool not enabled"), NODE),
    (By::Says("internal server error"), NODE),
    (By::Code(-32603), NODE),
];

/// The message as it stands between its quotes.
pub fn error_meaning(code: i64, message: &[u8]) -> Meaning {
    let mut lower = [0; LOOKED_AT_BYTES];
    let length = message.len().min(lower.len());
    lower[..length].copy_from_slice(&message[..length]);
    lower[..length].make_ascii_lowercase();
    let said = &lower[..length];
    let fits = |by: By| match by {
        By::Code(expected) => code == expected,
        By::Says(words) => memmem::find(said, words.as_bytes()).is_some(),
        By::Begins(words) => said.starts_with(words.as_bytes()),
        By::CodeSays(expected, words) => code == expected && memmem::find(said, words.as_bytes()).is_some(),
    };
    TABLE.iter().find(|(by, _)| fits(*by)).map_or(ANSWER, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests;
