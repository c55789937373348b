//! The published test vectors of the report hash (`doc/formats/vectors`), which are golden files of the core too:
//! `UPDATE_VECTORS=1 cargo test -p sim vectors` writes them, without it the test compares byte by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::{canonical, sha256_hex};
use model::{
    Deployment, Event, Input, Nanos, OperatorAction, OperatorActionKind, Outcome, ReportDocument, Signal,
    SignalKind,
};
use serde_json::Value;
use sim::{Arrivals, Fault, Replica};

use super::{START_S, arrivals, delivery, deployment, run, signal, traffic};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../doc/formats/vectors");

#[test]
fn vectors_are_what_the_engine_writes() {
    let vectors = [
        ("dependency-outage", dependency_outage()),
        ("bad-version", bad_version()),
        ("panic-resolved", panic_resolved()),
        ("no-evidence", no_evidence()),
        ("hostile-text", hostile_text()),
    ];
    let mut files = BTreeMap::new();
    for (name, report) in &vectors {
        let value: Value = serde_json::from_slice(&report.bytes).unwrap();
        let input = rewritten(&value);
        let read: Value = serde_json::from_str(&input).unwrap();
        assert_eq!(canonical::to_bytes(&read), report.bytes, "{name}: the input's canonical form");
        assert_eq!(sha256_hex(&report.bytes), report.hash, "{name}");
        files.insert(format!("{name}.json"), report.bytes.clone());
        files.insert(format!("{name}.sha256"), format!("{}  {name}.json\n", report.hash).into_bytes());
        files.insert(format!("{name}.input.json"), input.into_bytes());
    }
    if must_write() {
        write(&files);
    }
    compare(&files);
}

#[expect(clippy::disallowed_methods, reason = "a switch of this test, and no setting of what ships")]
fn must_write() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some()
}

fn compare(files: &BTreeMap<String, Vec<u8>>) {
    let published = published();
    assert_eq!(published.keys().collect::<BTreeSet<_>>(), files.keys().collect(), "the files in {FOLDER}");
    for (name, bytes) in files {
        let (found, expected) = (&published[name], bytes);
        let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len());
        let around = |bytes: &[u8]| {
            let (from, to) = (at.saturating_sub(60).min(bytes.len()), (at + 60).min(bytes.len()));
            String::from_utf8_lossy(&bytes[from..to]).into_owned()
        };
        assert!(
            found == expected,
            "{name} differs at byte {at}:\npublished {:?}\nnow       {:?}\n\
             if the change is meant: UPDATE_VECTORS=1 cargo test -p sim vectors",
            around(found),
            around(expected)
        );
    }
}

fn published() -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let vectors = entries.filter(|path| is_vector(path));
    vectors
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

fn is_vector(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json" || extension == "sha256")
}

fn write(files: &BTreeMap<String, Vec<u8>>) {
    published().keys().for_each(|name| std::fs::remove_file(Path::new(FOLDER).join(name)).unwrap());
    for (name, bytes) in files {
        std::fs::write(Path::new(FOLDER).join(name), bytes).unwrap();
    }
}

/// The same document as another program might write it: indented, members in reverse order, all that is not ASCII and
/// every slash escaped, every number with an exponent.
fn rewritten(value: &Value) -> String {
    let mut out = String::new();
    rewrite(value, 0, &mut out);
    out + "\n"
}

fn rewrite(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize| format!("\n{}", " ".repeat(depth));
    match value {
        Value::Null | Value::Bool(_) => *out += &value.to_string(),
        Value::Number(number) => *out += &format!("{:e}", number.as_f64().unwrap()),
        Value::String(text) => *out += &escaped(text),
        Value::Array(items) => {
            *out += "[";
            for (i, item) in items.iter().enumerate() {
                *out += if i > 0 { "," } else { "" };
                *out += &line(depth + 1);
                rewrite(item, depth + 1, out);
            }
            *out += &(line(depth) + "]");
        }
        Value::Object(members) => {
            *out += "{";
            for (i, (name, member)) in members.iter().rev().enumerate() {
                *out += if i > 0 { "," } else { "" };
                *out += &format!("{}{} : ", line(depth + 1), escaped(name));
                rewrite(member, depth + 1, out);
            }
            *out += &(line(depth) + "}");
        }
    }
}

fn escaped(text: &str) -> String {
    let unit = |unit: u16| match unit {
        0x20 | 0x21 | 0x23..=0x2e | 0x30..=0x5b | 0x5d..=0x7e => char::from(unit as u8).to_string(),
        0x2f => "\\/".to_owned(),
        other => format!("\\u{other:04X}"),
    };
    format!("\"{}\"", text.encode_utf16().map(unit).collect::<String>())
}

fn newest(replica: &Replica) -> ReportDocument {
    assert_eq!(replica.incidents.len(), 1, "{:#?}", replica.incidents);
    replica.reports.last().unwrap().clone()
}

fn second(n: u64) -> Nanos {
    Nanos::from_secs(START_S + n)
}

/// payment's card provider is down, and says so.
fn dependency_outage() -> ReportDocument {
    let delivery = delivery(101);
    let (mut arrivals, _) =
        arrivals(traffic(101, 12), &[(90, Fault::None), (20, Fault::CardProviderDown)], &delivery);
    arrivals.add_fact(
        second(91),
        Input::Signals(vec![Signal {
            kind: SignalKind::Dependency,
            subtype: "status_page".into(),
            service: None,
            instance: None,
            subject: Some("card-provider".into()),
            status: "down".into(),
            ..signal("status-17", "panic", "", second(88))
        }]),
    );
    newest(&run(&arrivals, &delivery, 1))
}

