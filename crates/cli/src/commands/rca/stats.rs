//! `casebook rca stats`: how long it took to detect, to find the owner and to mitigate. It only shows.

use clap::Args;
use register::rca::{LayerStats, Spread, span};
use serde_json::json;

use super::folder::Folder;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};

/// Says how long it took to detect, to find the owner and to mitigate, by owner layer
///
/// To detect and to mitigate counts from the start, to find the owner from the detection; the median, and the worst. Drafts
/// and superseded documents do not count.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca stats
  casebook rca stats --json | jq '.layers[] | {layer, worst: .detect.worst_seconds}'")]
pub(super) struct Stats {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
}

impl Stats {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let stats = register::rca::stats(&self.folder.read()?.entries());
        if self.json { output::json(&format!("{:#}", page(&stats))) } else { output::text(&text(&stats)) }
    }
}

fn text(stats: &[LayerStats]) -> String {
    let mut table = Table::new(&[
        Column::Text("OWNER LAYER"),
        Column::Number("RCAS"),
        Column::Number("DETECT"),
        Column::Number("WORST"),
        Column::Number("OWNER"),
        Column::Number("WORST"),
        Column::Number("MITIGATE"),
        Column::Number("WORST"),
    ]);
    // All together stand below.
    for each in stats.iter().skip(1).chain(stats.first()) {
        let layer = each.layer.as_deref().unwrap_or("all");
        let shown = |nanos: Option<u64>| nanos.map_or_else(|| "-".to_owned(), span);
        let [detect, owner, mitigate] = [&each.detect, &each.owner, &each.mitigate]
            .map(|spread| [shown(spread.median_ns), shown(spread.worst_ns)]);
        let ([detect, detect_worst], [owner, owner_worst]) = (detect, owner);
        let [mitigate, mitigate_worst] = mitigate;
        let count = each.documents.to_string();
        table.row([layer, &count, &detect, &detect_worst, &owner, &owner_worst, &mitigate, &mitigate_worst]);
    }
    table.render(terminal_width())
}

fn page(stats: &[LayerStats]) -> serde_json::Value {
    let layers: Vec<_> = stats.iter().filter(|each| each.layer.is_some()).map(layer).collect();
    json!({
        "schema": "casebook.rca-stats/v1",
        "all": stats.first().map(layer),
        "layers": layers,
    })
}

fn layer(each: &LayerStats) -> serde_json::Value {
    json!({
        "layer": each.layer,
        "documents": each.documents,
        "detect": spread(&each.detect),
        "owner": spread(&each.owner),
        "mitigate": spread(&each.mitigate),
    })
}

fn spread(spread: &Spread) -> serde_json::Value {
    let seconds = |nanos: Option<u64>| nanos.map(|nanos| nanos / model::SECOND_NS);
    json!({
        "known": spread.known,
        "median_seconds": seconds(spread.median_ns),
        "worst_seconds": seconds(spread.worst_ns),
        "worst_in": spread.worst_in,
    })
}
