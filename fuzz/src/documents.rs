//! Documents: reports and the canonical form, the files of cases, and configuration.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use cases::{Case, InputLine};
use engine::canonical;
use engine::render;
use engine::report::Report;
use runtime::config::{Meaning, Said, Setting, value};
use serde_json::Value;

/// A value has one canonical form, which is its own; and a report that can be read can be shown and written again.
pub fn report(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let bytes = canonical::to_bytes(&value);
    let again: Value = serde_json::from_slice(&bytes).expect("the canonical form is JSON");
    assert_eq!(canonical::to_bytes(&again), bytes, "the canonical form of the canonical form");
    let Ok(report) = serde_json::from_value::<Report>(value) else { return };
    for text in [
        render::html(&report),
        render::markdown(&report),
        render::slack(&report).to_string(),
        render::pagerduty_note(&report).to_string(),
    ] {
        assert!(!text.contains('\u{1b}'), "no control character of outside text is shown as it is");
    }
    let written = serde_json::to_vec(&report).expect("a report can be written");
    let read: Report = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&read).ok(), Some(written));
}

/// `case.toml`, and a line of `inputs.ndjson`.
pub fn case_files(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok((case, _)) = Case::from_toml(text)
    {
        let written = case.to_toml().expect("a case can be written");
        let (again, unknown) = Case::from_toml(&written).expect("what was written can be read");
        assert_eq!(again.to_toml().ok(), Some(written));
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    if let Ok(line) = InputLine::read(data) {
        let mut written = Vec::new();
        line.write(&mut written).expect("memory can be written");
        let again = InputLine::read(written.trim_ascii_end()).expect("what was written can be read");
        let of = |line: &InputLine| (line.at, line.kind, line.provider);
        assert_eq!(of(&again), of(&line));
        let mut third = Vec::new();
        again.write(&mut third).expect("memory can be written");
        assert_eq!(third, written, "it is written as it was");
        let _ = cases::decode(&line);
    }
}

static REGISTER: &[Setting] = &[
    Setting { name: "duration", shape: "DURATION", default: Some("1s"), help: "" },
    Setting { name: "size", shape: "SIZE", default: None, help: "" },
    Setting { name: "count", shape: "COUNT", default: None, help: "" },
    Setting { name: "listen", shape: "ADDRESS", default: None, help: "" },
    Setting { name: "data", shape: "DIR", default: None, help: "" },
    Setting { name: "word", shape: "WORD", default: None, help: "" },
    Setting { name: "log", shape: "FILTER", default: None, help: "" },
];

thread_local! {
    /// Where the file of settings is written, time and again.
    static FILE: RefCell<Option<(tempfile::TempDir, PathBuf)>> = const { RefCell::new(None) };
}

/// The file of settings, each value's own grammar, and the engine's configuration.
pub fn settings(data: &[u8]) {
    let file = FILE.with_borrow_mut(|place| {
        let (_, file) = place.get_or_insert_with(|| {
            let directory = crate::seeds::directory_in_memory();
            let file = directory.path().join("casebook.toml");
            (directory, file)
        });
        file.clone()
    });
    fs::write(&file, data).expect("a file in memory can be written");
    let said = Said::gather(REGISTER, &BTreeMap::new(), |_| None, Some(&file));
    let mut meaning = Meaning::new(REGISTER, said);
    let _ = meaning.get("duration", value::duration);
    let _ = meaning.get("size", value::bytes);
    let _ = meaning.get("count", value::count(1, 64));
    let _ = meaning.get("listen", value::address);
    let _ = meaning.get("data", value::path);
    let _ = meaning.get("word", value::one_of(&[("durable", 1), ("buffered", 2)]));
    let _ = meaning.get("log", runtime::log_filter);
    let _ = meaning.finish(Some(())).map_err(|errors| assert!(!errors.to_string().is_empty()));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = value::duration(text);
    if let Ok(bytes) = value::bytes(text) {
        assert_eq!(value::bytes(&bytes.to_string()), Ok(bytes), "a size is that many bytes");
    }
    if let Ok(config) = engine::Config::from_json(text) {
        let written = config.to_json();
        let again = engine::Config::from_json(&written).expect("what was written can be read");
        assert_eq!(again.to_json(), written);
    }
}
