//! Guards of the kind `link`: every alert names a section of a runbook that is there and says something. It reads alert
//! rules as Prometheus has them, and headings of Markdown; it follows no link out of the tree.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::hit::{self, Hit};
use super::yaml::{self, Node};

/// What of an alert names its runbook, and where runbooks are served.
#[derive(Debug)]
pub(super) struct Link {
    /// The annotation's key.
    pub(super) annotation: String,
    /// What stands before the path in the tree; nothing where links are paths.
    pub(super) base: String,
}

/// What is wrong with the alerts of these files. Runbooks are those of `runbooks`, by path.
pub(super) fn find(link: &Link, alerts: &[(&str, &str)], runbooks: &[(&str, &str)]) -> Vec<Hit> {
    let sections: BTreeMap<&str, BTreeMap<String, bool>> =
        runbooks.iter().map(|(path, text)| (*path, sections(text))).collect();
    let mut hits = Vec::new();
    for (path, text) in alerts {
        match yaml::read(text) {
            Ok(documents) => {
                let alerts = documents.iter().flat_map(alerts_of);
                let wrong = alerts.filter_map(|alert| judged(link, alert, &sections).err());
                hits.extend(hit::on_lines(path, Some(text), wrong.map(|(line, why)| (line, 1, why))));
            }
            Err((line, why)) => {
                let wrong = (line, 1, format!("it is no YAML: {why}"));
                hits.extend(hit::on_lines(path, Some(text), std::iter::once(wrong)));
            }
        }
    }
    hits
}

/// Rules that alert, wherever a document keeps its groups: of Prometheus itself, or of its operator.
fn alerts_of(document: &Node) -> Vec<&Node> {
    let groups = document.get("groups").or_else(|| document.get("spec")?.get("groups"));
    let groups = groups.map(Node::items).unwrap_or_default();
    let rules = groups.iter().filter_map(|group| group.get("rules")).flat_map(Node::items);
    rules.filter(|rule| rule.get("alert").is_some()).collect()
}

fn judged(
    link: &Link,
    alert: &Node,
    sections: &BTreeMap<&str, BTreeMap<String, bool>>,
) -> Result<(), (usize, String)> {
    let name = alert.get("alert").and_then(Node::text).unwrap_or_default();
    let told = |node: &Node, why: String| Err((node.line, format!("{name}: {why}")));
    let named = alert.get("annotations").and_then(|all| all.get(&link.annotation));
    let Some((node, target)) = named.and_then(|node| Some((node, node.text()?.trim()))) else {
        return told(alert, format!("it has no annotation {}", link.annotation));
    };
    let Some(target_path) = target.strip_prefix(&link.base) else {
        return told(node, format!("{target} does not begin with {}", link.base));
    };
    let Some((path, section)) = target_path.split_once('#') else {
        return told(node, format!("{target} names no section: # and its heading are missing"));
    };
    match sections.get(path.trim_start_matches('/')).map(|all| all.get(section)) {
        None => told(node, format!("there is no runbook {path}")),
        Some(None) => told(node, format!("{path} has no section #{section}")),
        Some(Some(false)) => told(node, format!("the section #{section} of {path} is empty")),
        Some(Some(true)) => Ok(()),
    }
}

/// Anchors of headings as pages show them, and whether anything stands in the section or in those within it.
fn sections(text: &str) -> BTreeMap<String, bool> {
    let mut all: BTreeMap<String, bool> = BTreeMap::new();
    let mut again: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    // Those that are open, each with its level and whether something stands in it: at most one of a level.
    let mut open: Vec<(HeadingLevel, String, bool)> = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some(String::new());
                while let Some((_, slug, says)) = open.pop_if(|(outer, ..)| *outer >= level) {
                    closed(&mut all, &mut open, slug, says);
                }
            }
            Event::End(TagEnd::Heading(level)) => {
                let slug = anchor(&heading.take().unwrap_or_default(), &all, &mut again);
                all.insert(slug.clone(), false);
                open.push((level, slug, false));
            }
            Event::Text(text) | Event::Code(text) => match (&mut heading, open.last_mut()) {
                (Some(heading), _) => heading.push_str(&text),
                (None, Some((_, _, says))) => *says |= !text.trim().is_empty(),
                (None, None) => {}
            },
            _ => {}
        }
    }
    while let Some((_, slug, says)) = open.pop() {
        closed(&mut all, &mut open, slug, says);
    }
    all
}

