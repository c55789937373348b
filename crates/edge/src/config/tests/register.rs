//! Every line of the register against the reader: it is read, judged, told of where it does not belong, and its change is
//! noticed as the line says.

use std::collections::BTreeMap;

use super::*;

/// Keys and values of every table, as they are written.
#[derive(Clone)]
struct File(BTreeMap<Table, BTreeMap<&'static str, String>>);

impl File {
    fn of(kind: Kind) -> Self {
        let mut file = Self(BTreeMap::new());
        let quoted = |text: &str| format!("{text:?}");
        for (table, key, value) in [
            (Table::Edge, "listen", quoted("127.0.0.1:8545")),
            (Table::Tls, "certificate", quoted("edge.pem")),
            (Table::Tls, "key", quoted("key.pem")),
            (Table::Casebook, "url", quoted("http://127.0.0.1:7420")),
            (Table::Key, "name", quoted("ops")),
            (Table::Key, "sha256", quoted(HASH)),
            (Table::Pool, "kind", quoted(kind.word())),
            (Table::Node, "name", quoted("a")),
            (Table::Node, "http_url", quoted("http://127.0.0.1:1")),
        ] {
            file.say(table, key, value);
        }
        if kind == Kind::Execution {
            file.say(Table::Pool, "chain_id", "1".to_owned());
        }
        file
    }

    fn say(&mut self, table: Table, key: &'static str, value: String) {
        self.0.entry(table).or_default().insert(key, value);
    }

    fn with(&self, setting: &Setting, value: &str) -> String {
        let mut file = self.clone();
        file.say(setting.table, setting.key, value.to_owned());
        file.text()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (table, keys) in &self.0 {
            text.push_str(&format!("{}\n", table.heading().replace("NAME", "p")));
            keys.iter().for_each(|(key, value)| text.push_str(&format!("{key} = {value}\n")));
        }
        text
    }
}

fn place(setting: &Setting) -> String {
    let table = match setting.table {
        Table::Edge => "edge",
        Table::Tls => "edge.tls",
        Table::Casebook => "casebook",
        Table::Key => "keys[0]",
        Table::Pool => "pools.p",
        Table::Node => "pools.p.nodes[0]",
    };
    format!(" {table}.{}: ", setting.key)
}

/// A value beside the shape or its bounds.
fn wrong(shape: Shape) -> String {
    let text = match shape {
        Shape::Address | Shape::Url(_) => "nowhere",
        Shape::File => "",
        Shape::Filter => "edge=loud",
        Shape::Hashes => "00",
        Shape::Name => "a b",
        Shape::Origins => "app.example",
        Shape::Path => "health",
        Shape::Word(_) => "neither",
        Shape::Flag | Shape::Headers | Shape::Secret => return "7".to_owned(),
        Shape::Count { min: 0, max } => return (max + 1).to_string(),
        Shape::Count { min, .. } => return (min - 1).to_string(),
        Shape::Duration { max, .. } => return format!("\"{}ms\"", max + 1),
        Shape::Size { max, .. } => return format!("\"{}\"", max + 1),
    };
    format!("{text:?}")
}

/// A value that is neither the default nor what `File::of` says.
fn other(setting: &Setting) -> String {
    let default = match setting.absent {
        Absent::Is(text) => text,
        Absent::Refused | Absent::Means(_) => "",
    };
    let text = match setting.shape {
        Shape::Address => "127.0.0.1:1",
        Shape::File => "other.pem",
        Shape::Filter => "debug",
        Shape::Name => "other",
        Shape::Origins => "https://other.example",
        Shape::Path => "/other",
        Shape::Secret => "other",
        Shape::Url(Schemes::Http) => "http://127.0.0.1:9999",
        Shape::Url(Schemes::WebSocket) => "ws://127.0.0.1:9999",
        Shape::Word(words) => words.iter().find(|word| **word != default).unwrap(),
        Shape::Hashes => return format!("[{HASH:?}, {:?}]", HASH.replace('9', "8")),
        Shape::Headers => return "{ x-other = \"1\" }".to_owned(),
        Shape::Flag => return (default == "false").to_string(),
        Shape::Count { .. } => return default.parse().map_or(2, |count: u64| count + 1).to_string(),
        Shape::Size { .. } => return (runtime::config::value::bytes(default).unwrap() + 1).to_string(),
        Shape::Duration { .. } => {
            let default = runtime::config::value::duration(default).unwrap_or(Duration::from_secs(3));
            return format!("\"{}ms\"", default.as_millis() + 1);
        }
    };
    format!("{text:?}")
}

#[test]
fn every_default_can_be_read_in_every_kind_of_pool() {
    for kind in Kind::ALL {
        parse(&File::of(*kind).text()).unwrap();
    }
}

#[test]
fn every_setting_is_read_and_judged() {
    for setting in REGISTER {
        let file = File::of(setting.kinds[0]);
        let told = faults(&file.with(setting, &wrong(setting.shape)));
        let place = place(setting);
        assert!(
            told.iter().any(|fault| fault.contains(&place) && fault.contains("expected")),
            "{place}{told:?}"
        );
        parse(&file.with(setting, &other(setting))).unwrap();
    }
}

#[test]
fn every_setting_that_has_to_be_given_is_missed() {
    for setting in REGISTER.iter().filter(|setting| setting.absent == Absent::Refused) {
        let mut file = File::of(Kind::Execution);
        file.0.get_mut(&setting.table).unwrap().remove(setting.key);
        let (told, place) = (faults(&file.text()), place(setting));
        assert!(
            told.iter().any(|fault| fault.contains(&format!("{place}has to be given"))),
            "{place}{told:?}"
        );
    }
    let mut file = File::of(Kind::Execution);
    file.0.get_mut(&Table::Pool).unwrap().remove("chain_id");
    assert!(faults(&file.text())[0].contains("pools.p.chain_id: has to be given"));
}

#[test]
fn settings_of_one_kind_of_pool_are_refused_in_the_others() {
    for setting in REGISTER {
        for kind in Kind::ALL.iter().filter(|kind| !setting.kinds.contains(kind)) {
            let told = faults(&File::of(*kind).with(setting, &other(setting)));
            let expected = format!("{}means nothing in a pool of kind {}", place(setting), kind.word());
            assert!(told.iter().any(|fault| fault.contains(&expected)), "{expected}: {told:?}");
        }
    }
}

#[test]
fn a_misspelt_setting_is_told_with_the_one_that_was_meant() {
    for setting in REGISTER.iter().filter(|setting| setting.key.len() > 3) {
        let misspelt = format!("{}{}", &setting.key[..1], &setting.key[2..]);
        let mut file = File::of(setting.kinds[0]);
        file.0.entry(setting.table).or_default().insert(misspelt.clone().leak(), "1".to_owned());
        let told = faults(&file.text());
        let expected = format!("{misspelt}: no setting has this name; did you mean {}?", setting.key);
        assert!(told.iter().any(|fault| fault.ends_with(&expected)), "{expected}: {told:?}");
    }
    let told = faults(&format!("frame_bytes_max = 1\nlog = \"info\"\nlistn = \"x\"\n{MINIMAL}"));
    assert_eq!(
        told,
        [
            "edge.toml:1 frame_bytes_max: no setting has this name; it stands in [pools.NAME]",
            "edge.toml:2 log: no setting has this name; it stands in [edge]",
            "edge.toml:3 listn: no setting has this name; did you mean listen in [edge]?",
        ]
    );
}

#[test]
fn every_change_is_noticed_and_counts_when_the_register_says() {
    for setting in REGISTER.iter().filter(|setting| setting.key != "kind") {
        let file = File::of(setting.kinds[0]);
        let old = parse(&file.text()).unwrap();
        let new = parse(&file.with(setting, &other(setting))).unwrap();
        let changes = new.changes(&old);
        let expected = match (setting.key, setting.counts) {
            // It is a word to the reader alone.
            ("allow_public_without_keys", _) => (false, false),
            (_, Counts::AtReload) => (true, false),
            (_, Counts::AtRestart) => (false, true),
        };
        assert_eq!((!changes.live.is_empty(), !changes.restart.is_empty()), expected, "{}", place(setting));
        assert!(new.changes(&new).is_empty());
    }
    let (old, new) = (File::of(Kind::Consensus).text(), File::of(Kind::Http).text());
    let changes = parse(&new).unwrap().changes(&parse(&old).unwrap());
    assert_eq!((changes.live, changes.restart), (vec![], vec!["pools.p.kind".to_owned()]));
}

#[test]
fn pools_nodes_and_keys_come_and_go_by_name() {
    let change = |old: &str, new: &str| -> Vec<String> {
        let (old, new) = (parse(old).unwrap(), parse(new).unwrap());
        new.changes(&old).live.iter().map(ToString::to_string).collect()
    };
    let two = format!("{MINIMAL}[[pools.mainnet.nodes]]\nname = \"b\"\nhttp_url = \"http://b\"\n");
    let turned = format!(
        "{}[[pools.mainnet.nodes]]\nname = \"geth-a\"\nhttp_url = \"http://10.0.0.11:8545\"\n",
        MINIMAL.replace("geth-a", "b").replace("10.0.0.11:8545", "b")
    );
    let key = format!("[[keys]]\nname = \"ops\"\nsha256 = \"{HASH}\"\n");
    for (old, new, expected) in [
        (MINIMAL, two.as_str(), &["node b of pool mainnet added"][..]),
        (&two, MINIMAL, &["node b of pool mainnet removed"]),
        (&two, &turned, &["nodes of pool mainnet stand in another order"]),
        (MINIMAL, &MINIMAL.replace("mainnet", "other"), &["pool other added", "pool mainnet removed"]),
        (
            MINIMAL,
            &format!("{MINIMAL}weight = 2"),
            &["node geth-a of pool mainnet has another tier, weight or limits"],
        ),
        (
            MINIMAL,
            &MINIMAL.replace("8545", "8546"),
            &["node geth-a of pool mainnet has another address, other headers or another dial_timeout"],
        ),
        (MINIMAL, &format!("{MINIMAL}{key}"), &["key ops added"]),
        (&format!("{MINIMAL}{key}"), MINIMAL, &["key ops removed"]),
        (&format!("{MINIMAL}{key}"), &format!("{MINIMAL}{key}connections_max = 1"), &["key ops changed"]),
    ] {
        assert_eq!(change(old, new), expected, "{new}");
    }
}
