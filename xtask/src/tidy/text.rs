//! What no file may say: paths of one machine, hosts of a package registry, work without an owner; and no page:
//! a time that still has to be measured.
//!
//! The words looked for are put together from halves, so that this file does not find itself.

use regex_lite::Regex;

use super::{Finding, regex};
use crate::tree::Source;

/// Lockfiles name where packages come from by their format; the licence is not ours to edit.
const EXEMPT: &[&str] = &["Cargo.lock", "LICENSE"];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if EXEMPT.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let (rules, placeholder) = (rules(), regex(r"\bTIME-[A-Z]+\b"));
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for (rule, pattern, message) in &rules {
            if pattern.is_match(line) {
                findings.push(Finding::new(&source.path, index + 1, rule, *message));
            }
        }
        if source.extension() == "md" && placeholder.is_match(line) {
            let message = "a placeholder for a time: measure it and write it down";
            findings.push(Finding::new(&source.path, index + 1, "placeholder", message));
        }
    }
    findings
}

fn rules() -> [(&'static str, Regex, &'static str); 3] {
    let path = concat!(r"(?:^|[^\w./}:-])/(?:wor", r"k|roo", r"t|h", r"ome/\w+|t", r"mp/\w+)(?:/|$|[^\w-])");
    let host = concat!(
        r"registry\.np",
        r"mjs\.org|registry\.yarn",
        r"pkg\.com|\bpy",
        r"pi\.org|files\.python",
        r"hosted\.org",
        r"|(?:static|index)\.crates\.",
        r"io|proxy\.go",
        r"lang\.org"
    );
    let owner = concat!(r"\b(?:TO", r"DO|FIX", r"ME|XX", r"X|HA", r"CK)\b(?:[^(\w]|$|\(\))");
    [
        ("local_path", regex(path), "a path of one machine: take it from an argument or make it relative"),
        (
            "registry_host",
            regex(host),
            "a registry's host name: name the package, the client knows its registry",
        ),
        ("owner", regex(owner), "work without an owner: write TODO(name): what and when, or do it"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<&'static str> {
        check(&Source::new("a.txt", line)).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn paths_of_one_machine() {
        for path in [
            concat!("/wo", "rk/main"),
            concat!("cd /roo", "t"),
            concat!("\"/ho", "me/jo/x\""),
            concat!("/tm", "p/mine/x"),
        ] {
            assert_eq!(found(path), ["local_path"], "{path}");
        }
        for fine in
            ["a/work/b", "https://example.com/home/x", "$X/root/y", "/v1/events", "/workers", "{dir}/work"]
        {
            assert_eq!(found(fine), [""; 0], "{fine}");
        }
    }

    #[test]
    fn hosts_of_registries() {
        for host in [
            concat!("https://registry.np", "mjs.org/x"),
            concat!("py", "pi.org"),
            concat!("index.crates.", "io"),
        ] {
            assert_eq!(found(host), ["registry_host"], "{host}");
        }
        assert_eq!(found("the registry of RCAs"), [""; 0]);
    }

    #[test]
    fn a_time_still_to_be_measured_on_a_page() {
        let rules = |path, line| -> Vec<_> {
            check(&Source::new(path, line)).into_iter().map(|finding| (finding.rule, finding.line)).collect()
        };
        assert_eq!(rules("a.md", "Fast:\nTIME-DEMO, most of it the build."), [("placeholder", 2)]);
        for fine in ["REAL-TIME-ish", "TIME-out", "TIME - A", "OVERTIME-PAY", "`--until TIME`"] {
            assert_eq!(rules("a.md", fine), [], "{fine}");
        }
        assert_eq!(rules("a.rs", "TIME-DEMO"), []);
    }

    #[test]
    fn work_without_an_owner() {
        for line in [concat!("// TO", "DO: later"), concat!("# FIX", "ME"), concat!("TO", "DO() x")] {
            assert_eq!(found(line), ["owner"], "{line}");
        }
        for line in [concat!("// TO", "DO(mara): split by June"), "mastodon", "HACKNEY"] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }
}
