//! Every method of the execution API, and of what nodes add to it: its class, where its block stands among the
//! parameters, whether it may be asked again. It must never know an answer.

use super::{Again, Class, OnNull};

/// Where the block stands that the answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// No block, or the node itself.
    Nowhere,
    /// Always the latest: nothing in the parameters says otherwise.
    Head,
    /// A tag, a number or a hash at that position; nothing there is latest.
    Block(usize),
    /// The hash of a block at that position.
    Hash(usize),
    /// A filter of logs at that position.
    Logs(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) class: Class,
    pub(super) at: At,
    pub(super) again: Again,
    pub(super) on_null: OnNull,
}

const fn kind_of(class: Class, at: At, again: Again, on_null: OnNull) -> Kind {
    Kind { class, at, again, on_null }
}

const fn read(at: At) -> Kind {
    kind_of(Class::ReadAtTag, at, Again::Freely, OnNull::Answer)
}

/// A read that has an answer whenever it works.
const fn tell(at: At) -> Kind {
    kind_of(Class::ReadAtTag, at, Again::Freely, OnNull::IsNoAnswer)
}

/// A read that says null where there is no such block, and never where there is.
const fn block(at: At) -> Kind {
    kind_of(Class::ReadAtTag, at, Again::Freely, OnNull::NoSuchBlock)
}

const fn fixed_block(at: At) -> Kind {
    kind_of(Class::ImmutableRead, at, Again::Freely, OnNull::NoSuchBlock)
}

/// A read that says null for what it does not find.
const fn find(at: At) -> Kind {
    kind_of(Class::ReadAtTag, at, Again::Freely, OnNull::AskOthers)
}

const fn fixed(at: At) -> Kind {
    kind_of(Class::ImmutableRead, at, Again::Freely, OnNull::Answer)
}

const fn tell_fixed(at: At) -> Kind {
    kind_of(Class::ImmutableRead, at, Again::Freely, OnNull::IsNoAnswer)
}

const fn find_fixed(at: At) -> Kind {
    kind_of(Class::ImmutableRead, at, Again::Freely, OnNull::AskOthers)
}

/// What a node makes only once, or as its own account.
const fn once() -> Kind {
    kind_of(Class::Write, At::Nowhere, Again::IfUnsent, OnNull::Answer)
}

/// A filter that is made twice is forgotten by its node in minutes.
const fn new_filter() -> Kind {
    kind_of(Class::StatefulFilter, At::Head, Again::Freely, OnNull::Answer)
}

/// What reads a filter's news takes them away.
const fn filter(again: Again) -> Kind {
    kind_of(Class::StatefulFilter, At::Nowhere, again, OnNull::Answer)
}

const SEND: Kind = kind_of(Class::Write, At::Head, Again::ByHash, OnNull::Answer);
const SUBSCRIBE: Kind = kind_of(Class::Subscription, At::Nowhere, Again::IfUnsent, OnNull::Answer);
const REFUSED: Kind = kind_of(Class::Unsupported, At::Nowhere, Again::IfUnsent, OnNull::Answer);

/// Reads that are looked up and not computed, and whose answers are short.
pub(super) const IN_A_WORD: &[&str] = &[
    "eth_getBalance",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
    "eth_getStorageAt",
    "eth_blockNumber",
    "eth_chainId",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "eth_blobBaseFee",
    "eth_syncing",
    "net_version",
];

