//! Queries, legends and panels against the register.

use super::super::register::{EdgeMetric, METRICS};
use super::*;

/// The metric that a name of a series belongs to.
fn metric(series: &str) -> Option<&'static EdgeMetric> {
    METRICS.iter().find(|metric| {
        metric.kind.endings().iter().any(|ending| series == format!("casebook_{}{ending}", metric.spec.name))
    })
}

/// Every series that a query names, with what stands behind it up to the next one.
fn named(query: &str) -> Vec<(&str, &str)> {
    let starts: Vec<_> = query.match_indices("casebook_").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([query.len()]);
    let pieces = starts.iter().zip(ends).map(|(start, end)| &query[*start..end]);
    pieces
        .map(|piece| piece.split_at(piece.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap()))
        .collect()
}

fn queries() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|row| row.panels).flat_map(|panel| panel.queries).map(|(query, _)| *query)
}

#[test]
fn every_query_names_metrics_of_the_register_and_their_labels() {
    for query in queries() {
        let series = named(query);
        assert!(!series.is_empty(), "{query}");
        for (name, behind) in &series {
            let metric = metric(name).unwrap_or_else(|| panic!("{name} is not in the register: {query}"));
            let selector =
                behind.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(s, _)| s);
            for part in selector.split(',').filter(|part| !part.is_empty()) {
                let label = part.split(['=', '!']).next().unwrap();
                assert!(metric.labels.contains(&label), "{label} is no label of {name}: {query}");
            }
            assert_eq!(metric.labels.contains(&"pool"), selector.contains("pool=~"), "{query}");
        }
        for (_, after) in query.match_indices("by (").map(|(at, by)| query.split_at(at + by.len())) {
            for label in after.split_once(')').unwrap().0.split(", ").filter(|label| *label != "le") {
                assert!(
                    series.iter().any(|(name, _)| metric(name).unwrap().labels.contains(&label)),
                    "{label}: {query}"
                );
            }
        }
    }
}

#[test]
fn every_metric_is_on_some_panel() {
    for one in METRICS {
        let shown = queries().flat_map(named).any(|(name, _)| metric(name) == Some(one));
        assert!(shown, "{} is on no panel", one.spec.name);
    }
}

#[test]
fn legends_name_labels_that_their_query_keeps() {
    for (query, legend) in ROWS.iter().flat_map(|row| row.panels).flat_map(|panel| panel.queries) {
        for label in legend.split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0) {
            let is_kept = match query.split_once("by (").and_then(|(_, rest)| rest.split_once(')')) {
                Some((labels, _)) => labels.split(", ").any(|kept| kept == label),
                None => metric(named(query)[0].0).unwrap().labels.contains(&label),
            };
            assert!(is_kept, "{label} of {legend}: {query}");
        }
    }
}

#[test]
fn panels_fill_their_lines_and_have_ids_of_their_own() {
    let panels = panels();
    for (at, panel) in panels.iter().enumerate() {
        assert_eq!(panel["id"], at + 1);
        let place = &panel["gridPos"];
        assert!(
            place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= GRID_COLUMNS as u64,
            "{panel}"
        );
    }
    assert_eq!(
        serde_json::from_str::<Value>(&dashboard_json()).unwrap()["panels"].as_array().unwrap().len(),
        panels.len()
    );
}
