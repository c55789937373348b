//! Methods by table: their class, where they may go, and whether they may go there twice.

use proptest::prelude::*;

use super::table::TABLE;
use super::*;
use crate::core::hex;

const HASH: &str = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";

fn hash() -> Hash {
    Hash(hex::bytes(HASH).unwrap())
}

fn route(method: &str, params: &str) -> Route {
    route_of(method.as_bytes(), Some(params.as_bytes()))
}

#[test]
fn the_table_is_in_order_and_says_each_method_once() {
    assert!(TABLE.is_sorted_by(|(a, _), (b, _)| a.as_bytes() < b.as_bytes()));
    for (name, kind) in TABLE {
        assert_eq!(table::kind(name.as_bytes()), *kind, "{name}");
    }
}

#[test]
fn classes() {
    let check = |method: &str, class: Class, again: Again| {
        let route = route(method, "[]");
        assert_eq!((route.class, route.again), (class, again), "{method}");
    };
    check("eth_call", Class::ReadAtTag, Again::Freely);
    check("eth_getBlockByHash", Class::ImmutableRead, Again::Freely);
    check("eth_sendRawTransaction", Class::Write, Again::ByHash);
    check("eth_sendTransaction", Class::Write, Again::IfUnsent);
    check("eth_newFilter", Class::StatefulFilter, Again::Freely);
    check("eth_getFilterChanges", Class::StatefulFilter, Again::IfUnsent);
    check("eth_getFilterLogs", Class::StatefulFilter, Again::Freely);
    check("eth_subscribe", Class::Subscription, Again::IfUnsent);
    check("trace_block", Class::ReadAtTag, Again::Freely);
    check("debug_traceTransaction", Class::ReadAtTag, Again::Freely);
    check("txpool_content", Class::ReadAtTag, Again::Freely);
    check("web3_sha3", Class::ImmutableRead, Again::Freely);
    check("eth_submitWork", Class::Unsupported, Again::IfUnsent);
}

#[test]
fn methods_nobody_knows_are_reads_only_where_their_name_says_so() {
    for read in [
        "eth_getSomethingNew",
        "eth_callBundle",
        "ots_getBlockDetails",
        "erigon_getHeaderByNumber",
        "ots_hasCode",
        "bor_getAuthor",
        "arbtrace_call",
        "x_isActive",
        "x_is",
        "debug_getFutureThings",
        "debug_traceSomething",
        "x_call2",
        "eth_simulateV2",
        "parity_listAccounts",
    ] {
        let route = route(read, "[]");
        assert_eq!(
            (route.class, route.again, route.needs),
            (Class::ReadAtTag, Again::Freely, Needs::Head),
            "{read}"
        );
    }
    for other in [
        "x_issue",
        "x_getaway",
        "x_callback",
        "eth_sendBundle",
        "mev_sendBundle",
        "eth_cancelBundle",
        "get",
        "getBlock",
        "x_",
        "_",
        "evm_mine",
        "anvil_setBalance",
        "x_reGet",
        "",
    ] {
        let route = route(other, "[]");
        assert_eq!((route.class, route.again), (Class::Write, Again::IfUnsent), "{other}");
    }
}

#[test]
fn what_acts_on_one_node_is_refused_with_a_reason() {
    for (method, words) in [
        ("admin_addPeer", "admin methods"),
        ("admin_getX", "admin methods"),
        ("parity_setMode", "set something"),
        ("perm_addNodesToAllowlist", "set something"),
        ("qbft_proposeValidatorVote", "votes for itself"),
        ("engine_newPayloadV4", "consensus client"),
        ("miner_start", "miner methods"),
        ("personal_sign", "sign where the keys are"),
        ("clique_propose", "clique methods"),
        ("debug_setHead", "debug methods"),
        ("debug_chaindbCompact", "debug methods"),
        ("eth_getWork", "mining"),
        ("eth_submitHashrate", "mining"),
    ] {
        let route = route(method, "[]");
        assert_eq!(route.class, Class::Unsupported, "{method}");
        assert!(route.refused.unwrap().contains(words), "{method}: {:?}", route.refused);
    }
    assert_eq!(route("eth_call", "[]").refused, None);
}