/// By name, in the order of their bytes.
#[rustfmt::skip]
pub(super) const TABLE: &[(&str, Kind)] = &[
    ("debug_accountRange", read(At::Block(0))),
    ("debug_dumpBlock", read(At::Block(0))),
    ("debug_executionWitness", read(At::Block(0))),
    ("debug_getBadBlocks", read(At::Nowhere)),
    ("debug_getModifiedAccountsByHash", read(At::Hash(0))),
    ("debug_getModifiedAccountsByNumber", read(At::Head)),
    ("debug_getRawBlock", read(At::Block(0))),
    ("debug_getRawHeader", read(At::Block(0))),
    ("debug_getRawReceipts", read(At::Block(0))),
    ("debug_getRawTransaction", find(At::Head)),
    ("debug_intermediateRoots", fixed(At::Hash(0))),
    ("debug_preimage", find_fixed(At::Nowhere)),
    ("debug_printBlock", read(At::Block(0))),
    ("debug_storageRangeAt", fixed(At::Hash(0))),
    ("debug_traceBlock", read(At::Head)),
    ("debug_traceBlockByHash", fixed(At::Hash(0))),
    ("debug_traceBlockByNumber", read(At::Block(0))),
    ("debug_traceCall", read(At::Block(1))),
    ("debug_traceCallMany", read(At::Head)),
    ("debug_traceTransaction", read(At::Head)),
    ("eth_accounts", tell(At::Nowhere)),
    ("eth_baseFee", read(At::Head)),
    ("eth_blobBaseFee", tell(At::Head)),
    ("eth_blockNumber", tell(At::Head)),
    ("eth_call", tell(At::Block(1))),
    ("eth_callMany", read(At::Head)),
    ("eth_capabilities", read(At::Nowhere)),
    ("eth_chainId", tell_fixed(At::Nowhere)),
    ("eth_coinbase", read(At::Nowhere)),
    ("eth_config", read(At::Head)),
    ("eth_createAccessList", tell(At::Block(1))),
    ("eth_estimateGas", tell(At::Block(1))),
    ("eth_feeHistory", tell(At::Block(1))),
    ("eth_fillTransaction", read(At::Head)),
    ("eth_gasPrice", tell(At::Head)),
    ("eth_getAccount", read(At::Block(1))),
    ("eth_getAccountInfo", read(At::Block(1))),
    ("eth_getBalance", tell(At::Block(1))),
    ("eth_getBlockAccessList", find(At::Block(0))),
    ("eth_getBlockByHash", fixed_block(At::Hash(0))),
    ("eth_getBlockByNumber", block(At::Block(0))),
    ("eth_getBlockReceipts", block(At::Block(0))),
    ("eth_getBlockTransactionCountByHash", fixed_block(At::Hash(0))),
    ("eth_getBlockTransactionCountByNumber", block(At::Block(0))),
    ("eth_getCode", tell(At::Block(1))),
    ("eth_getFilterChanges", filter(Again::IfUnsent)),
    ("eth_getFilterLogs", filter(Again::Freely)),
    ("eth_getHeaderByHash", fixed_block(At::Hash(0))),
    ("eth_getHeaderByNumber", block(At::Block(0))),
    ("eth_getLogs", tell(At::Logs(0))),
    ("eth_getProof", tell(At::Block(2))),
    ("eth_getRawTransactionByBlockHashAndIndex", find_fixed(At::Hash(0))),
    ("eth_getRawTransactionByBlockNumberAndIndex", find(At::Block(0))),
    ("eth_getRawTransactionByHash", find(At::Head)),
    ("eth_getStorageAt", tell(At::Block(2))),
    ("eth_getStorageValues", read(At::Block(1))),
    ("eth_getTransactionByBlockHashAndIndex", find_fixed(At::Hash(0))),
    ("eth_getTransactionByBlockNumberAndIndex", find(At::Block(0))),
    ("eth_getTransactionByHash", find(At::Head)),
    ("eth_getTransactionBySenderAndNonce", find(At::Head)),
    ("eth_getTransactionCount", tell(At::Block(1))),
    ("eth_getTransactionReceipt", find(At::Head)),
    ("eth_getUncleByBlockHashAndIndex", find_fixed(At::Hash(0))),
    ("eth_getUncleByBlockNumberAndIndex", find(At::Block(0))),
    ("eth_getUncleCountByBlockHash", fixed_block(At::Hash(0))),
    ("eth_getUncleCountByBlockNumber", block(At::Block(0))),
    ("eth_getWork", REFUSED),
    ("eth_hashrate", read(At::Nowhere)),
    ("eth_maxPriorityFeePerGas", tell(At::Head)),
    ("eth_mining", read(At::Nowhere)),
    ("eth_newBlockFilter", new_filter()),
    ("eth_newFilter", new_filter()),
    ("eth_newPendingTransactionFilter", new_filter()),
    ("eth_pendingTransactions", read(At::Nowhere)),
    ("eth_protocolVersion", read(At::Nowhere)),
    ("eth_sendRawTransaction", SEND),
    ("eth_sendRawTransactionConditional", once()),
    ("eth_sendRawTransactionSync", once()),
    ("eth_sendTransaction", once()),
    ("eth_sign", once()),
    ("eth_signTransaction", once()),
    ("eth_signTypedData", once()),
    ("eth_signTypedData_v4", once()),
    ("eth_simulateV1", tell(At::Block(1))),
    ("eth_submitHashrate", REFUSED),
    ("eth_submitWork", REFUSED),
    ("eth_subscribe", SUBSCRIBE),
    ("eth_syncing", tell(At::Head)),
    ("eth_uninstallFilter", filter(Again::IfUnsent)),
    ("eth_unsubscribe", SUBSCRIBE),
    ("net_listening", tell(At::Nowhere)),
    ("net_peerCount", tell(At::Nowhere)),
    ("net_version", tell_fixed(At::Nowhere)),
    ("rpc_modules", read(At::Nowhere)),
    ("trace_block", find(At::Block(0))),
    ("trace_call", read(At::Block(2))),
    ("trace_callMany", read(At::Block(1))),
    ("trace_filter", read(At::Logs(0))),
    ("trace_get", find(At::Head)),
    ("trace_rawTransaction", read(At::Head)),
    ("trace_replayBlockTransactions", find(At::Block(0))),
    ("trace_replayTransaction", find(At::Head)),
    ("trace_transaction", find(At::Head)),
    ("txpool_content", read(At::Nowhere)),
    ("txpool_contentFrom", read(At::Nowhere)),
    ("txpool_inspect", read(At::Nowhere)),
    ("txpool_status", read(At::Nowhere)),
    ("web3_clientVersion", tell(At::Nowhere)),
    ("web3_sha3", tell_fixed(At::Nowhere)),
];

