//! What a configuration means, what is wrong with one, and what is never shown of it.

mod examples;
mod register;
mod secrets;

use proptest::prelude::*;

use super::*;

pub(super) const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

const MINIMAL: &str = r#"
[pools.mainnet]
kind = "execution"
chain_id = 1

[[pools.mainnet.nodes]]
name = "geth-a"
http_url = "http://10.0.0.11:8545"
"#;

const WHOLE: &str = r#"
[edge]
listen = "0.0.0.0:8545"
admin_listen = "127.0.0.1:9545"
drain_lead = "5s"
drain_grace = "45s"
tls = { certificate = "edge.pem", key = "/keys/edge.pem" }

[casebook]
url = "https://casebook.example.org"
key = "${CASEBOOK_KEY}"

[[keys]]
name = "ops"
sha256 = ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
bytes_per_second = "1MiB"

[pools.mainnet]
kind = "execution"
chain_id = 0x1
block_time = "1s"
dial_timeout = "1s"
hedge_percent_max = 0

[[pools.mainnet.nodes]]
name = "geth-a"
http_url = "http://10.0.0.11:8545"
ws_url = "ws://10.0.0.11:8546"
weight = 3

[[pools.mainnet.nodes]]
name = "provider"
tier = "backup"
http_url = "https://ada:${PASSWORD}@provider.example.org/v3/${CASEBOOK_KEY}"
headers = { "x-api-key" = "${file:key}" }
attempt_timeout = "2s"
dial_timeout = "500ms"

[pools.beacon]
kind = "consensus"

[[pools.beacon.nodes]]
name = "teku"
http_url = "http://10.0.0.12:5051"
"#;

/// Nearly everything that can be wrong, with values that may not be repeated.
const WRONG: &str = r#"
listn = "127.0.0.1:1"
deadline = "1s"

[edge]
listen = "canary"
admin_listen = "10.0.0.1:9545"
idle_timeout = "canary"
connections_max = 0
log = ["canary"]
tls = { certificate = "a.pem", key = "broken.pem" }

[casebook]
url = "ftp://canary"
key = "${MISSING_KEY}"

[pools.status]
kind = "executions"

[pools.mainnet]
kind = "execution"
attempt_timeout = "40s"
dial_timeout = "${SECONDS}"
health_path = "/canary"
nodes = [
    { name = "a", http_url = "http://canary:x/", tier = "primry", wight = 1 },
    { name = "b", http_url = "http://canary/#canary", headers = { "upgrade" = "canary", "x y" = "canary", x-b = 1 } },
    { name = "b", http_url = "http://canary/", ws_url = "http://canary/" },
    { name = "c", http_url = "http://canary/", deadline = "1s", dial_timeout = "20s" },
]

[pools.web]
kind = "http"
chain_id = 1
[[pools.web.nodes]]
name = "x"
http_url = "http://canary"
ws_url = "ws://canary"
"#;

/// Reads a text beside a folder `conf`, with variables that name themselves and files that do.
pub(super) fn parse(text: &str) -> Result<Config, ConfigErrors> {
    let variable = |name: &str| (!name.starts_with("MISSING")).then(|| format!("value-of-{name}"));
    let file = |path: &Path| Ok(format!("text-of-{}\n", path.display()));
    parse_with(text, &variable, &file)
}

pub(super) fn parse_with(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    file: &dyn Fn(&Path) -> Result<String, String>,
) -> Result<Config, ConfigErrors> {
    let tls = |files: &TlsFiles| match files.key.ends_with("broken.pem") {
        true => Err("broken.pem: holds no private key in PEM".to_owned()),
        false => Ok(()),
    };
    Config::parse(text, "edge.toml", &Surroundings { folder: Path::new("conf"), variable, file, tls: &tls })
}