/// What a section says, the one around it says too.
fn closed(
    all: &mut BTreeMap<String, bool>,
    open: &mut [(HeadingLevel, String, bool)],
    slug: String,
    says: bool,
) {
    if let Some((_, _, outer)) = open.last_mut() {
        *outer |= says;
    }
    all.insert(slug, says);
}

/// Small letters, digits, `-` and `_`; a heading that comes again has a number behind it. `again` is the last number of
/// each: who counted from the beginning would count for ever in a file of equal headings.
fn anchor(heading: &str, known: &BTreeMap<String, bool>, again: &mut BTreeMap<String, usize>) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
        _ => None,
    });
    let slug = kept.collect::<String>().to_lowercase();
    let mut numbered = slug.clone();
    let number = again.entry(slug.clone()).or_default();
    while known.contains_key(&numbered) {
        *number += 1;
        numbered = format!("{slug}-{number}");
    }
    numbered
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const RUNBOOK: &str = "# Payments\n\n## Card provider is down\n\nCall `them`.\n\n## Nothing yet\n\n\
                           ## Card provider is down\n\nAgain.\n";

    fn found(rules: &str) -> Vec<(usize, String)> {
        let link =
            Link { annotation: "runbook_url".to_owned(), base: "https://runbooks.example/".to_owned() };
        let hits = find(&link, &[("alerts/a.yml", rules)], &[("doc/pay.md", RUNBOOK)]);
        hits.into_iter().map(|hit| (hit.line, hit.note)).collect()
    }

    #[test]
    fn every_alert_names_a_section_that_says_something() {
        let rules = |url: &str| {
            format!(
                "groups:\n- name: pay\n  rules:\n  - record: x\n    expr: y\n  - alert: Slow\n    expr: z\n    \
                 annotations:\n      runbook_url: {url}\n"
            )
        };
        for (url, expected) in [
            ("https://runbooks.example/doc/pay.md#card-provider-is-down", None),
            ("\"https://runbooks.example/doc/pay.md#card-provider-is-down-1\"", None),
            ("https://runbooks.example/doc/pay.md", Some("names no section")),
            ("https://runbooks.example/doc/pay.md#gone", Some("has no section #gone")),
            ("https://runbooks.example/doc/pay.md#nothing-yet", Some("is empty")),
            ("https://runbooks.example/doc/gone.md#x", Some("there is no runbook doc/gone.md")),
            ("https://elsewhere.example/doc/pay.md#x", Some("does not begin with")),
        ] {
            let found = found(&rules(url));
            match expected {
                None => assert_eq!(found, [], "{url}"),
                Some(why) => {
                    assert!(
                        found.len() == 1 && found[0].0 == 9 && found[0].1.contains(why),
                        "{url}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn alerts_without_a_runbook_and_files_that_are_no_yaml_are_found() {
        let none = "spec:\n  groups:\n  - rules:\n    - alert: Slow\n      expr: z\n";
        assert_eq!(found(none), [(4, "Slow: it has no annotation runbook_url".to_owned())]);
        let two = format!("{}---\n{}", "groups: []\n", none);
        assert_eq!(found(&two).first().map(|(line, _)| *line), Some(6));
        assert!(found("groups: [").first().is_some_and(|(_, why)| why.contains("no YAML")));
        assert!(found("a: &x 1\nb: *x\n").first().is_some_and(|(_, why)| why.contains("alias")));
        assert!(found(&"[".repeat(300)).first().is_some_and(|(_, why)| why.contains("no YAML")));
        assert_eq!(found("other: thing\n"), []);
    }

    #[test]
    fn what_stands_under_headings_within_a_section_counts() {
        for (text, expected) in [
            ("# A\n## B\nx\n# C\n", "a=true b=true c=false"),
            ("# A\n## B\n### C\nx\n## D\n", "a=true b=true c=true d=false"),
            ("# A\n## B\n## C\n", "a=false b=false c=false"),
            ("### A\n## B\nx\n# B\n# B\n", "a=false b=true b-1=false b-2=false"),
            ("# B-1\n# B\n# B\nx\n", "b=false b-1=false b-2=true"),
        ] {
            let told: Vec<_> = sections(text).iter().map(|(slug, says)| format!("{slug}={says}")).collect();
            assert_eq!(told.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn files_that_were_made_to_hurt_end_soon() {
        let began = Instant::now();
        assert_eq!(sections(&"# a\n".repeat(100_000)).len(), 100_000);
        let alerts = format!("groups:\n- rules:\n{}", "  - alert: a\n".repeat(20_000));
        assert_eq!(found(&alerts).len(), 1001);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}
