//! `casebook rca stats`: how long it took to detect, to find the owner and to mitigate, and how rules are kept. It only
//! shows.

use clap::Args;
use register::rca::{Enforced, LayerStats, Spread, by_mode, enforced, span};
use serde_json::json;

use super::folder::Folder;
use crate::exit::{Exit, Failure};
use crate::guards::Keepers;
use crate::table::{Column, Table, terminal_width};
use crate::{escape, output};

/// Says how long it took to detect, to find the owner and to mitigate, by owner layer, and how rules are kept
///
/// To detect and to mitigate counts from the start, to find the owner from the detection; the median, and the worst. Drafts
/// and superseded documents do not count there. Rules are counted by the strictest mode of their guards; those that no guard
/// keeps are named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca stats
  casebook rca stats --json | jq '.layers[] | {layer, worst: .detect.worst_seconds}'
  casebook rca stats --json | jq '.rules[] | select(.mode == null).id'")]
pub(super) struct Stats {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    keepers: Keepers,
}

impl Stats {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let (entries, guards) = (self.folder.read()?.entries(), self.keepers.read()?);
        let stats = register::rca::stats(&entries);
        let rules = enforced(&entries, &guards);
        if self.json {
            output::json(&format!("{:#}", page(&stats, &rules)))
        } else {
            output::text(&format!("{}\n{}", text(&stats), kept(&rules)))
        }
    }
}

/// How many rules are kept by which mode, and which are not.
fn kept(rules: &[Enforced<'_>]) -> String {
    let unenforced = rules.iter().filter(|rule| rule.mode().is_none());
    let lines = unenforced.map(|each| {
        format!("unenforced: {} ({})\n", escape::line(&each.rule.id), escape::line(&each.entry.id))
    });
    format!("{}\n{}", by_mode(rules), lines.collect::<String>())
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

fn page(stats: &[LayerStats], rules: &[Enforced<'_>]) -> serde_json::Value {
    let layers: Vec<_> = stats.iter().filter(|each| each.layer.is_some()).map(layer).collect();
    json!({
        "schema": "casebook.rca-stats/v1",
        "all": stats.first().map(layer),
        "layers": layers,
        "rules": rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rule(each: &Enforced<'_>) -> serde_json::Value {
    let guards: Vec<_> = each
        .guards
        .iter()
        .map(|guard| {
            json!({
                "guard": guard.guard, "mode": guard.mode.as_str(), "proved": guard.is_proved,
                "defects": guard.defects, "runs": guard.runs, "catches": guard.catches,
            })
        })
        .collect();
    json!({
        "id": each.rule.id,
        "document": each.entry.id,
        "mode": each.mode().map(|mode| mode.as_str()),
        "guards": guards,
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
