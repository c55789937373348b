//! Tidiness as a test: each rule of the house that a machine can judge, and one report of all of them.
//!
//! A rule is a function from text to findings. A finding is silenced on its own line, or the line
//! above, by `// tidy: allow(<rule>) because <reason>`; a silencer that silences nothing is a finding.

mod headers;
mod layers;
mod links;
mod names;
mod purity;
mod size;
mod text;

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

use crate::tree::{self, Source};

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Finding { path: path.to_owned(), line, rule, message: message.into() }
    }
}

/// Judges the tree under `root`; true when nothing was found.
pub(crate) fn run(root: &Path, tighten: bool) -> anyhow::Result<bool> {
    let sources = tree::read(root)?;
    let graph = layers::Graph::from_cargo(root)?;
    let layers = layers::Layers::read(root)?;
    let ratchet = size::Ratchet::read(root)?;
    if tighten {
        ratchet.tightened(&sources).write(root)?;
    }
    let ratchet = size::Ratchet::read(root)?;

    let mut findings: Vec<Finding> = sources.iter().flat_map(|source| judge_file(source, &layers)).collect();
    findings.extend(purity::hash_order(&sources, &layers));
    findings.extend(links::check(&sources, root));
    findings.extend(ratchet.check(&sources));
    let mut findings = apply_allows(findings, &sources);
    // What is wrong with the graph or the rule file has no line of code that could excuse it.
    findings.extend(layers::check(&layers, &graph));
    findings.sort();

    for Finding { path, line, rule, message } in &findings {
        println!("{path}:{line}: {rule}: {message}");
    }
    match findings.len() {
        0 => println!("tidy: {} files, {} crates, nothing to put right", sources.len(), graph.size()),
        count => println!("tidy: {count} to put right"),
    }
    Ok(findings.is_empty())
}

fn judge_file(source: &Source, layers: &layers::Layers) -> Vec<Finding> {
    let mut findings = headers::check(source);
    findings.extend(names::check(source));
    findings.extend(text::check(source));
    findings.extend(purity::check(source, layers));
    findings
}

/// Drops what an allow line excuses; adds a finding for each allow without a reason or without use.
fn apply_allows(findings: Vec<Finding>, sources: &[Source]) -> Vec<Finding> {
    let (allows, mut kept) = allow_lines(sources);
    let mut used = BTreeSet::new();
    for finding in findings {
        let excused = [finding.line, finding.line.saturating_sub(1)].into_iter().find_map(|line| {
            let key = (finding.path.clone(), line, finding.rule.to_owned());
            allows.contains(&key).then_some(key)
        });
        match excused {
            Some(key) => _ = used.insert(key),
            None => kept.push(finding),
        }
    }
    for (path, line, rule) in allows.difference(&used) {
        kept.push(Finding::new(path, *line, "allow", format!("allows `{rule}` where nothing breaks it")));
    }
    kept
}

type Allow = (String, usize, String);

fn allow_lines(sources: &[Source]) -> (BTreeSet<Allow>, Vec<Finding>) {
    let form = regex(r"((?://|#) tidy: allow\((\w+)\)( because \S.*)?$)");
    let (mut allows, mut findings) = (BTreeSet::new(), Vec::new());
    for source in sources.iter().filter(|source| source.extension() != "md") {
        for (index, line) in source.text.lines().enumerate() {
            let masked = source.code.as_ref().and_then(|code| code.lines().nth(index));
            let Some(found) = form.captures(line) else { continue };
            // In a Rust string the words are data, as in this tool's own tests.
            let start = found.get(1).map_or(0, |m| m.start());
            if masked.is_some_and(|masked| !masked[start..].trim().is_empty()) {
                continue;
            }
            let rule = found.get(2).map_or("", |m| m.as_str());
            if found.get(3).is_none() {
                findings.push(Finding::new(
                    &source.path,
                    index + 1,
                    "allow",
                    "give the reason: `because ...`",
                ));
            }
            allows.insert((source.path.clone(), index + 1, rule.to_owned()));
        }
    }
    (allows, findings)
}

/// A pattern of this tool's own; each is exercised by a test, so one that does not compile is seen there.
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern written in this tool, used by its tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excused(text: &str, line: usize) -> Vec<(usize, &'static str)> {
        let source = Source::new("crates/a/src/x.rs", text);
        let findings = vec![Finding::new(&source.path, line, "std_fs", "no")];
        apply_allows(findings, &[source]).into_iter().map(|f| (f.line, f.rule)).collect()
    }

    #[test]
    fn an_allow_with_a_reason_excuses_its_line_and_the_next() {
        assert_eq!(excused("a // tidy: allow(std_fs) because x\nb", 1), []);
        assert_eq!(excused("// tidy: allow(std_fs) because x\nb", 2), []);
        assert_eq!(excused("a(\"b\"); // tidy: allow(std_fs) because x\nb", 1), []);
    }

    #[test]
    fn an_allow_for_another_rule_or_place_excuses_nothing_and_is_itself_found() {
        assert_eq!(excused("// tidy: allow(clock) because x\nb", 2), [(2, "std_fs"), (1, "allow")]);
        assert_eq!(excused("// tidy: allow(std_fs) because x\n\nb", 3), [(3, "std_fs"), (1, "allow")]);
        assert_eq!(excused("f(\"// tidy: allow(std_fs) because x\");\nb", 1), [(1, "std_fs")]);
    }

    #[test]
    fn an_allow_without_a_reason_is_found() {
        assert_eq!(excused("// tidy: allow(std_fs)\nb", 2), [(1, "allow")]);
    }
}