fn faults(text: &str) -> Vec<String> {
    parse(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_short_file_means_the_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.edge.listen.to_string(), "127.0.0.1:8545");
    assert_eq!((config.edge.tls.as_ref(), config.casebook.as_ref(), config.keys.len()), (None, None, 0));
    let [pool] = &config.pools[..] else { panic!("{config:?}") };
    assert_eq!((&*pool.name, pool.kind(), pool.chain_id()), ("mainnet", Kind::Execution, Some(1)));
    assert_eq!((pool.limits.deadline, pool.limits.hedge_percent_max), (Duration::from_secs(30), 5));
    // Three block times would be 36 s.
    assert_eq!(pool.chain().unwrap().stall_after, Duration::from_secs(5));
    let [node] = &pool.nodes[..] else { panic!("{pool:?}") };
    assert_eq!((node.tier, node.weight, node.ws.as_ref()), (Tier::Primary, 1, None));
    assert_eq!((node.dial_timeout, node.attempt_timeout), (Duration::from_secs(2), Duration::from_secs(10)));
}

#[test]
fn a_long_file_means_what_it_says() {
    let config = parse(WHOLE).unwrap();
    let tls = config.edge.tls.unwrap();
    assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("conf/edge.pem"), Some("/keys/edge.pem")));
    let casebook = config.casebook.unwrap();
    assert_eq!(casebook.key.unwrap().expose(), "value-of-CASEBOOK_KEY");
    assert_eq!((casebook.service.as_str(), casebook.env), ("casebook-edge", None));
    let [key] = &config.keys[..] else { panic!("{:?}", config.keys) };
    assert_eq!((&*key.name, key.limits.bytes_per_second), ("ops", 1 << 20));
    assert_eq!(key.hashes, [KeyHash::of(b"test")]);
    let [beacon, mainnet] = &config.pools[..] else { panic!("{:?}", config.pools) };
    assert_eq!((beacon.kind(), beacon.chain_id()), (Kind::Consensus, None));
    assert_eq!(mainnet.chain().unwrap().stall_after, Duration::from_secs(3));
    let [geth, provider] = &mainnet.nodes[..] else { panic!("{mainnet:?}") };
    assert_eq!((geth.weight, geth.dial_timeout), (3, Duration::from_secs(1)));
    assert_eq!(geth.ws.as_ref().unwrap().url.expose().as_str(), "ws://10.0.0.11:8546/");
    assert_eq!((provider.tier, provider.dial_timeout), (Tier::Backup, Duration::from_millis(500)));
    // User and password went into a header; `ada:value-of-PASSWORD` in base64.
    let url = "https://provider.example.org/v3/value-of-CASEBOOK_KEY";
    assert_eq!(provider.http.url.expose().as_str(), url);
    let headers: Vec<_> =
        provider.http.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let basic = "Basic YWRhOnZhbHVlLW9mLVBBU1NXT1JE";
    assert_eq!(headers, [("x-api-key", "text-of-conf/key"), ("authorization", basic)]);
}

