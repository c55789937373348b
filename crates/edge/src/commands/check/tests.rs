//! What is shown of a configuration and of what its nodes answered.

use std::path::Path;

use edge::config::Surroundings;

use super::*;

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/edge").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let surroundings = Surroundings {
        folder: Path::new(""),
        variable: &|_| Some("canary".to_owned()),
        file: &|_| Ok("canary".to_owned()),
        tls: &|_| Ok(()),
    };
    Config::parse(&text, name, &surroundings).unwrap()
}

fn finding(pool: &str, node: &str, verdict: Verdict, said: &str) -> Finding {
    Finding { pool: pool.into(), node: node.into(), verdict, said: said.to_owned() }
}

#[test]
fn pools_and_nodes_stand_in_columns_without_a_key() {
    let shown = page(&example("ethereum.toml"), None);
    assert!(!shown.contains("canary"), "{shown}");
    insta::assert_snapshot!(shown, @r"
    listen 0.0.0.0:8545 (TLS, 1 key), admin 127.0.0.1:9545

    /beacon  consensus, chain 1, a block every 12s
      NODE        TIER     WEIGHT  HTTP                             WEBSOCKET
      lighthouse  primary  1       http://lighthouse.example:5052   -
      teku        primary  2       http://teku.example:5051         -
      provider    backup   1       https://beacon.provider.example  -

    /execution  execution, chain 1, a block every 12s
      NODE        TIER     WEIGHT  HTTP                            WEBSOCKET
      geth        primary  1       http://geth.example:8545        ws://geth.example:8546
      nethermind  primary  1       http://nethermind.example:8545  ws://nethermind.example:8546
    ");
}

#[test]
fn answers_stand_beside_their_nodes() {
    let config = example("execution.toml");
    let findings = [
        finding("mainnet", "geth-a", Verdict::Ok, "at block 21000000"),
        finding("mainnet", "geth-b", Verdict::Warn, "syncing, at block 7"),
        finding("mainnet", "provider", Verdict::Fail, "refuses the call: \u{1b}[2J"),
    ];
    insta::assert_snapshot!(page(&config, Some(&findings)), @r"
    listen 127.0.0.1:8545 (no TLS, no keys), admin 127.0.0.1:9545

    /mainnet  execution, chain 1, a block every 12s
      NODE      TIER     WEIGHT  HTTP                                WEBSOCKET                         STATUS  ANSWER
      geth-a    primary  1       http://geth-a.example:8545          ws://geth-a.example:8546          ok      at block 21000000
      geth-b    primary  1       http://geth-b.example:8545          ws://geth-b.example:8546          warn    syncing, at block 7
      provider  backup   1       https://mainnet.provider.example/…  wss://mainnet.provider.example/…  FAIL    refuses the call: \u{1b}[2J
    ");
}

#[test]
fn the_casebook_server_stands_below_the_pools_where_it_was_asked() {
    let listener = |takes, verdict, said: &str| Listener {
        takes,
        address: "https://casebook.example.org".to_owned(),
        verdict,
        said: said.to_owned(),
    };
    let listeners = [
        listener("signals", Verdict::Ok, "knows the edge as edge-1"),
        listener("spans", Verdict::Fail, "answers 404\u{1b}"),
    ];
    let shown = casebook(&listeners);
    for line in [
        "  CASEBOOK  ADDRESS                       STATUS  ANSWER\n",
        "  signals   https://casebook.example.org  ok      knows the edge as edge-1\n",
        "  spans     https://casebook.example.org  FAIL    answers 404\\u{1b}\n",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    assert_eq!(casebook(&[]), "");
}

#[test]
fn a_pool_can_serve_while_one_node_is_well_and_none_is_against_the_file() {
    let config = example("execution.toml");
    let [ok, warn, fail] =
        [Verdict::Ok, Verdict::Warn, Verdict::Fail].map(|v| finding("mainnet", "x", v, ""));
    for (findings, expected) in [
        (vec![ok.clone(), ok.clone()], true),
        (vec![ok.clone(), warn.clone()], true),
        (vec![warn.clone()], false),
        (vec![ok, fail], false),
    ] {
        assert_eq!(can_serve(&config, &findings), expected, "{findings:?}");
    }
}