/// A deployment with all its fields, and one that came too late to be the cause.
fn bad_version() -> ReportDocument {
    let delivery = delivery(102);
    let (mut arrivals, _) =
        arrivals(traffic(102, 12), &[(90, Fault::None), (20, Fault::BadVersion)], &delivery);
    let bad = Deployment {
        previous_version: Some("2.4.0".into()),
        commit: Some("9f2c1e7".into()),
        pull_request: Some("https://example.com/shop/pull/812".into()),
        author: Some("robin".into()),
        ..deployment("checkout", "2.4.1", second(89))
    };
    arrivals.add_fact(second(89), Input::Deployments(vec![bad]));
    arrivals.add_fact(second(100), Input::Deployments(vec![deployment("gateway", "5.1.0", second(99))]));
    newest(&run(&arrivals, &delivery, 2))
}

/// One request in four panics; an operator comments, it ends, and the incident is resolved.
fn panic_resolved() -> ReportDocument {
    let delivery = delivery(103);
    let phases = [(90, Fault::None), (25, Fault::Panic), (120, Fault::None)];
    let (mut arrivals, _) = arrivals(traffic(103, 12), &phases, &delivery);
    arrivals.add_fact(second(91), Input::Signals(vec![signal("panic-1", "panic", "inventory", second(90))]));
    let incident = *run(&arrivals, &delivery, 1).incidents.keys().next().unwrap();
    let act = |kind| Input::Operator(OperatorAction { incident, actor: "robin".into(), kind });
    arrivals.add_fact(second(100), act(OperatorActionKind::Acknowledge));
    arrivals.add_fact(second(110), act(OperatorActionKind::Comment("restarted inventory-0".into())));
    newest(&run(&arrivals, &delivery, 1))
}

/// No trace could be read, so nothing is known of origin and cause.
fn no_evidence() -> ReportDocument {
    let delivery = delivery(104);
    let (arrivals, _) =
        arrivals(traffic(104, 12), &[(90, Fault::None), (12, Fault::CardProviderDown)], &delivery);
    let mut replica = Replica::new(1);
    for second in arrivals.seconds() {
        for (now, input) in arrivals.second(second, &delivery) {
            replica.step(now, input);
        }
    }
    replica.reports.last().unwrap().clone()
}

/// Every text that comes from outside is hostile: other scripts, quotes, markup, control characters, characters
/// outside the first plane, names whose order differs between UTF-8 and UTF-16.
fn hostile_text() -> ReportDocument {
    let delivery = delivery(105);
    let mut arrivals = Arrivals::default();
    let (mut shop, mut rng) = (sim::Shop::new(traffic(105, 12)), sim::Rng::new(105));
    for (from, to, fault) in [(0, 90, Fault::None), (90, 105, Fault::CardProviderDown)] {
        for n in from..to {
            for (events, _) in shop.second(second(n), fault) {
                arrivals.add(events.into_iter().map(disguised).collect(), &delivery, &mut rng);
            }
        }
    }
    let payment = hostile("payment");
    let names = ["\u{fb33}", "\u{1f600}", "\u{e9}", "e\u{301}", "\r", "1", "10", "", "\u{80}", "a\"b\\c/d"];
    let news = Signal {
        instance: Some("\u{1f980}-0\u{7f}".into()),
        status: "d\u{f6}wn".into(),
        message: "</script><img src=x onerror=alert(1)> \u{2028}\u{2029}\u{feff} [a](http://x) | \\".into(),
        attributes: names.into_iter().zip(names).map(|(k, v)| (k.into(), v.into())).collect(),
        ..signal("\u{10ffff}\u{0}", "panic", &payment, second(89))
    };
    arrivals.add_fact(second(90), Input::Signals(vec![news]));
    let version = "v\u{2460}\t\"2\"";
    arrivals.add_fact(second(90), Input::Deployments(vec![deployment(&payment, version, second(89))]));
    newest(&run(&arrivals, &delivery, 4))
}

fn disguised(mut event: Event) -> Event {
    event.service = hostile(&event.service).into();
    event.operation = hostile(&event.operation).into();
    event.peer = hostile(&event.peer).into();
    if let Outcome::Failed(failure) = &mut event.outcome {
        failure.code = hostile(&failure.code).into();
        failure.reason = "\u{1b}[31m\"refused\"\u{0}\r\n\u{202e}\u{1d11e}\u{e000}".into();
    }
    event
}

fn hostile(text: &str) -> String {
    let disguise = match text {
        "gateway" => "g\u{e4}te\"way\\",
        "checkout" => "\u{447}\u{435}\u{43a}\u{430}\u{443}\u{442}\u{1f6d2}",
        "payment" => "\u{652f}\u{6255}\u{1f4b3}",
        "card-provider" => "\u{0}\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} \u{7f}\u{80}card",
        "POST /charges" => "POST '/charges' {\"a\": [1, null]} \u{fb33}\u{1f600}",
        "ECONNREFUSED" => "E\u{ffff}\u{10000}<b>&amp;",
        other => other,
    };
    disguise.to_owned()
}
