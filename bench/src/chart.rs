//! A chart of bars as SVG: groups of bars with the spread of each. Plain shapes and text, no script, readable on a
//! light and on a dark page. Knows nothing of what the bars stand for.

use std::fmt::Write as _;

use crate::figures::Spread;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 252.0;
const RIGHT: f64 = 96.0;
const TOP: f64 = 64.0;
const BAR: f64 = 15.0;
const GAP: f64 = 4.0;
const GROUP_HEAD: f64 = 24.0;
const GROUP_GAP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Told apart by lightness too, for who does not see the difference of colours.
pub(crate) const COLOURS: [&str; 4] = ["#0b6e99", "#e08e2b", "#9aa5ad", "#6b4f9b"];

#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) axis: String,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) bars: Vec<Bar>,
}

#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: Spread,
    /// What stands behind the bar.
    pub(crate) label: String,
}

impl Chart {
    pub(crate) fn to_svg(&self) -> String {
        let heights =
            self.groups.iter().map(|group| group.bars.len() as f64 * (BAR + GAP) + GROUP_HEAD + GROUP_GAP);
        let height = TOP + heights.sum::<f64>() + BOTTOM;
        let largest =
            self.groups.iter().flat_map(|group| &group.bars).map(|bar| bar.value.max).fold(0.0, f64::max);
        let (step, top) = steps(largest);
        let x = |value: f64| LEFT + value / top * (WIDTH - LEFT - RIGHT);
        let mut svg = String::new();
        head(&mut svg, height, &self.title);
        let ends = height - BOTTOM;
        let mut tick = 0.0;
        while tick <= top * 1.000_1 {
            let at = x(tick);
            line(&mut svg, "grid", (at, TOP - 6.0), (at, ends));
            text(&mut svg, "quiet", (at, ends + 16.0), "middle", &short(tick));
            tick += step;
        }
        text(&mut svg, "quiet", ((LEFT + WIDTH - RIGHT) / 2.0, ends + 34.0), "middle", &self.axis);
        let mut y = TOP;
        for group in &self.groups {
            text(&mut svg, "group", (16.0, y + 16.0), "start", &group.name);
            y += GROUP_HEAD;
            for (at, bar) in group.bars.iter().enumerate() {
                draw(&mut svg, bar, COLOURS[at % COLOURS.len()], y, &x);
                y += BAR + GAP;
            }
            y += GROUP_GAP;
        }
        svg.push_str("</svg>\n");
        svg
    }
}

pub(crate) fn head(svg: &mut String, height: f64, title: &str) {
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{0}</title>\n<style>\n\
         text {{ font: 13px system-ui, sans-serif; fill: #1c2429 }}\n\
         .title {{ font-size: 17px; font-weight: 600 }}\n.group {{ font-weight: 600 }}\n.quiet {{ fill: #5b666d }}\n\
         .grid {{ stroke: #d9dee1 }}\n.spread {{ stroke: #1c2429; stroke-width: 1.4 }}\n.page {{ fill: #ffffff }}\n\
         </style>\n<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>",
        escaped(title)
    );
    text(svg, "title", (16.0, 32.0), "start", title);
}

fn draw(svg: &mut String, bar: &Bar, colour: &str, y: f64, x: &impl Fn(f64) -> f64) {
    let Spread { median, min, max } = bar.value;
    let middle = y + BAR / 2.0;
    text(svg, "name", (LEFT - 8.0, middle + 4.5), "end", &bar.name);
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR:.1}\" rx=\"2\" fill=\"{colour}\"/>",
        (x(median) - LEFT).max(1.0)
    );
    line(svg, "spread", (x(min), middle), (x(max), middle));
    for end in [min, max] {
        line(svg, "spread", (x(end), middle - 4.0), (x(end), middle + 4.0));
    }
    text(svg, "quiet", (x(max) + 8.0, middle + 4.5), "start", &bar.label);
}

pub(crate) fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

pub(crate) fn text(svg: &mut String, class: &str, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

pub(crate) fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A round step that gives four to eight of them, and the first of them that is not below the largest value.
pub(crate) fn steps(largest: f64) -> (f64, f64) {
    let largest = largest.max(f64::MIN_POSITIVE);
    let power = 10f64.powf((largest / 8.0).log10().ceil());
    let step = [0.2, 0.25, 0.5, 1.0].map(|part| part * power).into_iter().find(|step| step * 8.0 >= largest);
    let step = step.unwrap_or(power);
    (step, (largest / step).ceil() * step)
}

/// 1 250 000 as `1.25M`.
pub(crate) fn short(value: f64) -> String {
    let (value, unit) = if value >= 1e6 {
        (value / 1e6, "M")
    } else if value >= 1e3 {
        (value / 1e3, "k")
    } else {
        (value, "")
    };
    format!("{}{unit}", (value * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_hold_the_largest() {
        assert_eq!(steps(800.0), (100.0, 800.0));
        assert_eq!(steps(810.0), (200.0, 1_000.0));
        assert_eq!(short(1_250_000.0), "1.25M");
        assert_eq!(short(200.0), "200");
    }

    #[test]
    fn words_stay_words() {
        let value = Spread { median: 2.0, min: 1.0, max: 3.0 };
        let bar = Bar { name: "a<b & c".to_owned(), value, label: "2".to_owned() };
        let groups = vec![Group { name: "g".to_owned(), bars: vec![bar] }];
        let svg = Chart { title: "t".to_owned(), axis: "x".to_owned(), groups }.to_svg();
        assert!(svg.contains("a&lt;b &amp; c") && !svg.contains("a<b"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
