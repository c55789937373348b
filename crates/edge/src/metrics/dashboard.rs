//! A dashboard for Grafana, made from the table of panels. Every query names metrics of the register, and every metric of
//! the register is on some panel; a test holds both. It must never know a pool or a node.

mod panels;

use serde_json::{Value, json};

use panels::{Look, Panel, ROWS};

/// Panels of a row stand side by side, in a grid of so many columns.
const GRID_COLUMNS: usize = 24;
const PANEL_HEIGHT: usize = 8;
const PANELS_PER_LINE: usize = 3;

/// What the numbers of a node's state mean, and how they are coloured.
const STANDINGS: &[(&str, &str, &str)] = &[
    ("0", "out", "red"),
    ("1", "suspect", "orange"),
    ("2", "draining", "yellow"),
    ("3", "serving", "green"),
];

/// The dashboard, as Grafana imports it.
pub fn dashboard_json() -> String {
    let dashboard = json!({
        "uid": "casebook-edge",
        "title": "Casebook edge",
        "description": "Generated from the register of metrics of casebook-edge.",
        "tags": ["casebook"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": variables() },
        "panels": panels(),
    });
    // Texts and numbers alone, which can always be written.
    format!("{dashboard:#}\n")
}

fn variables() -> Value {
    json!([
        { "name": "source", "label": "Data source", "type": "datasource", "query": "prometheus" },
        {
            "name": "pool",
            "label": "Pool",
            "type": "query",
            "datasource": source(),
            "query": { "query": "label_values(casebook_edge_node_state, pool)", "refId": "pool" },
            "multi": true,
            "includeAll": true,
            "current": { "text": ["All"], "value": ["$__all"] },
            "refresh": 2,
            "sort": 1,
        },
    ])
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "$source" })
}

fn panels() -> Vec<Value> {
    let (mut panels, mut y) = (Vec::new(), 0);
    for row in ROWS {
        panels.push(json!({
            "id": panels.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "panels": [],
            "gridPos": { "x": 0, "y": y, "w": GRID_COLUMNS, "h": 1 },
        }));
        y += 1;
        for line in row.panels.chunks(PANELS_PER_LINE) {
            let width = GRID_COLUMNS / line.len().max(1);
            for (at, one) in line.iter().enumerate() {
                let place = json!({ "x": at * width, "y": y, "w": width, "h": PANEL_HEIGHT });
                panels.push(panel(one, panels.len() + 1, &place));
            }
            y += PANEL_HEIGHT;
        }
    }
    panels
}

fn panel(panel: &Panel, id: usize, place: &Value) -> Value {
    let queries = panel.queries.iter().zip('A'..);
    let targets: Vec<_> = queries
        .map(|((expression, legend), name)| {
            json!({ "refId": name.to_string(), "expr": expression, "legendFormat": legend, "datasource": source() })
        })
        .collect();
    let (kind, defaults) = panel.look.shown();
    json!({
        "id": id,
        "type": kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": source(),
        "gridPos": place,
        "targets": targets,
        "fieldConfig": { "defaults": defaults, "overrides": [] },
    })
}

impl Look {
    /// The type of the panel, and how its values look.
    fn shown(self) -> (&'static str, Value) {
        match self {
            // The number of a block; it begins nowhere near zero.
            Self::Lines("none") => ("timeseries", json!({ "unit": "none" })),
            Self::Lines(unit) => ("timeseries", json!({ "unit": unit, "min": 0 })),
            Self::Standing => ("state-timeline", mapped(STANDINGS)),
            Self::Flag { good: 0 } => ("stat", mapped(&[("0", "no", "green"), ("1", "yes", "red")])),
            Self::Flag { .. } => ("stat", mapped(&[("0", "no", "red"), ("1", "yes", "green")])),
        }
    }
}

/// Values shown as coloured words.
fn mapped(words: &[(&str, &str, &str)]) -> Value {
    let options: serde_json::Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(at, (value, text, color))| {
            ((*value).to_owned(), json!({ "index": at, "text": text, "color": color }))
        })
        .collect();
    json!({ "mappings": [{ "type": "value", "options": options }] })
}

#[cfg(test)]
mod tests;
