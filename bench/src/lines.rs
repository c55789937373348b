//! Charts of lines over time as SVG, one below the other. Plain shapes and text, as in `chart`. Knows nothing of what
//! the lines stand for.

use std::fmt::Write as _;

use crate::chart::{COLOURS, escaped, head, line, short, steps, text};

const LEFT: f64 = 72.0;
const RIGHT: f64 = 190.0;
const WIDTH: f64 = 860.0;
const TOP: f64 = 56.0;
const PANEL: f64 = 150.0;
const BETWEEN: f64 = 56.0;

#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Minutes, and what was measured then.
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) fn to_svg(title: &str, panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL + BETWEEN);
    let mut svg = String::new();
    head(&mut svg, height, title);
    let points = || panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
    let minutes = points().map(|point| point.0).fold(0.0, f64::max);
    for (at, panel) in panels.iter().enumerate() {
        draw(&mut svg, panel, TOP + at as f64 * (PANEL + BETWEEN), minutes);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, top: f64, minutes: f64) {
    let bottom = top + 20.0 + PANEL - 20.0;
    let values = panel.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (step, largest) = steps(values.fold(0.0, f64::max));
    let (step_x, last) = steps(minutes);
    let x = |minute: f64| LEFT + minute / last * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| bottom - value / largest * (bottom - top - 20.0);
    text(svg, "group", (16.0, top + 8.0), "start", &panel.name);
    for (step, end, across) in [(step, largest, true), (step_x, last, false)] {
        let mut at = 0.0;
        while at <= end * 1.000_1 {
            if across {
                line(svg, "grid", (LEFT, y(at)), (WIDTH - RIGHT, y(at)));
                text(svg, "quiet", (LEFT - 8.0, y(at) + 4.0), "end", &short(at));
            } else {
                text(svg, "quiet", (x(at), bottom + 18.0), "middle", &format!("{} min", short(at)));
            }
            at += step;
        }
    }
    for (number, drawn) in panel.lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points: Vec<String> =
            drawn.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>",
            points.join(" ")
        );
        let at = top + 30.0 + number as f64 * 20.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\n<text class=\"quiet\" \
             x=\"{:.1}\" y=\"{at:.1}\">{}</text>",
            WIDTH - RIGHT + 16.0,
            at - 6.0,
            WIDTH - RIGHT + 36.0,
            escaped(&drawn.name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_within_the_page_and_words_stay_words() {
        let points = vec![(0.0, 0.0), (1.0, 250.0), (60.0, 1_000.0)];
        let panels = [
            Panel { name: "a<b".to_owned(), lines: vec![Line { name: "x&y".to_owned(), points }] },
            Panel { name: "empty".to_owned(), lines: Vec::new() },
        ];
        let svg = to_svg("t", &panels);
        assert!(svg.contains("a&lt;b") && svg.contains("x&amp;y") && !svg.contains("a<b"), "{svg}");
        assert!(svg.contains("72.0,206.0") && svg.contains("670.0,76.0"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