#[test]
fn everything_wrong_is_said_at_once_with_its_line_and_without_a_value() {
    let told = faults(WRONG).join("\n");
    assert!(!told.contains("canary"), "{told}");
    insta::assert_snapshot!(told, @r#"
    edge.toml:2 listn: no setting has this name; did you mean listen in [edge]?
    edge.toml:3 deadline: no setting has this name; it stands in [pools.NAME]
    edge.toml:6 edge.listen: expected an address such as 127.0.0.1:8545
    edge.toml:7 edge.admin_listen: can be reached from other machines and asks nobody for a key; use 127.0.0.1 or [::1], or say allow_public_without_keys = true
    edge.toml:8 edge.idle_timeout: expected a duration such as 250ms, 10s or 5m, from 1s to 1h
    edge.toml:9 edge.connections_max: expected a whole number, from 1 to 1000000
    edge.toml:10 edge.log: expected a log filter such as info or edge=debug,warn
    edge.toml:11 edge.tls: broken.pem: holds no private key in PEM
    edge.toml:14 casebook.url: does not begin with http:// or https://; expected a URL such as http://127.0.0.1:8545
    edge.toml:15 casebook.key: the variable MISSING_KEY is not set
    edge.toml:17 pools.status: no pool can be called so: livez, readyz, status, metrics are taken
    edge.toml:17 pools.status.nodes: has 0 nodes; at least 1 and at most 64 may be
    edge.toml:18 pools.status.kind: expected one of execution, consensus, http; did you mean execution?
    edge.toml:20 pools.mainnet.chain_id: has to be given: the number of the chain, such as 1; a node of another chain is found by it
    edge.toml:22 pools.mainnet.attempt_timeout: is longer than deadline
    edge.toml:23 pools.mainnet.dial_timeout: expected a duration such as 250ms, 10s or 5m, from 50ms to 1m; variables stand in URLs, headers and the key of [casebook] only
    edge.toml:24 pools.mainnet.health_path: means nothing in a pool of kind execution, only in http
    edge.toml:26 pools.mainnet.nodes[0].http_url: is no URL: invalid port number; expected a URL such as http://127.0.0.1:8545
    edge.toml:26 pools.mainnet.nodes[0].tier: expected one of primary, backup; did you mean primary?
    edge.toml:26 pools.mainnet.nodes[0].wight: no setting has this name; did you mean weight?
    edge.toml:27 pools.mainnet.nodes[1].http_url: has a fragment, which is never sent; expected a URL such as http://127.0.0.1:8545
    edge.toml:27 pools.mainnet.nodes[1].headers.upgrade: is a header that the connection itself sets
    edge.toml:27 pools.mainnet.nodes[1].headers.…: is no name of a header
    edge.toml:27 pools.mainnet.nodes[1].headers.x-b: expected a text such as "${API_KEY}"
    edge.toml:28 pools.mainnet.nodes[2].ws_url: does not begin with ws:// or wss://; expected a URL such as ws://127.0.0.1:8546
    edge.toml:29 pools.mainnet.nodes[3].deadline: no setting has this name; it stands in [pools.NAME]
    edge.toml:34 pools.web.chain_id: means nothing in a pool of kind http, only in execution and consensus
    edge.toml:38 pools.web.nodes[0].ws_url: means nothing in a pool of kind http, only in execution
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_lines_and_nothing_else() {
    let told = faults("a = = \"canary\"\n[edge\nlisten = \"canary\nb = 1").join("\n");
    assert!(told.contains("edge.toml:1: is not TOML: ") && !told.contains("canary"), "{told}");
}

#[test]
fn tables_of_another_shape_are_told_of_once() {
    for (text, expected) in [
        ("", "edge.toml:1: has no pool; expected a table [pools.NAME] and at least one [[pools.NAME.nodes]]"),
        ("pools = 1", "edge.toml:1 pools: expected tables such as [pools.mainnet]"),
        ("[pools]", "edge.toml:1 pools: has 0 pools; at least 1 and at most 64 may be"),
        ("pools.a = 1", "edge.toml:1 pools.a: expected a table: [pools.NAME]"),
        (
            "pools.a.kind = \"http\"",
            "edge.toml:1 pools.a.nodes: has 0 nodes; at least 1 and at most 64 may be",
        ),
        (
            "[pools.a]\nkind = \"http\"\nnodes = 3",
            "edge.toml:3 pools.a.nodes: expected a list of tables: [[pools.NAME.nodes]]",
        ),
        (
            "[pools.a]\nkind = \"http\"\nnodes = [3]",
            "edge.toml:3 pools.a.nodes[0]: expected a table: [[pools.NAME.nodes]]",
        ),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
    for (head, expected) in [
        ("edge = 1", "edge.toml:1 edge: expected a table: [edge]"),
        ("keys = 1", "edge.toml:1 keys: expected a list of tables: [[keys]]"),
        ("keys = []", "edge.toml:1 keys: has to be 1 to 4096 keys"),
        ("casebook = []", "edge.toml:1 casebook: expected a table: [casebook]"),
        ("edge.tls = true", "edge.toml:1 edge.tls: expected a table: [edge.tls]"),
    ] {
        assert_eq!(faults(&format!("{head}\n{MINIMAL}")), [expected], "{head}");
    }
}

#[test]
fn a_public_address_needs_keys_or_a_word() {
    let with = |edge: &str, rest: &str| parse(&format!("[edge]\n{edge}\n{MINIMAL}\n{rest}"));
    let key = format!("[[keys]]\nname = \"a\"\nsha256 = \"{HASH}\"");
    for (address, keys_are_enough) in
        [("listen = \"0.0.0.0:8545\"", true), ("admin_listen = \"[::]:9545\"", false)]
    {
        let errors = with(address, "").unwrap_err().to_string();
        assert!(errors.contains("can be reached from other machines"), "{errors}");
        assert_eq!(with(address, &key).is_ok(), keys_are_enough, "{address}");
        with(&format!("{address}\nallow_public_without_keys = true"), "").unwrap();
    }
    with("listen = \"[::1]:8545\"", "").unwrap();
    // Keys that are wrong are a fault of their own.
    let errors = with("listen = \"0.0.0.0:8545\"", "[[keys]]\nname = \"a\"\nsha256 = \"00\"").unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
}

#[test]
fn names_hashes_and_addresses_stand_once() {
    let key = |name: &str, hash: &str| format!("[[keys]]\nname = \"{name}\"\nsha256 = \"{hash}\"\n");
    let other = HASH.replace('9', "8");
    parse(&[MINIMAL, &key("a", HASH), &key("b", &other)].concat()).unwrap();
    for (keys, part) in [
        ([key("a", HASH), key("a", &other)], "name: is the name of another key"),
        ([key("a", HASH), key("b", HASH)], "sha256: holds a hash that stands twice"),
    ] {
        let told = faults(&[MINIMAL, &keys.concat()].concat());
        assert!(told.len() == 1 && told[0].contains(part), "{told:?}");
    }
    let node =
        |name: &str, url: &str| format!("[[pools.mainnet.nodes]]\nname = \"{name}\"\nhttp_url = \"{url}\"\n");
    for (more, part) in [
        (node("geth-a", "http://b"), "name: is the name of another node"),
        (node("b", "http://10.0.0.11:8545/"), "http_url: is the address of another node"),
    ] {
        let told = faults(&format!("{MINIMAL}\n{more}"));
        assert!(told.len() == 1 && told[0].contains(part), "{told:?}");
    }
    let same = "[edge]\nlisten = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:1\"\n";
    assert!(faults(&format!("{same}{MINIMAL}"))[0].contains("is the address of listen already"));
    parse(&format!("{}{MINIMAL}", same.replace(":1\"", ":0\""))).unwrap();
}

#[test]
fn names_of_pools_are_parts_of_paths() {
    for name in ["mainnet", "a", "0-9", &"a".repeat(63)] {
        parse(&MINIMAL.replace("mainnet", name)).unwrap();
    }
    for name in ["livez", "status", "metrics", "readyz", "Main", "a_b", "\"a/b\"", "\"\"", &"a".repeat(64)] {
        let told = faults(&MINIMAL.replace("mainnet", name));
        assert!(
            told.len() == 1 && (told[0].contains("name of a pool") || told[0].contains("are taken")),
            "{told:?}"
        );
    }
}

#[test]
fn only_so_many_faults_are_shown() {
    let text: String = (0..250).map(|n| format!("unknown{n} = 1\n")).collect();
    let told = faults(&format!("{text}{MINIMAL}"));
    assert_eq!((told.len(), told[100].as_str()), (101, "edge.toml: and 150 more"));
    assert_eq!(told[9], "edge.toml:10 unknown9: no setting has this name");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = parse(&text).map_err(|errors| errors.to_string());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\"=.,#$a-z0-9 \n]{0,3}"), 1..6)
    ) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, put) in cuts {
            let at = at.index(text.len());
            text.splice(at..=at, put.chars());
        }
        let text: String = text.into_iter().collect();
        match parse(&text) {
            Ok(config) => prop_assert!(!config.pools.is_empty()),
            Err(errors) => prop_assert!(!errors.0.is_empty()),
        }
    }
}
