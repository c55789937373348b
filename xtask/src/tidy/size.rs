//! Lengths of files and functions, with a list of exceptions that can only shrink.
//!
//! An exception holds the length as it is now. Growing breaks it; shrinking asks for the smaller
//! number (`cargo xtask tidy --tighten` writes it). Nothing writes a larger one but a person.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Finding, regex};
use crate::mask;
use crate::tree::Source;

const FILE: &str = "xtask/ratchet.toml";
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const PROGRAMS: &[&str] = &["rs", "py", "js", "mjs", "ts", "sh"];

/// What is longer than the limit, by path or `path::function`.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ratchet {
    file_lines: BTreeMap<String, usize>,
    function_lines: BTreeMap<String, usize>,
}

/// One measured thing: its name in the ratchet, where it starts, how long it is.
struct Measured {
    name: String,
    path: String,
    line: usize,
    lines: usize,
}

impl Ratchet {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("reading {FILE}"))?;
        toml::from_str(&text).with_context(|| format!("parsing {FILE}"))
    }

    pub(super) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let note = "# Longer than the house limits (files 500 lines, functions 70). This list may only shrink:\n\
                    # `cargo xtask tidy --tighten` lowers the numbers, and a new entry needs a reason in its commit.\n\n";
        fs::write(root.join(FILE), format!("{note}{}", toml::to_string(self)?))
            .with_context(|| format!("writing {FILE}"))
    }

    pub(super) fn check(&self, sources: &[Source]) -> Vec<Finding> {
        let mut findings = compare("file_lines", FILE_LINES_MAX, &files(sources), &self.file_lines);
        findings.extend(compare(
            "function_lines",
            FUNCTION_LINES_MAX,
            &functions(sources),
            &self.function_lines,
        ));
        findings
    }

    /// The same list with what shrank lowered and what fits taken out; nothing raised, nothing added.
    pub(super) fn tightened(&self, sources: &[Source]) -> Ratchet {
        let tighten = |listed: &BTreeMap<String, usize>, found: Vec<Measured>, max: usize| {
            let found: BTreeMap<String, usize> = found.into_iter().map(|m| (m.name, m.lines)).collect();
            let lowered = listed.iter().filter_map(|(name, lines)| {
                found.get(name).filter(|now| **now > max).map(|now| (name.clone(), *lines.min(now)))
            });
            lowered.collect()
        };
        Ratchet {
            file_lines: tighten(&self.file_lines, files(sources), FILE_LINES_MAX),
            function_lines: tighten(&self.function_lines, functions(sources), FUNCTION_LINES_MAX),
        }
    }
}

fn compare(
    rule: &'static str,
    max: usize,
    found: &[Measured],
    listed: &BTreeMap<String, usize>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Measured { name, path, line, lines } in found.iter().filter(|m| m.lines > max) {
        let message = match listed.get(name) {
            None => format!("{lines} lines, the limit is {max}: something wants to be split"),
            Some(was) if lines > was => format!("{lines} lines, and it may not grow beyond {was}"),
            Some(was) if lines < was => {
                format!("down to {lines} lines from {was}: run `cargo xtask tidy --tighten`")
            }
            Some(_) => continue,
        };
        findings.push(Finding::new(path, *line, rule, message));
    }
    for name in listed.keys() {
        if !found.iter().any(|m| m.name == *name && m.lines > max) {
            findings.push(Finding::new(
                FILE,
                1,
                rule,
                format!("`{name}` needs no exception: run `cargo xtask tidy --tighten`"),
            ));
        }
    }
    findings
}

fn files(sources: &[Source]) -> Vec<Measured> {
    let programs = sources.iter().filter(|source| PROGRAMS.contains(&source.extension()));
    programs
        .map(|source| Measured {
            name: source.path.clone(),
            path: source.path.clone(),
            line: 1,
            lines: source.text.lines().count(),
        })
        .collect()
}

fn functions(sources: &[Source]) -> Vec<Measured> {
    let named = regex(r"\bfn\s+(\w+)");
    let mut found = Vec::new();
    for source in sources {
        let Some(code) = &source.code else { continue };
        for function in named.captures_iter(code) {
            let (Some(start), Some(name)) = (function.get(0), function.get(1)) else { continue };
            let line = mask::line_of(code, start.start());
            let last = mask::line_of(code, mask::item_end(code.as_bytes(), start.end()).saturating_sub(1));
            let name = format!("{}::{}", source.path, name.as_str());
            found.push(Measured { name, path: source.path.clone(), line, lines: last + 1 - line });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(body_lines: usize) -> Vec<Source> {
        let text = format!(
            "//! x\nfn short() {{}}\nfn long(a: [u8; 2]) -> u8 {{\n{}}}\n",
            "    a;\n".repeat(body_lines)
        );
        vec![Source::new("a.rs", &text)]
    }

    fn ratchet(text: &str) -> Ratchet {
        toml::from_str(text).unwrap()
    }

    fn rules(ratchet: &Ratchet, sources: &[Source]) -> Vec<(&'static str, usize)> {
        ratchet.check(sources).into_iter().map(|f| (f.rule, f.line)).collect()
    }

    #[test]
    fn too_long_is_found_and_the_limit_itself_is_fine() {
        assert_eq!(rules(&Ratchet::default(), &tree(68)), []);
        assert_eq!(rules(&Ratchet::default(), &tree(69)), [("function_lines", 3)]);
        assert_eq!(rules(&Ratchet::default(), &tree(600)), [("file_lines", 1), ("function_lines", 3)]);
        assert_eq!(rules(&Ratchet::default(), &[Source::new("a.md", &"x\n".repeat(600))]), []);
    }

    #[test]
    fn an_exception_holds_its_number_and_no_more() {
        let listed = ratchet("function_lines = { \"a.rs::long\" = 80 }");
        assert_eq!(rules(&listed, &tree(78)), []);
        assert_eq!(rules(&listed, &tree(79)), [("function_lines", 3)], "grown");
        assert_eq!(rules(&listed, &tree(77)), [("function_lines", 3)], "shrunk, so the number must follow");
        assert_eq!(rules(&listed, &tree(10)), [("function_lines", 1)], "fits, so the exception must go");
    }

    #[test]
    fn tightening_never_raises_or_adds() {
        let listed = ratchet("function_lines = { \"a.rs::long\" = 80, \"b.rs::gone\" = 90 }");
        assert_eq!(listed.tightened(&tree(73)), ratchet("function_lines = { \"a.rs::long\" = 75 }"));
        assert_eq!(listed.tightened(&tree(99)), ratchet("function_lines = { \"a.rs::long\" = 80 }"));
        assert_eq!(Ratchet::default().tightened(&tree(600)), Ratchet::default());
    }
}
