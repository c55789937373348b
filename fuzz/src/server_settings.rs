//! The files of a server that belong together: its settings, and the keys, targets and secrets that these name. Built
//! by command alone, because it needs the whole server.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;

use runtime::config::Said;
use server::{REGISTER, Settings};

use crate::seeds::directory_in_memory;

const FILES: [&str; 4] = ["casebook.toml", "keys.toml", "notify.toml", "secrets"];
/// Stands in every file that others than the fuzzed one hold, and must never be told.
const SECRET: &str = "xoxb-never-told";

/// The first byte says which of the files the rest is; the others are sound.
pub fn server_settings(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let fuzzed = usize::from(*which) % FILES.len();
    // The folder, and which of its files is not sound.
    thread_local!(static FOLDER: (tempfile::TempDir, Cell<Option<usize>>) = (directory_in_memory(), Cell::new(None)));
    FOLDER.with(|(folder, unsound)| {
        let path = |name: &str| folder.path().join(name);
        let before = unsound.replace(Some(fuzzed));
        for (at, name) in FILES.into_iter().enumerate() {
            let content = if at == fuzzed { rest } else { sound(name).as_bytes() };
            if at == fuzzed || before.is_none_or(|before| before == at) {
                fs::write(path(name), content).expect("a file in memory can be written");
            }
        }
        let mut said = BTreeMap::new();
        let names = [("keys", "keys.toml"), ("notify", "notify.toml"), ("pagerduty-secrets", "secrets")];
        if fuzzed != 0 {
            said.extend(names.map(|(name, file)| (name, path(file).display().to_string())));
            said.insert("data", path("data").display().to_string());
        }
        let file = path("casebook.toml");
        match Settings::from_said(Said::gather(REGISTER, &said, |_| None, Some(&file))) {
            Ok(settings) => assert!(!format!("{settings:?}").contains(SECRET), "a secret is told"),
            Err(errors) => {
                let text = errors.to_string();
                assert!(!text.is_empty(), "what is wrong is said");
                assert!(!text.contains(SECRET), "{text}");
            }
        }
    });
}

fn sound(name: &str) -> &'static str {
    match name {
        "casebook.toml" => "tick = \"1s\"\n",
        "notify.toml" => {
            "[[target]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://example.org/xoxb-never-told\"\nsecret = \"xoxb-never-told\"\n"
        }
        "secrets" => "xoxb-never-told-xoxb-never-told-xoxb\n",
        _ => "",
    }
}
