//! How long detection took, by owner layer, as bars: the median and the worst. It draws numbers that it is handed.

use std::fmt::Write;

use super::put;
use crate::rca::required::span;
use crate::rca::stats::LayerStats;

/// More would be no chart; the table of `casebook rca stats` has them all.
const LAYERS_MAX: usize = 40;
const ROW_HEIGHT: usize = 26;
const BAR_LEFT: usize = 180;
const BAR_WIDTH: u64 = 480;
const NAME_CHARS_MAX: usize = 24;

pub(super) fn chart(out: &mut String, stats: &[LayerStats], html: &impl Fn(&str) -> String) {
    put!(out, "<section>\n<h2>Time to detect, by owner layer</h2>");
    let known: Vec<(&LayerStats, u64, u64)> = stats
        .iter()
        .filter_map(|each| Some((each, each.detect.median_ns?, each.detect.worst_ns?)))
        .filter(|(each, ..)| each.layer.is_some())
        .collect();
    let most = known.iter().map(|(.., worst)| *worst).max().unwrap_or(0);
    if known.is_empty() {
        put!(out, "<p>No document says both when it started and when it was detected.</p>\n</section>");
        return;
    }
    let shown = known.len().min(LAYERS_MAX);
    let height = shown * ROW_HEIGHT;
    put!(
        out,
        "<svg viewBox=\"0 0 860 {height}\" role=\"img\" aria-label=\"Median and worst time to detect\">"
    );
    for (row, (each, median, worst)) in known.iter().take(shown).enumerate() {
        let name = each.layer.as_deref().unwrap_or_default();
        let cut: String = name.chars().take(NAME_CHARS_MAX).collect();
        let (top, text) = (row * ROW_HEIGHT + 5, row * ROW_HEIGHT + 17);
        put!(out, "<g><title>{}: {} known</title>", html(name), each.detect.known);
        put!(out, "<text x=\"0\" y=\"{text}\">{}</text>", html(&cut));
        for (class, value) in [("worst", *worst), ("median", *median)] {
            let width = width(value, most);
            put!(
                out,
                "<rect class=\"{class}\" x=\"{BAR_LEFT}\" y=\"{top}\" width=\"{width}\" height=\"16\"/>"
            );
        }
        let after = BAR_LEFT as u64 + width(*worst, most) + 8;
        put!(out, "<text x=\"{after}\" y=\"{text}\">{}, worst {}</text></g>", span(*median), span(*worst));
    }
    put!(out, "</svg>");
    if known.len() > shown {
        put!(out, "<p>{} more layers: <code>casebook rca stats</code>.</p>", known.len() - shown);
    }
    put!(out, "</section>");
}

/// At least a line, so that nothing looks like a layer without incidents.
fn width(value: u64, most: u64) -> u64 {
    let width = u128::from(value) * u128::from(BAR_WIDTH) / u128::from(most.max(1));
    u64::try_from(width).unwrap_or(BAR_WIDTH).clamp(1, BAR_WIDTH)
}
