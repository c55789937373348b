//! Markdown links inside the repository lead somewhere: the file exists, and so does the heading.
//!
//! Links to other hosts are not followed: a check must not fail for what is not in the tree.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Finding, regex};
use crate::tree::Source;

pub(super) fn check(sources: &[Source], root: &Path) -> Vec<Finding> {
    let anchors: BTreeMap<&str, Vec<String>> = sources
        .iter()
        .filter(|source| source.extension() == "md")
        .map(|source| (source.path.as_str(), headings(&source.text)))
        .collect();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.extension() == "md") {
        for (line, target) in links(&source.text) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = resolve(&source.path, file);
            let problem = if !file.is_empty() && !root.join(&path).exists() {
                format!("`{target}` leads to no file")
            } else if !anchor.is_empty()
                && anchors.get(path.as_str()).is_some_and(|known| !known.iter().any(|k| k == anchor))
            {
                format!("`{target}` leads to no heading")
            } else {
                continue;
            };
            findings.push(Finding::new(&source.path, line, "link", problem));
        }
    }
    findings
}

/// Every local link target with its line, outside code blocks and code spans.
fn links(text: &str) -> Vec<(usize, String)> {
    let span = regex(r"`[^`]*`");
    let link = regex(r#"\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)"#);
    let outside = regex(r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*:|//)");
    prose(text)
        .flat_map(|(line, words)| {
            let words = span.replace_all(words, "``").into_owned();
            let targets: Vec<String> = link
                .captures_iter(&words)
                .filter_map(|found| found.get(1).or(found.get(2)).map(|m| m.as_str().to_owned()))
                .collect();
            targets.into_iter().map(move |target| (line, target))
        })
        .filter(|(_, target)| !outside.is_match(target))
        .collect()
}

/// The anchors that a Markdown page offers, as the usual renderers make them.
fn headings(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let heading = regex(r"^#{1,6}\s+(.*)$");
    let mut anchors = Vec::new();
    for (_, line) in prose(text) {
        let Some(title) = heading.captures(line).and_then(|found| found.get(1)) else { continue };
        let slug: String = title
            .as_str()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// `target` as seen from the file `from`, as a path from the root.
fn resolve(from: &str, target: &str) -> String {
    if target.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_page(text: &str) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("doc")).unwrap();
        let other = "# Other page\n\n## What it's for\n## What it's for\n";
        std::fs::write(folder.path().join("doc/other.md"), other).unwrap();
        let sources = [Source::new("doc/page.md", text), Source::new("doc/other.md", other)];
        check(&sources, folder.path()).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_link_to_no_file_or_heading_is_found() {
        assert_eq!(
            check_page("a [b](gone.md)\n[c](other.md#nowhere) [d](#nowhere)\n[e]: ../gone/"),
            [1, 2, 2, 3]
        );
    }

    #[test]
    fn good_links_and_code_are_left_alone() {
        let page = "# Here\n[a](other.md) [b](other.md#what-its-for-1) [c](/doc/other.md) [d](#here)\n\
                    [e](https://example.com/x#y) `[f](gone.md)`\n```\n[g](gone.md)\n```\n![h](../doc)";
        assert_eq!(check_page(page), [0; 0]);
    }
}
