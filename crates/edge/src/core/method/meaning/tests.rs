//! What nodes say, in their own words, and what it means.

use proptest::prelude::*;

use super::*;

fn check(code: i64, message: &str, expected: Meaning) {
    assert_eq!(error_meaning(code, message.as_bytes()), expected, "{code} {message}");
}

#[test]
fn errors_in_the_words_of_geth() {
    // geth
    check(3, "execution reverted: ERC20: transfer amount exceeds balance", ANSWER);
    check(-32000, "execution reverted", ANSWER);
    check(-32000, "already known", KNOWN);
    check(-32000, "nonce too low: next nonce 229, tx nonce 228", NONCE);
    check(-32000, "nonce too low: address 0x00, tx: 1 state: 2", NONCE);
    check(-32000, "authority nonce too low", ANSWER);
    check(-32000, "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1", ANSWER);
    check(-32000, "replacement transaction underpriced", ANSWER);
    check(-32000, "intrinsic gas too low: gas 1, minimum needed 21000", ANSWER);
    check(-32000, "exceeds block gas limit", ANSWER);
    check(-32000, "invalid sender", ANSWER);
    check(-32000, "gas required exceeds allowance (0)", ANSWER);
    check(-32000, "out of gas", ANSWER);
    check(-32000, "invalid opcode: INVALID", ANSWER);
    check(-32000, "execution aborted (timeout = 5s)", ANSWER);
    check(-32000, "filter not found", ANSWER);
    check(-32000, "header not found", NODE);
    check(-32000, "header for hash not found", NODE);
    check(-32000, "unknown block", NODE);
    check(-32000, "missing trie node ef7df5d88cb1614d (path ) state 0x01 is not available", MISSING);
    check(-32000, "required historical state unavailable (reexec=128)", MISSING);
    check(-32000, "historical state 0x01 is not available", MISSING);
    check(-32000, "txpool is full", NODE);
    check(-32002, "request timed out", TIMEOUT);
    check(-32602, "missing value for required argument 0", ANSWER);
    check(-32602, "invalid argument 0: hex string without 0x prefix", ANSWER);
    check(-32601, "the method foo_bar does not exist/is not available", METHOD);
}

#[test]
fn errors_in_the_words_of_others() {
    // Nethermind
    check(-32010, "AlreadyKnown", KNOWN);
    check(-32010, "OldNonce", NONCE);
    check(-32010, "FeeTooLow, MaxFeePerGas too low", ANSWER);
    check(-32015, "VM execution error.", ANSWER);
    check(-32002, "No state available for block 0x01", MISSING);
    check(-32000, "0x01 could not be found", NODE);
    check(-32005, "Too many blocks requested", ANSWER);
    check(-32600, "The trace namespace is disabled for http://localhost:8545. trace_block", METHOD);
    check(4444, "Pruned history unavailable", MISSING);
    // Besu
    check(-32000, "Known transaction", KNOWN);
    check(-32001, "Nonce too low", NONCE);
    check(-32000, "Execution reverted (some reason)", ANSWER);
    check(-32004, "Upfront cost exceeds account balance", ANSWER);
    check(-32005, "Transaction gas limit exceeds block gas limit", ANSWER);
    check(-32005, "Requested range exceeds maximum RPC range limit", ANSWER);
    check(-32008, "Initial sync is still in progress", BEHIND);
    check(-32604, "Method not enabled", METHOD);
    check(-32603, "Internal error", NODE);
    check(-32603, "Timeout expired", TIMEOUT);
    check(-32000, "World state unavailable", MISSING);
    check(-39001, "Unknown block", NODE);
    check(-32602, "Invalid block param (block not found)", NODE);
    check(-32602, "Invalid params", ANSWER);
    check(
        -32002,
        "Transaction pool not enabled. (Either txpool explicitly disabled, or node not yet in sync).",
        BEHIND,
    );
    // Erigon
    check(-32000, "ALREADY_EXISTS: already known", KNOWN);
    check(-32000, "INTERNAL_ERROR: existing tx with same hash", KNOWN);
    check(-32000, "INTERNAL_ERROR: nonce too low", NONCE);
    check(-32000, "old data not available due to pruning", MISSING);
    check(-32000, "pending sub-pool is full", NODE);
    // Reth
    check(-32001, "block not found: 0x10", NODE);
    check(-32000, "nonce too low: next nonce 5, tx nonce 3", NONCE);
    check(-32603, "state at block #49871645 is pruned", MISSING);
    check(-32000, "exceeds max transactions per sender", ANSWER);
    // Those who rent nodes out, and development nodes.
    check(429, "Your app has exceeded its compute units per second capacity", LIMITED);
    check(-32005, "daily request count exceeded, request rate limited", LIMITED);
    check(-32005, "limit exceeded", LIMITED);
    check(-32007, "15/second request limit reached - reduce calls per second", LIMITED);
    check(-32029, "Rate limit exceeded", LIMITED);
    check(-32000, "Too Many Requests", LIMITED);
    check(-32005, "query returned more than 10000 results", ANSWER);
    check(-32600, "Unauthorized", NODE);
    check(
        -32603,
        "Error: VM Exception while processing transaction: reverted with reason string 'x'",
        ANSWER,
    );
    check(0, "", ANSWER);
}

#[test]
fn a_contract_cannot_put_words_into_a_nodes_mouth() {
    for words in [
        "already known",
        "nonce too low",
        "rate limit",
        "header not found",
        "method not found",
        "missing trie node",
    ] {
        for (code, message) in [
            (3, words.to_owned()),
            (3, format!("execution reverted: {words}")),
            (-32000, format!("execution reverted: {words}")),
            (-32015, words.to_owned()),
            (-32000, format!("{}{words}", "x".repeat(LOOKED_AT_BYTES))),
        ] {
            assert_eq!(error_meaning(code, message.as_bytes()), ANSWER, "{code} {message}");
        }
    }
}

#[test]
fn every_row_is_reached() {
    for (at, (by, meaning)) in TABLE.iter().enumerate() {
        let (code, message) = match *by {
            By::Code(code) => (code, String::new()),
            By::Says(words) => (0, format!("X{}X", words.to_uppercase())),
            By::Begins(words) => (0, words.to_uppercase()),
            By::CodeSays(code, words) => (code, words.to_uppercase()),
        };
        let words = match *by {
            By::Code(_) => "",
            By::Says(words) | By::Begins(words) | By::CodeSays(_, words) => words,
        };
        assert_eq!(words, words.to_lowercase(), "row {at}");
        assert_eq!(error_meaning(code, message.as_bytes()), *meaning, "row {at}: {by:?}");
    }
}

proptest! {
    #[test]
    fn any_words_mean_something(code in any::<i64>(), message in prop::collection::vec(any::<u8>(), 0..1_000)) {
        error_meaning(code, &message);
    }
}