#[test]
fn needs() {
    let check = |method: &str, params: &str, expected: Needs| {
        assert_eq!(route(method, params).needs, expected, "{method} {params}");
    };
    let by_hash = format!("[\"{HASH}\", false]");
    let object = format!("[{{}}, {{\"blockHash\":\"{HASH}\"}}]");
    let logs_of = format!("[{{\"blockHash\":\"{HASH}\"}}]");
    check("eth_chainId", "[]", Needs::Nothing);
    check("eth_blockNumber", "[]", Needs::Head);
    check("eth_call", r#"[{"to":"0x1"}]"#, Needs::Head);
    check("eth_call", r#"[{"to":"0x1"}, "latest"]"#, Needs::Head);
    check("eth_call", r#"[{"to":"0x1"}, "pending"]"#, Needs::Head);
    check("eth_call", r#"[{"to":"0x1"}, "finalized"]"#, Needs::Head);
    check("eth_call", r#"[{"to":"0x1"}, "earliest"]"#, Needs::Nothing);
    check("eth_call", r#"[{"to":"0x1"}, "0x10"]"#, Needs::Number(16));
    check("eth_call", r#"[{"to":"0x1"}, "nonsense"]"#, Needs::Head);
    check("eth_call", &object, Needs::Block(hash()));
    check("eth_getStorageAt", r#"["0x1", "0x0", "0x20"]"#, Needs::Number(32));
    check("eth_getProof", r#"["0x1", [], "0x20"]"#, Needs::Number(32));
    check("eth_getBlockByNumber", r#"["0x10", true]"#, Needs::Number(16));
    check("eth_getBlockByHash", &by_hash, Needs::Block(hash()));
    check("eth_getBlockByHash", "[\"0x1\"]", Needs::Nothing);
    check("eth_getBlockReceipts", &by_hash, Needs::Block(hash()));
    check("eth_getTransactionReceipt", &by_hash, Needs::Head);
    check("eth_getLogs", "[{}]", Needs::Head);
    check("eth_getLogs", r#"[{"fromBlock":"0x1","toBlock":"0x5"}]"#, Needs::Number(5));
    check("eth_getLogs", r#"[{"fromBlock":"0x6","toBlock":"0x5"}]"#, Needs::Number(6));
    check("eth_getLogs", r#"[{"fromBlock":"earliest","toBlock":"0x5"}]"#, Needs::Number(5));
    check("eth_getLogs", r#"[{"fromBlock":"0x1"}]"#, Needs::Head);
    check("eth_getLogs", &logs_of, Needs::Block(hash()));
    check("eth_newFilter", r#"[{"fromBlock":"0x1","toBlock":"0x5"}]"#, Needs::Head);
    check("trace_call", r#"[{}, ["trace"], "0x7"]"#, Needs::Number(7));
    check("trace_filter", r#"[{"fromBlock":"0x1","toBlock":"0x5"}]"#, Needs::Number(5));
    check("eth_sendRawTransaction", r#"["0x01"]"#, Needs::Head);
}

#[test]
fn null_is_asked_of_others_where_it_says_not_found_or_nothing() {
    for (method, expected) in [
        ("eth_getBlockByHash", OnNull::NoSuchBlock),
        ("eth_getBlockByNumber", OnNull::NoSuchBlock),
        ("eth_getTransactionByBlockNumberAndIndex", OnNull::AskOthers),
        ("eth_getTransactionReceipt", OnNull::AskOthers),
        ("eth_getTransactionByHash", OnNull::AskOthers),
        ("eth_getBlockReceipts", OnNull::NoSuchBlock),
        ("eth_getBalance", OnNull::IsNoAnswer),
        ("eth_chainId", OnNull::IsNoAnswer),
        ("debug_getBadBlocks", OnNull::Answer),
        ("eth_getFilterChanges", OnNull::Answer),
        ("x_getWhatever", OnNull::Answer),
    ] {
        assert_eq!(route(method, "[]").on_null, expected, "{method}");
    }
}

#[test]
fn only_what_is_sent_by_hash_has_one() {
    assert!(route("eth_sendRawTransaction", r#"["0x01aa"]"#).transaction.is_some());
    assert_eq!(route("eth_sendRawTransaction", "[]").transaction, None);
    assert_eq!(route("eth_sendRawTransactionSync", r#"["0x01aa"]"#).transaction, None);
    assert_eq!(route("eth_call", r#"["0x01aa"]"#).transaction, None);
}

proptest! {
    #[test]
    fn any_method_has_a_route(method in prop::collection::vec(any::<u8>(), 0..40), params in ".{0,40}") {
        route_of(&method, Some(params.as_bytes()));
        route_of(&method, None);
    }
}

#[test]
fn only_reads_that_change_nothing_share_a_connection() {
    for name in table::IN_A_WORD {
        let route = route(name, "[]");
        assert_eq!((route.again, route.refused), (Again::Freely, None), "{name}");
        assert!(TABLE.iter().any(|(known, _)| known == name), "{name}");
        assert_eq!(ways_of(name.as_bytes()), Ways::StreamFirst, "{name}");
    }
    for other in ["eth_call", "eth_getLogs", "eth_sendRawTransaction", "eth_getBlockByHash", "eth_get"] {
        assert_eq!(ways_of(other.as_bytes()), Ways::Http, "{other}");
    }
}
