//! The page of `/metrics` against the register: names, types, labels, and what is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn names() -> (Arc<str>, Arc<str>) {
    ("mainnet".into(), "geth-a".into())
}

fn metrics() -> EdgeMetrics {
    let metrics = EdgeMetrics::default();
    metrics.watch_tls(&TlsMetrics::default());
    metrics
}

/// The label names of each series on the page, by the series' name.
fn series(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let labels =
            labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
        found.entry(name.to_owned()).or_default().extend(labels.filter(|label| label != "le"));
    }
    found
}

#[test]
fn the_page_has_what_the_register_says_and_nothing_else() {
    let metrics = metrics();
    let (pool, node) = names();
    let (_pool, _node) = (metrics.pool(&pool), metrics.node(&pool, &node));
    let page = metrics.render();
    let expected: BTreeMap<String, BTreeSet<String>> = METRICS
        .iter()
        .flat_map(|metric| metric.kind.endings().iter().map(move |ending| (metric, ending)))
        .map(|(metric, ending)| {
            let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
            (format!("casebook_{}{ending}", metric.spec.name), labels)
        })
        .collect();
    assert_eq!(series(&page), expected);
    for metric in METRICS {
        let line = format!("# TYPE casebook_{} {}\n", metric.spec.name, metric.kind.word());
        assert!(page.contains(&line), "{line}");
    }
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn names_in_the_register_stand_once() {
    for (at, metric) in METRICS.iter().enumerate() {
        let name = metric.spec.name;
        assert!(METRICS[..at].iter().all(|other| other.spec.name != name), "{name}");
        assert!(name.starts_with("edge_"), "{name}");
    }
}

#[test]
fn the_same_series_come_back_and_count_on() {
    let metrics = metrics();
    let (pool, node) = names();
    metrics.pool(&pool).requests(Class::Write, Outcome::Answered).inc();
    metrics.pool(&pool).requests(Class::Write, Outcome::Answered).inc();
    metrics.node(&pool, &node).attempts(Transport::Http, crate::core::Fault::Status(503)).inc();
    let page = metrics.render();
    let calls = "casebook_edge_requests_total{pool=\"mainnet\",class=\"write\",outcome=\"answered\"} 2\n";
    assert!(page.contains(calls), "{page}");
    let attempts = "{pool=\"mainnet\",node=\"geth-a\",transport=\"http\",error_class=\"status\"} 1\n";
    assert!(page.contains(&format!("casebook_edge_attempts_total{attempts}")), "{page}");
}

#[test]
fn what_is_gone_leaves_nothing_on_the_page() {
    let metrics = metrics();
    let before = series(&metrics.render());
    let (pool, node) = names();
    let other: Arc<str> = "geth-b".into();
    let _ = (metrics.pool(&pool), metrics.node(&pool, &node), metrics.node(&pool, &other));
    metrics.forget_node(&pool, &node);
    let page = metrics.render();
    assert!(!page.contains("geth-a") && page.contains("geth-b"), "{page}");
    metrics.forget_pool(&pool, &[other]);
    let page = metrics.render();
    assert!(!page.contains("mainnet"), "{page}");
    assert_eq!(series(&page), before);
}