const SETS: &str = "methods that set something act on one node: ask that node itself, not the pool";
const VOTES: &str = "a validator votes for itself: ask that node itself, not the pool";

/// How methods begin of which nothing is passed on, and what a client is told.
const REFUSED_NAMESPACES: &[(&[u8], &str)] = &[
    (b"admin_", "admin methods act on one node: ask that node itself, not the pool"),
    (b"clique_", "clique methods act on one node: ask that node itself, not the pool"),
    (
        b"engine_",
        "engine methods belong to a node's own consensus client: connect it to that node, not to the pool",
    ),
    (b"ibft_discard", VOTES),
    (b"ibft_propose", VOTES),
    (b"miner_", "miner methods act on one node: ask that node itself, not the pool"),
    (b"parity_set", SETS),
    (b"perm_add", SETS),
    (b"perm_reload", SETS),
    (b"perm_remove", SETS),
    (
        b"personal_",
        "personal methods use keys that one node keeps: sign where the keys are, and send the signed transaction",
    ),
    (b"plugins_", SETS),
    (b"priv_", "priv methods are about what one node keeps: ask that node itself, not the pool"),
    (b"qbft_discard", VOTES),
    (b"qbft_propose", VOTES),
];

const DEBUG: &[u8] = b"debug_";

/// What the name of a method begins with behind its namespace if the method reads.
const READING: &[&[u8]] =
    &[b"call", b"estimate", b"get", b"has", b"is", b"list", b"search", b"simulate", b"trace"];

pub(super) fn kind(method: &[u8]) -> Kind {
    match TABLE.binary_search_by(|(name, _)| name.as_bytes().cmp(method)) {
        Ok(at) => TABLE[at].1,
        Err(_) => kind_by_name(method),
    }
}

/// What a client is told of a method that is refused.
pub(super) fn why_unsupported(method: &[u8]) -> &'static str {
    let namespace = REFUSED_NAMESPACES.iter().find(|(namespace, _)| method.starts_with(namespace));
    match namespace {
        Some((_, why)) => why,
        None if method.starts_with(DEBUG) => {
            "debug methods that are not reads act on one node: ask that node itself, not the pool"
        }
        None => "mining by work has ended, and no pool of nodes can share it",
    }
}

#[cold]
fn kind_by_name(method: &[u8]) -> Kind {
    if REFUSED_NAMESPACES.iter().any(|(namespace, _)| method.starts_with(namespace)) {
        return REFUSED;
    }
    if says_that_it_reads(method) {
        return read(At::Head);
    }
    if method.starts_with(DEBUG) { REFUSED } else { once() }
}

/// `ots_getBlockDetails` does, `x_issue` and `x_getaway` do not: the word must end where it ends.
fn says_that_it_reads(method: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'_', method) else { return false };
    READING.iter().any(|word| {
        let behind = method[at + 1..].strip_prefix(*word);
        behind.is_some_and(|behind| !behind.first().is_some_and(u8::is_ascii_lowercase))
    })
}
